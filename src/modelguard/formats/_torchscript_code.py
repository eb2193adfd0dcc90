"""Finds what the source of a TorchScript program asks for beyond computing with tensors.

The text under `code/` is Python's syntax for TorchScript's operators. Most operators only compute; a few read or write
files, and those of a foreign namespace need a plug-in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelguard.terms.content import Content
from modelguard.terms.facts import Asks, Fact, Permission

_LIMIT = 1 << 26
_OPERATOR = re.compile(r"\b(?:ops\.(?P<space>\w+)\.(?P<name>\w+)|torch\.(?P<plain>\w+))\s*\(")
_OWN_SPACES = frozenset({"aten", "prim", "prims", "quantized", "_quantized", "sparse", "prepacked", "profiler"})

# Operators that reach beyond tensors, with the class of the danger and why.
# https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/native_functions.yaml and register_special_ops.cpp
_REACHING: dict[str, tuple[str, str]] = {
    "from_file": ("file-read", "it maps a file of the machine as a tensor, and can create it"),
    "save": ("file-write", "it writes a file of the machine"),
    "load": ("file-read", "it reads a file of the machine"),
}


def asked_by_code(part: Content) -> Iterator[Fact]:
    """Yield the operators of a source file that reach beyond tensors, each once.

    Raises `BudgetSpent` for a file of more than 64 MiB.
    """
    text = part.all(_LIMIT).decode("utf-8", "replace")
    for space, name in sorted({_operator(match) for match in _OPERATOR.finditer(text)}):
        if space not in _OWN_SPACES:
            detail = f"the program calls an operator of the plug-in {space}"
            yield _asks(part, "custom-ops", f"{space}::{name}", detail, "")
        elif name in _REACHING:
            hazard, why = _REACHING[name]
            yield _asks(part, "ops", f"{space}::{name}", why, hazard)


def _operator(match: re.Match[str]) -> tuple[str, str]:
    return ("aten", match["plain"]) if match["plain"] else (match["space"], match["name"])


def _asks(part: Content, permission: Permission, name: str, detail: str, hazard: str) -> Asks:
    return Asks(location=part.location, permission=permission, name=name, detail=detail, hazard=hazard)
