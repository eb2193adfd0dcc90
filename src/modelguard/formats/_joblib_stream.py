"""Tells a stream of joblib, which has raw arrays between its opcodes, from a plain pickle."""

from __future__ import annotations

from modelguard.picklevm.probe import names_wrapper
from modelguard.terms.content import Content


def is_marked(head: bytes) -> bool:
    """Tell whether some bytes begin with PROTO and a version from 2 to 5."""
    return len(head) >= 2 and head[0] == 0x80 and 2 <= head[1] <= 5


def is_joblib(content: Content) -> bool:
    """Tell whether a pickle of protocol 2 or later names joblib's wrapper of arrays near its beginning.

    A name further on, or one put together at run time, is met by the reader of the pickle format: it goes on with
    both readings.
    """
    return is_marked(content.head(2)) and names_wrapper(content)
