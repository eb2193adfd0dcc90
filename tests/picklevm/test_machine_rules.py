"""Each rule of the machine is written down where it is broken, and is silent in the near miss."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from oracle import facts_of
from pickle_builders import Parts, asm, call, named, program, state

from modelguard import picklevm
from modelguard.picklevm.steps import _STEPS
from modelguard.terms.facts import Build, Fact, Malformed, Noted, Unresolved

THING = call(named("argparse", "Namespace"), opcode="NEWOBJ")
FUNCTION = ("GLOBAL", "m", "f")
TENSOR = call(named("torch._utils", "_rebuild_tensor_v2"), 1)


def made(*parts: Parts) -> bytes:
    return program(*(one for part in parts for one in part.parts))


# rule, a pickle that breaks it, one that does not.
MALFORMED: dict[str, tuple[bytes, bytes]] = {
    "pickle-build-of-data": (asm("NONE", "EMPTY_DICT", "BUILD", "STOP"), made(state(THING, {}))),
    "pickle-call-of-data": (
        asm("NONE", "EMPTY_TUPLE", "REDUCE", "STOP"),
        asm(FUNCTION, "EMPTY_TUPLE", "REDUCE", "STOP"),
    ),
    "pickle-computed-arguments": (
        asm(FUNCTION, "EMPTY_LIST", "REDUCE", "STOP"),
        asm(FUNCTION, "EMPTY_LIST", "TUPLE1", "REDUCE", "STOP"),
    ),
    "pickle-empty": (b"", b"N."),
    "pickle-global": (b"c\xff\nx\n.", asm(("GLOBAL", "é", "x"), "STOP")),
    "pickle-global-of-data": (
        asm(("GLOBAL", "collections", "OrderedDict"), ("SHORT_BINUNICODE", "x"), "STACK_GLOBAL", "STOP"),
        asm(("SHORT_BINUNICODE", "collections"), ("SHORT_BINUNICODE", "x"), "STACK_GLOBAL", "STOP"),
    ),
    "pickle-items-of-data": (
        asm("NONE", "NONE", "NONE", "SETITEM", "STOP"),
        asm("EMPTY_DICT", "NONE", "NONE", "SETITEM", "STOP"),
    ),
    "pickle-odd-items": (asm("MARK", "NONE", "DICT", "STOP"), asm("MARK", "NONE", "NONE", "DICT", "STOP")),
    "pickle-left-over": (asm("NONE", "NONE", "STOP"), asm("NONE", "NONE", "POP", "STOP")),
    "pickle-no-stop": (asm("NONE"), asm("NONE", "STOP")),
    "pickle-truncated": (b"\x8c\x09ab", b"\x8c\x02ab."),
    "pickle-length": (b"\x8e" + b"\xff" * 8, asm(("BINBYTES8", b"a"), "STOP")),
    "pickle-unknown-opcode": (b"\xff.", b"N."),
    "pickle-stack-underflow": (asm("POP_MARK", "STOP"), asm("MARK", "POP_MARK", "NONE", "STOP")),
    "pickle-protocol": (asm("PROTO 6", "NONE", "STOP"), asm("PROTO 5", "NONE", "STOP")),
    "pickle-protocol-twice": (asm("PROTO 4", "PROTO 4", "NONE", "STOP"), asm("PROTO 4", "NONE", "STOP")),
    "pickle-frame-straddle": (
        asm("PROTO 4", "FRAME 1", ("SHORT_BINUNICODE", "ab"), "STOP"),
        asm("PROTO 4", "FRAME 5", ("SHORT_BINUNICODE", "ab"), "STOP"),
    ),
    "pickle-frame-nested": (
        asm("PROTO 4", "FRAME 11", "FRAME 2", "NONE", "STOP"),
        asm("PROTO 4", "FRAME 2", "NONE", "POP", "FRAME 2", "NONE", "STOP"),
    ),
    "pickle-frame-too-long": (asm("PROTO 4", "FRAME 9", "NONE", "STOP"), asm("PROTO 4", "FRAME 2", "NONE", "STOP")),
    "pickle-frame-unfinished": (
        asm("PROTO 4", "FRAME 3", "NONE", "STOP", "NONE"),
        asm("PROTO 4", "FRAME 2", "NONE", "STOP"),
    ),
    "pickle-memo-index": (asm("NONE", "LONG_BINPUT 4294967295", "STOP"), asm("NONE", "LONG_BINPUT 300", "STOP")),
    "pickle-number": (b"I0x10\n.", b"I16\n."),
    "pickle-string": (b"S'os\n.", b"S'os'\n."),
    "pickle-unicode": (b"V\\u00\n.", b"V\\u0041\n."),
    "pickle-bytes-after-stop": (b"N.\x00", b"N.N."),
}
UNRESOLVED: dict[str, tuple[bytes, bytes]] = {
    "computed-callable": (
        asm(FUNCTION, "EMPTY_TUPLE", "REDUCE", "EMPTY_TUPLE", "REDUCE", "STOP"),
        asm(FUNCTION, "EMPTY_TUPLE", "REDUCE", "STOP"),
    ),
    "computed-global": (
        asm(FUNCTION, "EMPTY_TUPLE", "REDUCE", ("SHORT_BINUNICODE", "x"), "STACK_GLOBAL", "STOP"),
        asm(("SHORT_BINUNICODE", "m"), ("SHORT_BINUNICODE", "x"), "STACK_GLOBAL", "STOP"),
    ),
    "extension-code": (asm("EXT1 1", "STOP"), asm("BININT1 1", "STOP")),
    "out-of-band-buffer": (asm("NEXT_BUFFER", "STOP"), asm(("BYTEARRAY8", b"a"), "STOP")),
    "persistent-id": (asm("NONE", "BINPERSID", "STOP"), asm("NONE", "STOP")),
    "unknown-memo": (asm("BINGET 1", "STOP"), asm("NONE", "BINPUT 1", "BINGET 1", "TUPLE2", "STOP")),
}
BUILDS: dict[str, tuple[bytes, bytes]] = {
    "on-class": (made(state(named("m", "Thing"), {"a": 1})), made(state(THING, {"a": 1}))),
    "on-function": (made(state(named("m", "function"), {"a": 1})), made(state(THING, {"a": 1}))),
    "on-unknown": (asm("EXT1 1", "EMPTY_DICT", "BUILD", "STOP"), made(state(THING, {}))),
    "setstate-key": (made(state(THING, {"__setstate__": 1})), made(state(THING, {"setstate": 1}))),
    "dunder-key": (made(state(THING, {"__other__": 1})), made(state(THING, {"_other": 1}))),
    "slot-state": (made(state(THING, (None, {"__other__": 1}))), made(state(THING, (None, {"other": 1})))),
    "computed-key": (
        program(*THING.parts, "EMPTY_DICT", *call(named("m", "f")).parts, "NONE", "SETITEM", "BUILD"),
        program(*THING.parts, "EMPTY_DICT", ("SHORT_BINUNICODE", "k"), "NONE", "SETITEM", "BUILD"),
    ),
    "computed-state": (
        program(*THING.parts, "EXT1 1", "BUILD"),
        program(*THING.parts, "EMPTY_DICT", "BUILD"),
    ),
    "item-on-class": (
        program(*named("m", "Thing").parts, "NONE", "NONE", "SETITEM"),
        program(*call(named("m", "Thing")).parts, "NONE", "NONE", "SETITEM"),
    ),
    "item-on-unknown": (
        asm("EXT1 1", "NONE", "NONE", "SETITEM", "STOP"),
        asm("EMPTY_DICT", "NONE", "NONE", "SETITEM", "STOP"),
    ),
    "item-on-tensor": (
        program(*TENSOR.parts, "NONE", "NONE", "SETITEM"),
        program("EMPTY_DICT", "NONE", *TENSOR.parts, "SETITEM"),
    ),
    "item-on-object": (
        program(*call(named("numpy", "dtype"), "f8", False, True).parts, "NONE", "NONE", "SETITEM"),
        program(*call(named("collections", "OrderedDict")).parts, "NONE", "NONE", "SETITEM"),
    ),
    "kept-function": (
        program("EMPTY_LIST", *named("copyreg", "_reconstructor").parts, "APPEND"),
        program("EMPTY_LIST", *named("numpy", "log").parts, "APPEND"),
    ),
    "broken-state": (
        made(state(call(named("types", "SimpleNamespace")), [1])),
        made(state(call(named("types", "SimpleNamespace")), {"a": 1})),
    ),
}  # fmt: skip


def told(facts: list[Fact]) -> set[str]:
    found = {fact.rule for fact in facts if isinstance(fact, Malformed | Noted)}
    found |= {fact.what for fact in facts if isinstance(fact, Unresolved)}
    return found | {fact.manner for fact in facts if isinstance(fact, Build)}


CASES = {**MALFORMED, **UNRESOLVED, **BUILDS}


@pytest.mark.parametrize("rule", CASES)
def test_a_broken_rule_is_written_down(rule: str) -> None:
    assert rule in told(facts_of(CASES[rule][0]))


@pytest.mark.parametrize("rule", CASES)
def test_the_near_miss_is_not(rule: str) -> None:
    assert rule not in told(facts_of(CASES[rule][1]))


# A program with each opcode that is not in the machine's inner loop.
OPCODES: dict[str, bytes] = {
    "INT": asm(("INT", 1), "STOP"),
    "LONG": asm(("LONG", 1), "STOP"),
    "LONG1": asm(("LONG1", 1), "STOP"),
    "LONG4": asm(("LONG4", b"\x01"), "STOP"),
    "FLOAT": asm(("FLOAT", 1.5), "STOP"),
    "STRING": asm(("STRING", b"'a'"), "STOP"),
    "BINSTRING": asm(("BINSTRING", b"a"), "STOP"),
    "UNICODE": asm(("UNICODE", "a"), "STOP"),
    "BINUNICODE8": asm(("BINUNICODE8", "a"), "STOP"),
    "BINBYTES": asm(("BINBYTES", b"a"), "STOP"),
    "BINBYTES8": asm(("BINBYTES8", b"a"), "STOP"),
    "BYTEARRAY8": asm(("BYTEARRAY8", b"a"), "STOP"),
    "NEXT_BUFFER": asm("NEXT_BUFFER", "STOP"),
    "READONLY_BUFFER": asm("NEXT_BUFFER", "READONLY_BUFFER", "STOP"),
    "LIST": asm("MARK", "NONE", "LIST", "STOP"),
    "DICT": asm("MARK", "NONE", "NONE", "DICT", "STOP"),
    "EMPTY_SET": asm("EMPTY_SET", "STOP"),
    "ADDITEMS": asm("EMPTY_SET", "MARK", "NONE", "ADDITEMS", "STOP"),
    "FROZENSET": asm("MARK", "NONE", "FROZENSET", "STOP"),
    "POP": asm("NONE", "NONE", "POP", "STOP"),
    "POP_MARK": asm("NONE", "MARK", "NONE", "POP_MARK", "STOP"),
    "DUP": asm("NONE", "DUP", "TUPLE2", "STOP"),
    "GET": asm("NONE", ("PUT", 1), ("GET", 1), "TUPLE2", "STOP"),
    "PUT": asm("NONE", ("PUT", 1), "STOP"),
    "EXT1": asm("EXT1 1", "STOP"),
    "EXT2": asm("EXT2 1", "STOP"),
    "EXT4": asm("EXT4 1", "STOP"),
    "GLOBAL": asm(FUNCTION, "STOP"),
    "INST": asm("MARK", ("INST", "m", "Thing"), "STOP"),
    "OBJ": asm("MARK", FUNCTION, "OBJ", "STOP"),
    "NEWOBJ_EX": asm(FUNCTION, "EMPTY_TUPLE", "EMPTY_DICT", "NEWOBJ_EX", "STOP"),
    "PROTO": asm("PROTO 4", "NONE", "STOP"),
    "FRAME": asm("PROTO 4", "FRAME 2", "NONE", "STOP"),
    "PERSID": asm(("PERSID", "a"), "STOP"),
}


@pytest.mark.parametrize("opcode", OPCODES)
def test_an_opcode_is_known_and_leaves_one_value(opcode: str) -> None:
    assert not any(isinstance(fact, Malformed) for fact in facts_of(OPCODES[opcode]))


def test_every_opcode_outside_the_inner_loop_has_its_program() -> None:
    assert set(OPCODES) == set(_STEPS)


def test_every_rule_that_the_machine_knows_has_a_case() -> None:
    source = "\n".join(path.read_text("utf-8") for path in Path(picklevm.__file__).parent.glob("*.py"))
    rules = set(re.findall(r'(?:malformed|Fault)\(\s*"(pickle-[a-z0-9-]+)"', source))
    rules |= set(re.findall(r'unresolved\(\s*"([a-z-]+)"', source))
    rules |= set(re.findall(r'_build\(\s*target, "([a-z-]+)"', source))
    assert rules - set(CASES) == set()
