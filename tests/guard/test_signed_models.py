"""Signed models through the gate: what the lock records, what is refused, and what is not handed out."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from signature_builders import private_pem, public_pem, sha256

from modelguard import LockError, ModelRefused, guarded_load, verified_snapshot
from modelguard.guard import Gate, Wish, pin
from modelguard.guard.standing import lasting
from modelguard.lock import Lock
from modelguard.signatures.keys import spki_digest
from modelguard.signatures.signing import sign_file_with_key, sign_with_key
from modelguard.signatures.statement import write_statement
from modelguard.sources.local import in_place
from modelguard.sources.source import Options
from modelguard.terms.artifact import LocalRef
from modelguard.terms.errors import LoaderError, SignatureError, SignatureMissing
from modelguard.testing.models import tiny_config, tiny_safetensors

Locker = Callable[..., Any]
Key = ec.EllipticCurvePrivateKey


@pytest.fixture
def key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def model(project: Path, key: Key) -> Path:
    directory = project / "models"
    directory.mkdir()
    (directory / "model.safetensors").write_bytes(tiny_safetensors())
    (directory / "config.json").write_bytes(tiny_config())
    sign(directory, key)
    write_policy(project, key)
    return directory


def sign(directory: Path, key: Key) -> None:
    snapshot = in_place(LocalRef(str(directory)), Options(home=directory))
    artifacts = [one for one in snapshot.artifacts if one.path not in {"model.sig", "README.md"}]
    (directory / "model.sig").write_bytes(sign_with_key(write_statement("models", artifacts), private_pem(key)))


def write_policy(project: Path, *keys: Key, more: str = "", rule: str = "") -> None:
    names = [f"key-{number}" for number, _ in enumerate(keys)]
    lines = ["[provenance]", more]
    for name, key in zip(names, keys, strict=True):
        (project / f"{name}.pem").write_bytes(public_pem(key))
        lines += [f"[provenance.signers.{name}]", 'method = "key"', f'public-key = "{name}.pem"']
        lines += [f'spki-sha256 = "{spki_digest(key.public_key()).hex}"']
    quoted = ", ".join(f'"{name}"' for name in names)
    lines += ["[[provenance.models]]", 'models = ["file:models"]', f"signers = [{quoted}]", rule]
    (project / "modelguard.toml").write_text("\n".join(lines))


def checks_of(caught: pytest.ExceptionInfo[ModelRefused]) -> set[str]:
    assert caught.value.examination is not None
    return {decision.finding.check for decision in caught.value.examination.verdict.because}  # type: ignore[union-attr]


def load() -> Any:
    return guarded_load("models", file="model.safetensors", loader="safetensors.numpy")


def test_the_lock_records_who_signed_and_what(model: Path, key: Key, lock_model: Locker, project: Path) -> None:
    lock_model("models")
    [entry] = tomllib.loads((project / "modelguard.lock").read_text())["model"]
    recorded = entry["provenance"]
    assert (recorded["status"], recorded["signer"], recorded["method"]) == ("verified", "key-0", "key")
    assert recorded["identity"] == str(spki_digest(key.public_key()))
    assert recorded["payload"].startswith("sha256:")
    assert recorded["root"] == str(sha256(public_pem(key)))
    assert load()["head.bias"].tolist() == [0.25]


def test_locking_again_changes_nothing(model: Path, lock_model: Locker, project: Path) -> None:
    lock_model("models")
    before = (project / "modelguard.lock").read_bytes()
    lock_model("models")
    assert (project / "modelguard.lock").read_bytes() == before


def test_an_unsigned_model_is_neither_locked_nor_loaded(model: Path, lock_model: Locker, project: Path) -> None:
    (project / "modelguard.toml").unlink()
    (model / "model.sig").unlink()
    lock_model("models")
    write_policy(project, ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(ModelRefused) as caught:
        load()
    assert checks_of(caught) == {"unsigned-model"}
    gate = Gate.open()
    _, examination = pin(gate.canonical("models"), gate, Wish(upgrade=True))
    assert not examination.allowed


def test_another_signer_at_an_upgrade_is_a_finding_of_its_own(
    model: Path, key: Key, lock_model: Locker, project: Path
) -> None:
    lock_model("models")
    successor = ec.generate_private_key(ec.SECP256R1())
    sign(model, successor)
    write_policy(project, key, successor)
    gate = Gate.open()
    lock = gate.read_lock()
    assert lock is not None
    _, examination = pin(gate.canonical("models"), gate, Wish(upgrade=True), lock.entries["file:models"])
    assert not examination.allowed
    assert {one.finding.check for one in examination.verdict.because} == {"signer-changed"}  # type: ignore[union-attr]


def test_a_file_that_may_lie_unsigned_is_not_handed_out(
    model: Path, key: Key, lock_model: Locker, project: Path
) -> None:
    (model / "README.md").write_text("# tiny")
    write_policy(project, key, rule='unsigned = ["README.md"]')
    lock_model("models")
    signed = {"config.json", "model.safetensors", "model.sig"}
    with verified_snapshot("models") as path:
        assert {file.name for file in path.iterdir()} == signed
    assert {file.name for file in lasting("models", Gate.open()).root.iterdir()} == signed
    assert load()["head.bias"].tolist() == [0.25]
    with pytest.raises(LoaderError):
        guarded_load("models", file="README.md", loader="safetensors.numpy")


def test_a_file_that_may_not_lie_unsigned_refuses(model: Path, lock_model: Locker, project: Path) -> None:
    policy = (project / "modelguard.toml").read_text()
    (project / "modelguard.toml").unlink()
    (model / "README.md").write_text("# tiny")
    lock_model("models")
    (project / "modelguard.toml").write_text(policy)
    with pytest.raises(ModelRefused) as caught:
        load()
    assert checks_of(caught) == {"unsigned-file"}


def test_a_lock_that_must_be_signed_counts_only_with_its_signature(
    model: Path, key: Key, lock_model: Locker, project: Path
) -> None:
    write_policy(project, key, more='lock-signers = ["key-0"]')
    lock_model("models")
    lock = project / "modelguard.lock"
    with pytest.raises(SignatureMissing, match="modelguard sign"):
        load()
    (project / "modelguard.lock.sigstore.json").write_bytes(sign_file_with_key(lock.read_bytes(), private_pem(key)))
    assert load()["head.bias"].tolist() == [0.25]
    Gate.open().require_lock()
    lock.write_text(lock.read_text().replace("# Written", "# written"))
    assert Lock.read(lock).entries
    for use in (load, Gate.open().require_lock):
        with pytest.raises(SignatureError):
            use()


def test_a_lock_that_must_be_signed_and_is_not_there_is_a_missing_lock(model: Path, key: Key, project: Path) -> None:
    write_policy(project, key, more='lock-signers = ["key-0"]')
    with pytest.raises(LockError):
        Gate.open().require_lock()
