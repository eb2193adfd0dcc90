"""Finds the compiled inner loop, which is optional: `ADVANCE` is None where it was not built or is switched off.

It is built with the wheel where there is a C compiler. The environment variable MODELGUARD_PURE turns it off. Both
loops give the same facts; the tests compare them.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeAlias

from modelguard.picklevm.objects import (
    FLOAT,
    KEPT,
    KEPT_BYTES,
    KEPT_PAIRS,
    KEPT_TUPLE,
    UNBUILT,
    Called,
    Held,
    Lost,
    Named,
    Table,
)

FAR = 1 << 20
"""A memo index so far beyond the entries there are is refused: the C unpickler allocates up to it."""

HEADS = frozenset(b"gKYkXeHQ/2568714(clNIJLMSUVFG]})\xc2 \n\\")
"""First bytes of texts that can carry a pickle: base64, hex, escapes, or protocol 0 itself; see `carriers`."""

_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-"

Advance: TypeAlias = Callable[
    [bytes, int, int, list[Any], list[list[Any]], dict[int, Any], bool, Callable[[Any], bool] | None, int],
    tuple[int, list[Any], int, bool],
]


INTERFACE = 3
"""The number of the agreement with `_fast.c`; a loop left over from another version is not used."""

log = logging.getLogger(__name__)


def _find() -> Advance | None:
    if os.environ.get("MODELGUARD_PURE"):
        return None
    try:
        module = import_module("modelguard.picklevm._fast")
    except ImportError:
        return None
    if getattr(module, "INTERFACE", 0) != INTERFACE:
        log.warning("the compiled pickle loop is of another version and is not used: compile it again with `make fast`")
        return None
    module.configure(
        Table,
        Named,
        Called,
        Held,
        Lost,
        FLOAT,
        UNBUILT,
        bytes(sorted(HEADS)),
        _LETTERS,
        KEPT,
        KEPT_PAIRS,
        KEPT_TUPLE,
        KEPT_BYTES,
        FAR,
    )
    advance: Advance = module.advance
    return advance


ADVANCE = _find()
