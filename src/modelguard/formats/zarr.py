"""Zarr arrays, version 2 (`.zarray`, `.zgroup`, `.zmetadata`) and 3 (`zarr.json`), and references to arrays elsewhere.

The numbers lie in one file per chunk beside the description, spelled by codecs that it names. One codec unpickles;
others come from plug-ins. A file of references (kerchunk) says for each chunk where it really lies.
Source: https://zarr-specs.readthedocs.io/ and https://numcodecs.readthedocs.io/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from posixpath import basename, dirname
from typing import Any

from modelguard.formats._json import objects, read_json
from modelguard.formats._references import reference
from modelguard.formats.format import SPACES, Clue, Format, Walk
from modelguard.terms.artifact import Location, printable
from modelguard.terms.content import Content
from modelguard.terms.facts import Asks, Fact, Header, Malformed, RawNumbers

NAME = "zarr"
LARGEST = 64 << 20
_MARKS = (b'"zarr_format"', b'"zarr_consolidated_format"', b".zarray")
_SHOWN = 200
_MOST_TOLD = 20

# Codecs of numcodecs and of the specification that turn bytes into bytes, numbers or texts and run nothing.
_PLAIN = frozenset(
    "blosc zlib gzip bz2 lzma zstd lz4 delta fixedscaleoffset quantize bitround packbits astype shuffle vlen-utf8 "
    "vlen-bytes vlen-array json2 json msgpack2 msgpack categorize base64 crc32 adler32 fletcher32 jenkins_lookup3 "
    "crc32c pcodec zfpy n5_wrapper bytes endian transpose sharding_indexed bitshuffle".split()
)
_UNPICKLING = frozenset({"pickle"})
_KEYS = {2: re.compile(r"\d+(?:[./]\d+)*\Z"), 3: re.compile(r"(?:c(?:[./]\d+)*|\d+(?:[./]\d+)*)\Z")}
_DESCRIPTIONS = {".zarray": 2, "zarr.json": 3}


def _accepts(content: Content) -> bool:
    if content.size > LARGEST or content.head(64).lstrip()[:1] != b"{":
        return False
    found = content.head(1 << 16) + (content.tail(1 << 16) if content.size > 1 << 16 else b"")
    if basename(content.name) in (".zarray", ".zgroup", ".zmetadata", "zarr.json"):
        return True
    return (_MARKS[0] in found and b'"shape"' in found) or (b'"refs"' in found and _MARKS[2] in found)


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    document = read_json(content, limit=LARGEST)
    yield from document.remarks(content, NAME)
    value = document.value if isinstance(document.value, dict) else {}
    version = value.get("zarr_format")
    properties = {key: printable(str(value[key])[:_SHOWN]) for key in _SHOWN_KEYS if key in value}
    yield Header(location=content.location, format=NAME, properties=properties)
    codecs = sorted({name for _, part in objects([document.value, *document.lost]) for name in _codecs(part)})
    for name in codecs[:_MOST_TOLD]:
        yield from _codec(name, content.location)
    if version not in (None, 2, 3):
        detail = f"version {printable(str(version)[:20])}; versions 2 and 3 are read"
        yield Malformed(location=content.location, format=NAME, rule="zarr-version", detail=detail)
    elif all(_is_plain(name) for name in codecs):
        yield from _chunks(content.location, walk)
    if isinstance(value.get("refs"), dict):
        yield from _references(value, content.location, walk)


_SHOWN_KEYS = ("zarr_format", "node_type", "shape", "dtype", "data_type")


def _codecs(value: dict[str, Any]) -> Iterator[str]:
    """Yield the names of codecs that an object lists: one compressor, filters, or a list of codecs at any depth."""
    listed: list[Any] = [value.get("compressor")]
    for key in ("filters", "codecs", "index_codecs"):
        if isinstance(value.get(key), list):
            listed.extend(value[key])
    for codec in listed:
        name = codec.get("id", codec.get("name")) if isinstance(codec, dict) else codec
        if isinstance(name, str):
            yield name
        elif codec is not None:
            yield "?"


def _bare(name: str) -> str:
    return name.removeprefix("https://codec.zarrs.dev/").removeprefix("numcodecs.").removeprefix("numcodecs/")


def _is_plain(name: str) -> bool:
    return _bare(name) in _PLAIN


def _codec(name: str, at: Location) -> Iterator[Fact]:
    shown = printable(name[:_SHOWN])
    if _bare(name) in _UNPICKLING:
        detail = "unpickles every chunk of the array"
        yield Asks(location=at, permission="remote-code", name=f"codec {shown}", detail=detail, hazard="unpickling")
    elif not _is_plain(name):
        detail = "a codec that a plug-in brings, which is imported by its name"
        yield Asks(location=at, permission="configuration", name=f"codec {shown}", detail=detail, hazard="import")


def _chunks(at: Location, walk: Walk) -> Iterator[Fact]:
    """Yield the files beside a description that are chunks of its array; those of an array in an archive are not."""
    version = _DESCRIPTIONS.get(basename(at.path))
    if at.members or version is None:
        return
    folder = dirname(at.path)
    for path in _below(walk.paths).get(folder, ()):
        walk.budget.spend_time()
        if _KEYS[version].match(path[len(folder) :].lstrip("/")):
            yield RawNumbers(location=at, path=path)


@lru_cache(maxsize=1)
def _below(paths: frozenset[str]) -> dict[str, list[str]]:
    """Return the paths that may be chunks, by each folder whose array they could be chunks of."""
    found: dict[str, list[str]] = {}
    for path in sorted(paths):
        names = path.split("/")
        for number in range(len(names) - 1, -1, -1):
            if not _KEYS[3].match("/".join(names[number:])):
                break
            found.setdefault("/".join(names[:number]), []).append(path)
    return found


def _references(value: dict[str, Any], at: Location, walk: Walk) -> Iterator[Fact]:
    targets = set()
    for entry in value["refs"].values():
        if isinstance(entry, list) and entry and isinstance(entry[0], str):
            targets.add(entry[0])
    for target in sorted(targets)[:_MOST_TOLD]:
        yield from reference(target, at, walk, what="a chunk that lies elsewhere", raw=True)
    if len(targets) > _MOST_TOLD:
        detail = f"{len(targets)} files in all hold chunks"
        yield Asks(location=at, permission="external-files", name="references", detail=detail)
    for key in ("templates", "gen"):
        if value.get(key):
            detail = "the places of chunks are rendered from Jinja templates"
            yield Asks(location=at, permission="templates", name=key, detail=detail)


FORMAT = Format(
    name=NAME,
    title="Zarr array",
    reads="descriptions of arrays and groups, and which files beside them are chunks",
    looks_for="codecs that unpickle or come from plug-ins, chunks that lie outside the model",
    clue=Clue(first=SPACES + b"{"),
    accepts=_accepts,
    read=_read,
    whole_names=(".zarray", "zarr.json"),
)
