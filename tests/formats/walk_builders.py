"""A small walk for tests of single formats, and ways to damage a sample."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field

from modelguard.formats.format import Format
from modelguard.terms.artifact import Location
from modelguard.terms.content import Budget, Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Asks, Fact, Malformed, Unread


@define
class SmallWalk:
    """Keeps what a format hands over instead of reading it by other formats."""

    paths: frozenset[str] = frozenset()
    budget: Budget = field(factory=lambda: Budget(seconds=20.0))
    handed: list[Content] = field(factory=list)

    def inside(self, content: Content) -> Iterator[Fact]:
        self.handed.append(content)
        return iter(())

    def handed_names(self) -> list[str]:
        return [content.name for content in self.handed]


def content_of(data: bytes, path: str = "model.bin") -> Content:
    return Content.of(data, Location(path))


def read(form: Format, data: bytes, path: str = "model.bin", *, walk: SmallWalk | None = None) -> list[Fact]:
    """Return the facts of `data`, with `Unread` in the place of a `ReadError`, as the real walk does."""
    content = content_of(data, path)
    assert form.accepts(content), f"{form.name} does not accept {data[:40]!r}"
    return read_accepted(form, content, walk)


def read_accepted(form: Format, content: Content, walk: SmallWalk | None = None) -> list[Fact]:
    facts: list[Fact] = []
    try:
        facts.extend(form.read(content, walk or SmallWalk(paths=frozenset({content.location.path}))))
    except ReadError as error:
        facts.append(Unread(location=content.location, format=form.name, reason=str(error)))
    return facts


def fuzz(form: Format, data: bytes) -> None:
    """Read foreign bytes: facts or a `ReadError` may come, nothing else, whether the format accepts them or not."""
    content = content_of(data)
    form.accepts(content)
    read_accepted(form, content)


def rules(facts: list[Fact]) -> list[str]:
    return [fact.rule for fact in facts if isinstance(fact, Malformed)]


def asked(facts: list[Fact]) -> list[tuple[str, str]]:
    return [(fact.permission, fact.name) for fact in facts if isinstance(fact, Asks)]


def unread(facts: list[Fact]) -> list[str]:
    return [fact.reason for fact in facts if isinstance(fact, Unread)]


def refused(facts: list[Fact]) -> bool:
    """Whether anything in the facts keeps a model from being loaded without a permission."""
    return any(isinstance(fact, Asks | Malformed | Unread) for fact in facts)


def only(facts: list[Fact], kind: type[Fact]) -> list:  # type: ignore[type-arg]  # narrowed by the caller
    return [fact for fact in facts if isinstance(fact, kind)]


def truncations(data: bytes, parts: int = 64) -> Iterator[bytes]:
    """Yield the sample cut after every `1/parts` of its length."""
    for number in range(parts):
        yield data[: len(data) * number // parts]
