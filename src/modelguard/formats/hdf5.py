"""HDF5: Keras 2 models, Keras 3 weights, and arrays of other frameworks.

The format can reach out of its file in four ways: external links, datasets whose bytes lie in other files
(CVE-2026-1669), virtual datasets (CVE-2026-12480), and filters that are plug-in libraries. A dataset may declare a
shape far beyond its bytes (CVE-2026-0897), and the attribute `model_config` is a Keras configuration (CVE-2024-3660,
CVE-2025-9905). Every object that can be reached from the root is visited.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field

from modelguard.formats import _hdf5_objects as objects
from modelguard.formats._carriers import carried, program
from modelguard.formats._hdf5_store import (
    ATTRIBUTE,
    ATTRIBUTE_INFO,
    DATASPACE,
    DATATYPE,
    EXTERNAL_FILES,
    FILTERS,
    LAYOUT,
    LINK,
    LINK_INFO,
    SYMBOL_TABLE,
    Message,
    Store,
)
from modelguard.formats._json import parse_json
from modelguard.formats._keras_config import keras_facts
from modelguard.formats._questions import has_superblock
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.artifact import Location, printable
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Asks, Fact, Header, Malformed, Noted, Tensor

NAME = "hdf5"
LARGEST = (1 << 63) - 1
FREE_BYTES = 64 << 20  # what a dataset may declare whatever the size of its file
LONGEST_PROGRAM = 64 << 20
# Filters of the library and of h5py itself. All others are libraries that HDF5 loads from a plug-in directory.
OWN_FILTERS = frozenset({1, 2, 3, 4, 5, 6, 32000})


@define
class _Tour:
    """The objects that are still to be visited, and those that were."""

    content: Content
    store: Store
    walk: Walk
    pending: list[tuple[int, str]] = field(factory=list)
    seen: set[int] = field(factory=set)

    @property
    def at(self) -> Location:
        return self.content.location


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    store = Store.open(content, walk.budget)
    at = content.location
    yield Header(location=at, format=NAME, properties={"superblock": str(store.version)})
    if store.base:
        detail = f"{store.base} bytes before the HDF5 part"
        yield Noted(location=at, format=NAME, rule="hdf5-user-block", detail=detail)
        block = content.part(0, store.base, "user-block")
        if any(chunk.strip(b"\0") for chunk in block.chunks()):
            yield from walk.inside(block)
    if store.end < content.size:
        yield _malformed(at.at(store.end), "trailing-data", f"{content.size - store.end} bytes after the end")
        yield from walk.inside(content.part(store.end, content.size - store.end, "trailing-data"))
    tour = _Tour(content, store, walk, pending=[(store.root, "")])
    while tour.pending:
        address, path = tour.pending.pop()
        if address not in tour.seen:
            tour.seen.add(address)
            walk.budget.spend_member()
            yield from _object(address, path, tour)


def _object(address: int, path: str, tour: _Tour) -> Iterator[Fact]:
    """Visit one group, dataset or named type."""
    by_kind: dict[int, list[Message]] = {}
    for message in tour.store.messages(address):
        by_kind.setdefault(message.kind, []).append(message)
    bodies = {
        kind: [objects.own_body(message, tour.store) for message in messages]
        for kind, messages in by_kind.items()
        if kind in _READ
    }
    yield from _links(bodies, path, tour)
    if LAYOUT in bodies:
        yield from _dataset(bodies, path, tour)
    found = [objects.attribute(body, tour.store) for body in bodies.get(ATTRIBUTE, ())]
    for body in bodies.get(ATTRIBUTE_INFO, ()):
        found.extend(objects.dense_attributes(body, tour.store))
    yield from _attributes(found, path, tour)


_READ = frozenset(
    {ATTRIBUTE, ATTRIBUTE_INFO, DATASPACE, DATATYPE, EXTERNAL_FILES, FILTERS, LAYOUT, LINK, LINK_INFO, SYMBOL_TABLE}
)


def _links(bodies: dict[int, list[bytes]], path: str, tour: _Tour) -> Iterator[Fact]:
    found = [objects.link(body, tour.store) for body in bodies.get(LINK, ())]
    for body in bodies.get(LINK_INFO, ()):
        found.extend(objects.dense_links(body, tour.store))
    for body in bodies.get(SYMBOL_TABLE, ()):
        found.extend(objects.symbols(body, tour.store))
    for link in found:
        inner = f"{path}/{link.name}"[-1000:]
        shown = printable(inner)
        if link.kind == "hard":
            if link.address is None:
                raise ReadError(f"hdf5: {shown!r} leads nowhere")
            tour.pending.append((link.address, inner))
        elif link.kind == "soft":
            detail = f"{shown!r} stands for {printable(link.target[:200])!r} in the same file"
            yield Noted(location=tour.at, format=NAME, rule="hdf5-soft-link", detail=detail)
        elif link.kind == "external":
            detail = f"{shown!r} stands for {printable(link.target[:200])!r} in another file"
            yield Asks(location=tour.at, permission="external-files", name=link.file, detail=detail, hazard="file-read")
        else:
            detail = f"{shown!r} is a link that only a plug-in can follow"
            yield Asks(location=tour.at, permission="native-code", name=f"hdf5-link {link.target}", detail=detail)


def _dataset(bodies: dict[int, list[bytes]], path: str, tour: _Tour) -> Iterator[Fact]:
    if len(bodies.get(DATATYPE, ())) != 1 or len(bodies.get(DATASPACE, ())) != 1 or len(bodies[LAYOUT]) != 1:
        raise ReadError(f"hdf5: {printable(path)!r} has not exactly one type, shape and layout")
    kind, shape = objects.datatype(bodies[DATATYPE][0]), objects.dataspace(bodies[DATASPACE][0], tour.store)
    layout = objects.layout(bodies[LAYOUT][0], tour.store)
    shown, size = printable(path), kind.size
    for extent in shape:
        size *= extent
    if any(extent > LARGEST for extent in shape) or size > FREE_BYTES + tour.content.size * tour.walk.budget.ratio:
        yield _malformed(tour.at, "shape-bomb", f"{shown!r} declares {size} bytes in a file of {tour.content.size}")
        return
    for body in bodies.get(EXTERNAL_FILES, ()):
        for file in objects.external_files(body, tour.store):
            yield _asks(tour, "external-files", file, f"the numbers of {shown!r} are read from it", "file-read")
    for body in bodies.get(FILTERS, ()):
        for number, name in objects.filters(body):
            if number not in OWN_FILTERS:
                detail = f"{shown!r} goes through the filter {printable(name)!r}, a library that HDF5 loads"
                yield _asks(tour, "native-code", f"hdf5-filter-{number}", detail)
    if layout.kind == "virtual":
        yield from _virtual(layout, shown, tour)
        return
    start = tour.store.base + layout.address if layout.address is not None else 0
    stored = size if layout.length < 0 else layout.length
    if layout.kind == "contiguous" and layout.address is not None and start + stored > tour.store.end:
        yield _malformed(tour.at, "data-range", f"{shown!r} ends after the end of the file")
        return
    yield Tensor(location=tour.at, name=shown, dtype=kind.name, shape=shape, start=start, length=size)
    if layout.kind == "contiguous" and layout.address is not None and EXTERNAL_FILES not in bodies:
        yield from _program_in_data(kind, start, min(size, stored), shown, tour)


def _program_in_data(kind: objects.Datatype, start: int, size: int, name: str, tour: _Tour) -> Iterator[Fact]:
    """Hand on bytes kept as opaque values, texts or single bytes when they begin as a program does."""
    if (kind.kind in (objects.OPAQUE, objects.TEXT) or (kind.kind == objects.FIXED and kind.size == 1)) and size >= 8:
        data = tour.content.read(start, min(size, LONGEST_PROGRAM))
        yield from program(data, tour.at, name, tour.walk)


def _virtual(layout: objects.Layout, name: str, tour: _Tour) -> Iterator[Fact]:
    data = tour.store.global_object(layout.address, layout.index)
    source = data[1 + tour.store.lengths :].partition(b"\0")[0].decode("utf-8", "surrogateescape")
    yield _asks(tour, "external-files", source or ".", f"{name!r} is a virtual dataset over it", "file-read")


def _attributes(found: list[objects.Attribute], path: str, tour: _Tour) -> Iterator[Fact]:
    values: dict[str, bytes] = {}
    for attribute in found:
        for number, value in enumerate(objects.texts(attribute, tour.store)):
            values[f"{attribute.name}.{number}" if attribute.shape not in ((), (1,)) else attribute.name] = value
    properties = {
        printable(f"@{key}"): printable(value.decode("utf-8", "replace"))
        for key, value in values.items()
        if len(value) <= 200
    }  # fmt: skip
    if properties and not path:
        yield Header(location=tour.at, format=NAME, properties=properties)
    for key, value in {**values, **_joined(values)}.items():
        yield from _attribute(key, value, path, tour)


def _joined(values: dict[str, bytes]) -> dict[str, bytes]:
    """Join texts that were split because a header message holds no more than 64 KiB: `name0`, `name1`, …"""
    joined = {}
    for key in values:
        if key.endswith("0") and f"{key[:-1]}1" in values:
            parts, number = [], 0
            while f"{key[:-1]}{number}" in values:
                parts.append(values[f"{key[:-1]}{number}"])
                number += 1
            joined[key[:-1]] = b"".join(parts)
    return joined


def _attribute(key: str, value: bytes, path: str, tour: _Tour) -> Iterator[Fact]:
    place = tour.at.inside(printable(f"{path}@{key}"[-300:]))
    if value.lstrip()[:1] in (b"{", b"[") and (b"class_name" in value or b"\\u00" in value):
        try:
            parsed = parse_json(value)
        except ReadError as error:
            yield _malformed(place, "configuration", f"{printable(key)!r}: {error.message}")
            return
        for name in parsed.twice:
            detail = f"{printable(name[:200])!r} stands twice in one table"
            yield Malformed(location=place, format=NAME, rule="keras-duplicate-key", detail=detail)
        yield from keras_facts([parsed.value, *parsed.lost], place, tour.walk)
        return
    yield from program(value, tour.at, f"{path}@{key}", tour.walk)
    yield from carried(value.decode("utf-8", "replace"), tour.at, f"{path}@{key}", tour.walk)


def _asks(tour: _Tour, permission: str, name: str, detail: str, hazard: str = "") -> Asks:
    return Asks(location=tour.at, permission=permission, name=name, detail=detail, hazard=hazard)  # type: ignore[arg-type]  # literals above


def _malformed(location: Location, rule: str, detail: str) -> Malformed:
    return Malformed(location=location, format=NAME, rule=f"{NAME}-{rule}", detail=detail)


FORMAT = Format(
    name=NAME,
    title="HDF5",
    reads="every object, attribute and link that can be reached; type, shape and place of every dataset",
    looks_for="Keras configurations, external and virtual datasets, external links, plug-in filters, shape bombs",
    clue=Clue(when=has_superblock),
    accepts=has_superblock,
    read=_read,
    endings=(".h5", ".hdf5", ".he5"),
)
