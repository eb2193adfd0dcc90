"""Every known way around a scanner is refused as a file, by all formats and the default policy, and has a benign twin.

`ROWS` numbers the ways: G resolves a global in another way, C combines harmless callables, O are streams of opcodes,
F differences between parsers, D exhaust a reader, Z are ZIP archives and W other wrappers. The cases stand in the tests
of the parts that they are about; what is only here stands in `HERE`. A twin is what an honest writer makes instead.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import struct
import tarfile
import zlib
from collections.abc import Iterable
from typing import Any

import pytest
import test_advisories
import test_bypass_classes
import test_npy
import test_tar
import test_torch
import test_zip
from container_builders import Piece, central_record, end_record, local_header, walk_all, zip_of
from hdf5_builders import File, external
from pickle_builders import ECHO, Parts, asm, call, named, program, push, state
from pickle_verdicts import judged, reasons
from test_compression import SEALED
from torch_builders import NUMBERS, WEIGHTS, torch_stream, torch_zip

from modelguard.terms.artifact import Location

LONE = program(*call(named("os", "system"), ECHO).parts)
ORDERED = call(named("collections", "OrderedDict"))
SPACE = call(named("argparse", "Namespace"), opcode="NEWOBJ")
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"

# The numbers of the rows, and how many each letter has.
ROWS = tuple(
    f"{letter}-{number:02}"
    for letter, count in {"G": 18, "C": 14, "O": 22, "F": 9, "D": 10, "Z": 15, "W": 9}.items()
    for number in range(1, count + 1)
)
ELSEWHERE = {"D-10": "tests/collectors/test_contents.py: a link, a pipe and a file that grows are files on a disk"}


def data(value: object, protocol: int = 4) -> bytes:
    return program(*push(value), protocol=protocol)


def made(*parts: Parts) -> bytes:
    return program(*(one for part in parts for one in part.parts), *["TUPLE2"] * (len(parts) - 1))


def overlapping() -> bytes:
    kernel = Piece(name=b"0", data=LONE)
    body = local_header(kernel.fields({})) + kernel.data
    directory = b"".join(central_record(kernel.fields({"name": b"%d" % number}), 0) for number in range(9))
    return body + directory + end_record(9, len(directory), len(body))


def tar(inner: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo("model_weights.ckpt")
        member.size = len(inner)
        archive.addfile(member, io.BytesIO(inner))
    return out.getvalue()


HERE: list[tuple[str, str, bytes]] = [
    ("G-10 part of a granted name", "m.pkl", made(call(named("collections", "Ordered")))),
    ("G-10 more than a granted name", "m.pkl", made(call(named("collections", "OrderedDict2")))),
    ("O-20", "m.pkl", b"N0" * 1_000_000 + LONE),
    ("O-21", "m.pkl", test_bypass_classes.STRADDLE),
    ("D-06", "m.pkl", asm("EMPTY_LIST", *["MARK", "NONE", "APPENDS"] * 20_000, "POP") + LONE),
    ("D-07 bytes", "m.pkl", made(call(named("builtins", "bytearray"), 10**12))),
    ("D-07 range", "m.pkl", made(call(named("builtins", "range"), 10**15))),
    ("D-07 pattern", "m.pkl", made(call(named("re", "_compile"), "(a+)+$", 0))),
    ("D-08", "m.pkl", bz2.compress(bytes(20_000_000))),
    ("D-09", "m.safetensors", struct.pack("<Q", 1 << 62) + b"{}"),
    ("Z-12", "m.pt", overlapping()),
    ("W-01", "m.pt", SEALED["7z"] + bytes(100)),
    *[(f"W-02 {at}", "m.joblib", pack(LONE)) for at, pack in enumerate((zlib.compress, gzip.compress, lzma.compress))],
    ("W-03", "m.nemo", gzip.compress(tar(LONE))),
    ("W-06", "m.h5", File().finish(external("w", b"/etc/other.h5", b"/x"))),
    ("W-08", "m.safetensors", POINTER),
    ("W-09", "pytorch_model-00002-of-00002.bin", torch_zip(test_torch.BAD)),
]


def elsewhere() -> Iterable[tuple[str, str, bytes]]:
    """Yield the cases of other tests: those whose ids begin with the number of a row."""
    lists: list[tuple[str, Iterable[Any]]] = [
        *[("m.pkl", getattr(test_bypass_classes, name))
          for name in ("RESOLUTION", "STREAMS", "COMBINATIONS", "DIFFERENTIALS", "DENIALS")],
        ("m.pkl", test_advisories.CONSTRUCTS),
        ("m.zip", test_zip.CASES),
        ("m.pt", test_torch.CASES), ("m.pt", test_torch.RULES),
        ("m.npy", [(f"W-05 {name}", file) for name, file in test_npy.CASES]),
        ("m.tar", [(f"W-03 {case[0]}", test_tar.fixed(case[-1])) for case in test_tar.CASES]),
    ]  # fmt: skip
    for name, cases in lists:
        for case in cases:
            if str(case[0])[:4] in ROWS:
                yield str(case[0]), name, next(part for part in case[1:] if isinstance(part, bytes))


CASES = [*HERE, *elsewhere()]

# What an honest writer makes instead: the rows that it stands beside, the file's name, the bytes.
TWINS: list[tuple[str, str, bytes]] = [
    ("G-01 G-02 G-03 G-10", "m.pkl", made(ORDERED, call(named("collections", "deque"), [1]))),
    ("G-04 G-05 G-06", "m.pkl", made(call(named("copyreg", "_reconstructor"), named("argparse", "Namespace"),
                                          named("builtins", "object"), None))),
    ("G-07", "m.pkl", program(*call(named("_codecs", "encode", protocol=2), "\xff", "latin1").parts, protocol=2)),
    ("G-08", "m.pkl", program(*call(named("__builtin__", "set", protocol=2), [1]).parts, protocol=2)),
    ("G-09 F-04 F-09", "m.pkl", data(["оs", "os path", "ｏs", "módulo", ""])),
    ("G-11 G-18", "m.pkl", made(state(call(named("sklearn.linear_model._logistic", "LogisticRegression"),
                                           opcode="NEWOBJ"), {"C": 1}))),
    ("G-12 C-06", "m.pkl", made(named("numpy", "ndarray"))),
    ("G-13", "m.pkl", data({"module": "modeling_x", "class": "Model"})),
    ("G-14", "m.pkl", data(["copyreg", "add_extension", 0x697A])),
    ("G-15 Z-10 Z-15", "m.pt", torch_zip()),
    ("G-16", "m.pkl", asm("MARK", ("INST", "collections", "OrderedDict"), "STOP")),
    ("G-16", "m.pkl", asm("MARK", ("GLOBAL", "collections", "OrderedDict"), "OBJ", "STOP")),
    ("G-17", "m.pkl", made(call(named("uuid", "UUID"), opcode="NEWOBJ"))),
    ("C-01 C-02", "m.pkl", data({"function": "getattr", "resolver": "pkgutil.resolve_name", "format": "{0.a}"})),
    ("C-03", "m.pkl", made(call(named("collections", "defaultdict"), named("builtins", "list")))),
    ("C-04", "m.pkl", made(call(named("numpy._core.multiarray", "_reconstruct"), named("numpy", "ndarray"), (0,),
                                b"b"))),
    ("C-05 C-10 C-11 C-12 C-13", "m.pkl", data(["threading.Timer", "pickle.loads", "torch.save", "socket", "os.environ",
                                                "modelguard"])),
    ("C-07 C-08", "m.pkl", made(state(SPACE, {"setstate": 1, "code": "x", "globals": {}}))),
    ("C-09", "m.pkl", program(*call(named("_codecs", "encode", protocol=2), "text", "latin-1").parts, protocol=2)),
    ("C-14 O-09 O-10", "m.pkl", made(ORDERED)),
    ("O-01", "m.pkl", asm(("SHORT_BINUNICODE", "collections"), ("SHORT_BINUNICODE", "OrderedDict"), "STACK_GLOBAL",
                          "EMPTY_TUPLE", "REDUCE", "STOP")),
    ("O-02 O-03", "m.pkl", program(("BINUNICODE", "collections"), "BINPUT 0", "POP", ("BINUNICODE", "OrderedDict"),
                                   "BINPUT 1", "POP", "BINGET 0", "BINGET 1", "STACK_GLOBAL", "EMPTY_TUPLE", "REDUCE")),
    ("O-04", "m.pkl", program(("BINUNICODE", "collections"), "DUP", "POP", ("BINUNICODE", "deque"), "STACK_GLOBAL")),
    ("O-05", "m.pkl", made(call(named("builtins", "str"), "os"))),
    ("O-06 O-07 O-08", "m.pkl", data([1, "os"]) + data(["system"]) + data(None)),
    ("O-11", "m.pkl", program("EMPTY_DICT", *push("a"), *ORDERED.parts, "SETITEM")),
    ("O-12", "m.pkl", pickle.dumps(bytearray(b"in band"), 5)),
    ("O-13", "m.pkl", data({"w": b"\x80\x04 no pickle follows", "t": "gASV0123456789abcdef0123"})),
    ("O-14 O-15", "m.pkl", asm("PROTO 4", "NONE", "NONE", "TUPLE2", "STOP")),
    ("O-16 F-02 F-03 F-07", "m.pkl", asm(("INT", 16), ("LONG", 16), "TUPLE2", ("FLOAT", 1.5), "TUPLE2", "STOP")),
    ("O-17 O-18", "m.pkl", asm(("STRING", b"'a\\nb'"), ("UNICODE", b"\\u00e9"), "TUPLE2", "STOP")),
    ("O-19", "m.pkl", asm(("SHORT_BINSTRING", b"ascii"), "STOP")),
    ("O-20", "m.pkl", data(list(range(30_000)))),
    ("O-21 F-01 F-05 F-06", "m.pkl", asm("PROTO 4", "FRAME 2", "NONE", "STOP")),
    ("O-22", "m.pkl", asm("EMPTY_LIST", "BINPUT 0", "BINGET 0", "APPEND", "STOP")),
    ("F-08", "m.pkl", asm("NONE", ("PUT", 1), "MARK", "NONE", "POP_MARK", "STOP")),
    ("D-01", "m.pkl", asm(("SHORT_BINUNICODE", "x"), *["DUP", "TUPLE2"] * 9, "STOP")),
    ("D-02", "m.pkl", asm("NONE", "LONG_BINPUT 70000", "STOP")),
    ("D-03 D-04", "m.pkl", asm("PROTO 4", ("BINBYTES8", b"abc"), ("LONG1", 1 << 200), "TUPLE2", "STOP")),
    ("D-05", "m.pkl", asm("NONE", *["TUPLE1"] * 60, "STOP")),
    ("D-06", "m.pkl", asm("EMPTY_LIST", *["MARK", "NONE", "APPENDS"] * 50, "STOP")),
    ("D-07", "m.pkl", made(call(named("builtins", "bytearray"), b"ab"), call(named("builtins", "range"), 9))),
    ("D-07", "m.pkl", made(call(named("re", "_compile"), "a+$", 0))),
    ("D-08 W-02", "m.pkl", bz2.compress(data(["weights"] * 9))),
    ("D-09", "m.safetensors", struct.pack("<Q", 8) + b"{}      "),
    ("Z-01 Z-02 Z-03 Z-04 Z-05 Z-06 Z-08 Z-09 Z-12 Z-13 Z-14", "m.zip",
     zip_of(Piece(name=b"a/one.pkl", data=data(1)), Piece(name=b"a/two.pkl", data=data(2), method=8))),
    ("Z-07", "m.npz", zip_of(Piece(name=b"a.npy", data=test_npy.saved(test_npy.ARRAYS["c"]), method=8))),
    ("Z-11", "m.zip", zip_of(Piece(name=b"inner.zip", data=zip_of(Piece(name=b"a.pkl", data=data(1)))))),
    ("W-01", "m.pkl.xz", lzma.compress(data(1))),
    ("W-03", "m.nemo", gzip.compress(tar(torch_stream()))),
    ("W-04", "m.pt", torch_stream()),
    ("W-05", "m.npy", test_npy.saved(test_npy.ARRAYS["objects"])),
    ("W-06", "m.h5", File().finish()),
    ("W-07", "m.pt", torch_zip(WEIGHTS, storages={"0": NUMBERS})),
    ("W-08", "m.safetensors", struct.pack("<Q", 8) + b"{}      "),
    ("W-09", "pytorch_model-00002-of-00002.bin", torch_zip()),
]  # fmt: skip


def refusal(name: str, file: bytes) -> list[str]:
    """Return why a file is refused by the default policy; nothing when it is allowed."""
    return reasons(judged(walk_all(file, name), Location(name), size=len(file)))


@pytest.mark.parametrize(("name", "file"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_no_known_way_around_is_allowed(name: str, file: bytes) -> None:
    assert refusal(name, file)


@pytest.mark.parametrize(("name", "file"), [twin[1:] for twin in TWINS], ids=[twin[0] for twin in TWINS])
def test_the_honest_twin_is_allowed(name: str, file: bytes) -> None:
    assert refusal(name, file) == []


def test_every_row_has_a_case_and_a_twin() -> None:
    assert {case[0][:4] for case in CASES} | ELSEWHERE.keys() == set(ROWS)
    assert {row for twin in TWINS for row in twin[0].split()} | ELSEWHERE.keys() == set(ROWS)
