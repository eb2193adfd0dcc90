"""LightGBM models as text: settings, then one block of lines per tree with arrays that must fit together."""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.artifact import Location, printable
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact, Header, Malformed

NAME = "lightgbm"
LARGEST = 512 << 20
SHOWN = ("version", "num_class", "max_feature_idx", "objective")
CHILDREN = ("left_child", "right_child")


def _accepts(content: Content) -> bool:
    head = content.head(64).replace(b"\r\n", b"\n")
    return head.startswith((b"tree\nversion=", b"tree\nnum_class="))


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    at = content.location
    try:
        lines = content.all(LARGEST).decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ReadError(f"lightgbm: not UTF-8 at byte {error.start}") from None
    settings: dict[str, str] = {}
    trees, block = 0, settings
    for line in lines:
        key, equals, value = line.partition("=")
        if line.startswith("Tree=") or line == "end of trees":
            if trees:
                yield from _tree(block, trees - 1, at)
            if not equals:
                break
            trees, block = trees + 1, {}
            walk.budget.spend_time()
        elif equals:
            block.setdefault(key, value)
    else:
        raise ReadError("lightgbm: ends before the line that ends the trees")
    properties = {key: printable(settings[key][:200]) for key in SHOWN if key in settings}
    yield Header(location=at, format=NAME, properties={**properties, "trees": str(trees)})


def _tree(block: dict[str, str], number: int, at: Location) -> Iterator[Fact]:
    try:
        leaves = int(block.get("num_leaves", "")[:18])
        children = {key: [int(part[:18]) for part in block.get(key, "").split()] for key in CHILDREN}
        features = [int(part[:18]) for part in block.get("split_feature", "").split()]
    except ValueError:
        yield _malformed(at, f"tree {number}: a word where a number should be")
        return
    splits = max(leaves - 1, 0)
    if any(len(found) != splits for found in (*children.values(), features)):
        yield _malformed(at, f"tree {number}: {leaves} leaves, but other numbers of splits")
    elif any(not -leaves <= child < splits for found in children.values() for child in found):
        yield _malformed(at, f"tree {number}: a child outside the tree")
    elif any(feature < 0 for feature in features):
        yield _malformed(at, f"tree {number}: splits at a negative feature")


def _malformed(location: Location, detail: str) -> Malformed:
    return Malformed(location=location, format=NAME, rule="lightgbm-tree", detail=detail)


FORMAT = Format(
    name=NAME,
    title="LightGBM",
    reads="settings and every tree",
    looks_for="trees whose arrays do not fit together or lead outside",
    clue=Clue(first=b"t"),
    accepts=_accepts,
    read=_read,
)
