"""What is a pickle is told by its bytes, and reading one never takes more than it should."""

from __future__ import annotations

import json
import pickle
import tracemalloc
from pathlib import Path

import pytest
from oracle import content_of
from pickle_builders import asm

from modelguard.picklevm.opcodes import OPCODES
from modelguard.picklevm.probe import is_pickle
from modelguard.picklevm.scanner import scan
from modelguard.terms.artifact import Location
from modelguard.terms.content import Budget, Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Import

PAYLOAD = asm(("GLOBAL", "os", "system"), "MARK", ("STRING", "echo pwned"), "TUPLE", "REDUCE", "STOP")

PICKLES = {
    **{f"protocol {number}": pickle.dumps({"a": [1, "text"]}, number) for number in range(6)},
    "a payload of protocol 0": PAYLOAD,
    "a payload that breaks off": PAYLOAD[:-1],
    "a payload behind a pickle without effect": b"I1\n." + PAYLOAD,
    "a payload behind many pickles without effect": b"N." * 40 + PAYLOAD,
    "a payload behind padding": b"N0" * 600_000 + PAYLOAD,
    "a payload behind a long text": asm(("BINUNICODE", "x" * 3_000_000), "POP") + PAYLOAD,
    "only a name": asm(("GLOBAL", "antigravity", "x"), "STOP"),
    "a fault behind PROTO": b"\x80\x04\xff",
}
OTHERS = {
    "nothing": b"",
    "requirements": b"click\nnumpy\nrich\nattrs>=23\n",
    "a list of names": b"cat\ndog\nRat\n(t\ncow\n",
    "prose": b"In the beginning\nthere was nothing.\n",
    "a title": b"# Title\n\nconda install x\n",
    "JSON": json.dumps({"a": [1, 2]}).encode(),
    "a JSON list": json.dumps([1, "two"]).encode(),
    "Python": Path(__file__).read_bytes(),
    "zip": b"PK\x03\x04\x14\x00\x00\x00\x08\x00" + bytes(range(256)),
    "PNG": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "GGUF": b"GGUF\x03\x00\x00\x00" + bytes(range(256)),
    "npy": b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', }" + bytes(100),
    "safetensors": b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ",
    "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(100),
    "zeros": bytes(1000),
    "gzip": b"\x1f\x8b\x08" + bytes(range(256)),
}


@pytest.mark.parametrize("name", PICKLES)
def test_a_pickle_is_taken_for_one(name: str) -> None:
    assert is_pickle(content_of(PICKLES[name], "plain.txt"))


@pytest.mark.parametrize("name", OTHERS)
def test_another_file_is_not_taken_for_a_pickle(name: str) -> None:
    assert not is_pickle(content_of(OTHERS[name], "model.pkl"))


def test_a_file_that_shrinks_while_it_is_read_is_an_error() -> None:
    data = pickle.dumps(["x" * 100] * 5 + [f"word{number}" for number in range(50_000)])
    shrunk = Content(
        location=Location("m"), size=len(data), fetch=lambda offset, length: data[:9000][offset : offset + length]
    )
    with pytest.raises(ReadError, match="shrank"):
        list(scan(shrunk, Budget()))


def test_memory_does_not_grow_with_the_file() -> None:
    head, tail = asm("PROTO 4", "EMPTY_LIST", b"\x8e" + (200 << 20).to_bytes(8, "little")), asm("APPEND", "STOP")
    size = len(head) + (200 << 20) + len(tail)

    def fetch(offset: int, length: int) -> bytes:
        """Give bytes of a file of 200 MB that nobody holds."""
        middle = bytes(max(0, min(offset + length, size - len(tail)) - max(offset, len(head))))
        end = tail[max(0, offset - size + len(tail)) : max(0, offset + length - size + len(tail))]
        return head[offset : offset + length] + middle + end

    tracemalloc.start()
    facts = list(scan(Content(location=Location("m"), size=size, fetch=fetch), Budget()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [getattr(fact, "rule", "") for fact in facts] == ["pickle-constants-unsearched"]
    assert peak < 8 << 20


def test_a_pickle_over_many_windows_is_read_to_its_end() -> None:
    data = pickle.dumps([f"word{number}" for number in range(300_000)], 2)[:-1] + PAYLOAD
    assert any(isinstance(fact, Import) for fact in scan(content_of(data), Budget()))


def test_the_table_has_every_opcode() -> None:
    import pickletools

    assert {(row.name, bytes([row.code]).decode("latin-1")) for row in OPCODES} == {
        (opcode.name, opcode.code) for opcode in pickletools.opcodes
    }
    for row in OPCODES:
        theirs = next(opcode for opcode in pickletools.opcodes if opcode.name == row.name)
        assert row.protocol == theirs.proto
        assert row.to_mark == ("mark" in [value.name for value in theirs.stack_before])
