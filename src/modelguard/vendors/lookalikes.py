"""Names that can be taken for others: look-alike letters, one wrong key, an added word, a copied model card.

Names are compared after folding: compatibility forms (NFKC), look-alike letters and digits, no separators, lower case.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import date

from modelguard.terms.vendor import Collected, LookAlike, Vendor
from modelguard.vendors.question import days_since

YOUNG_DAYS = 90

# Publishers whose names are worth imitating; those that the policy names are added.
FAMILIAR = (
    "01-ai", "BAAI", "CohereLabs", "CompVis", "EleutherAI", "FacebookAI", "HuggingFaceH4", "HuggingFaceTB",
    "NousResearch", "Qwen", "Salesforce", "TheBloke", "allenai", "anthropic", "apple", "bigcode", "bigscience",
    "black-forest-labs", "databricks", "deepseek-ai", "distilbert", "facebook", "google", "google-bert", "ibm-granite",
    "intfloat", "jinaai", "meta-llama", "microsoft", "mistralai", "moonshotai", "mosaicml", "nomic-ai", "nvidia",
    "openai", "openai-community", "runwayml", "sentence-transformers", "stabilityai", "tiiuae", "unsloth", "xai-org",
    "zai-org",
)  # fmt: skip

# Letters of other scripts, and digits, that are drawn like Latin letters.
_LIKE = str.maketrans(
    "аеорсухіјѕԁԛԝӏαονρτυкмтвн" + "0134578$",
    "aeopcyxijsdqwlaovptukmtbh" + "oleastbs",
)
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("ii", "u"))
_ADDED = re.compile(r"(?:official|team|hq|org|inc|labs?|hub|research|models?|real|the|ai)")
_REFERENCE = re.compile(r"(?<![\w./-])([A-Za-z0-9][\w.-]{1,95})/([A-Za-z0-9][\w.-]{1,95})")


def look_alikes(vendor: Vendor, today: date) -> Iterator[LookAlike]:
    """Yield what the name of a vendor, and the cards of a young one, can be taken for."""
    owner = vendor.subject.partition("/")[0]
    familiar = tuple(dict.fromkeys((*vendor.familiar, *FAMILIAR)))
    if owner.lower() not in {name.lower() for name in familiar}:
        for target in familiar:
            how = resemblance(owner, target)
            if how:
                yield LookAlike(name=owner, target=target, how=how)
    age = days_since(vendor.owner.created_at, today) if vendor.owner else None
    if age is not None and age < YOUNG_DAYS:
        for one in vendor.repositories:
            yield from _copied(one, owner, age)


def resemblance(name: str, target: str) -> str:
    """Say how a name can be taken for another one, or return an empty string."""
    if name.lower() == target.lower():
        return ""
    one, other = folded(name), folded(target)
    if one == other:
        return "looks the same"
    if len(other) >= 5 and distance(one, other) == 1:
        return "differs in one letter"
    if len(other) >= 5 and _ADDED.sub("", one) == other:
        return "has a word added"
    return ""


def folded(name: str) -> str:
    """Return what a name looks like at a glance."""
    text = unicodedata.normalize("NFKC", name).lower().translate(_LIKE)
    text = re.sub(r"[\W_]+", "", text)
    for pair, single in _PAIRS:
        text = text.replace(pair, single)
    return text


def distance(one: str, other: str) -> int:
    """Return how many letters have to be put in, taken out, replaced, or swapped with their neighbour."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, against in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != against))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == against:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _copied(one: Collected, owner: str, age: int) -> Iterator[LookAlike]:
    """Yield other owners of a model of this very name that the card speaks of: it was written for theirs."""
    model = one.seen.repo.rpartition("/")[2]
    card = one.texts.get("README.md", "")
    others = {match[1] for match in _REFERENCE.finditer(card) if match[2].rstrip(".") == model}
    for target in sorted(others - {owner}):
        how = f"an account of {age} days with a card that speaks of {target}/{model}"
        yield LookAlike(name=one.seen.repo, target=f"{target}/{model}", how=how)
