"""Reads some bytes by every format that accepts them, and what they contain in the same way.

The walk is where silence becomes a fact: a reader's fault is `Unread`, bytes that nobody accepts are `Opaque`, and a
name that promises a format which the bytes do not keep is `Malformed`. Nothing that a reader raises leaves it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from attrs import Factory, evolve, field, frozen

from modelguard.collectors._choosing import Choice
from modelguard.formats.format import Format
from modelguard.terms.content import Budget, Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact, Malformed, Noted, Opaque, Recognised, Unread

_log = logging.getLogger(__name__)

HEAD = 16
"""Bytes that `Opaque` shows of a content."""

_STAND_INS = frozenset({"lfs-pointer"})
"""Formats of files that stand for others: the name promises what is missing, and the format itself says so."""


@frozen(kw_only=True)
class Reading:
    """One level of the walk: what the readers of this level are given as `Walk`."""

    budget: Budget
    paths: frozenset[str]
    formats: tuple[Format, ...] = ()
    depth: int = field(default=0)
    choice: Choice = field(default=Factory(lambda reading: Choice(reading.formats), takes_self=True), eq=False)

    def inside(self, content: Content) -> Iterator[Fact]:
        """Read a part of a content one level deeper; deeper than the budget allows it is `Unread`."""
        if self.depth >= self.budget.depth:
            reason = f"nested deeper than {self.budget.depth} levels"
            yield Unread(location=content.location, format="", reason=reason)
            return
        yield from evolve(self, depth=self.depth + 1).read(content)

    def read(self, content: Content) -> Iterator[Fact]:
        """Yield every fact about a content. Raises nothing because of its bytes."""
        if content.size == 0:
            yield self._empty(content)
            return
        accepting: list[Format] = []
        for format_ in self.choice.candidates(content):
            try:
                if format_.accepts(content):
                    accepting.append(format_)
            except Exception as error:  # noqa: BLE001  # a reader's own mistake must not hide the rest of the model
                yield _unread(content, format_, error)
        yield from self._compare_name(content, accepting)
        if not accepting:
            yield Opaque(location=content.location, size=content.size, head=_head(content).hex())
            return
        yield Recognised(location=content.location, formats=tuple(sorted(format_.name for format_ in accepting)))
        for format_ in accepting:
            yield from _guarded(content, format_, partial(format_.read, content, self))

    def _compare_name(self, content: Content, accepting: list[Format]) -> Iterator[Fact]:
        """Tell when no format that the name promises is there; one of several is enough."""
        claiming = self.choice.promised(content.name)
        if claiming and not any(one.name in claiming or one.name in _STAND_INS for one in accepting):
            yield _wrong_format(content, claiming)

    def _empty(self, content: Content) -> Fact:
        # A format of text may be empty, as `__init__.py` mostly is; formats with a beginning do not accept nothing.
        claiming = [
            format_.name for format_ in self.choice.claimants(content.name) if not _accepts_nothing(format_, content)
        ]
        if not claiming:
            return Noted(location=content.location, format="", rule="empty-file", detail="the file holds no bytes")
        detail = f"the file holds no bytes, although its name promises {' or '.join(claiming)}"
        return Malformed(location=content.location, format=claiming[0], rule="empty-file", detail=detail)


def _accepts_nothing(format_: Format, content: Content) -> bool:
    try:
        return format_.accepts(content)
    except Exception:  # noqa: BLE001  # a reader that stumbles over nothing has not accepted it
        return False


def _guarded(content: Content, format_: Format, facts: Callable[[], Iterable[Fact]]) -> Iterator[Fact]:
    """Yield what a reader yields; when it stops with an error, yield `Unread` instead of raising."""
    try:
        yield from facts()
    except Exception as error:  # noqa: BLE001  # a reader's own mistake must not hide the rest of the model
        yield _unread(content, format_, error)


def _unread(content: Content, format_: Format, error: Exception) -> Unread:
    """Return the fact about a reader that stopped: at bad bytes, or by a mistake of its own, which is logged."""
    reason = str(error)
    if not isinstance(error, ReadError):
        _log.error("the reader of %s failed on %s", format_.name, content.location, exc_info=error)
        reason = f"internal fault: {type(error).__name__}: {error}"
    return Unread(location=content.location, format=format_.name, reason=reason)


def _head(content: Content, length: int = HEAD) -> bytes:
    try:
        return content.head(length)
    except ReadError:
        return b""


def _wrong_format(content: Content, claiming: tuple[str, ...]) -> Malformed:
    names = " or ".join(claiming)
    head = _head(content)
    detail = f"the name promises {names}, but the bytes are not; they begin with {head.hex(' ', 4)}"
    return Malformed(location=content.location, format=claiming[0], rule="wrong-format", detail=detail)
