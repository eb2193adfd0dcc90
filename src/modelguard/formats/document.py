"""Documents and leftovers of desktops: PDF, PostScript, `.DS_Store`. Recognised by their first bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from modelguard.formats._magic import Kind, kind_of, read_kind
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.facts import Fact, Noted

KINDS = (
    Kind(name="PDF", begins=re.compile(rb"%PDF-[12]\.\d")),
    Kind(name="PostScript", begins=re.compile(rb"%!PS-Adobe-\d")),
    Kind(name="desktop settings", begins=re.compile(rb"\x00\x00\x00\x01Bud1")),
)

# What a PDF can do when a person opens it (ISO 32000-1, section 12.6.4).
_ACTIVE = (b"/JavaScript", b"/Launch", b"/EmbeddedFile", b"/OpenAction")


def accepts(content: Content) -> bool:
    return kind_of(content, KINDS) is not None


def read(content: Content, walk: Walk) -> Iterable[Fact]:
    yield from read_kind(content, walk, "document", KINDS)
    found: set[bytes] = set()
    before = b""
    for chunk in content.chunks():
        walk.budget.spend_time()
        found.update(word for word in _ACTIVE if word in before + chunk)
        before = chunk[-16:]
    if found and kind_of(content, KINDS) is KINDS[0]:
        words = b", ".join(sorted(found)).decode("ascii")
        yield Noted(location=content.location, format="document", rule="active-document", detail=f"has {words}")


FORMAT = Format(
    name="document",
    title="Document",
    reads="The first bytes of PDF, PostScript and `.DS_Store`.",
    looks_for="Words by which a PDF acts when a person opens it; no loader does.",
    clue=Clue(first=b"%\0"),
    accepts=accepts,
    read=read,
    endings=(".pdf", ".ps", ".eps"),
    whole_names=(".ds_store",),
)
