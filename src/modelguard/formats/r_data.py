"""R's own files: single objects (`.rds`) and workspaces (`.RData`, `.rda`).

A file can hold programs besides numbers. A promise runs when it is first looked at, which is often the loading itself
(CVE-2024-27322); a namespace makes R load a package; functions, calls and bytecode wait to be called. Data frames,
factors, matrices and lists need none of them. Compressed files are expanded by the readers of gzip, bzip2 and xz.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from modelguard.formats._carriers import begins_as_program
from modelguard.formats._cursor import Cursor
from modelguard.formats._r_names import CALLEES, FORMULA, MAPPED, OWN_PACKAGES, PLAIN_ALTERNATIVES
from modelguard.formats._r_stream import Binary, Stream, Words
from modelguard.formats._r_values import Seen, Values, names_of
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.artifact import Location
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Asks, Fact, Header, Malformed, Noted, Permission, Unresolved

NAME = "r-data"
_OBJECT = re.compile(rb"X\n\0\0\0[\x02\x03]|B\n[\x02\x03]\0\0\0|A\n[23]\n")
_WORKSPACE = re.compile(rb"RD(?P<spelling>[XAB])(?P<version>[1-3])\n")
_SHOWN = 8
_OWN_BEGINNINGS = (b"X\n\0\0\0\x02", b"X\n\0\0\0\x03", b"B\n\x02\0", b"B\n\x03\0", b"A\n2\n", b"A\n3\n", b"RDX", b"RDA")

# Kind of value -> permission, class of danger, why.
_KINDS: dict[str, tuple[Permission, str, str]] = {
    "promise": ("remote-code", "code-execution", "runs when the value is first looked at (CVE-2024-27322)"),
    "function": ("remote-code", "", "waits to be called"),
    "bytecode": ("remote-code", "", "a compiled function, which waits to be called"),
    "expression": ("remote-code", "", "unevaluated code, which waits for `eval`"),
    "external pointer": ("native-code", "", "is of use only to the machine code of a package"),
    "weak reference": ("remote-code", "code-execution", "may carry a finalizer, which R runs when it cleans up"),
}


def _accepts(content: Content) -> bool:
    head = content.head(8)
    return _OBJECT.match(head) is not None or _WORKSPACE.match(head) is not None


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    stream, workspace = _start(content)
    properties = _versions(stream)
    values = Values(stream, walk.budget)
    try:
        seen = values.read(workspace=workspace)
    except ReadError:
        yield from _facts(values.seen, content.location)
        raise
    if values.top:
        properties["names"] = ", ".join(values.top[:100])
    yield Header(location=content.location, format=NAME, properties={**properties, "values": str(seen.values)})
    yield from _facts(seen, content.location)
    yield from _carried(content, seen, walk)
    yield from _rest(content, stream.cursor, walk)


def _start(content: Content) -> tuple[Stream, bool]:
    """Return the stream behind the marks, and whether the file is a workspace."""
    match = _WORKSPACE.match(content.head(8))
    at = match.end() if match else 0
    if match and match["version"] == b"1":
        raise ReadError("r-data: the form of workspaces before R 1.4")
    spelling = content.read(at, 2)
    orders: dict[bytes, Literal["little", "big"]] = {b"X\n": "big", b"B\n": "little", b"A\n": "big"}
    if spelling not in orders:
        raise ReadError(f"r-data: {spelling!r} is no spelling of numbers")
    cursor = Cursor(content, at=at + 2, order=orders[spelling])
    return (Words(cursor) if spelling == b"A\n" else Binary(cursor)), match is not None


def _versions(stream: Stream) -> dict[str, str]:
    version, writer = stream.whole(), stream.whole()
    stream.whole()  # the oldest R that reads it
    if version not in (2, 3):
        raise ReadError(f"r-data: version {version}; versions 2 and 3 are read")
    if version == 3:
        length = stream.whole()
        if not 0 <= length <= _SHOWN * 8:
            raise ReadError(f"r-data: the name of an encoding of {length} bytes")
        stream.text(length)
    return {"version": str(version), "written-by": f"R {writer >> 16}.{writer >> 8 & 255}.{writer & 255}"}


def _facts(seen: Seen, at: Location) -> Iterator[Fact]:
    for kind, (permission, hazard, why) in _KINDS.items():
        if count := seen.counts.get(kind):
            detail = f"{why} ({count} of them)"
            yield Asks(location=at, permission=permission, name=f"R {kind}", detail=detail, hazard=hazard)
    yield from _calls(seen, at)
    for name in names_of(seen, "built-in"):
        hazard = CALLEES.get(name, "")
        yield _asks(at, "remote-code", f"R built-in {name}", "a built-in function as a value", hazard)
    for kind in ("namespace", "package"):
        for name in names_of(seen, kind):
            if name not in OWN_PACKAGES and name.removeprefix("package:") not in OWN_PACKAGES:
                detail = "R loads the package when it reads the file, which runs the package's start-up code"
                yield _asks(at, "configuration", f"R {kind} {name}", detail, "import")
    for name in names_of(seen, "persistent name"):
        yield Unresolved(location=at, what="persistent-id", detail=f"a function of the loader finds the value {name!r}")
    yield from _alternatives(seen, at)


def _calls(seen: Seen, at: Location) -> Iterator[Fact]:
    names = list(names_of(seen, "call"))
    for name in names:
        if name in CALLEES:
            yield _asks(at, "remote-code", f"R call of {name}", "waits to be evaluated", CALLEES[name])
    others = [name for name in names if name not in CALLEES and name not in FORMULA]
    if others:
        shown = ", ".join(others[:_SHOWN]) + (", …" if len(others) > _SHOWN else "")
        yield _asks(at, "remote-code", "R calls", f"unevaluated calls, which wait for `eval`: {shown}")
    elif names:
        detail = f"formulas or the call that fitted a model: {', '.join(names[:_SHOWN])}"
        yield Noted(location=at, format=NAME, rule="r-formula", detail=detail)


def _alternatives(seen: Seen, at: Location) -> Iterator[Fact]:
    for name in names_of(seen, "alternative"):
        if name in MAPPED:
            detail = "numbers that lie in a file of the machine, whose path is in the object"
            yield _asks(at, "external-files", f"R {name}", detail, "file-read")
        elif name not in PLAIN_ALTERNATIVES:
            yield _asks(at, "configuration", f"R vector class {name}", "code of a package makes the vector", "import")


def _carried(content: Content, seen: Seen, walk: Walk) -> Iterator[Fact]:
    """Hand on raw bytes that begin as a program, an archive or another serialized object does."""
    for start, length, spelled in seen.raw:
        head = spelled[:64] if spelled else content.read(start, min(64, length))
        if head.startswith(_OWN_BEGINNINGS) or begins_as_program(head):
            name = f"raw bytes at {start}"
            yield from walk.inside(
                Content.of(spelled, content.location.inside(name)) if spelled else content.part(start, length, name)
            )


def _rest(content: Content, cursor: Cursor, walk: Walk) -> Iterator[Fact]:
    if cursor.left and content.read(cursor.at, min(cursor.left, 4)).strip(b"\n"):
        detail = f"{cursor.left} bytes after the object"
        yield Malformed(location=content.location.at(cursor.at), format=NAME, rule="r-data-trailing", detail=detail)
        yield from walk.inside(content.part(cursor.at, cursor.left, "after the object"))


def _asks(at: Location, permission: Permission, name: str, detail: str, hazard: str = "") -> Asks:
    return Asks(location=at, permission=permission, name=name, detail=detail, hazard=hazard)


FORMAT = Format(
    name=NAME,
    title="R objects and workspaces",
    reads="every value of `.rds` and `.RData` files in all three spellings, with bytecode",
    looks_for="promises, functions, calls, built-in functions, pointers, packages that R would load, files behind "
    "vectors, programs in raw bytes",
    clue=Clue(first=b"XBAR"),
    accepts=_accepts,
    read=_read,
    endings=(".rds", ".rdata", ".rda"),
)
