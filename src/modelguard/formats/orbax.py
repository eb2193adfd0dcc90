"""Orbax checkpoints of JAX: what `_METADATA` and `_CHECKPOINT_METADATA` say, and specifications of TensorStore.

The arrays themselves are Zarr, in files of their own or in an OCDBT database. A specification of TensorStore names the
store that arrays are read from, which may be any directory or address.
Source: https://orbax.readthedocs.io/ and https://google.github.io/tensorstore/kvstore/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from modelguard.formats._json import objects, read_json
from modelguard.formats._references import reference
from modelguard.formats.format import SPACES, Clue, Format, Walk
from modelguard.terms.artifact import Location, printable
from modelguard.terms.content import Content
from modelguard.terms.facts import Asks, Fact, Header

NAME = "orbax"
LARGEST = 64 << 20
_MARKS = (b'"tree_metadata"', b'"item_handlers"', b'"kvstore"')
_SHOWN = 200
_OWN_HANDLER = re.compile(r"orbax\.[\w.]+\Z")
# Stores of TensorStore: those on the network, and those that only wrap another one or live in memory.
_NETWORK = frozenset({"http", "gcs", "gcs_grpc", "s3", "tsgrpc_kvstore", "tsgrpc", "gcs_via_grpc"})
_WRAPPING = frozenset(
    {"memory", "ocdbt", "zip", "neuroglancer_uint64_sharded", "zarr3_sharding_indexed", "kvstack", "stack"}
)
_PLACES = ("base_url", "bucket", "endpoint", "address")


def _accepts(content: Content) -> bool:
    if content.size > LARGEST or content.head(64).lstrip()[:1] not in (b"{", b"["):
        return False
    found = content.head(1 << 16) + (content.tail(1 << 16) if content.size > 1 << 16 else b"")
    return any(mark in found for mark in _MARKS)


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    document = read_json(content, limit=LARGEST)
    yield from document.remarks(content, NAME)
    value = document.value if isinstance(document.value, dict) else {}
    keys = ("item_handlers", "use_ocdbt", "use_zarr3")
    properties = {key: printable(str(value[key])[:_SHOWN]) for key in keys if key in value}
    if isinstance(value.get("tree_metadata"), dict):
        properties["arrays"] = str(len(value["tree_metadata"]))
    yield Header(location=content.location, format=NAME, properties=properties)
    for top in (value, *(lost for lost in document.lost if isinstance(lost, dict))):
        yield from _handlers(top.get("item_handlers"), content.location)
    for _, part in objects([document.value, *document.lost]):
        for key in ("kvstore", "base"):
            if key in part and (key == "kvstore" or "driver" in part):
                yield from _store(part[key], content.location, walk)


def _handlers(handlers: Any, at: Location) -> Iterator[Fact]:
    named = handlers.values() if isinstance(handlers, dict) else [handlers]
    for name in named:
        if isinstance(name, str) and not _OWN_HANDLER.match(name):
            detail = "a handler of another package, which whoever loads the checkpoint has to register"
            yield Asks(
                location=at, permission="configuration", name=f"handler {printable(name[:_SHOWN])}", detail=detail
            )


def _store(store: Any, at: Location, walk: Walk) -> Iterator[Fact]:
    """Yield what a store asks for; one that wraps another is visited with the object that is inside it."""
    if isinstance(store, str):
        scheme, separator, path = store.partition("://")
        if separator and scheme.split("+")[0] == "file":
            yield from reference(path, at, walk, what="a store of arrays")
        elif separator and scheme != "memory":
            yield _asks(at, "network", store, "a store of arrays at an address")
        elif not separator:
            yield from reference(store, at, walk, what="a store of arrays")
        return
    driver = store.get("driver") if isinstance(store, dict) else None
    if driver in _WRAPPING:
        return
    if driver == "file":
        yield from _folder(store.get("path"), at)
    elif driver in _NETWORK:
        place = " ".join(str(store[key]) for key in (*_PLACES, "path") if key in store)
        yield _asks(at, "network", f"{driver} {place}", "a store of arrays on the network")
    else:
        yield Asks(
            location=at, permission="configuration", name=f"store {printable(str(driver)[:_SHOWN])}",
            detail="a store of arrays of a kind that is not known",
        )  # fmt: skip


def _folder(path: Any, at: Location) -> Iterator[Fact]:
    shown = path if isinstance(path, str) else ""
    if not shown or shown.startswith(("/", "~", "\\")) or ".." in re.split(r"[/\\]", shown) or shown[1:2] == ":":
        detail = "a store of arrays in a directory of the machine"
        yield Asks(
            location=at, permission="external-files", name=printable(shown[:_SHOWN]) or "?", detail=detail,
            hazard="path-escape",
        )  # fmt: skip


def _asks(at: Location, permission: str, name: str, detail: str) -> Asks:
    return Asks(
        location=at, permission=permission, name=printable(name[:_SHOWN]), detail=detail, hazard="network",  # type: ignore[arg-type]  # one literal
    )  # fmt: skip


FORMAT = Format(
    name=NAME,
    title="Orbax checkpoint",
    reads="the descriptions of a checkpoint and of its tree, and specifications of TensorStore",
    looks_for="stores of arrays outside the model or on the network, handlers of other packages",
    clue=Clue(first=SPACES + b"{["),
    accepts=_accepts,
    read=_read,
)
