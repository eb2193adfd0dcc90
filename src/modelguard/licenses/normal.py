"""License texts as plain words, so that layout, quoting, case and copyright lines make no difference."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from zlib import crc32

# Words that can turn a permission into its opposite. A text is only identified when it has as many of each as the
# reference; that catches `not` put in or taken out, which no measure of similarity sees.
WEIGHTY = (
    "academic", "additionally", "agree", "cannot", "commercial", "commercially", "consent", "education", "evaluation",
    "except", "exclude", "excluded", "excluding", "exclusively", "fee", "fees", "forbidden", "free", "however",
    "internal", "limited", "may", "military", "modified", "must", "never", "no", "non", "noncommercial", "nor", "not",
    "notwithstanding", "only", "outside", "paid", "pay", "permission", "personal", "prohibit", "prohibited",
    "provided", "purposes", "required", "research", "restricted", "restriction", "revocable", "revoke", "royalties",
    "royalty", "shall", "solely", "terminate", "unless", "unmodified", "without",
)  # fmt: skip
_WEIGHTY = frozenset(WEIGHTY)
_WORD = re.compile(r"[^\W_]+")
# A line that says whose work it is: "Copyright (c) 2024 Acme", "© Acme", "Copyright [yyyy] [name]".
_COPYRIGHT = re.compile(
    r"^[\W_]*(?:copyright\s*(?:\(c\)|©|[\[<{(]?(?:\d{4}|y{4}|year))|©|\(c\)\s*[\[<{(]?(?:\d{4}|y{4}|year))[^\n]{0,300}$",
    re.IGNORECASE | re.MULTILINE,
)

# Marks of enumerations (`1.`, `(a)`, `iv)`), a phrase that a license makes void, the title of a short license.
_ENUMERATION = re.compile(r"(?:(?<=\s)|^)\(?(?:\d{1,2}|[a-z]|[ivx]{1,4})[.)](?=\s)", re.IGNORECASE)
_RESERVED = re.compile(r"\ball\s+rights\s+reserved\b", re.IGNORECASE)
_TITLE = re.compile(
    r"\A[\W_]*(?:the\s+)?(?:bsd|mit|isc)\b[^\n]{0,40}\blicen[cs]e\b[^\n]{0,20}$", re.IGNORECASE | re.MULTILINE
)


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case, without what makes no difference to what it grants.

    That is copyright lines and a short license's title where they say nothing else, and marks of enumerations.
    """
    text = unicodedata.normalize("NFKC", text)
    for pattern in (_COPYRIGHT, _TITLE, _RESERVED, _ENUMERATION):
        text = pattern.sub(_if_weighty, text)
    return _WORD.findall(text.lower())


def _if_weighty(match: re.Match[str]) -> str:
    """Keep a line that grants or forbids something."""
    words = set(_WORD.findall(match[0].lower()))
    return match[0] if words & _WEIGHTY else ""


def ngrams_of(words: list[str]) -> list[int]:
    """Return one 24-bit hash for each pair of neighbouring words, in order."""
    return [crc32(f"{first} {second}".encode()) & 0xFFFFFF for first, second in pairwise(words)]


def weighty_of(words: Iterable[str]) -> tuple[int, ...]:
    """Return how often each weighty word occurs, in the order of `WEIGHTY`."""
    counts = Counter(word for word in words if word in _WEIGHTY)
    return tuple(counts[word] for word in WEIGHTY)


def is_weighty(word: str) -> bool:
    """Tell whether one word may change what a license says: that is assumed of other scripts and of version numbers."""
    return word in _WEIGHTY or not word.isascii() or any(character.isdigit() for character in word)


def digest_of(words: list[str]) -> str:
    """Return 32 hex digits that stand for exactly these words."""
    return hashlib.sha256(" ".join(words).encode()).hexdigest()[:32]
