"""Tells a stream of joblib, which has raw arrays between its opcodes, from a plain pickle."""

from __future__ import annotations

from modelguard.terms.content import CHUNK, Content

_NAME = b"NumpyArrayWrapper"


def is_marked(head: bytes) -> bool:
    """Tell whether some bytes begin with PROTO and a version from 2 to 5."""
    return len(head) >= 2 and head[0] == 0x80 and 2 <= head[1] <= 5


def is_joblib(content: Content) -> bool:
    """Tell whether a pickle of protocol 2 or later names joblib's wrapper of arrays anywhere.

    A name put together at run time is not seen here; the pickle format does not take such a stream for a pickle
    either, so that it stays opaque.
    """
    if not is_marked(content.head(2)):
        return False
    for start in range(0, content.size, CHUNK):
        if _NAME in content.read(start, min(CHUNK + len(_NAME) - 1, content.size - start)):
            return True
    return False
