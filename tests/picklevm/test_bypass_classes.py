"""Each known way round a pickle scanner, by the id of its class, and the fact that the scanner must write down."""

from __future__ import annotations

import base64
import pickle
import struct
import zlib

import pytest
from oracle import facts_of
from pickle_builders import ECHO, asm

from modelguard.terms.facts import Build, Call, Fact, Import, Malformed, Nested, Noted, Unresolved

OS: list[object] = [("SHORT_BINUNICODE", "os"), ("SHORT_BINUNICODE", "system"), "STACK_GLOBAL"]
CALL: list[object] = [("SHORT_BINUNICODE", ECHO), "TUPLE1", "REDUCE"]
P4 = "PROTO 4"
PAYLOAD = asm(P4, *OS, *CALL, "STOP")
TEXT_PAYLOAD = asm(("GLOBAL", "os", "system"), "MARK", ("STRING", ECHO), "TUPLE", "REDUCE", "STOP")


def text(value: str) -> tuple[str, str]:
    return ("SHORT_BINUNICODE", value)


def sees(module: str = "os", name: str = "system"):
    return lambda fact: isinstance(fact, Import) and (fact.module, fact.name) == (module, name)


def calls(target: str = "os.system"):
    return lambda fact: isinstance(fact, Call) and fact.target == target


def breaks(rule: str):
    return lambda fact: isinstance(fact, Malformed) and fact.rule == rule


def cannot(what: str):
    return lambda fact: isinstance(fact, Unresolved) and fact.what == what


def builds(manner: str, target: str = ""):
    return lambda fact: isinstance(fact, Build) and fact.manner == manner and target in fact.target


def drops(target: str):
    return lambda fact: isinstance(fact, Call) and fact.target == target and fact.result_dropped


def carries(kind: str):
    return lambda fact: isinstance(fact, Nested) and kind in fact.carrier


STRADDLE = asm(
    "PROTO 5",
    "NONE",
    ("UNICODE", "a" * (8192 * 16 - 17)),
    "POP",
    "MARK",
    ("FRAME", 2),
    b"B\x07\x01\x00\x00",
    b"\x00\x00",
    asm(("GLOBAL", "os", "system"), "MARK", ("SHORT_BINUNICODE", ECHO), "TUPLE", "REDUCE", "MARK").ljust(261, b"N"),
    "POP_MARK",
    "STOP",
)

RESOLUTION = [
    (
        "G-02",
        asm(("GLOBAL", "multiprocessing.util", "spawnv_passfds"), "STOP"),
        [sees("multiprocessing.util", "spawnv_passfds")],
    ),
    ("G-03", asm("PROTO 2", ("GLOBAL", "pathlib", "os"), "STOP"), [sees("pathlib", "os")]),
    (
        "G-04",
        asm(P4, text("pathlib"), text("os.system"), "STACK_GLOBAL", *CALL, "STOP"),
        [sees("pathlib", "os.system")],
    ),
    ("G-04-global", asm(P4, ("GLOBAL", "pathlib", "os.system"), *CALL, "STOP"), [calls("pathlib.os.system")]),
    (
        "G-05",
        asm("PROTO 2", "NONE", "POP", P4, ("GLOBAL", "pathlib", "os.system"), *CALL, "STOP"),
        [sees("pathlib", "os.system"), breaks("pickle-protocol-twice")],
    ),
    (
        "G-06",
        asm(P4, text("collections"), text("OrderedDict.__init__.__globals__"), "STACK_GLOBAL", "STOP"),
        [lambda fact: isinstance(fact, Import) and fact.hazard == "attribute-walk"],
    ),
    (
        "G-08-module",
        asm(("GLOBAL", "__builtin__", "eval"), "STOP"),
        [sees("builtins", "eval"), sees("__builtin__", "eval")],
    ),
    ("G-08-name", asm(("GLOBAL", "itertools", "izip"), "STOP"), [sees("builtins", "zip"), sees("itertools", "izip")]),
    (
        "G-08-no-mapping",
        asm("PROTO 3", ("GLOBAL", "__builtin__", "eval"), "STOP"),
        [sees("__builtin__", "eval"), sees("builtins", "eval")],
    ),
    ("G-09-blank", asm(P4, text("os path"), text("system"), "STACK_GLOBAL", "STOP"), [sees("os path", "system")]),
    ("G-09-return", asm(("GLOBAL", "os\r", "system"), "STOP"), [sees("os\r", "system")]),
    ("G-09-cyrillic", asm(("GLOBAL", "оs", "system"), "STOP"), [sees("оs", "system")]),
    ("G-09-empty", asm(("GLOBAL", "", "system"), "STOP"), [sees("", "system")]),
    ("G-09-surrogate", asm(P4, b"\x8c\x03\xed\xa0\x80", text("x"), "STACK_GLOBAL", "STOP"), [sees("\ud800", "x")]),
    ("G-12", asm(("GLOBAL", "antigravity", "x"), "STOP"), [sees("antigravity", "x")]),
    (
        "G-14",
        asm(
            "PROTO 2",
            ("GLOBAL", "copyreg", "add_extension"),
            "MARK",
            ("BINUNICODE", "os"),
            ("BINUNICODE", "system"),
            "BININT2 26999",
            "TUPLE",
            "REDUCE",
            "POP",
            "EXT2 26999",
            *CALL,
            "STOP",
        ),
        [cannot("extension-code"), cannot("computed-callable"), sees("copyreg", "add_extension")],
    ),
    ("G-14-ext1", asm("EXT1 1", "STOP"), [cannot("extension-code")]),
    ("G-14-ext4", asm("EXT4 1", "STOP"), [cannot("extension-code")]),
    ("G-15-text", asm(("PERSID", "os.system"), "STOP"), [cannot("persistent-id")]),
    ("G-15-binary", asm(("BINUNICODE", "id"), "BINPERSID", "STOP"), [cannot("persistent-id")]),
    ("G-16-inst", asm("MARK", ("STRING", ECHO), ("INST", "os", "system"), "STOP"), [calls()]),
    ("G-16-obj", asm("MARK", ("GLOBAL", "os", "system"), ("STRING", ECHO), "OBJ", "STOP"), [calls()]),
    ("G-17-newobj", asm(*OS, text(ECHO), "TUPLE1", "NEWOBJ", "STOP"), [calls()]),
    (
        "G-17-newobj-ex",
        asm(*OS, "EMPTY_TUPLE", "EMPTY_DICT", text("command"), text(ECHO), "SETITEM", "NEWOBJ_EX", "STOP"),
        [calls()],
    ),
]

STREAMS = [
    ("O-01", asm(*OS, *CALL, "STOP"), [sees(), calls()]),
    (
        "O-02-put",
        asm(
            "PROTO 2",
            ("BINUNICODE", "os"),
            "PUT 7",
            "POP",
            ("BINUNICODE", "system"),
            "LONG_BINPUT 300",
            "POP",
            "GET 7",
            "LONG_BINGET 300",
            "STACK_GLOBAL",
            "STOP",
        ),
        [sees()],
    ),
    (
        "O-02-overwritten",
        asm(
            text("math"),
            "BINPUT 0",
            "POP",
            text("os"),
            "BINPUT 0",
            "POP",
            "BINGET 0",
            text("system"),
            "STACK_GLOBAL",
            "STOP",
        ),
        [sees()],
    ),
    (
        "O-02-memoize",
        asm(
            text("x"),
            "MEMOIZE",
            "BINGET 0",
            "MEMOIZE",
            text("os"),
            "MEMOIZE",
            text("system"),
            "MEMOIZE",
            "POP",
            "POP",
            "BINGET 2",
            "BINGET 3",
            "STACK_GLOBAL",
            "STOP",
        ),
        [sees()],
    ),
    (
        "O-03",
        asm(text("os"), "BINPUT 1", "POP", text("math"), "BINGET 1", text("system"), "STACK_GLOBAL", "STOP"),
        [sees()],
    ),
    ("O-04-dup", asm(text("os"), "DUP", "POP", text("system"), "STACK_GLOBAL", "STOP"), [sees()]),
    (
        "O-04-pop-mark",
        asm(text("os"), "MARK", text("math"), "POP_MARK", text("system"), "STACK_GLOBAL", "STOP"),
        [sees()],
    ),
    ("O-04-pop-of-mark", asm(text("os"), "MARK", "POP", text("system"), "STACK_GLOBAL", "STOP"), [sees()]),
    (
        "O-04-tuple",
        asm(
            text("os"),
            "BINPUT 0",
            text("system"),
            "BINPUT 1",
            "TUPLE2",
            "POP",
            "BINGET 0",
            "BINGET 1",
            "STACK_GLOBAL",
            "STOP",
        ),
        [sees()],
    ),
    (
        "O-05",
        asm(
            P4,
            text("builtins"),
            text("str"),
            "STACK_GLOBAL",
            text("os"),
            "TUPLE1",
            "REDUCE",
            text("system"),
            "STACK_GLOBAL",
            "STOP",
        ),
        [cannot("computed-global")],
    ),
    (
        "O-06-unset",
        asm(text("os"), "BINPUT 5", "STOP", "BINGET 5", text("system"), "STACK_GLOBAL", "STOP"),
        [sees(), cannot("unknown-memo")],
    ),
    (
        "O-06-shifted",
        asm(
            P4,
            text("os"),
            "MEMOIZE",
            text("system"),
            "MEMOIZE",
            "TUPLE2",
            "STOP",
            P4,
            text("math"),
            "MEMOIZE",
            text("pi"),
            "MEMOIZE",
            "BINGET 0",
            "BINGET 1",
            "STACK_GLOBAL",
            "TUPLE3",
            "STOP",
        ),
        [sees(), sees("math", "pi")],
    ),
    ("O-07", asm(*(["NONE", "STOP"] * 120)) + PAYLOAD, [calls()]),
    ("O-08", asm("NONE", "STOP") + b"\x00\x00junk" + PAYLOAD, [breaks("pickle-bytes-after-stop"), calls()]),
    ("O-09-unknown", asm(P4, *OS, *CALL) + b"\xff", [calls(), breaks("pickle-unknown-opcode")]),
    ("O-09-truncated", asm(P4, *OS, *CALL, b"X\xff\xff\x00\x00ab"), [calls(), breaks("pickle-length")]),
    ("O-09-after-error", b"N\xff\x00" + PAYLOAD, [calls(), breaks("pickle-unknown-opcode")]),
    ("O-10-no-stop", asm(P4, *OS, *CALL), [calls(), breaks("pickle-no-stop")]),
    ("O-10-argument", asm(P4) + b"\x8c\x09ab", [breaks("pickle-truncated")]),
    ("O-10-line", b"cos\nsystem", [sees("os", "syste"), breaks("pickle-truncated")]),
    ("O-11-reduce", asm(P4, *OS, *CALL, "POP", "NONE", "STOP"), [drops("os.system")]),
    ("O-11-inst", asm("MARK", ("STRING", ECHO), ("INST", "os", "system"), "POP", "NONE", "STOP"), [drops("os.system")]),
    (
        "O-11-obj",
        asm("MARK", ("GLOBAL", "os", "system"), ("STRING", ECHO), "OBJ", "POP", "NONE", "STOP"),
        [drops("os.system")],
    ),
    ("O-11-newobj", asm(*OS, "EMPTY_TUPLE", "NEWOBJ", "POP", "NONE", "STOP"), [drops("os.system")]),
    ("O-11-pop-mark", asm("MARK", *OS, *CALL, "POP_MARK", "NONE", "STOP"), [drops("os.system")]),
    ("O-11-setitems", asm("EMPTY_DICT", "MARK", text("a"), *OS, *CALL, "SETITEMS", "STOP"), [calls()]),
    ("O-12-next-buffer", asm("NEXT_BUFFER", "STOP"), [cannot("out-of-band-buffer")]),
    ("O-12-readonly", asm("NEXT_BUFFER", "READONLY_BUFFER", "STOP"), [cannot("out-of-band-buffer")]),
    ("O-13-bytes", pickle.dumps({"w": PAYLOAD}), [carries("bytes"), calls()]),
    ("O-13-inside-bytes", pickle.dumps(b"header" + PAYLOAD), [carries("bytes"), calls()]),
    ("O-13-bytearray", pickle.dumps(bytearray(PAYLOAD), 5), [carries("bytearray"), calls()]),
    ("O-13-text-pickle", pickle.dumps(TEXT_PAYLOAD.decode()), [carries("str"), calls()]),
    ("O-13-base64", pickle.dumps(base64.b64encode(PAYLOAD).decode()), [carries("base64"), calls()]),
    ("O-13-base64-bytes", pickle.dumps(base64.b64encode(PAYLOAD)), [carries("base64"), calls()]),
    ("O-13-hex", pickle.dumps(PAYLOAD.hex()), [carries("hex"), calls()]),
    ("O-13-zlib", pickle.dumps(zlib.compress(PAYLOAD)), [carries("zlib"), calls()]),
    (
        "O-13-base64-zlib",
        pickle.dumps(base64.b64encode(zlib.compress(PAYLOAD)).decode()),
        [carries("base64+zlib"), calls()],
    ),
    ("O-13-latin1", pickle.dumps(PAYLOAD, 2), [carries("latin-1"), calls()]),
    ("O-13-twice", pickle.dumps(pickle.dumps(PAYLOAD)), [carries("bytes"), calls()]),
    ("O-13-protocol-0", pickle.dumps(PAYLOAD, 0), [carries("escapes"), calls()]),
    ("O-14-values", asm("NONE", "NONE", "STOP"), [breaks("pickle-left-over")]),
    ("O-14-mark", asm("MARK", "NONE", "STOP"), [breaks("pickle-left-over")]),
    ("O-15-middle", asm("NONE", "PROTO 2", "STOP"), [breaks("pickle-protocol-twice")]),
    ("O-15-repeated", asm(P4, P4, "NONE", "STOP"), [breaks("pickle-protocol-twice")]),
    ("O-15-6", asm("PROTO 6", "NONE", "STOP"), [breaks("pickle-protocol")]),
    ("O-15-255", asm("PROTO 255", "NONE", "STOP"), [breaks("pickle-protocol")]),
    *[
        (f"O-16-{line.decode()}", line + b"\n0" + TEXT_PAYLOAD, [breaks("pickle-number"), calls()])
        for line in (
            b"I0x10",
            b"I0b11",
            b"I0_1",
            b"I 1",
            b"I+1",
            b"I010",
            b"I1\x00z",
            b"L0x10L",
            b"L1",
            b"F1_0",
            b"F 1",
            b"F1\x00z",
        )
    ],
    *[
        (f"O-16-{line.decode()}", b"N" + line + b"\n0" + TEXT_PAYLOAD, [breaks("pickle-number"), calls()])
        for line in (b"p+5", b"p1_0", b"p05")
    ],
    ("O-16-get", b"Np5\ng 5\n00" + TEXT_PAYLOAD, [breaks("pickle-number"), calls()]),
    ("O-17-hex", asm(b"S'\\x6fs'\n", text("system"), "STACK_GLOBAL", "STOP"), [sees()]),
    ("O-17-octal", asm(b"S'\\157s'\n", text("system"), "STACK_GLOBAL", "STOP"), [sees()]),
    ("O-17-double", asm(b'S"os"\n', text("system"), "STACK_GLOBAL", "STOP"), [sees()]),
    ("O-17-unknown-escape", asm(b"S'o\\q'\n", text("system"), "STACK_GLOBAL", "STOP"), [sees("o\\q", "system")]),
    ("O-17-no-quote", b"S'os\n.", [breaks("pickle-string")]),
    ("O-18", asm(b"V\\u006fs\n", text("system"), "STACK_GLOBAL", "STOP"), [sees()]),
    ("O-18-surrogate", asm(b"V\\ud800\n", text("x"), "STACK_GLOBAL", "STOP"), [sees("\ud800", "x")]),
    ("O-18-broken", b"V\\u00\n.", [breaks("pickle-unicode")]),
    ("O-19-name", asm(("SHORT_BINSTRING", b"o\xe9"), text("x"), "STACK_GLOBAL", "STOP"), [cannot("computed-global")]),
    ("O-21-long4", asm("PROTO 2", ("LONG4", TEXT_PAYLOAD), "STOP"), [carries("int"), calls()]),
    ("O-22-list", asm("EMPTY_LIST", "BINPUT 0", "BINGET 0", "APPEND", *OS, *CALL, "TUPLE2", "STOP"), [calls()]),
    (
        "O-22-state",
        asm(("GLOBAL", "m", "C"), "EMPTY_TUPLE", "NEWOBJ", "BINPUT 0", "BINGET 0", "BUILD", "STOP"),
        [sees("m", "C")],
    ),
]

COMBINATIONS = [
    (
        "C-06-class",
        asm(("GLOBAL", "torch", "Tensor"), "EMPTY_DICT", text("forward"), *OS, "SETITEM", "BUILD", "STOP"),
        [builds("on-class", "torch.Tensor")],
    ),
    (
        "C-06-item",
        asm(("GLOBAL", "sys", "modules"), text("a"), "NONE", "SETITEM", "STOP"),
        [builds("item-on-class", "sys.modules")],
    ),
    (
        "C-06-items",
        asm(("GLOBAL", "os", "environ"), "MARK", text("a"), text("b"), "SETITEMS", "STOP"),
        [builds("item-on-class", "os.environ")],
    ),
    ("C-06-append", asm(("GLOBAL", "sys", "path"), text("a"), "APPEND", "STOP"), [builds("item-on-class", "sys.path")]),
    (
        "C-06-appends",
        asm(("GLOBAL", "sys", "path"), "MARK", text("a"), "APPENDS", "STOP"),
        [builds("item-on-class", "sys.path")],
    ),
    (
        "C-06-additems",
        asm(("GLOBAL", "m", "s"), "MARK", text("a"), "ADDITEMS", "STOP"),
        [builds("item-on-class", "m.s")],
    ),
    (
        "C-07",
        asm(
            ("GLOBAL", "argparse", "Namespace"),
            "EMPTY_TUPLE",
            "REDUCE",
            "EMPTY_DICT",
            text("__setstate__"),
            *OS,
            "SETITEM",
            "BUILD",
            text(ECHO),
            "BUILD",
            "STOP",
        ),
        [builds("setstate-key", "argparse.Namespace")],
    ),
    (
        "C-07-computed",
        asm(
            ("GLOBAL", "argparse", "Namespace"),
            "EMPTY_TUPLE",
            "REDUCE",
            "EMPTY_DICT",
            ("GLOBAL", "m", "f"),
            "EMPTY_TUPLE",
            "REDUCE",
            *OS,
            "SETITEM",
            "BUILD",
            "STOP",
        ),
        [builds("computed-key", "argparse.Namespace")],
    ),
    (
        "C-07-ordered",
        asm(
            ("GLOBAL", "argparse", "Namespace"),
            "EMPTY_TUPLE",
            "REDUCE",
            ("GLOBAL", "collections", "OrderedDict"),
            "EMPTY_TUPLE",
            "REDUCE",
            text("__setstate__"),
            *OS,
            "SETITEM",
            "BUILD",
            "STOP",
        ),
        [builds("setstate-key", "argparse.Namespace")],
    ),
    (
        "C-08-code",
        asm(("GLOBAL", "m", "function"), "EMPTY_DICT", text("__code__"), "NONE", "SETITEM", "BUILD", "STOP"),
        [builds("on-function", "m.function")],
    ),
    (
        "C-08-slots",
        asm(
            ("GLOBAL", "m", "C"),
            "EMPTY_TUPLE",
            "REDUCE",
            "NONE",
            "EMPTY_DICT",
            text("__class__"),
            *OS,
            "SETITEM",
            "TUPLE2",
            "BUILD",
            "STOP",
        ),
        [builds("setstate-key", "m.C")],
    ),
    (
        "call-of-call",
        asm(("GLOBAL", "m", "f"), "EMPTY_TUPLE", "REDUCE", "EMPTY_TUPLE", "REDUCE", "STOP"),
        [cannot("computed-callable")],
    ),
]

DIFFERENTIALS = [
    ("F-01", STRADDLE, [breaks("pickle-frame-straddle")]),
    ("F-02", b"I0x10\n0" + TEXT_PAYLOAD, [calls(), breaks("pickle-number")]),
    ("F-03", b"L0x10L\n0" + TEXT_PAYLOAD, [calls(), breaks("pickle-number")]),
    ("F-04", asm(("GLOBAL", "módulo", "x"), "STOP"), [sees("módulo", "x")]),
    ("F-05", asm(P4, "FRAME 20", "FRAME 3", "NONE", "STOP").ljust(31, b"N"), [breaks("pickle-frame-nested")]),
    ("F-06", asm(P4, "FRAME 99", *OS, *CALL, "STOP"), [breaks("pickle-frame-too-long"), calls()]),
    ("F-07", b"F1_0\n0" + TEXT_PAYLOAD, [calls(), breaks("pickle-number")]),
    ("F-08-put", b"Np-1\n" + TEXT_PAYLOAD, [calls(), breaks("pickle-number")]),
    (
        "F-08-binstring",
        asm(("SHORT_BINSTRING", b"\xe9"), "POP", *OS, *CALL, "STOP"),
        [calls(), lambda fact: isinstance(fact, Noted) and fact.rule == "pickle-encoding"],
    ),
    ("F-08-pop-mark", asm("NONE", "POP_MARK", "STOP"), [breaks("pickle-stack-underflow")]),
    ("F-08-dup", asm("DUP", "STOP"), [breaks("pickle-stack-underflow")]),
    ("F-08-newobj", asm("NONE", "EMPTY_TUPLE", "NEWOBJ", "STOP"), [breaks("pickle-call-of-data")]),
    ("F-08-stack-global", asm("NONE", "NONE", "STACK_GLOBAL", "STOP"), [cannot("computed-global")]),
    ("F-09", asm(P4, text("os path"), text("system"), "STACK_GLOBAL", "STOP"), [sees("os path", "system")]),
    ("frame-unfinished", asm(P4, "FRAME 3", "NONE", "STOP", "NONE"), [breaks("pickle-frame-unfinished")]),
]

DENIALS = [
    (
        "D-01",
        asm(text("x"), *(["DUP", "TUPLE2"] * 200), *OS, "BINPUT 0", "BINGET 0", "TUPLE1", "REDUCE", "STOP"),
        [sees()],
    ),
    ("D-02-binary", asm("NONE", "LONG_BINPUT 4294967295", "STOP"), [breaks("pickle-memo-index")]),
    ("D-02-text", asm("NONE", ("PUT", "9" * 30), "STOP"), [breaks("pickle-memo-index")]),
    ("D-02-digits", asm("NONE", ("PUT", "9" * 5000), "STOP"), [breaks("pickle-number")]),
    *[
        (f"D-03-{code!r}", code + struct.pack("<Q", 1 << 62), [breaks("pickle-length")])
        for code in (b"\x8e", b"\x8d", b"\x96")
    ],
    ("D-03-long4", asm("PROTO 2") + b"\x8b\xff\xff\xff\x7fab.", [breaks("pickle-length")]),
    ("D-03-negative", asm("PROTO 2") + b"\x8b\xff\xff\xff\xffab.", [breaks("pickle-length")]),
    ("D-03-frame", asm(P4, ("FRAME", 1 << 63), "NONE", "STOP"), [breaks("pickle-frame-too-long")]),
    ("D-04", b"L" + b"9" * 200_000 + b"L\n0" + TEXT_PAYLOAD, [calls()]),
    ("D-05-tuples", b"N" + b"\x85" * 200_000 + b"0" + TEXT_PAYLOAD, [calls()]),
    ("D-05-marks", b"(" * 200_000 + TEXT_PAYLOAD, [calls()]),
    ("D-05-lists", b"]" * 100_000 + b"a" * 99_999 + b"0" + TEXT_PAYLOAD, [calls()]),
]


@pytest.mark.parametrize(
    ("program", "expected"),
    [pytest.param(*case[1:], id=case[0]) for case in (*RESOLUTION, *STREAMS, *COMBINATIONS, *DIFFERENTIALS, *DENIALS)],
)
def test_a_way_round_is_written_down(program: bytes, expected: list[object]) -> None:
    facts = facts_of(program)
    for number, seen in enumerate(expected):
        assert any(seen(fact) for fact in facts), f"expectation {number} of {facts}"  # type: ignore[operator]


def test_o20_padding_beyond_the_budget_is_refused() -> None:
    from modelguard.picklevm.scanner import scan
    from modelguard.terms.artifact import Location
    from modelguard.terms.content import Budget, Content
    from modelguard.terms.errors import BudgetSpent

    content = Content.of(b"N0" * 500_000 + PAYLOAD, Location("model.pkl"))
    with pytest.raises(BudgetSpent):
        list(scan(content, Budget(opcodes=100_000)))


def test_the_names_seen_before_a_fault_stay() -> None:
    assert any(isinstance(fact, Import) for fact in facts_of(asm(*OS) + b"\xff"))


def test_facts_of_one_kind_are_written_once() -> None:
    facts: list[Fact] = facts_of(asm("EMPTY_LIST", "MARK", *([*OS, *CALL] * 50), "APPENDS", "STOP"))
    assert [type(fact).__name__ for fact in facts] == ["Import", "Call"]
