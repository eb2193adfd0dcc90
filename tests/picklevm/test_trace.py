"""The trace shows each opcode once, with what it does and what was seen."""

from __future__ import annotations

import gzip
import io
import lzma
import pickle
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from container_builders import Piece, walk_all, zip_of
from oracle import content_of
from pickle_builders import ECHO, asm, call, named, program

from modelguard.picklevm.trace import Tracer, trace
from modelguard.terms.content import Budget

LONE = program(*call(named("os", "system"), ECHO).parts)


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


def walked(data: bytes, name: str, **options: Any) -> tuple[list[str], Tracer]:
    told: list[str] = []
    tracer = Tracer(told.append, **options)
    with tracer.watching():
        walk_all(data, name)
    return told, tracer


def opcodes(told: list[str]) -> list[str]:
    return [line.split()[1] for line in told if line.strip()[:1].isdigit()]


def test_the_pickles_in_an_archive_are_traced_each_under_its_place() -> None:
    facts, tracer = walked(zip_of(Piece(name=b"a.pkl", data=LONE), Piece(name=b"b/c.pkl", data=LONE)), "model.zip")
    assert [line for line in facts if line.startswith("#")] == ["# model.zip » a.pkl", "# model.zip » b/c.pkl"]
    assert opcodes(facts) == opcodes(lines(LONE)[1:]) * 2
    assert [place.members for place in tracer.found] == [("a.pkl",), ("b/c.pkl",)]


def test_only_what_is_wanted_is_traced() -> None:
    archive = zip_of(Piece(name=b"a.pkl", data=LONE), Piece(name=b"b.pkl", data=LONE))
    told, tracer = walked(archive, "model.zip", wanted=lambda place: place.members == ("b.pkl",))
    assert [line for line in told if line.startswith("#")] == ["# model.zip » b.pkl"]
    assert len(tracer.found) == 2


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress, lzma.compress])
def test_a_compressed_pickle_is_traced_as_it_is(compress: Callable[[bytes], bytes]) -> None:
    told, _ = walked(compress(LONE), "model.pkl")
    assert opcodes(told) == opcodes(lines(LONE)[1:])


def test_the_watch_changes_no_fact_and_ends_with_its_block() -> None:
    before = walk_all(LONE, "model.pkl")
    tracer = Tracer(lambda line: None)
    with tracer.watching():
        assert walk_all(LONE, "model.pkl") == before
    walk_all(LONE, "other.pkl")
    assert [place.path for place in tracer.found] == ["model.pkl"]


def test_a_trace_of_formats_has_an_end_and_the_reading_goes_on() -> None:
    told: list[str] = []
    with Tracer(told.append, most=3).watching():
        facts = walk_all(LONE, "model.pkl")
    assert told[-1].strip() == "… the trace ends after 3 opcodes"
    assert facts == walk_all(LONE, "model.pkl")


def test_arrays_of_joblib_are_passed_over_and_pickles_in_its_stream_are_traced() -> None:
    joblib = pytest.importorskip("joblib", reason="writes the file")
    np = pytest.importorskip("numpy", reason="makes the arrays")
    stream = io.BytesIO()
    joblib.dump({"raw": np.ones(3), "objects": np.array([None, 1], dtype=object)}, stream)
    told, _ = walked(stream.getvalue(), "model.joblib")
    assert any(line.endswith("24 raw bytes of an array follow") or "raw bytes of an array" in line for line in told)
    inner = next(at for at, line in enumerate(told) if line.endswith("a whole pickle follows"))
    assert told[inner + 1].split()[1] == "PROTO"
    assert any(line.endswith("the pickle around it goes on") for line in told[inner:])
    assert len([line for line in told if line.strip() == "^ Import numpy._core.multiarray._reconstruct"]) == 1
    assert told[-1].split()[1] == "STOP"
