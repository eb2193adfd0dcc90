"""The trace shows each opcode once, with what it does and what was seen."""

from __future__ import annotations

import pickle

from oracle import content_of
from pickle_builders import asm

from modelguard.picklevm.trace import trace
from modelguard.terms.content import Budget


def lines(data: bytes, **options: int) -> list[str]:
    return [line.rstrip() for line in trace(content_of(data), Budget(), **options)]


def test_each_opcode_is_a_line_with_its_effect() -> None:
    program = asm(
        "PROTO 4",
        ("SHORT_BINUNICODE", "os"),
        ("SHORT_BINUNICODE", "system"),
        "STACK_GLOBAL",
        ("SHORT_BINUNICODE", "echo pwned"),
        "TUPLE1",
        "REDUCE",
        "STOP",
    )
    text = lines(program)
    assert [line.split()[:2] for line in text[1:5]] == [
        ["0", "PROTO"],
        ["2", "SHORT_BINUNICODE"],
        ["6", "SHORT_BINUNICODE"],
        ["14", "STACK_GLOBAL"],
    ]
    assert text[4].endswith("0:1           os.system")
    assert text[5].strip().startswith("^ Import os.system")
    assert "^ Call os.system('echo pwned')" in text[9]
    assert text[-1].split()[1] == "STOP"


def test_every_byte_of_an_ordinary_pickle_is_traced() -> None:
    import pickletools

    for protocol in range(6):
        data = pickle.dumps({"a": [1, 2.5, None, "text" * 99, b"bytes", (1, 2, 3, 4)], "b": {1, 2}}, protocol)
        traced = [line.split()[:2] for line in lines(data)[1:] if line.strip()[0].isdigit()]
        assert traced == [[str(at), opcode.name] for opcode, _, at in pickletools.genops(data)]


def test_a_fault_ends_the_trace_with_its_reason() -> None:
    assert lines(b"N\xff.")[-1].endswith("stops: no opcode is written as b'\\xff' (pickle-unknown-opcode)")


def test_a_trace_has_an_end() -> None:
    assert lines(b"N0" * 100 + b"N.", most=10)[-1].strip() == "… the trace ends after 10 opcodes"


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in "".join(
        lines(asm(("GLOBAL", "os\x1b[2J", "x"), ("UNICODE", "\x1b"), ("BINUNICODE", "\x1b"), "TUPLE2", "STOP"))
    )
