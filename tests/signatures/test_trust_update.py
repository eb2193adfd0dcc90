"""Updating a trusted root through TUF: a real repository on loopback, and what must not be believed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from attrs import evolve
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from modelguard.signatures.roots import Changes, describe_root, update_root
from modelguard.terms.errors import SignatureMalformed, SignatureUntrusted
from modelguard.testing.sigstore import Log, PrivateSigstore

TOMORROW = timedelta(days=1)


class Repository:
    """A TUF repository in a directory, served on loopback."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.signer = CryptoSigner.generate_ed25519()
        (home / "targets").mkdir()
        self.root = Root(consistent_snapshot=False)
        for role in ("root", "timestamp", "snapshot", "targets"):
            self.root.add_key(self.signer.public_key, role)
        self.anchor = self._write(self.root, "1.root.json")

    def publish(self, trusted_root: bytes, *, lasts: timedelta = TOMORROW, name: str = "trusted_root.json") -> None:
        (self.home / "targets" / name).write_bytes(trusted_root)
        targets = Targets(targets={name: TargetFile.from_data(name, trusted_root, ["sha256"])})
        self._write(targets, "targets.json")
        self._write(Snapshot(meta={"targets.json": MetaFile(1)}), "snapshot.json")
        self._write(Timestamp(snapshot_meta=MetaFile(1)), "timestamp.json", lasts)

    def _write(self, signed: Root | Targets | Snapshot | Timestamp, name: str, lasts: timedelta = TOMORROW) -> bytes:
        signed.expires = datetime.now(UTC).replace(microsecond=0) + lasts
        metadata = Metadata(signed)
        metadata.sign(self.signer)
        data = metadata.to_bytes()
        (self.home / name).write_bytes(data)
        return data


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    home = tmp_path / "tuf"
    home.mkdir()
    return Repository(home)


@pytest.fixture
def url(repository: Repository, loopback: None) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(repository.home)))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_published_root_arrives_and_shows_what_changed(
    repository: Repository, url: str, sigstore: PrivateSigstore
) -> None:
    rotated = evolve(sigstore, log=Log())
    repository.publish(rotated.trusted_root())
    new = update_root(url, bootstrap=repository.anchor)
    assert new == rotated.trusted_root()
    changes = Changes.between(sigstore.trusted_root(), new)
    assert len(changes.added) == len(changes.removed) == 2
    assert all(line.startswith("transparency log") for line in (*changes.added, *changes.removed))


def test_a_repository_of_another_root_is_not_believed(
    repository: Repository, url: str, sigstore: PrivateSigstore, tmp_path: Path
) -> None:
    repository.publish(sigstore.trusted_root())
    (tmp_path / "other").mkdir()
    other = Repository(tmp_path / "other")
    with pytest.raises(SignatureUntrusted):
        update_root(url, bootstrap=other.anchor)


def test_a_root_changed_on_the_server_is_not_believed(
    repository: Repository, url: str, sigstore: PrivateSigstore, other_sigstore: PrivateSigstore
) -> None:
    repository.publish(sigstore.trusted_root())
    (repository.home / "targets" / "trusted_root.json").write_bytes(other_sigstore.trusted_root())
    with pytest.raises(SignatureUntrusted):
        update_root(url, bootstrap=repository.anchor)


def test_expired_metadata_is_not_believed(repository: Repository, url: str, sigstore: PrivateSigstore) -> None:
    repository.publish(sigstore.trusted_root(), lasts=-TOMORROW)
    with pytest.raises(SignatureUntrusted, match="xpired"):
        update_root(url, bootstrap=repository.anchor)


def test_a_repository_without_a_root_is_an_error(repository: Repository, url: str, sigstore: PrivateSigstore) -> None:
    repository.publish(sigstore.trusted_root(), name="other.json")
    with pytest.raises(SignatureUntrusted, match="no trusted_root"):
        update_root(url, bootstrap=repository.anchor)


def test_a_published_document_that_is_no_root_is_an_error(repository: Repository, url: str) -> None:
    repository.publish(b'{"mediaType": "text/plain"}')
    with pytest.raises(SignatureMalformed):
        update_root(url, bootstrap=repository.anchor)


def test_a_home_directory_with_poisoned_metadata_is_not_read(
    repository: Repository, url: str, sigstore: PrivateSigstore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sigstore client would start from metadata in the home directory; an update here starts from its anchor."""
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "nowhere"))
    repository.publish(sigstore.trusted_root())
    assert update_root(url, bootstrap=repository.anchor) == sigstore.trusted_root()
    assert not (tmp_path / "nowhere").exists()


def test_a_description_names_every_part(sigstore: PrivateSigstore) -> None:
    titles = [line.split(" http")[0] for line in describe_root(sigstore.trusted_root())]
    assert titles == [
        "transparency log",
        "transparency log",
        "certificate log",
        "certificate authority",
        "timestamps",
    ]


@pytest.mark.parametrize(
    "root", [b"", b"[]", b"{}", b'{"mediaType": "application/vnd.dev.sigstore.trustedroot+json", "tlogs": 1}']
)
def test_a_damaged_root_is_not_described(root: bytes) -> None:
    with pytest.raises(SignatureMalformed):
        describe_root(root)
