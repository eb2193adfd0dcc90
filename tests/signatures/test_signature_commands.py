"""The commands sign, verify and trust, as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from signature_builders import FILES, RELEASE, issue, make_artifacts, private_pem, public_pem, sha256, statement

from modelguard.cli import main as command_line
from modelguard.signatures.roots import embedded_root
from modelguard.testing.sigstore import PrivateSigstore


class Shell:
    """Runs modelguard in one directory and returns exit code and output."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exit_:
            command_line.main([str(argument) for argument in arguments])
        captured = self._capsys.readouterr()
        return int(exit_.value.code or 0), captured.out, captured.err


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    make_artifacts(FILES, tmp_path / "model")
    return tmp_path


@pytest.fixture
def shell(home: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


@pytest.fixture
def keys(home: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP384R1())
    private, public = home / "key.pem", home / "pub.pem"
    private.write_bytes(private_pem(key))
    public.write_bytes(public_pem(key))
    return private, public


def test_what_is_signed_with_a_key_is_verified(shell: Shell, home: Path, keys: tuple[Path, Path]) -> None:
    assert shell("sign", "model", "--key", keys[0])[0] == 0
    code, out, _ = shell("verify", "model", "--public-key", keys[1])
    assert code == 0
    assert out.startswith("verified: 2 files signed by sha256:")
    code, out, _ = shell("verify", "model", "--public-key", keys[1], "--format", "json")
    assert json.loads(out)["files"] == {path: str(sha256(data)) for path, data in FILES.items()}


def test_signing_again_replaces_the_signature(shell: Shell, home: Path, keys: tuple[Path, Path]) -> None:
    for _ in range(2):
        assert shell("sign", "model", "--key", keys[0])[0] == 0
    assert shell("verify", "model", "--public-key", keys[1])[0] == 0


@pytest.mark.parametrize("damage", ["change", "remove", "add", "link"])
def test_a_model_that_is_not_as_signed_is_refused(
    shell: Shell, home: Path, keys: tuple[Path, Path], damage: str
) -> None:
    shell("sign", "model", "--key", keys[0])
    file = home / "model" / "config.json"
    match damage:
        case "change":
            file.write_bytes(b"{}")
        case "remove":
            file.unlink()
        case "add":
            file.with_name("evil.py").write_bytes(b"")
        case "link":
            (home / "elsewhere.json").write_bytes(FILES["config.json"])
            file.unlink()
            file.symlink_to(home / "elsewhere.json")
    code, out, err = shell("verify", "model", "--public-key", keys[1])
    assert (code, out) == (1, "")
    assert {"change": "different", "remove": "missing", "add": "unsigned", "link": "link"}[damage] in err


def test_a_file_that_the_caller_tolerates_may_lie_unsigned(shell: Shell, home: Path, keys: tuple[Path, Path]) -> None:
    shell("sign", "model", "--key", keys[0])
    (home / "model" / "README.md").write_bytes(b"")
    assert shell("verify", "model", "--public-key", keys[1])[0] == 1
    code, out, _ = shell("verify", "model", "--public-key", keys[1], "--unsigned", "README.md")
    assert code == 0
    assert "not signed: README.md" in out


def test_a_model_in_the_cache_of_the_hub_client_is_verified_through_its_links(
    shell: Shell, home: Path, keys: tuple[Path, Path]
) -> None:
    """Links into the cache's own blobs are its way to store files; a link to anywhere else is refused."""
    shell("sign", "model", "--key", keys[0], "--output", "tiny.sig")
    repository = home / "models--acme--tiny"
    snapshot, blobs = repository / "snapshots" / "0123", repository / "blobs"
    blobs.mkdir(parents=True)
    for name, data in FILES.items():
        (blobs / sha256(data).hex).write_bytes(data)
        link = snapshot / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blobs / sha256(data).hex)
    verify = ("verify", snapshot, "--public-key", keys[1], "--signature", "tiny.sig")
    assert shell(*verify)[0] == 0
    (blobs / sha256(FILES["config.json"]).hex).write_bytes(b"{}")
    assert "different" in shell(*verify)[2]
    (home / "elsewhere").mkdir()
    for place in (home / "elsewhere", blobs / "inner"):
        place.mkdir(exist_ok=True)
        (place / "config.json").write_bytes(FILES["config.json"])
        (snapshot / "config.json").unlink()
        (snapshot / "config.json").symlink_to(place / "config.json")
        code, _, err = shell(*verify)
        assert code == 1
        assert "symbolic link" in err
    (snapshot / "config.json").unlink()
    (snapshot / "config.json").symlink_to(blobs)
    assert shell(*verify)[0] == 1


def test_a_link_is_not_signed(shell: Shell, home: Path, keys: tuple[Path, Path]) -> None:
    (home / "model" / "link").symlink_to(home / "pub.pem")
    code, _, err = shell("sign", "model", "--key", keys[0])
    assert code == 1
    assert "link" in err
    assert not (home / "model" / "model.sig").exists()


def test_a_single_file_is_signed_as_a_model(shell: Shell, home: Path, keys: tuple[Path, Path]) -> None:
    (home / "tiny.gguf").write_bytes(b"GGUF")
    assert shell("sign", "tiny.gguf", "--key", keys[0])[0] == 0
    assert shell("verify", "tiny.gguf", "--public-key", keys[1])[0] == 0
    (home / "tiny.gguf").write_bytes(b"GGUX")
    assert shell("verify", "tiny.gguf", "--public-key", keys[1])[0] == 1


@pytest.mark.parametrize("algorithm", ["sha256", "blake2b"])
def test_the_hash_can_be_chosen(shell: Shell, home: Path, keys: tuple[Path, Path], algorithm: str) -> None:
    assert shell("sign", "model", "--key", keys[0], "--hash", algorithm)[0] == 0
    assert shell("verify", "model", "--public-key", keys[1])[0] == 0


def test_a_certificate_signs_and_another_subject_is_refused(shell: Shell, home: Path) -> None:
    root = issue("root", authority=True)
    leaf = issue("leaf", root, mail="release@acme.example")
    (home / "leaf.key").write_bytes(private_pem(leaf.key))
    (home / "leaf.pem").write_bytes(leaf.pem)
    (home / "root.pem").write_bytes(root.pem)
    assert shell("sign", "model", "--key", "leaf.key", "--certificate", "leaf.pem")[0] == 0
    assert shell("verify", "model", "--authorities", "root.pem", "--subject", "release@acme.example")[0] == 0
    assert shell("verify", "model", "--authorities", "root.pem", "--subject", "intern@acme.example")[0] == 1


def test_a_keyless_bundle_is_verified_by_identity(shell: Shell, home: Path, sigstore: PrivateSigstore) -> None:
    (home / "root.json").write_bytes(sigstore.trusted_root())
    (home / "tiny.sig").write_bytes(sigstore.sign_statement(statement(), RELEASE))
    arguments = ["verify", "model", "--signature", "tiny.sig", "--trusted-root", "root.json", "--issuer"]
    code, out, _ = shell(*arguments, RELEASE.issuer, "--identity", RELEASE.identity)
    assert code == 0
    assert RELEASE.identity in out
    assert shell(*arguments, RELEASE.issuer, "--identity", "x")[0] == 1
    assert shell(*arguments, "https://other.example", "--identity", RELEASE.identity)[0] == 1


def test_a_signer_of_the_policy_can_be_named(shell: Shell, home: Path, keys: tuple[Path, Path]) -> None:
    from modelguard.signatures.keys import load_public_key, spki_digest

    spki = spki_digest(load_public_key(keys[1].read_bytes(), "pub.pem")).hex
    (home / "modelguard.toml").write_text(
        f'[provenance.signers.us]\nmethod = "key"\npublic-key = "pub.pem"\nspki-sha256 = "{spki}"\n'
    )
    shell("sign", "model", "--key", keys[0])
    assert shell("verify", "model", "--signer", "us")[0] == 0
    code, _, err = shell("verify", "model", "--signer", "them")
    assert code == 2
    assert "us" in err
    with (home / "modelguard.toml").open("a") as policy:
        policy.write(f'[[provenance.revoked]]\nkey = "{spki}"\nreason = "stolen"\n')
    code, _, err = shell("verify", "model", "--signer", "us")
    assert code == 1
    assert "is revoked: stolen" in err


def test_an_encrypted_key_takes_its_password_from_the_environment(
    shell: Shell, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    (home / "key.pem").write_bytes(pem)
    assert shell("sign", "model", "--key", "key.pem")[0] == 1
    monkeypatch.setenv("MODELGUARD_KEY_PASSWORD", "secret")
    assert shell("sign", "model", "--key", "key.pem")[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["sign", "model"],
        ["sign", "model", "--identity-token", "x"],
        ["sign", "model", "--identity-token", "x", "--key", "key.pem"],
        ["sign", "model", "--form", "file", "--key", "key.pem"],
        ["sign", "nowhere", "--key", "key.pem"],
        ["verify", "model", "--signature", "key.pem"],
        ["verify", "model", "--signature", "key.pem", "--identity", "a"],
        ["verify", "model", "--signature", "key.pem", "--identity", "a", "--issuer", "b"],
        ["verify", "model", "--signature", "key.pem", "--authorities", "pub.pem"],
        ["verify", "model", "--signature", "key.pem", "--public-key", "pub.pem", "--identity", "a"],
    ],
    ids=range(10),
)
def test_an_incomplete_command_is_a_usage_error(shell: Shell, keys: tuple[Path, Path], arguments: list[str]) -> None:
    assert shell(*arguments)[0] == 2


def test_a_model_without_a_signature_is_refused(shell: Shell, keys: tuple[Path, Path]) -> None:
    code, _, err = shell("verify", "model", "--public-key", keys[1])
    assert code == 1
    assert "model.sig" in err


# --- roots ---------------------------------------------------------------------------------------------------------


def test_a_root_is_added_shown_and_noticed_when_it_changes(
    shell: Shell, home: Path, sigstore: PrivateSigstore, other_sigstore: PrivateSigstore
) -> None:
    (home / "source.json").write_bytes(sigstore.client_trust_config())
    code, table, _ = shell("trust", "add", "ours", "source.json")
    assert code == 0
    (home / "modelguard.toml").write_text(table)
    code, out, _ = shell("trust", "show")
    assert code == 0
    assert "transparency log https://rekor.modelguard.test" in out
    assert shell("trust", "add", "ours", "source.json")[0] == 2
    (home / "trust" / "ours.json").write_bytes(other_sigstore.trusted_root())
    code, out, _ = shell("trust", "show", "ours")
    assert code == 1
    assert "NOT the pinned" in out


def test_the_public_root_comes_from_the_installed_client_and_no_cache(shell: Shell, home: Path) -> None:
    code, table, err = shell("trust", "add", "public")
    assert code == 0
    assert (home / "trust" / "public.json").read_bytes() == embedded_root()
    assert sha256(embedded_root()).hex in table
    assert "certificate authority https://fulcio.sigstore.dev" in err


def test_something_else_is_not_added_as_a_root(shell: Shell, home: Path) -> None:
    (home / "source.json").write_text("{}")
    assert shell("trust", "add", "ours", "source.json")[0] == 1
    assert not (home / "trust").exists()


def test_showing_or_updating_a_root_that_is_not_there_is_a_usage_error(shell: Shell) -> None:
    assert shell("trust", "show")[0] == 2
    assert shell("trust", "update", "ours")[0] == 2


def test_an_update_without_a_network_leaves_the_root_as_it_is(
    shell: Shell, home: Path, sigstore: PrivateSigstore
) -> None:
    (home / "source.json").write_bytes(sigstore.trusted_root())
    (home / "modelguard.toml").write_text(shell("trust", "add", "ours", "source.json")[1])
    code, _, err = shell("trust", "update", "ours")
    assert code == 1
    assert "no verified update" in err
    assert (home / "trust" / "ours.json").read_bytes() == sigstore.trusted_root()
