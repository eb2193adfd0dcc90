"""XGBoost models in the binary form of versions before 3 (`binf`): structures of C, one after another.

The library took counts and indices from them as they stand, so that each is compared with what is there.
Layout: src/learner.cc, src/gbm/gbtree_model.h and include/xgboost/tree_model.h of https://github.com/dmlc/xgboost
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from modelguard.formats._cursor import Cursor
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.artifact import printable
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact, Header, Malformed

NAME = "xgboost-binary"
MAGIC = b"binf"
_LEARNER, _TREES, _TREE, _LINEAR = 136, 160, 148, 136  # bytes of the structures of parameters
_NODE, _STATISTICS = 20, 16
_LONGEST_TEXT = 1 << 24
_BOOSTERS = frozenset({"gbtree", "dart", "gblinear"})
_SIDE, _NO_NODE = 1 << 31, -1  # the highest bit of a parent tells which child a node is


def _accepts(content: Content) -> bool:
    return content.head(4) == MAGIC


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    cursor = Cursor(content, at=len(MAGIC))
    learner = cursor.take(_LEARNER)
    features, classes, has_attributes, has_metrics, major, minor = struct.unpack_from("<IiiiII", learner, 4)
    objective, booster = _text(cursor), _text(cursor)
    if booster not in _BOOSTERS:
        raise ReadError(f"{NAME}: a booster called {booster[:40]!r}")
    properties = {
        "version": f"{major}.{minor}", "objective": printable(objective[:100]), "booster": booster,
        "features": str(features), "classes": str(classes),
    }  # fmt: skip
    yield Header(location=content.location, format=NAME, properties=properties)
    if booster == "gblinear":
        cursor.skip(_LINEAR)
        cursor.skip(_count(cursor, 4) * 4)
    else:
        yield from _trees(cursor, content, walk)
        if booster == "dart":
            cursor.skip(_count(cursor, 4) * 4)
    if has_attributes:
        for _ in range(_count(cursor, 16)):
            _text(cursor)
            _text(cursor)
    if has_metrics:
        for _ in range(_count(cursor, 8)):
            _text(cursor)
    if cursor.left:
        yield _malformed(content, cursor.at, "trailing", f"{cursor.left} bytes after the model")
        yield from walk.inside(content.part(cursor.at, cursor.left, "after the model"))


def _trees(cursor: Cursor, content: Content, walk: Walk) -> Iterator[Fact]:
    (count,) = struct.unpack_from("<i", cursor.take(_TREES))
    if not 0 <= count <= cursor.left // _TREE:
        raise ReadError(f"{NAME}: {count} trees in {cursor.left} bytes")
    for number in range(count):
        walk.budget.spend_time()
        start = cursor.at
        _, size, deleted, _, features = struct.unpack_from("<iiiii", cursor.take(_TREE))
        if not 0 < size <= cursor.left // (_NODE + _STATISTICS):
            raise ReadError(f"{NAME}: a tree of {size} nodes at {start}, {cursor.left} bytes are left")
        for fault in _faults(cursor.take(size * _NODE), size, features):
            yield _malformed(content, start, "tree", f"tree {number}: {fault}")
        if not 0 <= deleted < size:
            yield _malformed(content, start, "tree", f"tree {number}: {deleted} of {size} nodes are deleted")
        cursor.skip(size * _STATISTICS)
    cursor.skip(count * 4)  # which class each tree is for


def _faults(nodes: bytes, size: int, features: int) -> Iterator[str]:
    """Yield at most one fault of each kind, so that a bad tree is told once and not a million times."""
    told: set[str] = set()
    for number, (parent, left, right, feature, _) in enumerate(struct.iter_unpack("<IiiIf", nodes)):
        places = {"parent": (parent & ~_SIDE if parent != 0xFFFF_FFFF else _NO_NODE), "left": left, "right": right}
        for name, place in places.items():
            if name not in told and place != _NO_NODE and not 0 <= place < size:
                told.add(name)
                yield f"the {name} of node {number} is {place} of {size}"
        splits = feature & ~_SIDE
        if "feature" not in told and left != _NO_NODE and not 0 <= splits < max(features, 1):
            told.add("feature")
            yield f"node {number} splits at feature {splits} of {features}"


def _count(cursor: Cursor, least: int) -> int:
    count = cursor.unsigned(8)
    if count > cursor.left // least:
        raise ReadError(f"{NAME}: a list of {count} items at {cursor.at}, {cursor.left} bytes are left")
    return count


def _text(cursor: Cursor) -> str:
    length = cursor.unsigned(8)
    if length > _LONGEST_TEXT:
        raise ReadError(f"{NAME}: a text of {length} bytes at {cursor.at}")
    return cursor.take(length).decode("utf-8", "backslashreplace")


def _malformed(content: Content, at: int, rule: str, detail: str) -> Malformed:
    return Malformed(location=content.location.at(at), format=NAME, rule=f"{NAME}-{rule}", detail=detail)


FORMAT = Format(
    name=NAME,
    title="XGBoost (binary)",
    reads="the parameters, every tree and every attribute",
    looks_for="nodes that lead outside their tree, counts that do not fit, bytes behind the model",
    clue=Clue(first=MAGIC[:1]),
    accepts=_accepts,
    read=_read,
    endings=(".xgb",),
)
