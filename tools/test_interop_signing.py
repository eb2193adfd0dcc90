"""Signatures between modelguard and the reference implementations: `model-signing` and the `sigstore` command.

    pytest tools/test_interop_signing.py

Bundles of the public Sigstore instance come with a package on PyPI. The reference packages get an environment of their
own, made here with pip (about a minute) unless MODELGUARD_INTEROP_VENV names one that has them. Keyless signing runs
against a private Sigstore on loopback.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from signature_builders import (
    FILES,
    RELEASE,
    certificate_trust,
    issue,
    key_trust,
    make_artifacts,
    private_pem,
    public_pem,
    sigstore_trust,
    statement,
)

from modelguard.signatures.attestation import verify_provenance
from modelguard.signatures.bundle import verify_file
from modelguard.signatures.envelope import IN_TOTO, MEDIA_TYPE
from modelguard.signatures.oms import verify_model
from modelguard.signatures.roots import embedded_root
from modelguard.signatures.signing import sign_with_certificate, sign_with_key
from modelguard.signatures.trust import Trust, trust_identity
from modelguard.signatures.verified import Verified
from modelguard.terms.errors import SignatureMismatch, UntrustedIdentity
from modelguard.terms.provenance import LeafName
from modelguard.testing.sigstore import PrivateSigstore, identity_token, serve

pytestmark = pytest.mark.slow
# pyOpenSSL: model-signing 1.1.1 imports it without declaring it, and sigstore 4.5.1 no longer brings it.
REQUIREMENTS = ["model-signing==1.1.1", "sigstore>=4.5.1,<5", "pyOpenSSL"]

SIGN_WITH = """\
import sys
from pathlib import Path
import model_signing as reference
model, signature, key, call = sys.argv[1:]
hashing = eval("reference.hashing.Config()" + call).set_ignored_paths(paths=[Path(signature)])
reference.signing.Config().use_elliptic_key_signer(private_key=Path(key)).set_hashing_config(hashing).sign(
    Path(model), Path(signature)
)
"""


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of the reference commands."""
    existing = os.environ.get("MODELGUARD_INTEROP_VENV")
    if existing:
        return Path(existing, "bin")
    home = tmp_path_factory.mktemp("reference") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    subprocess.run([str(home / "bin" / "pip"), "install", "--quiet", *REQUIREMENTS], check=True)
    return home / "bin"


@pytest.fixture
def sigstore() -> PrivateSigstore:
    return PrivateSigstore.create()


@pytest.fixture
def url(sigstore: PrivateSigstore) -> Iterator[str]:
    with serve(sigstore) as address:
        yield address


@pytest.fixture
def home(tmp_path: Path) -> Path:
    make_artifacts(FILES, tmp_path / "model")
    return tmp_path


def run(commands: Path, home: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a reference command in a directory, without the packages of this process."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    program, *rest = map(str, arguments)
    return subprocess.run(
        [str(commands / program), *rest], cwd=home, env=environment, capture_output=True, text=True, check=False
    )


def accepted(done: subprocess.CompletedProcess[str]) -> bool:
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode == 0


def ours(home: Path, trust: Trust, files: dict[str, bytes] = FILES) -> Any:
    return verify_model((home / "model.sig").read_bytes(), trust, make_artifacts(files, home / "again"))


# --- ours to theirs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name)
def test_the_reference_verifies_our_key_signatures(commands: Path, home: Path, curve: ec.EllipticCurve) -> None:
    key = ec.generate_private_key(curve)
    (home / "pub.pem").write_bytes(public_pem(key))
    (home / "model.sig").write_bytes(sign_with_key(statement(), private_pem(key)))
    verify = ["model_signing", "verify", "key", "model", "--signature", "model.sig", "--public_key", "pub.pem"]
    assert accepted(run(commands, home, *verify))
    (home / "model" / "config.json").write_bytes(b"{}")
    assert not accepted(run(commands, home, *verify))


def test_the_reference_verifies_our_certificate_signatures(commands: Path, home: Path) -> None:
    root = issue("root", authority=True)
    middle = issue("middle", root, authority=True)
    leaf = issue("leaf", middle)
    (home / "root.pem").write_bytes(root.pem)
    (home / "model.sig").write_bytes(sign_with_certificate(statement(), private_pem(leaf.key), leaf.pem + middle.pem))
    verify = ["model_signing", "verify", "certificate", "model", "--signature", "model.sig", "--certificate_chain"]
    assert accepted(run(commands, home, *verify, "root.pem"))
    (home / "other.pem").write_bytes(issue("root", authority=True).pem)
    assert not accepted(run(commands, home, *verify, "other.pem"))


def test_the_reference_verifies_our_keyless_signatures(
    commands: Path, home: Path, sigstore: PrivateSigstore, url: str
) -> None:
    from modelguard.signatures.signing import sign_with_token

    config = sigstore.client_trust_config(url)
    (home / "config.json").write_bytes(config)
    (home / "model.sig").write_bytes(sign_with_token(statement(), identity_token(RELEASE), config.decode()))
    verify = ["model_signing", "verify", "sigstore", "model", "--signature", "model.sig", "--trust_config"]
    verify += ["config.json", "--identity_provider", RELEASE.issuer, "--identity"]
    assert accepted(run(commands, home, *verify, RELEASE.identity))
    assert not accepted(run(commands, home, *verify, "mallory@evil.example"))


def test_the_sigstore_command_verifies_our_files(commands: Path, home: Path, sigstore: PrivateSigstore) -> None:
    (home / "config.json").write_bytes(sigstore.client_trust_config())
    (home / "a.gguf").write_bytes(b"GGUF")
    (home / "a.gguf.sigstore.json").write_bytes(sigstore.sign_file(b"GGUF", RELEASE))
    verify = ["sigstore", "--trust-config", "config.json", "verify", "identity", "--offline", "--cert-oidc-issuer"]
    verify += [RELEASE.issuer, "--cert-identity", RELEASE.identity, "a.gguf"]
    assert accepted(run(commands, home, *verify))
    (home / "a.gguf").write_bytes(b"GGUX")
    assert not accepted(run(commands, home, *verify))


# --- theirs to ours --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name)
def test_we_verify_their_key_signatures(commands: Path, home: Path, curve: ec.EllipticCurve) -> None:
    key = ec.generate_private_key(curve)
    (home / "key.pem").write_bytes(private_pem(key))
    sign = ["model_signing", "sign", "key", "model", "--signature", "model.sig", "--private_key", "key.pem"]
    assert accepted(run(commands, home, *sign))
    assert ours(home, key_trust(key)).files.keys() == FILES.keys()
    with pytest.raises(SignatureMismatch):
        ours(home, key_trust(key), {**FILES, "config.json": b"{}"})


@pytest.mark.parametrize(
    "call",
    [
        '.use_file_serialization(hashing_algorithm="sha256")',
        '.use_file_serialization(hashing_algorithm="blake2")',
        '.use_file_serialization(hashing_algorithm="blake3")',
        '.use_shard_serialization(hashing_algorithm="sha256", shard_size=5)',
        '.use_shard_serialization(hashing_algorithm="blake2", shard_size=7)',
    ],
    ids=["files-sha256", "files-blake2b", "files-blake3", "shards-sha256", "shards-blake2b"],
)
def test_we_verify_their_serializations(commands: Path, home: Path, call: str) -> None:
    if "blake3" in call:
        pytest.importorskip("blake3", reason="BLAKE3 is an optional package")
    key = ec.generate_private_key(ec.SECP256R1())
    (home / "key.pem").write_bytes(private_pem(key))
    done = run(commands, home, "python", "-c", SIGN_WITH, "model", "model.sig", "key.pem", call)
    assert done.returncode == 0, done.stderr
    assert ours(home, key_trust(key)).files.keys() == FILES.keys()
    with pytest.raises(SignatureMismatch):
        ours(home, key_trust(key), {**FILES, "config.json": FILES["config.json"] + b" "})


def test_we_verify_their_single_file_models(commands: Path, home: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    (home / "key.pem").write_bytes(private_pem(key))
    (home / "a.gguf").write_bytes(b"GGUF")
    sign = ["model_signing", "sign", "key", "a.gguf", "--signature", "model.sig", "--private_key", "key.pem"]
    assert accepted(run(commands, home, *sign))
    assert ours(home, key_trust(key), {"a.gguf": b"GGUF"}).files.keys() == {"a.gguf"}


def test_we_verify_their_certificate_signatures(commands: Path, home: Path) -> None:
    root = issue("root", authority=True)
    middle = issue("middle", root, authority=True)
    leaf = issue("leaf", middle)
    for name, data in (("key.pem", private_pem(leaf.key)), ("leaf.pem", leaf.pem), ("middle.pem", middle.pem)):
        (home / name).write_bytes(data)
    sign = ["model_signing", "sign", "certificate", "model", "--signature", "model.sig", "--private_key", "key.pem"]
    sign += ["--signing_certificate", "leaf.pem", "--certificate_chain", "middle.pem"]
    assert accepted(run(commands, home, *sign))
    assert ours(home, certificate_trust(root.pem, LeafName(name="CN=leaf"))).files.keys() == FILES.keys()


def test_we_verify_their_keyless_signatures(commands: Path, home: Path, sigstore: PrivateSigstore, url: str) -> None:
    (home / "config.json").write_bytes(sigstore.client_trust_config(url))
    sign = ["model_signing", "sign", "sigstore", "model", "--signature", "model.sig", "--trust_config", "config.json"]
    assert accepted(run(commands, home, *sign, "--identity_token", identity_token(RELEASE)))
    verified = ours(home, sigstore_trust(sigstore))
    assert verified.files.keys() == FILES.keys()
    assert verified.voucher.identity == RELEASE.identity


def test_we_verify_files_signed_by_the_sigstore_command(
    commands: Path, home: Path, sigstore: PrivateSigstore, url: str
) -> None:
    (home / "config.json").write_bytes(sigstore.client_trust_config(url))
    (home / "a.gguf").write_bytes(b"GGUF")
    sign = ["sigstore", "--trust-config", "config.json", "sign", "--identity-token", identity_token(RELEASE), "a.gguf"]
    assert accepted(run(commands, home, *sign))
    [artifact] = make_artifacts({"a.gguf": b"GGUF"})
    bundle = (home / "a.gguf.sigstore.json").read_bytes()
    assert verify_file(bundle, sigstore_trust(sigstore), artifact).files == {"a.gguf": artifact.digest}


# --- the public instance --------------------------------------------------------------------------------------------

PACKAGE = "pypi_attestations-0.0.30"
ISSUER = "https://token.actions.githubusercontent.com"


@pytest.fixture(scope="session")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return real files with real signatures, from the source archive of a package on PyPI."""
    home = tmp_path_factory.mktemp("assets")
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest"]
    subprocess.run([*download, str(home), PACKAGE.replace("_", "-").replace("-0", "==0")], check=True)
    with tarfile.open(home / f"{PACKAGE}.tar.gz") as archive:
        archive.extractall(home, filter="data")
    return home / PACKAGE / "test" / "assets"


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every connection fail; fixtures of the session, which download, come first."""

    def refuse(*_arguments: object) -> None:
        raise AssertionError("verification used the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def production(home: Path, identity: str) -> Trust:
    (home / "root.json").write_bytes(embedded_root())
    return trust_identity(identity, ISSUER, home / "root.json")


def published(assets: Path, name: str, bundle: bytes, trust: Trust, data: bytes | None = None) -> Verified:
    return verify_provenance(bundle, trust, make_artifacts({name: data or (assets / name).read_bytes()}))


@pytest.mark.usefixtures("offline")
def test_a_production_bundle_of_the_public_instance_verifies_offline(assets: Path, tmp_path: Path) -> None:
    name = "pypi_attestation_models-0.0.4a2.tar.gz"
    workflow = "https://github.com/trailofbits/pypi-attestation-models/.github/workflows/release.yml@refs/tags/v0.0.4a2"
    bundle = (assets / f"{name}.sigstore").read_bytes()
    verified = published(assets, name, bundle, production(tmp_path, workflow))
    assert verified.files.keys() == {name}
    assert verified.voucher.signed_at is not None
    assert verified.voucher.signed_at.year == 2024
    with pytest.raises(UntrustedIdentity, match="pypi-attestation-models"):
        published(assets, name, bundle, production(tmp_path, workflow.replace("0.0.4a2", "0.0.4")))
    with pytest.raises(SignatureMismatch):
        published(assets, name, bundle, production(tmp_path, workflow), b"other")


@pytest.mark.usefixtures("offline")
def test_a_production_build_provenance_verifies_offline(assets: Path, tmp_path: Path) -> None:
    name = "pypi_attestations-0.0.19.tar.gz"
    workflow = "https://github.com/trailofbits/pypi-attestations/.github/workflows/release.yml@refs/tags/v0.0.19"
    bundle = as_bundle((assets / f"{name}.slsa.attestation").read_bytes())
    assert published(assets, name, bundle, production(tmp_path, workflow)).files.keys() == {name}


def as_bundle(attestation: bytes) -> bytes:
    """Write the attestation format of PyPI (PEP 740) as the Sigstore bundle that it was made from."""
    document = json.loads(attestation)
    material, envelope = document["verification_material"], document["envelope"]
    return json.dumps(
        {
            "mediaType": MEDIA_TYPE,
            "verificationMaterial": {
                "certificate": {"rawBytes": material["certificate"]},
                "tlogEntries": material["transparency_entries"],
            },
            "dsseEnvelope": {
                "payload": envelope["statement"],
                "payloadType": IN_TOTO,
                "signatures": [{"sig": envelope["signature"]}],
            },
        }
    ).encode()
