"""A feed that is fetched over TLS and has to be signed: what is put in place, and what leaves the old one there."""

from __future__ import annotations

import datetime as dt
import http.server
import ipaddress
import json
import ssl
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from signature_builders import private_pem, public_pem

from modelguard.cli.main import main
from modelguard.signatures.keys import spki_digest
from modelguard.signatures.signing import sign_file_with_key

Run: TypeAlias = Callable[..., str]
RECORD = {
    "id": "x_MG-2026-0001", "modified": "2026-11-01T00:00:00Z", "summary": "a shell",
    "database_specific": {"kind": "malicious", "indicators": {"sha256": ["0" * 64]}},
}  # fmt: skip
KEY = ec.generate_private_key(ec.SECP256R1())


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Make a certificate of 127.0.0.1 that vouches for itself, with its key in the same file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "feeds on loopback")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    place = tmp_path / "server.pem"
    place.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private_pem(key))
    return place


@pytest.fixture
def served(tmp_path: Path, certificate: Path) -> Iterator[tuple[Path, str]]:
    """A directory and the https address under which it is served."""
    directory = tmp_path / "served"
    directory.mkdir()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(directory))) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that trusts nobody hangs up
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield directory, f"https://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def home(tmp_path: Path, served: tuple[Path, str], certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "project"
    home.mkdir()
    (home / "acme.pem").write_bytes(public_pem(KEY))
    (home / "modelguard.toml").write_text(
        f'[[advisories.feeds]]\nname = "models"\npath = "feeds/models.zip"\nurl = "{served[1]}/models.zip"\n'
        'signers = ["acme"]\n'
        '[provenance.signers.acme]\nmethod = "key"\npublic-key = "acme.pem"\n'
        f'spki-sha256 = "{spki_digest(KEY.public_key()).hex}"\n'
    )
    monkeypatch.chdir(home)
    monkeypatch.setenv("MODELGUARD_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return home


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*words: str, code: int = 0) -> str:
        with pytest.raises(SystemExit) as ended:
            main(words)
        shown = capsys.readouterr()
        assert ended.value.code == code, shown.out + shown.err
        return shown.out + shown.err

    return run


def publish(directory: Path, *records: dict[str, object], key: ec.EllipticCurvePrivateKey | None = KEY) -> None:
    """Put a feed where it is served, signed unless there is no key."""
    with zipfile.ZipFile(directory / "models.zip", "w") as archive:
        for number, record in enumerate(records):
            archive.writestr(f"{number}.json", json.dumps(record))
    bundle = directory / "models.zip.sigstore.json"
    bundle.unlink(missing_ok=True)
    if key is not None:
        bundle.write_bytes(sign_file_with_key((directory / "models.zip").read_bytes(), private_pem(key)))


def held(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (home / "feeds").iterdir()}


def test_a_signed_feed_is_fetched_over_tls_and_put_in_place(home: Path, served: tuple[Path, str], run: Run) -> None:
    publish(served[0], RECORD)
    assert "models: 1 records" in run("feed", "update")
    assert sorted(held(home)) == ["models.zip", "models.zip.fetched.json", "models.zip.sigstore.json"]
    assert "models: feeds/models.zip: 1 records, 0 days old, signed by acme" in run("feed", "list")


def unsigned(directory: Path) -> None:
    publish(directory, RECORD, {**RECORD, "id": "x_MG-2026-0002"}, key=None)


def signed_by_a_stranger(directory: Path) -> None:
    publish(directory, RECORD, {**RECORD, "id": "x_MG-2026-0002"}, key=ec.generate_private_key(ec.SECP256R1()))


def changed_after_signing(directory: Path) -> None:
    bundle = directory / "models.zip.sigstore.json"
    signed = bundle.read_bytes()
    unsigned(directory)
    bundle.write_bytes(signed)


@pytest.mark.parametrize("spoil", [unsigned, signed_by_a_stranger, changed_after_signing])
def test_a_feed_without_the_right_signature_leaves_the_old_one_in_place(
    spoil: Callable[[Path], None], home: Path, served: tuple[Path, str], run: Run
) -> None:
    publish(served[0], RECORD)
    run("feed", "update")
    before = held(home)
    spoil(served[0])
    assert "models: not updated:" in run("feed", "update", code=3)
    assert held(home) == before
    assert "1 records" in run("feed", "list")


def test_a_server_that_nobody_vouches_for_is_not_fetched_from(
    home: Path, served: tuple[Path, str], run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    publish(served[0], RECORD)
    (tmp_path / "nobody.pem").write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nobody.pem"))
    assert "models: not updated:" in run("feed", "update", code=3)
    assert not held(home)
