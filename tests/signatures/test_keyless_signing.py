"""Signing with an identity token: the real client against a private Sigstore on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from signature_builders import FILES, RELEASE, make_artifacts, sha256, sigstore_trust, statement

from modelguard.cli import main as command_line
from modelguard.signatures.bundle import verify_file
from modelguard.signatures.oms import verify_model
from modelguard.signatures.signing import sign_file_with_token, sign_with_token
from modelguard.terms.errors import SigningFailed
from modelguard.testing.sigstore import PrivateSigstore, identity_token, serve


@pytest.fixture
def url(sigstore: PrivateSigstore, loopback: None) -> Iterator[str]:
    with serve(sigstore) as address:
        yield address


def test_a_model_signed_with_a_token_is_verified(sigstore: PrivateSigstore, url: str) -> None:
    config = sigstore.client_trust_config(url).decode()
    bundle = sign_with_token(statement(), identity_token(RELEASE), config)
    verified = verify_model(bundle, sigstore_trust(sigstore), make_artifacts())
    assert verified.voucher.identity == RELEASE.identity


def test_a_file_signed_with_a_token_is_verified(sigstore: PrivateSigstore, url: str) -> None:
    [artifact] = make_artifacts({"modelguard.lock": b"lock"})
    config = sigstore.client_trust_config(url).decode()
    bundle = sign_file_with_token(sha256(b"lock"), identity_token(RELEASE), config)
    assert verify_file(bundle, sigstore_trust(sigstore), artifact).files == {"modelguard.lock": artifact.digest}


@pytest.mark.parametrize(
    "token",
    ["", "x", "a.b.c", identity_token(RELEASE, lifetime=timedelta(hours=-1))],
    ids=["", "x", "a.b.c", "expired"],
)
def test_a_token_that_is_none_signs_nothing(sigstore: PrivateSigstore, url: str, token: str) -> None:
    with pytest.raises(SigningFailed):
        sign_with_token(statement(), token, sigstore.client_trust_config(url).decode())


@pytest.mark.parametrize("config", ["", "{}", "[]"])
def test_a_trust_config_that_is_none_signs_nothing(config: str) -> None:
    with pytest.raises(SigningFailed):
        sign_with_token(statement(), identity_token(RELEASE), config)


def test_a_service_that_is_not_there_signs_nothing(sigstore: PrivateSigstore, loopback: None) -> None:
    with pytest.raises(SigningFailed, match="keyless signing"):
        sign_with_token(
            statement(), identity_token(RELEASE), sigstore.client_trust_config("http://127.0.0.1:9").decode()
        )


def test_a_failure_does_not_show_the_token(sigstore: PrivateSigstore, loopback: None) -> None:
    token = identity_token(RELEASE)
    with pytest.raises(SigningFailed) as failure:
        sign_with_token(statement(), token, sigstore.client_trust_config("http://127.0.0.1:9").decode())
    assert token not in str(failure.value)


def test_the_command_signs_with_a_token(
    sigstore: PrivateSigstore, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_artifacts(FILES, tmp_path / "model")
    (tmp_path / "config.json").write_bytes(sigstore.client_trust_config(url))
    arguments = ["--identity", RELEASE.identity, "--issuer", RELEASE.issuer, "--trusted-root", "config.json"]
    token = identity_token(RELEASE)
    for command in (
        ["sign", "model", "--identity-token", token, "--trust-config", "config.json"],
        ["verify", "model", *arguments],
        ["sign", "config.json", "--form", "file", "--identity-token", token, "--trust-config", "config.json"],
        ["verify", "config.json", "--signature", "config.json.sigstore.json", *arguments],
    ):
        with pytest.raises(SystemExit) as exit_:
            command_line.main(command)
        assert not exit_.value.code, command
