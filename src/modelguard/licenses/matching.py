"""Which license a text is, by hashed n-grams of known texts (`data/ngrams.xz`, from tools/make_license_ngrams.py).

A text is identified when its words are exactly those of a reference, or when it is so near that nothing that matters
can differ: the same number of each weighty word (`not`, `commercial`, `only` …), hardly a word added or missing, the
title that belongs to it, and no other license as near. Whatever is near but not that near is `modified`; two that are
as near as each other are `ambiguous`. The measure is the Sørensen–Dice coefficient over sets of word pairs.
"""

from __future__ import annotations

import json
import lzma
import re
import sys
from array import array
from bisect import bisect_left
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from itertools import accumulate, groupby
from typing import Literal, TypeAlias

from attrs import frozen

from modelguard.licenses.normal import digest_of, is_weighty, ngrams_of, weighty_of, words_of

Kind: TypeAlias = Literal["exact", "match", "modified", "ambiguous", "unknown"]

NEAR = 0.80
"""Dice from which a text is called a modified form of a license."""
SAME = 0.95
MARGIN = 0.003
ADDED = 8
"""Words that may be added in all to a long text (names, a changed address); to a short one, half as many."""
SHORT = 400
"""Words of a text that counts as short."""
IN_A_ROW = 4
"""Words that may be added in one place: as many as the name of an owner has. A clause has more."""
MISSING = 0.03
"""Share of the reference's n-grams that may be missing: one word in sixty-six that is spelt differently takes two."""
LONGEST = 60_000
"""Words of a text that are looked at; the longest reference has a tenth of them."""

# What the title has to say, in plain words. Ids without n-grams (`only_title`) are known by their title alone, which is
# enough to say "probably this", never enough to be sure.
TITLES: dict[str, str] = {
    "llama2": r"\bllama 2 community license",
    "llama3": r"\bmeta llama 3 community license",
    "llama3.1": r"\bllama 3 1 community license",
    "llama3.2": r"\bllama 3 2 community license",
    "llama3.3": r"\bllama 3 3 community license",
    "llama4": r"\bllama 4 community license",
    "gemma": r"\bgemma terms of use",
    "grok2-community": r"\bgrok 2 community license",
    "apple-amlr": r"\bapple machine learning research model|\bapple model license",
    "fair-noncommercial-research-license": r"\bfair noncommercial research license",
    "deepfloyd-if-license": r"\bdeepfloyd if (research )?license",
    "h-research": r"\bh research license",
    "intel-research": r"\bintel research use license",
    "mrl": r"\bmistral ai research license",
    "mnpl": r"\bmistral ai non production license",
    "qwen": r"\bqwen license agreement",
    "qwen-research": r"\bqwen research license",
    "tongyi-qianwen": r"\btongyi qianwen license",
    "deepseek": r"\bdeepseek license agreement",
    "falcon-180b-tii": r"\bfalcon 180b tii license",
    "falcon-llm-license": r"\bfalcon (2 )?(11b )?(llm |tii )?license",
    "stabilityai-ai-community": r"\bstability ai community license",
    "tencent-hunyuan-community": r"\btencent hunyuan [\w ]{0,40}community license",
    "exaone": r"\bexaone ai model license",
    "lfm1.0": r"\blfm (open )?license",
}
_TITLES = {id_: re.compile(pattern) for id_, pattern in TITLES.items()}
_TITLE_WORDS = 400


@frozen(kw_only=True)
class Reference:
    """One known text: the id of its row in the table, and what can be compared without having the text."""

    id: str
    digest: str
    words: int
    ngrams: int
    weighty: tuple[int, ...]


@frozen(kw_only=True)
class Match:
    """What a text was taken for. `ids` has one id, several when `ambiguous`, none when `unknown`.

    `score` is the Dice coefficient from 0 to 1, `added` the words that the reference does not have, at most 20.
    """

    kind: Kind
    ids: tuple[str, ...] = ()
    score: float = 0.0
    added: tuple[str, ...] = ()
    detail: str = ""

    def __str__(self) -> str:
        match self.kind:
            case "exact" | "match":
                return self.ids[0]
            case "modified":
                return f"modified:{self.ids[0]}"
            case "ambiguous":
                return f"ambiguous: {', '.join(self.ids)}"
        return ""


@frozen(kw_only=True)
class _Index:
    """All references, their n-grams in order, and for each n-gram the number of the group of references that has it."""

    references: tuple[Reference, ...]
    ngrams: array[int]
    group: array[int]
    groups: tuple[tuple[int, ...], ...]
    by_digest: Mapping[str, Reference]

    def holders(self, ngram: int) -> tuple[int, ...]:
        at = bisect_left(self.ngrams, ngram)
        return self.groups[self.group[at]] if at < len(self.ngrams) and self.ngrams[at] == ngram else ()


def identify(text: str) -> Match:
    """Return what license a text is."""
    words = words_of(text)
    if len(words) > LONGEST:
        return Match(kind="unknown", detail=f"more than {LONGEST} words")
    same = _index().by_digest.get(digest_of(words))
    return Match(kind="exact", ids=(same.id,), score=1.0) if same else _nearest(words)


def references() -> frozenset[str]:
    """Return the ids whose texts are known."""
    return frozenset(reference.id for reference in _index().references)


def _nearest(words: list[str]) -> Match:
    ngrams = ngrams_of(words)
    distinct = set(ngrams)
    index = _index()
    hits = [0] * len(index.references)
    holders = {ngram: index.holders(ngram) for ngram in distinct}
    for group in holders.values():
        for number in group:
            hits[number] += 1
    scores = [
        (2 * hit / (len(distinct) + reference.ngrams), hit, number)
        for number, (hit, reference) in enumerate(zip(hits, index.references, strict=True))
    ]
    scores.sort(key=lambda row: (-row[0], row[2]))
    score, hit, number = scores[0]
    titles = _titles_in(words)
    if score < NEAR:
        return _by_parts(scores, titles, len(words), distinct)
    best = index.references[number]
    others = [row for row in scores if index.references[row[2]].id != best.id]
    shared = [number in holders[ngram] for ngram in ngrams]
    added = _added(words, shared)
    fault = _difference(best, words, added, hit) or _clause(shared)
    if score >= SAME and not fault:
        if score - others[0][0] < MARGIN:
            return _ambiguous((best.id, index.references[others[0][2]].id), score, "as near to one as to the other")
        if titles - {best.id}:
            return _ambiguous((best.id, *sorted(titles - {best.id})), score, "the title is of another license")
        return Match(kind="match", ids=(best.id,), score=score, added=added[:20])
    return Match(kind="modified", ids=(best.id,), score=score, added=added[:20], detail=fault or "not near enough")


def _by_parts(scores: list[tuple[float, int, int]], titles: set[str], count: int, distinct: set[int]) -> Match:
    """Judge a text that is near to no reference as a whole: it may hold one, or have the title of one."""
    index = _index()
    held = [
        (hit / index.references[number].ngrams, number)
        for _, hit, number in scores
        if index.references[number].ngrams >= 40 and hit / index.references[number].ngrams >= SAME
    ]
    if held:
        share, number = max(held, key=lambda row: (row[0] * index.references[row[1]].ngrams, -row[1]))
        detail = f"holds this text among {count} words"
        return Match(kind="modified", ids=(index.references[number].id,), score=share, detail=detail)
    by_title = sorted(titles - references())
    if len(by_title) == 1 and count >= 100:
        return Match(kind="modified", ids=tuple(by_title), detail="known by its title alone")
    return Match(kind="unknown", score=scores[0][0], detail=f"{len(distinct)} word pairs, like no known license")


def _ambiguous(ids: tuple[str, ...], score: float, detail: str) -> Match:
    return Match(kind="ambiguous", ids=tuple(dict.fromkeys(ids)), score=score, detail=detail)


def _titles_in(words: list[str]) -> set[str]:
    head = " ".join(words[:_TITLE_WORDS])
    found = [(match.start(), id_) for id_, pattern in _TITLES.items() if (match := pattern.search(head))]
    first = min((at for at, _ in found), default=0)
    return {id_ for at, id_ in found if at <= first + 40}


def _added(words: list[str], shared: list[bool]) -> tuple[str, ...]:
    """Return the words that stand in no pair of neighbours that the reference has as well (`shared`, for each pair)."""
    before, after = [False, *shared], [*shared, False]
    return tuple(word for word, left, right in zip(words, before, after, strict=True) if not left and not right)


def _difference(best: Reference, words: list[str], added: tuple[str, ...], hit: int) -> str:
    """Say what sets a text apart from a reference that it is near to, or nothing if that does not matter."""
    if weighty_of(words) != best.weighty:
        return "a word on which the meaning hangs was put in or taken out"
    if any(is_weighty(word) for word in added):
        return f"has the word {next(word for word in added if is_weighty(word))!r} where the known text has none"
    if len(added) > (ADDED if best.words > SHORT else ADDED // 2):
        return f"{len(added)} words are added"
    if best.ngrams - hit > max(12, MISSING * best.ngrams):
        return f"{best.ngrams - hit} of {best.ngrams} word pairs are missing"
    return ""


def _clause(shared: list[bool]) -> str:
    """Say that a clause was put in, or nothing: n words in a row take n + 1 pairs of neighbours that are not shared."""
    longest = max((sum(1 for _ in run) for known, run in groupby(shared) if not known), default=0)
    return f"{longest - 1} words in a row are added" if longest > IN_A_ROW + 1 else ""


@cache
def _index() -> _Index:
    raw = lzma.decompress(files("modelguard.licenses").joinpath("data/ngrams.xz").read_bytes())
    line, _, body = raw.partition(b"\n")
    head = json.loads(line)
    count = head["ngrams"]
    found = tuple(
        Reference(id=row[0], digest=row[2], words=row[3], ngrams=row[4], weighty=tuple(row[5]))
        for row in head["references"]
    )
    return _Index(
        references=found,
        ngrams=array("L", accumulate(_joined(body[: 2 * count]))),
        group=_joined(body[2 * count :]),
        groups=tuple(tuple(group) for group in head["groups"]),
        by_digest={reference.digest: reference for reference in found},
    )


def _joined(raw: bytes) -> array[int]:
    """Put low and high bytes together again."""
    half = len(raw) // 2
    pairs = bytearray(len(raw))
    pairs[::2], pairs[1::2] = raw[:half], raw[half:]
    numbers = array("H", bytes(pairs))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
