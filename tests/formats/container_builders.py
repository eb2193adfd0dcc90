"""Archives assembled record by record, so that each record can lie on its own, and a walk over their bytes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any

from attrs import field, frozen

from modelguard._registry import parts
from modelguard.collectors._walk import Reading
from modelguard.formats.format import Format, Walk
from modelguard.terms.artifact import Location
from modelguard.terms.content import Budget, Content
from modelguard.terms.facts import Asks, Fact, Header, Import, Malformed, Opaque, Recognised, Unread

PAYLOAD = b"HIDDEN payload"


def _read_marker(content: Content, walk: Walk) -> Iterator[Fact]:
    yield Header(location=content.location, format="marker", properties={"text": content.head(64).decode("latin-1")})


MARKER = Format(
    name="marker",
    title="Marker",
    reads="bytes that begin with HIDDEN",
    looks_for="nothing",
    accepts=lambda content: content.head(6) == b"HIDDEN",
    read=_read_marker,
    endings=(".marker",),
)
PLAIN = Format(
    name="plain",
    title="Plain",
    reads="bytes that begin with plain",
    looks_for="nothing",
    accepts=lambda content: content.head(5) == b"plain",
    read=lambda content, walk: (),
)


def walk_over(data: bytes, *formats: Format, name: str = "model", budget: Budget | None = None) -> list[Fact]:
    """Every fact that some formats yield about bytes."""
    reading = Reading(budget=budget or Budget(), paths=frozenset({name}), formats=formats)
    return list(reading.read(Content.of(data, Location(name))))


def rules(facts: list[Fact]) -> set[str]:
    return {fact.rule for fact in facts if isinstance(fact, Malformed)}


def troubles(facts: list[Fact]) -> list[Fact]:
    """The facts by which a container would be refused."""
    return [fact for fact in facts if isinstance(fact, Malformed | Unread | Opaque)]


def found(facts: list[Fact]) -> list[str]:
    """The names of the places at which the marker was read."""
    return ["/".join(fact.location.members) for fact in facts if isinstance(fact, Header) and fact.format == "marker"]


@frozen(kw_only=True)
class Piece:
    """A member of a ZIP archive. `local` and `central` replace single fields of the two records."""

    name: bytes
    data: bytes = b"plain"
    method: int = 0
    flags: int = 0
    mode: int = 0o100644
    local: dict[str, Any] = field(factory=dict)
    central: dict[str, Any] = field(factory=dict)
    after: bytes = b""

    def packed(self) -> bytes:
        if self.method != 8:
            return self.data
        machine = zlib.compressobj(9, zlib.DEFLATED, -15)
        return machine.compress(self.data) + machine.flush()

    def fields(self, changes: dict[str, Any]) -> dict[str, Any]:
        own = {
            "name": self.name, "flags": self.flags, "method": self.method, "crc": zlib.crc32(self.data),
            "compressed": len(self.packed()), "expanded": len(self.data), "extra": b"", "disk": 0, "mode": self.mode,
        }  # fmt: skip
        return own | changes


def local_header(fields: dict[str, Any]) -> bytes:
    return (
        struct.pack(
            "<4s5H3L2H", b"PK\x03\x04", 20, fields["flags"], fields["method"], 0, 0x21, fields["crc"],
            fields["compressed"], fields["expanded"], len(fields["name"]), len(fields["extra"]),
        )
        + fields["name"]
        + fields["extra"]
    )  # fmt: skip


def central_record(fields: dict[str, Any], offset: int) -> bytes:
    return (
        struct.pack(
            "<4s6H3L5H2L", b"PK\x01\x02", 0x0314, 20, fields["flags"], fields["method"], 0, 0x21, fields["crc"],
            fields["compressed"], fields["expanded"], len(fields["name"]), len(fields["extra"]), 0, fields["disk"], 0,
            fields["mode"] << 16, fields.get("offset", offset),
        )
        + fields["name"]
        + fields["extra"]
    )  # fmt: skip


def end_record(count: int, size: int, offset: int, comment: bytes = b"", /, **changes: int) -> bytes:
    fields = {"disk": 0, "start": 0, "here": count, "total": count, "size": size, "offset": offset} | changes
    return struct.pack("<4s4H2LH", b"PK\x05\x06", *fields.values(), len(comment)) + comment


def zip_of(
    *pieces: Piece, prefix: bytes = b"", gap: bytes = b"", trailing: bytes = b"", comment: bytes = b"",
    base: int | None = None, hidden: tuple[int, ...] = (), **end: int,
) -> bytes:  # fmt: skip
    """Assemble an archive. `hidden` are the numbers of pieces that the directory does not mention."""
    body, directory, count = prefix, b"", 0
    shift = len(prefix) if base is None else base
    for number, piece in enumerate(pieces):
        offset = len(body) - len(prefix) + shift
        body += local_header(piece.fields(piece.local)) + piece.packed() + piece.after
        if number not in hidden:
            directory += central_record(piece.fields(piece.central), offset)
            count += 1
    body += gap
    start = len(body) - len(prefix) + shift
    return body + directory + end_record(count, len(directory), start, comment, **end) + trailing


def walk_all(data: bytes, name: str = "model", *, budget: Budget | None = None) -> list[Fact]:
    """Every fact that the formats of the room yield about bytes."""
    return walk_over(data, *parts("modelguard.formats", Format), name=name, budget=budget)


def imports(facts: list[Fact]) -> set[str]:
    return {fact.qualified for fact in facts if isinstance(fact, Import)}


def asked(facts: list[Fact]) -> set[tuple[str, str]]:
    return {(fact.permission, fact.name) for fact in facts if isinstance(fact, Asks)}


def formats_at(facts: list[Fact], *members: str) -> tuple[str, ...]:
    return next(fact.formats for fact in facts if isinstance(fact, Recognised) and fact.location.members == members)


def faultless(facts: list[Fact]) -> bool:
    """Whether no reader broke down: bad bytes may be told in any way but this one."""
    return not any(isinstance(fact, Unread) and "internal fault" in fact.reason for fact in facts)


def truncations(data: bytes, parts_: int = 64) -> Iterator[bytes]:
    """Yield the bytes cut after every 1/64 of their length, but not empty."""
    for number in range(1, parts_):
        yield data[: max(1, len(data) * number // parts_)]
