"""The statement inside a model's signature: what it may say, and what is done with the files that are there."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signature_builders import FILES, make_artifacts, sealed, sha256, statement, statement_document

from modelguard.signatures.files import Files
from modelguard.signatures.manifest import Manifest, parse_manifest
from modelguard.signatures.names import fault_of
from modelguard.signatures.oms import compare
from modelguard.signatures.statement import write_statement
from modelguard.terms.errors import (
    ReadError,
    SignatureError,
    SignatureMalformed,
    SignatureUnsupported,
    SigningFailed,
)

HEX = hashlib.sha256(b"").hexdigest()


def row(name: str, digest: str = HEX, algorithm: str = "sha256") -> dict[str, str]:
    return {"name": name, "algorithm": algorithm, "digest": digest}


def manifest_of(*names: str) -> Manifest:
    document = statement_document()
    document["predicate"]["resources"] = [row(name) for name in names]
    return parse_manifest(sealed(document))


def faults(manifest: Manifest, files: dict[str, bytes], *unsigned: str) -> tuple[tuple[str, str], ...]:
    return compare(manifest, Files.of(make_artifacts(files)), unsigned=unsigned).faults


def test_what_is_written_is_what_is_read() -> None:
    manifest = parse_manifest(statement())
    assert manifest.files == {path: sha256(data) for path, data in FILES.items()}
    assert ".git" in manifest.ignored


def test_files_that_are_as_signed_agree() -> None:
    comparison = compare(parse_manifest(statement()), Files.of(make_artifacts()))
    assert not comparison.faults
    assert comparison.agreed == {path: sha256(data) for path, data in FILES.items()}


def test_changed_missing_and_added_files_are_each_named() -> None:
    found = faults(parse_manifest(statement()), {"config.json": b"{}", "evil.py": b"import os"})
    assert found == (
        ("config.json", "different"),
        ("weights/model.safetensors", "missing"),
        ("evil.py", "unsigned"),
    )


def test_a_renamed_file_is_a_mismatch_although_the_root_digest_stays() -> None:
    renamed = {"config.json": FILES["config.json"], "weights/renamed.safetensors": FILES["weights/model.safetensors"]}
    document = statement_document(renamed)
    assert document["subject"][0]["digest"] == statement_document()["subject"][0]["digest"]
    assert len(faults(parse_manifest(statement()), renamed)) == 2


def test_unsigned_files_that_the_user_tolerates_are_left_out_of_the_result() -> None:
    files = {**FILES, "README.md": b"# tiny", ".gitattributes": b"", ".github/evil.py": b""}
    manifest = parse_manifest(statement())
    assert [path for path, _ in faults(manifest, files)] == ["README.md"]
    comparison = compare(manifest, Files.of(make_artifacts(files)), unsigned=("README.md",))
    assert not comparison.faults
    assert comparison.agreed.keys() == FILES.keys()
    assert comparison.uncovered == (".gitattributes", ".github/evil.py", "README.md")


@pytest.mark.parametrize("ignored", ["evil.py", ".", "*"])
def test_what_the_signer_says_to_ignore_is_not_obeyed(ignored: str) -> None:
    document = statement_document()
    document["predicate"]["serialization"]["ignore_paths"] = [ignored]
    assert faults(parse_manifest(sealed(document)), {**FILES, "evil.py": b""}) == (("evil.py", "unsigned"),)


def test_ignored_paths_of_one_model_do_not_reach_the_next() -> None:
    lenient = compare(parse_manifest(statement()), Files.of(make_artifacts({**FILES, "x": b""})), unsigned=("x",))
    assert not lenient.faults
    assert faults(parse_manifest(statement()), {**FILES, "x": b""}) == (("x", "unsigned"),)


# --- names ---------------------------------------------------------------------------------------------------------

BAD_NAMES = {
    "empty": "",
    "dot": ".",
    "dots": "..",
    "up": "../outside.txt",
    "inside up": "a/../b",
    "absolute": "/etc/passwd",
    "backslash": "a\\b",
    "drive": "C:model.bin",
    "dot segment": "./a",
    "double slash": "a//b",
    "trailing slash": "a/",
    "nul": "a\0b",
    "newline": "a\nb",
    "escape": "a\x1b[2J",
    "bidirectional": "a\u202egnp.bin",
    "zero width": "a\u200bb",
    "surrogate": "a\ud800",
}


@pytest.mark.parametrize("name", BAD_NAMES.values(), ids=BAD_NAMES.keys())
def test_a_name_that_could_deceive_is_refused_and_not_mended(name: str) -> None:
    with pytest.raises(SignatureMalformed):
        manifest_of("a.bin", name)


@pytest.mark.parametrize(
    "name", ["model:0.bin", "..a", "a..b", ".hidden", "größe.bin", "模型/权重.bin", "a b", "%2e%2e"]
)
def test_an_unusual_but_plain_name_is_accepted(name: str) -> None:
    assert name in manifest_of("zz.bin", name).files


@pytest.mark.parametrize(
    "names",
    [
        ("a", "a"),
        ("Model.bin", "model.bin"),
        ("caf\u00e9", "cafe\u0301"),
        ("a", "a/b"),
        ("A", "a/b"),
        ("stra\u00dfe", "strasse"),
    ],
    ids=["twice", "case", "unicode form", "file and directory", "folded directory", "sharp s"],
)
def test_names_that_some_disk_takes_for_one_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(SignatureMalformed):
        manifest_of(*names)


def test_files_that_some_disk_takes_for_one_are_refused() -> None:
    with pytest.raises(SignatureMalformed):
        Files.of(make_artifacts({"Model.bin": b"", "model.bin": b""}))


def test_a_message_never_carries_a_raw_control_character() -> None:
    with pytest.raises(SignatureMalformed) as refusal:
        manifest_of("a\x1b]0;pwned\x07")
    assert "\x1b" not in str(refusal.value)


@settings(deadline=3000)
@given(st.text(max_size=30))
def test_every_accepted_name_stays_inside(name: str) -> None:
    if not fault_of(name):
        assert not name.startswith("/")
        assert ".." not in name.split("/")
        assert Path("/model", name).resolve().is_relative_to("/model")


# --- one file ------------------------------------------------------------------------------------------------------


def test_a_model_of_one_file_may_be_named_by_a_dot() -> None:
    """model-signing before 1.0.1 writes it so."""
    document = statement_document({"model.gguf": b"GGUF"})
    document["predicate"]["resources"][0]["name"] = "."
    manifest = parse_manifest(sealed(document))
    assert not faults(manifest, {"model.gguf": b"GGUF"})
    assert not faults(manifest, {"model.gguf": b"GGUF", ".gitattributes": b""})
    assert faults(manifest, {"model.gguf": b"GGUX"}) == (("model.gguf", "different"),)
    assert ("other", "unsigned") in faults(manifest, {"model.gguf": b"GGUF", "other": b""})


# --- rules of the statement ------------------------------------------------------------------------------------------


def broken(change: Any) -> bytes:
    document = statement_document()
    change(document)
    return json.dumps(document).encode()


def serialization(**changes: object) -> Any:
    return lambda document: document["predicate"]["serialization"].update(changes)


BROKEN = {
    "no resources": lambda d: d["predicate"].update(resources=[]),
    "resources no list": lambda d: d["predicate"].update(resources={}),
    "resource no object": lambda d: d["predicate"].update(resources=["a"]),
    "no predicate": lambda d: d.pop("predicate"),
    "no subject": lambda d: d.update(subject=[]),
    "two subjects": lambda d: d["subject"].append(d["subject"][0]),
    "other root": lambda d: d["subject"][0]["digest"].update(sha256=HEX),
    "short digest": lambda d: d["predicate"]["resources"][0].update(digest="ab"),
    "upper-case digest": lambda d: d["predicate"]["resources"][0].update(
        digest=d["predicate"]["resources"][0]["digest"].upper()
    ),
    "mixed algorithms": lambda d: d["predicate"]["resources"][0].update(algorithm="blake3"),
    "name no text": lambda d: d["predicate"]["resources"][0].update(name=7),
    "ignore no list": serialization(ignore_paths="x"),
    "ignore no text": serialization(ignore_paths=[1]),
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN.keys())
def test_a_statement_that_breaks_a_rule_is_malformed(change: Any) -> None:
    with pytest.raises(SignatureMalformed):
        parse_manifest(broken(change))


FOREIGN = {
    "other statement": lambda d: d.update(_type="https://in-toto.io/Statement/v0.1"),
    "provenance": lambda d: d.update(predicateType="https://slsa.dev/provenance/v1"),
    "first draft": lambda d: d.update(predicateType="https://model_signing/Digests/v0.1"),
    "almost": lambda d: d.update(predicateType="https://model_signing/signature/v1.0/"),
    "weak hash": serialization(hash_type="md5"),
    "unknown method": serialization(method="chunks"),
}


@pytest.mark.parametrize("change", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_statement_of_another_kind_is_unsupported(change: Any) -> None:
    with pytest.raises(SignatureUnsupported):
        parse_manifest(broken(change))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"_type": 1}',
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a": Infinity}',
        b'{"_type": "x", "_type": "y"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a": ' + b"9" * 10_000 + b"}",
    ],
    ids=range(12),
)
def test_json_that_two_readers_could_read_in_two_ways_is_malformed(payload: bytes) -> None:
    with pytest.raises(SignatureMalformed):
        parse_manifest(payload)


@settings(deadline=3000)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_no_document_raises_anything_but_our_errors(document: Any) -> None:
    with pytest.raises(SignatureError):
        parse_manifest(json.dumps(document).encode("utf-8", "surrogatepass"))


@settings(deadline=3000)
@given(
    st.sampled_from(["_type", "subject", "predicateType", "predicate", "resources", "serialization", "name", "digest"]),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()),
)
def test_no_value_in_the_wrong_place_raises_anything_but_our_errors(key: str, value: Any) -> None:
    document = statement_document()
    for part in (document, document["predicate"], document["predicate"]["resources"][0]):
        if key in part:
            part[key] = value
    try:
        parse_manifest(json.dumps(document).encode())
    except SignatureError:
        return
    assert key == "name"
    assert not fault_of(value)


# --- shards and other hashes -----------------------------------------------------------------------------------------

DATA = bytes(range(256)) * 4
SIZE = 400


def shard_rows(data: bytes = DATA, size: int = SIZE, name: str = "we:1.bin") -> list[dict[str, str]]:
    return [
        row(f"{name}:{start}:{min(start + size, len(data))}", hashlib.sha256(data[start : start + size]).hexdigest())
        for start in range(0, len(data), size)
    ]


def shards(rows: list[dict[str, str]], size: object = float(SIZE)) -> bytes:
    document = statement_document()
    document["predicate"]["serialization"].update(method="shards", shard_size=size)
    document["predicate"]["resources"] = rows
    return sealed(document)


def on_disk(home: Path, data: bytes = DATA) -> Files:
    return Files.of(make_artifacts({"we:1.bin": data}, home))


def test_a_manifest_of_shards_holds_for_the_file(tmp_path: Path) -> None:
    comparison = compare(parse_manifest(shards(shard_rows())), on_disk(tmp_path))
    assert not comparison.faults
    assert comparison.agreed == {"we:1.bin": sha256(DATA)}


def test_shards_may_name_their_size_with_the_hash_if_it_is_the_size(tmp_path: Path) -> None:
    """model-signing 1.1 writes it so."""
    named = [{**one, "algorithm": f"sha256-sharded-{SIZE}"} for one in shard_rows()]
    assert not compare(parse_manifest(shards(named)), on_disk(tmp_path)).faults
    for algorithm in ("sha256-sharded-401", "sha256-sharded-", "blake2b-sharded-400"):
        with pytest.raises(SignatureMalformed):
            parse_manifest(shards([{**one, "algorithm": algorithm} for one in shard_rows()]))
    document = statement_document()
    document["predicate"]["resources"][0]["algorithm"] = "sha256-sharded-400"
    with pytest.raises(SignatureMalformed):
        parse_manifest(sealed(document))


def test_shards_may_be_listed_in_the_order_of_their_names(tmp_path: Path) -> None:
    rows = sorted(shard_rows(size=40), key=lambda it: it["name"])
    assert rows != shard_rows(size=40)
    assert not compare(parse_manifest(shards(rows, 40)), on_disk(tmp_path)).faults


@pytest.mark.parametrize("data", [DATA + b"x", DATA[:-1], b"x" + DATA[1:]], ids=["longer", "shorter", "changed"])
def test_a_file_that_is_not_its_shards_is_different(tmp_path: Path, data: bytes) -> None:
    assert compare(parse_manifest(shards(shard_rows())), on_disk(tmp_path, data)).faults == (("we:1.bin", "different"),)


def test_an_empty_file_is_in_no_shard_and_so_unsigned() -> None:
    assert ("empty", "unsigned") in faults(parse_manifest(shards(shard_rows())), {"empty": b""})


@pytest.mark.parametrize(
    "rows",
    [
        shard_rows()[1:],
        shard_rows()[:1] + shard_rows()[2:],
        [*shard_rows(), shard_rows()[0]],
        [row("w.bin:0:100"), row("w.bin:50:150")],
        [row("w.bin:0:0")],
        [row("w.bin:100:0")],
        [row("w.bin:0:401")],
        [row("w.bin:00:400")],
        [row("w.bin:-1:400")],
        [row("w.bin")],
        [row(":0:400")],
        [row("../w.bin:0:400")],
        [row("w.bin:0:٤٠٠")],
        [row(".:0:400"), row("w.bin:0:400")],
    ],
    ids=range(14),
)
def test_shards_with_gaps_overlaps_or_odd_names_are_malformed(rows: list[dict[str, str]]) -> None:
    with pytest.raises(SignatureMalformed):
        parse_manifest(shards(rows))


@pytest.mark.parametrize("size", [0, -1, 1.5, "400", None, True, [], 1e300 * 10])
def test_a_shard_size_that_is_no_size_is_malformed(size: object) -> None:
    with pytest.raises(SignatureMalformed):
        parse_manifest(shards(shard_rows(), size))


def test_other_hashes_of_the_format_hold_for_the_file(tmp_path: Path) -> None:
    payload = write_statement("tiny", make_artifacts(FILES, tmp_path), algorithm="blake2b")
    comparison = compare(parse_manifest(payload), Files.of(make_artifacts(FILES, tmp_path)))
    assert comparison.agreed == {path: sha256(data) for path, data in FILES.items()}
    changed = compare(parse_manifest(payload), Files.of(make_artifacts({**FILES, "config.json": b"{}"}, tmp_path)))
    assert changed.faults == (("config.json", "different"),)


def test_blake3_holds_where_its_package_is_installed(tmp_path: Path) -> None:
    pytest.importorskip("blake3", reason="BLAKE3 is an optional package")
    payload = write_statement("tiny", make_artifacts(FILES, tmp_path), algorithm="blake3")
    assert not compare(parse_manifest(payload), Files.of(make_artifacts(FILES, tmp_path))).faults


def test_blake3_without_its_package_is_unsupported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "blake3", None)
    with pytest.raises(SignatureUnsupported, match="BLAKE3"):
        write_statement("tiny", make_artifacts(FILES, tmp_path), algorithm="blake3")


def test_a_file_that_changes_between_its_two_digests_is_noticed(tmp_path: Path) -> None:
    """The bytes that a shard is compared with must be those whose SHA-256 the loader enforces."""
    files = on_disk(tmp_path)
    (tmp_path / "we:1.bin").write_bytes(b"y" * len(DATA))
    with pytest.raises(ReadError, match="changed"):
        compare(parse_manifest(shards(shard_rows())), files)


def test_shards_of_a_file_whose_bytes_are_not_at_hand_are_unsupported() -> None:
    with pytest.raises(SignatureUnsupported, match="at hand"):
        compare(parse_manifest(shards(shard_rows())), Files.of(make_artifacts({"we:1.bin": DATA})))


# --- signing -------------------------------------------------------------------------------------------------------


def test_nothing_cannot_be_signed() -> None:
    for files in ({}, {".git/HEAD": b""}):
        with pytest.raises(SigningFailed, match="no file"):
            write_statement("tiny", make_artifacts(files))


def test_names_that_no_verifier_should_accept_are_not_signed() -> None:
    with pytest.raises(SignatureMalformed):
        write_statement("tiny", make_artifacts({"a\u202eb": b""}))


@settings(deadline=3000)
@given(
    st.dictionaries(
        st.text("abcXYZ019._- /é", min_size=1, max_size=12).filter(lambda name: not fault_of(name)),
        st.binary(),
        min_size=1,
    )
)
def test_every_model_that_can_be_signed_is_verified(files: dict[str, bytes]) -> None:
    try:
        payload = write_statement("tiny", make_artifacts(files))
    except SignatureError:
        return
    comparison = compare(parse_manifest(payload), Files.of(make_artifacts(files)))
    assert not comparison.faults
