"""How numbers are put into words that people read."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return `1 file`, `2 files`: a number with its noun, whose plural ends in `s`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
