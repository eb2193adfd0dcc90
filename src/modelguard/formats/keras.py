"""Keras 3 models: a zip archive with `config.json`, `metadata.json` and `model.weights.h5`.

The zip format reads the archive and hands each member on; this format only says that the archive is a Keras model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.artifact import printable
from modelguard.terms.content import NEAR_TAIL, Content
from modelguard.terms.facts import Fact, Header

NAME = "keras"
# An entry of the central directory: signature, 24 bytes, length of the name, 16 bytes, name.
_ENTRY = re.compile(rb"PK\x01\x02.{24}(..).{16}", re.DOTALL)
_REACH = 1 << 20


def _names(content: Content) -> set[str]:
    tail = content.tail(NEAR_TAIL if content.remote else _REACH)
    found = set()
    for match in _ENTRY.finditer(tail):
        length = int.from_bytes(match[1], "little")
        found.add(tail[match.end() : match.end() + length].decode("utf-8", "replace"))
    return found


def _accepts(content: Content) -> bool:
    return content.head(2) == b"PK" and {"config.json", "metadata.json"} <= _names(content)


def _read(content: Content, _walk: Walk) -> Iterator[Fact]:
    members = ", ".join(sorted(_names(content))[:50])
    yield Header(location=content.location, format=NAME, properties={"members": printable(members)})


FORMAT = Format(
    name=NAME,
    title="Keras 3 model",
    reads="the list of members; the zip, HDF5 and Keras configuration formats read what is in them",
    looks_for="nothing of its own",
    clue=Clue(first=b"P"),
    accepts=_accepts,
    read=_read,
    endings=(".keras",),
)
