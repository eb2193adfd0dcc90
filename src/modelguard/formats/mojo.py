"""Recognises H2O's models for scoring (MOJO): an archive with `model.ini` and, for trees, members of bytecode.

The members are read through zip. Those of trees are a bytecode of H2O's own, which stays unknown bytes and so refuses
the model until somebody accepts it.
Source: https://docs.h2o.ai/h2o/latest-stable/h2o-docs/mojo-quickstart.html
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats._questions import has_directory
from modelguard.formats._zip_archive import member_names, open_archive
from modelguard.formats._zip_records import STORED
from modelguard.formats.format import Clue, Format, Walk
from modelguard.formats.zip import expanded_entry
from modelguard.terms.artifact import printable
from modelguard.terms.content import Content
from modelguard.terms.facts import Fact, Header, Malformed

NAME = "h2o-mojo"
_DESCRIPTION = "model.ini"
_LARGEST = 1 << 20
_SHOWN = ("algorithm", "category", "mojo_version", "h2o_version", "n_trees")


def _accepts(content: Content) -> bool:
    names = member_names(content)
    return _DESCRIPTION in names and any(name.startswith(("domains/", "trees/", "experimental/")) for name in names)


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    for entry in open_archive(content, walk.budget.members).entries:
        if entry.name != _DESCRIPTION or entry.encrypted or entry.far or entry.method not in (STORED, 8):
            continue
        with expanded_entry(content, entry, walk) as (part, _):
            text = part.all(_LARGEST).decode("utf-8", "replace")
        if not text.lstrip().startswith("[info]"):
            detail = f"{_DESCRIPTION} does not begin with [info]"
            yield Malformed(location=content.location, format=NAME, rule="mojo-description", detail=detail)
        lines = (line.partition("=") for line in text.splitlines())
        pairs = {key.strip(): printable(value.strip()[:200]) for key, equals, value in lines if equals}
        yield Header(
            location=content.location, format=NAME, properties={key: pairs[key] for key in _SHOWN if key in pairs}
        )


FORMAT = Format(
    name=NAME,
    title="H2O MOJO",
    reads="its description; other members are read through zip, of which the bytecode of trees stays unknown",
    looks_for="nothing of its own",
    clue=Clue(when=has_directory),
    accepts=_accepts,
    read=_read,
)
