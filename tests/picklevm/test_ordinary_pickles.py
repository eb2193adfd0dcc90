"""What picklers write for ordinary data breaks no rule: the only facts about it are its globals and their calls."""

from __future__ import annotations

import argparse
import collections
import datetime
import decimal
import enum
import fractions
import pathlib
import pickle
import random
import types
import uuid

import pytest
from oracle import facts_of
from pickle_builders import asm

from modelguard.terms.facts import Call, Fact, Import, Noted


class Colour(enum.Enum):
    RED = 1


class Node:
    def __init__(self) -> None:
        self.me = self
        self.pair = (self, 1)


class Slotted:
    __slots__ = ("first", "second")

    def __init__(self) -> None:
        self.first, self.second = 1, [2]


class Point(collections.namedtuple("Point", "x y")):
    __slots__ = ()


def recursive() -> list[object]:
    items: list[object] = []
    items.append((items, {"again": items}))
    return items


ORDINARY: dict[str, object] = {
    "constants": [
        None,
        True,
        False,
        0,
        255,
        65536,
        -1,
        2**31,
        -(2**31),
        2**63,
        2**64,
        2**200,
        1.5,
        float("inf"),
        float("nan"),
        -0.0,
    ],
    "texts": ["", "a", "é", "x" * 300, "\ud800", "𝄞", "quote'\"\\\n", "a" * 70_000, "\x94h\x00" * 30, "S'x'\ncos\n"],
    "bytes": [b"", b"\x80\x04", b"\x00" * 300, bytes(range(256)) * 10, bytearray(b"array" * 100)],
    "nested": {"a": [{"b": ({"c": {1, 2}},)}], "f": frozenset([1, (2, 3)])},
    "shared": [["x"] * 3] * 5,
    "recursive": recursive(),
    "words": {f"word{number}": number for number in range(3000)},
    "rows": [{"id": number, "name": "n", "tags": ["a", "b"], "score": 0.5, "ok": None} for number in range(400)],
    "big frame": [b"x" * 100_000, "y" * 100_000, list(range(60_000))],
    "wide tuple": tuple(range(2000)),
    "collections": [
        collections.OrderedDict(a=1),
        collections.defaultdict(list, a=[1]),
        collections.Counter("abc"),
        collections.deque([1], 5),
        Point(1, 2),
    ],
    "dates": [
        datetime.datetime(2020, 1, 2, 3, tzinfo=datetime.UTC),
        datetime.date(2020, 1, 1),
        datetime.timedelta(1),
        datetime.time(1),
    ],
    "numbers": [decimal.Decimal("1.5"), fractions.Fraction(1, 3), 1 + 2j, range(5), slice(1, 2)],
    "paths": [pathlib.PurePosixPath("a/b"), uuid.UUID(int=5)],
    "objects": [Node(), Node(), Colour.RED, argparse.Namespace(a=1), types.SimpleNamespace(b=2), random.Random(1)],
    "exceptions": [ValueError("x"), KeyError("y")],
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_data_is_only_named(name: str, protocol: int) -> None:
    facts = facts_of(pickle.dumps(ORDINARY[name], protocol))
    assert refusing(facts) == []


@pytest.mark.parametrize("protocol", range(2, 6))
def test_slots_are_a_state_as_any_other(protocol: int) -> None:
    assert refusing(facts_of(pickle.dumps([Slotted(), Slotted()], protocol))) == []


@pytest.mark.parametrize("protocol", range(6))
def test_what_the_python_pickler_writes_is_only_named(protocol: int) -> None:
    for value in ORDINARY.values():
        assert refusing(facts_of(pickle._dumps(value, protocol))) == []


def test_several_ordinary_pickles_in_one_file_are_only_named() -> None:
    several = [{"a": ["x", "x"]}, collections.OrderedDict(a=1), [datetime.date(2020, 1, 1)] * 2]
    assert refusing(facts_of(b"".join(pickle.dumps(value) for value in several))) == []


def test_a_python_2_pickle_is_named_under_both_names() -> None:
    program = asm(
        ("GLOBAL", "copy_reg", "_reconstructor"),
        "PUT 0",
        "MARK",
        ("GLOBAL", "mymodule", "Thing"),
        "PUT 1",
        ("GLOBAL", "__builtin__", "object"),
        "PUT 2",
        "NONE",
        "TUPLE",
        "PUT 3",
        "REDUCE",
        "PUT 4",
        "MARK",
        "DICT",
        "PUT 5",
        ("STRING", "name"),
        "PUT 6",
        ("LONG", 12),
        "SETITEM",
        ("STRING", "flag"),
        b"I01\n",
        "SETITEM",
        "BUILD",
        "STOP",
    )
    facts = facts_of(program)
    assert refusing(facts) == []
    named = {(fact.module, fact.name): fact.written for fact in facts if isinstance(fact, Import)}
    assert named["copyreg", "_reconstructor"] == named["copy_reg", "_reconstructor"] == "copy_reg _reconstructor"
    assert named["mymodule", "Thing"] == ""


def test_a_python_2_text_with_high_bytes_is_noted() -> None:
    facts = facts_of(asm("PROTO 2", ("SHORT_BINSTRING", b"caf\xe9"), "STOP"))
    assert [type(fact) for fact in facts] == [Noted]


def test_a_constant_that_only_looks_like_a_pickle_carries_none() -> None:
    almost = [
        b"\x80\x04" + b"\xff" * 50,
        "gASV" + "!" * 40,
        "800495" + "zz",
        "cats\nand dogs\nare here\n",
        b"x\x9c" + b"\0" * 30,
    ]
    assert refusing(facts_of(pickle.dumps(almost))) == []


def refusing(facts: list[Fact]) -> list[Fact]:
    """Return the facts that are more than names and calls; whether those are granted is a matter of the tables."""
    return [fact for fact in facts if not isinstance(fact, Import | Call) or getattr(fact, "result_dropped", False)]


def test_a_python_2_name_is_granted_as_its_python_3_name_is() -> None:
    facts = facts_of(pickle.dumps([{1}, b"bytes", frozenset([2])], 2))
    imports = [fact for fact in facts if isinstance(fact, Import)]
    assert {fact.module for fact in imports} >= {"__builtin__", "builtins"}
    assert all(fact.profiles and not fact.hazard for fact in imports), imports


def test_a_renamed_global_that_another_module_still_has_is_judged_by_its_own_name() -> None:
    facts = facts_of(asm(("GLOBAL", "itertools", "izip"), "STOP"))
    assert not [fact for fact in facts if isinstance(fact, Import) and fact.module == "itertools" and fact.profiles]
