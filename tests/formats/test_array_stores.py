"""Zarr, Orbax and OCDBT: chunks are numbers unless a codec unpickles them; stores and files elsewhere are asked for."""

from __future__ import annotations

import json
from pathlib import Path
from struct import pack
from time import process_time
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from protobuf_builders import varint
from test_models_through_the_walk import facts_of
from walk_builders import SmallWalk, asked, content_of, fuzz, only, read, refused, rules, truncations, unread

from modelguard.checks.unknown_bytes import CHECK as UNKNOWN
from modelguard.formats._crc32c import crc32c
from modelguard.formats.ocdbt import FORMAT as OCDBT
from modelguard.formats.orbax import FORMAT as ORBAX
from modelguard.formats.zarr import FORMAT as ZARR
from modelguard.terms.artifact import LocalRef, Snapshot
from modelguard.terms.facts import Asks, Dossier, Header, Import, Malformed, RawNumbers, Unread

DATA = "d/" + "0123456789abcdef" * 2


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def zarray(**changes: Any) -> bytes:
    plain = {
        "zarr_format": 2,
        "shape": [4],
        "chunks": [2],
        "dtype": "<f4",
        "compressor": {"id": "zstd"},
        "filters": None,
    }
    return as_json({**plain, **changes})


def zarr3(*codecs: Any, **changes: Any) -> bytes:
    plain = {"zarr_format": 3, "node_type": "array", "shape": [4], "data_type": "float32", "codecs": list(codecs)}
    return as_json({**plain, **changes})


def consolidated(array: bytes) -> bytes:
    return as_json({"zarr_consolidated_format": 1, "metadata": {"w/.zarray": json.loads(array)}})


def read_beside(form: Any, data: bytes, path: str, *others: str) -> list[Any]:
    return read(form, data, path, walk=SmallWalk(paths=frozenset({path, *others})))


# --- Zarr ------------------------------------------------------------------------------------------------------


def test_the_chunks_beside_an_array_are_numbers() -> None:
    facts = read_beside(
        ZARR, zarray(), "m/w/.zarray", "m/w/0", "m/w/1.0", "m/w/0/3", "m/w/x.pkl", "m/v/0", "m/w/.zattrs"
    )
    assert not refused(facts)
    assert [fact.path for fact in only(facts, RawNumbers)] == ["m/w/0", "m/w/0/3", "m/w/1.0"]


def test_the_chunks_of_version_3_are_numbers() -> None:
    shards = {"name": "sharding_indexed", "configuration": {"codecs": [{"name": "bytes"}], "index_codecs": []}}
    facts = read_beside(ZARR, zarr3(shards), "w/zarr.json", "w/c", "w/c/0/1", "w/c.0", "w/cc", "w/c/x")
    assert not refused(facts)
    assert [fact.path for fact in only(facts, RawNumbers)] == ["w/c", "w/c.0", "w/c/0/1"]


def test_an_array_whose_own_name_is_a_number_has_its_chunks() -> None:
    facts = read_beside(ZARR, zarray(), "0/.zarray", "0/0.0", "0/1/2", "1/0.0", "0")
    assert [fact.path for fact in only(facts, RawNumbers)] == ["0/0.0", "0/1/2"]
    assert [fact.path for fact in only(read_beside(ZARR, zarray(), ".zarray", "0", "x/0"), RawNumbers)] == ["0"]


def test_many_arrays_of_many_chunks_take_little_time() -> None:
    walk = SmallWalk(paths=frozenset(f"{array}/{chunk}.0" for array in range(400) for chunk in range(100)))
    start = process_time()
    for array in range(400):
        assert len(only(read(ZARR, zarray(), f"{array}/.zarray", walk=walk), RawNumbers)) == 100
    assert process_time() - start < 20


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (zarray(filters=[{"id": "pickle"}], dtype="|O"), ".zarray"),
        (zarray(compressor={"id": "pickle"}), ".zarray"),
        (zarr3({"name": "numcodecs.pickle"}), "zarr.json"),
        (zarr3({"name": "sharding_indexed", "configuration": {"codecs": [{"name": "pickle"}]}}), "zarr.json"),
        (consolidated(zarray(filters=[{"id": "pickle"}])), ".zmetadata"),
    ],
)  # fmt: skip
def test_a_codec_that_unpickles_is_asked_for_and_its_chunks_are_no_numbers(data: bytes, name: str) -> None:
    facts = read_beside(ZARR, data, name, "0", "c/0")
    assert [(ask.permission, ask.hazard) for ask in only(facts, Asks)] == [("remote-code", "unpickling")]
    assert not only(facts, RawNumbers)


@pytest.mark.parametrize(
    "data", [zarray(filters=[{"id": "evil"}]), zarr3({"name": "evil"}), zarray(compressor={"x": 1})]
)
def test_a_codec_of_a_plug_in_is_asked_for(data: bytes) -> None:
    facts = read(ZARR, data, "zarr.json")
    assert [(ask.permission, ask.hazard) for ask in only(facts, Asks)] == [("configuration", "import")]


def test_a_pickled_chunk_is_read_as_a_pickle(tmp_path: Path) -> None:
    payload = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x0becho pwned1\x85R."
    facts = facts_of(tmp_path, {".zarray": zarray(filters=[{"id": "pickle"}], compressor=None), "0": payload})
    assert "posix.system" in [fact.qualified for fact in facts if isinstance(fact, Import)]


def test_references_that_lead_elsewhere_are_asked_for() -> None:
    refs = {
        ".zgroup": "{}",
        "w/.zarray": "{}",
        "w/0": ["https://evil/x", 0, 10],
        "w/1": ["/etc/passwd"],
        "w/2": ["ok.bin"],
    }
    facts = read_beside(ZARR, as_json({"version": 1, "refs": refs, "templates": {"u": "x"}}), "m.json", "ok.bin")
    assert sorted(asked(facts)) == [
        ("external-files", "/etc/passwd"), ("network", "https://evil/x"), ("templates", "templates"),
    ]  # fmt: skip
    assert [fact.path for fact in only(facts, RawNumbers)] == ["ok.bin"]


def test_another_version_is_malformed() -> None:
    assert rules(read(ZARR, as_json({"zarr_format": 9, "shape": []}), ".zarray")) == ["zarr-version"]


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"zarr_format": 2}', b'{"refs": {}}', b'"zarr_format"'])
def test_other_json_is_no_zarr(data: bytes) -> None:
    assert not ZARR.accepts(content_of(data, "config.json"))


# --- Orbax -----------------------------------------------------------------------------------------------------


def test_a_checkpoint_of_orbax_passes() -> None:
    handler = "orbax.checkpoint._src.handlers.standard_checkpoint_handler.StandardCheckpointHandler"
    assert not refused(read(ORBAX, as_json({"item_handlers": {"state": handler}})))
    facts = read(ORBAX, as_json({"tree_metadata": {"('w',)": {}}, "use_ocdbt": True}))
    assert not refused(facts)
    assert only(facts, Header)[0].properties == {"use_ocdbt": "True", "arrays": "1"}


def test_a_handler_from_elsewhere_is_asked_for() -> None:
    for handlers in ("evil.Handler", {"state": "evil.Handler"}):
        assert asked(read(ORBAX, as_json({"item_handlers": handlers}))) == [("configuration", "handler evil.Handler")]


@pytest.mark.parametrize(
    ("store", "wanted"),
    [
        ({"driver": "file", "path": "/etc"}, ("external-files", "/etc")),
        ({"driver": "file", "path": "../x"}, ("external-files", "../x")),
        ({"driver": "http", "base_url": "https://evil/x"}, ("network", "http https://evil/x")),
        ({"driver": "s3", "bucket": "b", "path": "p"}, ("network", "s3 b p")),
        ({"driver": "ocdbt", "base": {"driver": "gcs", "bucket": "b"}}, ("network", "gcs b")),
        ("gs://bucket/x", ("network", "gs://bucket/x")),
        ("file:///etc", ("external-files", "/etc")),
        ({"driver": "evil"}, ("configuration", "store evil")),
    ],
)
def test_a_store_elsewhere_is_asked_for_at_any_depth(store: Any, wanted: tuple[str, str]) -> None:
    for data in (
        {"kvstore": store},
        {"a": [{"driver": "zarr", "kvstore": store}]},
    ):
        assert wanted in asked(read(ORBAX, as_json(data)))


@pytest.mark.parametrize("store", [{"driver": "file", "path": "params/w"}, {"driver": "memory"}, "memory://"])
def test_a_store_within_passes(store: Any) -> None:
    assert not refused(read(ORBAX, as_json({"driver": "zarr", "kvstore": store})))


def test_a_store_that_stands_twice_is_told_both_times() -> None:
    data = b'{"kvstore": {"driver": "file", "path": "/etc"}, "kvstore": {"driver": "memory"}}'
    facts = read(ORBAX, data)
    assert rules(facts) == ["json-duplicate-key"]


# --- OCDBT -----------------------------------------------------------------------------------------------------


def table(*paths: bytes) -> bytes:
    made = varint(len(paths)) + b"".join(varint(0) for _ in paths[1:])
    return made + b"".join(varint(len(path)) for path in paths) + b"".join(varint(0) for _ in paths) + b"".join(paths)


def sealed(magic: bytes, body: bytes, *, compress: bool = False, crc: int | None = None) -> bytes:
    packed = zstandard.compress(body) if compress else body
    made = magic + pack("<Q", 12 + 2 + len(packed) + 4) + varint(0) + varint(int(compress)) + packed
    return made + pack("<I", crc32c(made) if crc is None else crc)


def manifest(*paths: bytes, **options: Any) -> bytes:
    return sealed(
        b"\x0c\xdb\x3a\x2a",
        bytes(16) + varint(0) + varint(1024) + varint(1 << 23) + b"\x04\0" + table(*paths),
        **options,
    )


def node(*paths: bytes, **options: Any) -> bytes:
    return sealed(b"\x0c\xdb\x20\xde", b"\0" + table(*paths) + b"\0", **options)


def test_the_checksum_is_that_of_the_standard() -> None:
    assert crc32c(b"123456789") == 0xE3069283


@pytest.mark.parametrize("compress", [False, True])
def test_a_manifest_names_its_data_files(compress: bool) -> None:
    facts = read_beside(OCDBT, manifest(DATA.encode(), compress=compress), "m/manifest.ocdbt", f"m/{DATA}")
    assert not refused(facts)
    assert [fact.path for fact in only(facts, RawNumbers)] == [f"m/{DATA}"]


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("path", [b"/etc/passwd", b"../../x", b"d/gone"])
def test_a_path_out_of_the_database_is_asked_for(path: bytes, compress: bool) -> None:
    paths = ("m/manifest.ocdbt", f"m/{DATA}")
    for data, where in (
        (manifest(path, compress=compress), paths[0]),
        (bytes(99) + node(path, compress=compress), paths[1]),
    ):
        assert asked(read_beside(OCDBT, data, where, *paths)) == [("external-files", path.decode())]


def test_the_paths_of_a_node_are_below_its_own_database() -> None:
    facts = read_beside(OCDBT, node(b"d/x"), f"m/ocdbt.process_0/{DATA}", "m/ocdbt.process_0/d/x")
    assert [fact.path for fact in only(facts, RawNumbers)] == ["m/ocdbt.process_0/d/x"]


def test_chance_bytes_that_begin_like_a_node_are_passed_over() -> None:
    for wrong in (node(b"/etc/passwd", crc=1), node(b"/etc/passwd")[:-1], b"\x0c\xdb\x20\xde" + b"\xff" * 40):
        assert not refused(read_beside(OCDBT, bytes(9) + wrong, DATA))


@pytest.mark.parametrize("data", [manifest(b"d/x", crc=1), manifest(b"d/x")[:-1], manifest(b"d/x") + b"x"])
def test_a_manifest_that_does_not_fit_is_unread(data: bytes) -> None:
    assert unread(read(OCDBT, data))


def test_a_data_file_without_a_node_is_not_accepted() -> None:
    assert not OCDBT.accepts(content_of(b"any bytes", DATA))
    assert not OCDBT.accepts(content_of(node(b"d/x"), "other.bin"))


# --- all of them -----------------------------------------------------------------------------------------------


def test_numbers_that_are_compressed_are_no_unknown_bytes(tmp_path: Path) -> None:
    noise = bytes(range(1, 200))
    files = {".zarray": zarray(), "0": zstandard.compress(noise), "x": zstandard.compress(noise)}
    facts = facts_of(tmp_path, files)
    snapshot = Snapshot(ref=LocalRef("m"))
    findings = UNKNOWN.ask(Dossier(snapshot=snapshot, facts=tuple(facts)))
    assert [finding.location.path for finding in findings] == ["x"]


@pytest.mark.parametrize("name", ["orbax", "orbax-files", "zarr2", "zarr3"])
def test_what_the_libraries_wrote_passes(tmp_path: Path, name: str) -> None:
    root = Path(__file__).parent / "samples" / "snapshots" / name
    files = {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}
    facts = facts_of(tmp_path, files)
    assert not [fact for fact in facts if isinstance(fact, Asks | Malformed | Unread)]
    snapshot = Snapshot(ref=LocalRef("m"))
    assert not list(UNKNOWN.ask(Dossier(snapshot=snapshot, facts=tuple(facts))))


@pytest.mark.parametrize(
    ("form", "sample", "path"),
    [
        (ZARR, zarray(), ".zarray"),
        (ORBAX, as_json({"item_handlers": "orbax.x", "kvstore": "memory://"}), "_METADATA"),
        (OCDBT, manifest(b"d/x"), "manifest.ocdbt"),
    ],
)
def test_no_truncation_passes(form: Any, sample: bytes, path: str) -> None:
    for cut in truncations(sample):
        if form.accepts(content_of(cut, path)):
            assert refused(read(form, cut, path))


@given(st.binary(max_size=80), st.integers(0, 200))
def test_foreign_bytes_never_break_the_readers(noise: bytes, at: int) -> None:
    for form, sample in (
        (ZARR, zarray()),
        (ORBAX, as_json({"kvstore": "x"})),
        (OCDBT, manifest(b"d/x")),
        (OCDBT, node(b"x")),
    ):
        fuzz(form, noise)
        fuzz(form, sample[: at % len(sample)] + noise + sample[at % len(sample) + len(noise) :])
