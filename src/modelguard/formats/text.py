"""Plain text: licenses, word lists, merges, tables, configurations, and every other text that no closer format claims.

Whatever decodes as text is read here in addition to its own format, so that credentials and characters that display
as something else are looked for once, in one place.
"""

from __future__ import annotations

from collections.abc import Iterable

from modelguard.formats._secrets import secrets_in
from modelguard.formats._text import encoding_of, is_text, pieces_of
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.facts import Fact, Noted, Secret

_OVERLAP = 8192
"""Characters of the piece before that are searched again: a credential may lie across two pieces."""

# Unicode bidirectional overrides and isolates: source that displays in another order than it runs (CVE-2021-42574).
_REORDERING = "\u202a\u202b\u202d\u202e\u2066\u2067\u2068"


def read(content: Content, walk: Walk) -> Iterable[Fact]:
    """Read text to its end, looking for credentials and reordering characters."""
    encoding = encoding_of(content)
    if encoding is not None and encoding.codec != "utf-8":
        yield _noted(content, "text-encoding", f"written in {encoding.codec}" + (" (guessed)" * encoding.guessed))
    seen: set[Secret] = set()
    reordering: set[str] = set()
    before = ""
    for piece in pieces_of(content):
        walk.budget.spend_time()
        for secret in secrets_in(before + piece, content.location):
            if secret not in seen:
                seen.add(secret)
                yield secret
        reordering.update(character for character in _REORDERING if character in piece)
        before = piece[-_OVERLAP:]
    if reordering:
        names = ", ".join(f"U+{ord(character):04X}" for character in sorted(reordering))
        yield _noted(content, "reordering-characters", f"displays in another order than it is stored: {names}")


def _noted(content: Content, rule: str, detail: str) -> Noted:
    return Noted(location=content.location, format="text", rule=rule, detail=detail)


FORMAT = Format(
    name="text",
    title="Plain text",
    reads="Text in UTF-8, UTF-16 with a byte-order mark, or 8-bit text under the usual endings, to its end.",
    looks_for="Credentials, characters that change the order of display, binary data behind a textual beginning.",
    clue=Clue(when=is_text),
    accepts=is_text,
    read=read,
    endings=(".txt", ".csv", ".tsv", ".jsonl", ".rst", ".vocab", ".merges"),
    whole_names=("license", "licence", "notice", "copying", "vocab.txt", "merges.txt", ".gitattributes", ".gitignore"),
)
