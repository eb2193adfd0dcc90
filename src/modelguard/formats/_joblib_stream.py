"""Tells a stream of joblib, which has raw arrays between its opcodes, from a plain pickle."""

from __future__ import annotations

from modelguard.terms.content import CHUNK, Content

SOUGHT = 16 << 20
"""Bytes in which the name is looked for: whole files of hundreds of megabytes would be read for nothing else."""

_NAME = b"NumpyArrayWrapper"


def is_marked(head: bytes) -> bool:
    """Tell whether some bytes begin with PROTO and a version from 2 to 5."""
    return len(head) >= 2 and head[0] == 0x80 and 2 <= head[1] <= 5


def is_joblib(content: Content) -> bool:
    """Tell whether a pickle of protocol 2 or later names joblib's wrapper of arrays in its first `SOUGHT` bytes.

    A name further on, or one put together at run time, is met by the reader of the pickle format: it goes on with
    both readings.
    """
    return is_marked(content.head(2)) and content.once(_names_wrapper)


def _names_wrapper(content: Content) -> bool:
    size = min(content.size, SOUGHT)
    for start in range(0, size, CHUNK):
        if _NAME in content.read(start, min(CHUNK + len(_NAME) - 1, size - start)):
            return True
    return False
