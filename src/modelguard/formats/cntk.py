"""CNTK models: version 2 as a dictionary in protocol buffers, version 1 in a form of its own that is not read.

A function that a user defined is made by a module that the model names: native ones by a shared library, others by
Python. Schema: Source/CNTKv2LibraryDll/proto/CNTK.proto of https://github.com/microsoft/CNTK
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats._protobuf import BYTES, VARINT, Message, Schema, Wire, has_shape
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.artifact import printable
from modelguard.terms.content import Budget, Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Asks, Fact, Header, Permission

NAME = "cntk"
_FIRST_VERSION = b"B\0C\0N\0\0\0"  # "BCN" as wide characters
SCHEMA: Schema = {
    "dictionary": {2: "entry"},
    "entry": {2: "value"},
    "value": {11: "vector", 12: "dictionary"},
    "vector": {1: "value"},
}
_KEY, _TEXT = 1, 8
_TYPE, _MODULE, _NATIVE = "type", "module", "native"
_MOST_SHOWN = 200

# What `type` says of a function that CNTK does not bring, and what it asks for.
_FUNCTIONS: dict[str, tuple[Permission, str, str]] = {
    "UserDefinedFunction": ("custom-ops", "code-execution", "is made by a Python class that the model names"),
    "NativeUserDefinedFunction": ("native-code", "", "is made by a shared library that the model names"),
}
_NAMING_KEYS = frozenset({"module", "deserialize_method", "class", "op", "factory_method"})


def _accepts(content: Content) -> bool:
    if content.head(8) == _FIRST_VERSION:
        return True
    if content.head(1) not in (b"\x08", b"\x12"):
        return False
    return has_shape(content, {1: VARINT, 2: BYTES}, frozenset({1, 2}), fields=1000) and _has_entries(content)


def _has_entries(content: Content) -> bool:
    """Look whether the entries are pairs of a key and a typed value, among them what every model has."""
    wire = Wire(content, Budget())
    keys = set()
    try:
        for number, piece in wire.pieces(0, content.size, cut=True):
            if number != 2:
                continue
            fields = dict(wire.pieces(piece.start, piece.start + piece.length, cut=True))
            if not fields.keys() <= {_KEY, 2} or any(field.wire != BYTES for field in fields.values()):
                return False
            if _KEY in fields:
                keys.add(wire.bytes_of(fields[_KEY], 1 << 16))
    except ReadError:
        pass
    return bool(keys & {b"type", b"uid", b"primitive_functions", b"root"})


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    if content.head(8) == _FIRST_VERSION:
        raise ReadError("cntk: the form of version 1")
    entries, key, named = 0, "", dict.fromkeys(sorted(_NAMING_KEYS), "")
    found: dict[str, int] = {}
    for message in Wire(content, walk.budget).messages(SCHEMA, "dictionary"):
        if message.kind == "entry":
            entries += 1
            key = message.text(_KEY)
        elif message.kind == "value":
            for text in _texts(message):
                if text in _FUNCTIONS:
                    found[text] = found.get(text, 0) + 1
                if key in _NAMING_KEYS and not named[key]:
                    named[key] = text
    yield Header(location=content.location, format=NAME, properties={"version": "2", "entries": str(entries)})
    modules = ", ".join(f"{key} {printable(text[:_MOST_SHOWN])!r}" for key, text in named.items() if text)
    for name, count in sorted(found.items()):
        permission, hazard, why = _FUNCTIONS[name]
        detail = f"{why} ({count} of them; names met: {modules})"
        yield Asks(location=content.location, permission=permission, name=name, detail=detail, hazard=hazard)


def _texts(message: Message) -> tuple[str, ...]:
    return message.texts(_TEXT, limit=1 << 24) if message.has(_TEXT) else ()


FORMAT = Format(
    name=NAME,
    title="CNTK",
    reads="every entry of the dictionary of version 2",
    looks_for="functions that Python or a shared library has to bring",
    clue=Clue(first=b"B\x08\x12"),
    accepts=_accepts,
    read=_read,
)
