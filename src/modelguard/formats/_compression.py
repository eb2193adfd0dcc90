"""Turns a compressed stream into chunks, member after member, until its bytes are used up.

The decompressors of the standard library share an interface: `decompress(data, limit)`, `eof`, `unused_data`. What
follows the last member and begins no other is left over; the reader of the format tells it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import PurePosixPath
from typing import Any

from attrs import define

from modelguard.formats._expansion import STEP, read_expanded
from modelguard.formats.format import Walk
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact, Malformed, Member

READ = 1 << 16
"""Bytes that are handed to a decompressor at a time."""


@define
class Expansion:
    """The members of a stream being expanded. `end` is where the last whole member ends, once `chunks` is at its end.

    `make` starts a decompressor, `faults` are the exceptions by which one says that the bytes are not its own, `begins`
    tells whether a further member starts with some bytes, `step` is how many are handed over at a time.
    """

    content: Content
    make: Callable[[], Any]
    faults: tuple[type[Exception], ...]
    begins: Callable[[bytes], bool]
    start: int = 0
    step: int = READ
    end: int = 0
    members: int = 0

    def chunks(self) -> Iterator[bytes]:
        """Yield the expanded bytes. Raises `ReadError` when a member is damaged or ends early."""
        at = self.start
        while at < self.content.size and (not self.members or self.begins(self._peek(at))):
            self.members += 1
            at = yield from self._member(at)
            self.end = at

    def _peek(self, at: int) -> bytes:
        return self.content.read(at, min(32, self.content.size - at))

    def _member(self, at: int) -> Generator[bytes, None, int]:
        machine = self.make()
        while True:
            raw = self.content.read(at, min(self.step, self.content.size - at))
            at += len(raw)
            yield from self._expand(machine, raw)
            if machine.eof:
                return at - len(machine.unused_data)
            if not raw:
                raise ReadError("the compressed data end early")

    def _expand(self, machine: Any, raw: bytes) -> Iterator[bytes]:
        while not machine.eof:
            try:
                data = machine.decompress(raw, STEP)
            except self.faults as error:
                raise ReadError(f"damaged compressed data: {error}") from None
            raw = getattr(machine, "unconsumed_tail", b"")
            if data:
                yield data
            if not data and not raw:
                return


def read_stream(expansion: Expansion, format_: str, ending: str, walk: Walk) -> Iterator[Fact]:
    """Yield the facts of what a stream expands to, then of what it leaves over."""
    content = expansion.content
    location = content.location.inside(inner_name(content.name, ending, format_))
    walk.budget.spend_member()
    yield Member(location=location, size=content.size, method=format_)
    yield from read_expanded(expansion.chunks(), location, content.size, walk)
    left = content.size - expansion.end
    if left:
        detail = f"{left} bytes follow the compressed data"
        yield Malformed(
            location=content.location.at(expansion.end), format=format_, rule=f"{format_}-trailing", detail=detail
        )
        yield from walk.inside(content.part(expansion.end, left, f"(bytes from {expansion.end})"))


def inner_name(name: str, ending: str, format_: str) -> str:
    """Return how the expanded bytes are called: the name without the ending, or the format in brackets."""
    last = PurePosixPath(name).name
    if last.lower().endswith(ending) and len(last) > len(ending):
        return last[: -len(ending)]
    return f"({format_})"


def first_bytes(expansion: Expansion) -> bytes:
    """Return the first bytes that come out of a stream, as many as one step gives.

    Raises `ReadError` when the stream is damaged before anything comes out, or a package is missing.
    """
    return next(expansion.chunks(), b"")


def expands(expansion: Expansion) -> bool:
    """Tell whether the first bytes of a stream are really compressed data of its kind."""
    machine = expansion.make()
    head = expansion.content.read(expansion.start, min(4096, expansion.content.size - expansion.start))
    try:
        machine.decompress(head, 4096)
    except expansion.faults:
        return False
    return True


# A file of these endings may be a compressed pickle: joblib and pandas look at the first bytes, not at the name.
PICKLES = (".joblib", ".pkl", ".pickle")
# R compresses what it saves, under the name of what is inside.
R_FILES = (".rds", ".rdata", ".rda")
