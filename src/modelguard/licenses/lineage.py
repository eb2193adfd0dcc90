"""Following base models to their own bases: depth-first, with a limit on depth and number, and never in circles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from attrs import evolve, field, frozen

from modelguard.licenses.claims import Based
from modelguard.terms.artifact import Location
from modelguard.terms.licensing import BaseModel, LicenseMeaning

DEPTH = 6
"""Steps from a model to the farthest base that is looked up."""
MOST = 64
"""Bases of one model that are looked up."""
WAYS = 128
"""Lines of descent that are walked: a base that two others share counts twice."""


@frozen(kw_only=True)
class Known:
    """What was found out about one base: its license and its own bases. `unknown` says why there is no answer."""

    meaning: LicenseMeaning = field(factory=LicenseMeaning)
    bases: tuple[Based, ...] = ()
    unknown: str = ""
    source: str = ""


def follow(model: str, bases: Iterable[Based], ask: Callable[[str], Known]) -> tuple[BaseModel, ...]:
    """Return every base of a model, nearest first along each line of descent. `ask` is called once for each name."""
    answers: dict[str, Known] = {}

    def asked(name: str) -> Known:
        if name not in answers:
            too_many = Known(unknown=f"more than {MOST} base models")
            answers[name] = ask(name) if len(answers) < MOST else too_many
        return answers[name]

    # A graph of a few names has ways beyond number: only so many of them are walked.
    found = list(islice(_descend((model,), bases, asked), WAYS + 1))
    if len(found) > WAYS:
        found[-1] = evolve(found[-1], meaning=LicenseMeaning(), unknown=f"more than {WAYS} ways lead to base models")
    return tuple(found)


def _descend(path: tuple[str, ...], bases: Iterable[Based], ask: Callable[[str], Known]) -> Iterator[BaseModel]:
    for base in bases:
        way = (*path, base.name)
        if base.name in path:
            yield _base(way, base, Known(unknown="its line of descent leads in a circle"))
            continue
        if len(path) > DEPTH:
            yield _base(way, base, Known(unknown=f"more than {DEPTH} steps away"))
            continue
        known = ask(base.name) if base.is_repository else Known(unknown="not the name of a repository")
        yield _base(way, base, known)
        yield from _descend(way, known.bases, ask)


def _base(path: tuple[str, ...], base: Based, known: Known) -> BaseModel:
    return BaseModel(
        location=Location(path[0]),
        name=base.name,
        path=path,
        relation=base.relation,
        meaning=known.meaning,
        unknown=known.unknown or ("" if known.meaning.known else "its license is not clear"),
        source=known.source,
    )
