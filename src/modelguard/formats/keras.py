"""Keras 3 models: a zip archive with `config.json`, `metadata.json` and `model.weights.h5`.

The zip format reads the archive and hands each member on; this format only says that the archive is a Keras model.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats._zip_archive import member_names
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.artifact import printable
from modelguard.terms.content import Content
from modelguard.terms.facts import Fact, Header

NAME = "keras"


def _accepts(content: Content) -> bool:
    return content.head(2) == b"PK" and {"config.json", "metadata.json"} <= set(member_names(content))


def _read(content: Content, _walk: Walk) -> Iterator[Fact]:
    members = ", ".join(sorted(set(member_names(content)))[:50])
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
