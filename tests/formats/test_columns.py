"""Tables: an Arrow schema may name a Python type by its pickle, wherever in the file the schema lies."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from walk_builders import asked, read, refused, unread

from modelguard.formats import columns
from modelguard.formats.columns import FORMAT

PICKLED = b"arrow.py_extension_type"
ASKED = [("remote-code", "arrow.py_extension_type")]


def parquet(schema: bytes, *, before: int = 0) -> bytes:
    footer = b"ARROW:schema" + schema
    return b"PAR1" + bytes(before) + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def arrow_file(schema: bytes, footer: bytes = b"footer", *, between: int = 0) -> bytes:
    first = b"\xff\xff\xff\xff" + len(schema).to_bytes(4, "little") + schema
    return b"ARROW1\0\0" + first + bytes(between) + footer + len(footer).to_bytes(4, "little") + b"ARROW1"


def arrow_stream(schema: bytes) -> bytes:
    message = b"\x10\0\0\0" + schema
    length = len(message) + -len(message) % 256 + 256 * 2  # the bytes of the mark stand where a length has them
    return b"\xff\xff\xff\xff" + length.to_bytes(4, "little") + message.ljust(length, b"\0")


CVE_2023_47248 = {
    "a file": arrow_file(b"schema " + PICKLED),
    "a file, in its footer": arrow_file(b"schema", PICKLED),
    "a file, in a long footer": arrow_file(b"schema", PICKLED + bytes(2 << 20), between=2 << 20),
    "a file, behind a long schema": arrow_file(bytes(2 << 20) + PICKLED, between=2 << 20),
    "a stream": arrow_stream(PICKLED),
    **{f"Parquet, {at} bytes into base64": parquet(b64encode(bytes(at) + PICKLED + bytes(4))) for at in range(12)},
    "Parquet, in a long footer": parquet(b64encode(PICKLED + bytes(2 << 20)), before=2 << 20),
}


@pytest.mark.parametrize("what", CVE_2023_47248)
def test_cve_2023_47248_a_column_of_a_pickled_type_is_asked_for(what: str) -> None:
    assert asked(read(FORMAT, CVE_2023_47248[what], "t.arrow")) == ASKED


@pytest.mark.parametrize(
    "data",
    [
        arrow_file(b"schema arrow.py_extension arrow.json"),
        arrow_stream(b"arrow.uuid"),
        parquet(b64encode(b"arrow.json, arrow.py_extension, type")),
        b"PAR1" + bytes(40) + b"PAR1",
        b"PAR1" + b"\xff" * 40 + b"PAR1",
    ],
    ids=["a file", "a stream", "Parquet", "no footer", "a footer beyond the file"],
)
def test_other_tables_ask_for_nothing(data: bytes) -> None:
    assert not asked(read(FORMAT, data, "t.arrow"))
    assert not refused(read(FORMAT, data, "t.arrow"))


def test_a_schema_that_is_too_long_to_be_searched_is_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "_LARGEST_SCHEMA", 100)
    assert unread(read(FORMAT, parquet(bytes(101)), "t.parquet"))
    assert not unread(read(FORMAT, parquet(bytes(50)), "t.parquet"))


@given(st.binary(max_size=80), st.sampled_from([b"PAR1", b"ARROW1\0\0", b"\xff\xff\xff\xff\x10\1\0\0\x10\0\0\0"]))
def test_any_bytes_are_read_or_refused(data: bytes, mark: bytes) -> None:
    read(FORMAT, mark + data + b"a" + mark[:6], "t.arrow")


@pytest.mark.heavy
@pytest.mark.parametrize("pickled", [True, False])
def test_tables_of_pyarrow(pickled: bool, tmp_path: Path) -> None:
    arrow: Any = pytest.importorskip("pyarrow", reason="a framework of requirements/frameworks.txt")
    parquet_: Any = pytest.importorskip("pyarrow.parquet", reason="a framework of requirements/frameworks.txt")
    metadata = {"ARROW:extension:name": PICKLED if pickled else b"arrow.json", "ARROW:extension:metadata": b""}
    schema = arrow.schema([arrow.field("x", arrow.utf8(), metadata=metadata)])
    table = arrow.Table.from_arrays([arrow.array(["1"], arrow.utf8())], schema=schema)
    writers: dict[str, Callable[..., Any]] = {"a.arrow": arrow.ipc.new_file, "b.arrow": arrow.ipc.new_stream}
    for name, writer in writers.items():
        with writer(tmp_path / name, schema) as sink:
            sink.write_table(table)
    parquet_.write_table(table, tmp_path / "c.parquet")
    for name in ("a.arrow", "b.arrow", "c.parquet"):
        facts = read(FORMAT, (tmp_path / name).read_bytes(), name)
        assert asked(facts) == (ASKED if pickled else [])
