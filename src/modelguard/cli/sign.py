"""`modelguard sign`: sign a model, or a file, so that others can tell that it is yours."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from modelguard.cli._snapshots import below, frozen
from modelguard.cli._speaking import note
from modelguard.cli.command import Subcommand

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command(short_help="Sign a model", epilog="Example: modelguard sign ./model --key release.pem")
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option("--key", type=_FILE, help="ECDSA private key (P-256, P-384 or P-521) as PEM.")
@click.option("--certificate", type=_FILE, help="Certificate of the key, then its intermediates, as PEM.")
@click.option(
    "--identity-token", metavar="TOKEN", help="OIDC token (- reads stdin): sign keylessly; needs --trust-config."
)
@click.option("--trust-config", type=_FILE, help="Client trust config of the Sigstore instance to sign with.")
@click.option(
    "--form",
    type=click.Choice(["model", "file"]),
    default="model",
    show_default=True,
    help="Sign all files as a model, or the bytes of one file.",
)
@click.option(
    "--hash",
    "algorithm",
    type=click.Choice(["sha256", "blake2b", "blake3"]),
    default="sha256",
    show_default=True,
    help="Hash of the files in a model's signature.",
)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Where to write the bundle.")
def sign(path: Path, output: Path | None, form: str, **options: Any) -> int:
    """Sign a model (a directory or a file) as an OpenSSF Model Signing bundle.

    With --form file, sign the bytes of one file, such as modelguard.lock, as a plain Sigstore bundle. The password of
    an encrypted key is taken from the environment variable MODELGUARD_KEY_PASSWORD.
    """
    if bool(options["key"]) == bool(options["identity_token"]):
        raise click.UsageError("name what to sign with: --key, --key and --certificate, or --identity-token")
    output = output or _default_output(path, form)
    bundle = _sign_file(path, options) if form == "file" else _sign_model(path, output, options)
    temporary = output.with_name(f".{output.name}.part")
    temporary.write_bytes(bundle)
    temporary.replace(output)
    note(f"signed: {output}")
    return 0


def _default_output(path: Path, form: str) -> Path:
    if form == "file":
        return path.with_name(path.name + ".sigstore.json")
    return path / "model.sig" if path.is_dir() else path.with_name(path.name + ".sig")


def _sign_model(path: Path, output: Path, options: dict[str, Any]) -> bytes:
    from modelguard.signatures.statement import write_statement  # only once the command runs

    own = below(path, output)
    artifacts = [one for one in frozen(path).artifacts if one.path != own]
    payload = write_statement(
        path.absolute().name, artifacts, algorithm=options["algorithm"], ignored=[own] if own else []
    )
    return _signed(payload, options)


def _signed(payload: bytes, options: dict[str, Any]) -> bytes:
    from modelguard.signatures import signing  # only once the command runs

    if options["identity_token"]:
        return signing.sign_with_token(payload, _token(options), _trust_config(options))
    key, password = _key(options)
    if options["certificate"]:
        return signing.sign_with_certificate(payload, key, options["certificate"].read_bytes(), password=password)
    return signing.sign_with_key(payload, key, password=password)


def _sign_file(path: Path, options: dict[str, Any]) -> bytes:
    from modelguard.signatures import signing  # only once the command runs

    if path.is_dir() or options["certificate"]:
        raise click.UsageError("--form file signs one file, with --key or --identity-token")
    if options["identity_token"]:
        [artifact] = frozen(path).artifacts
        return signing.sign_file_with_token(artifact.digest, _token(options), _trust_config(options))
    key, password = _key(options)
    return signing.sign_file_with_key(path.read_bytes(), key, password=password)


def _key(options: dict[str, Any]) -> tuple[bytes, bytes | None]:
    password = os.environ.get("MODELGUARD_KEY_PASSWORD")
    return options["key"].read_bytes(), password.encode() if password else None


def _token(options: dict[str, Any]) -> str:
    """Return the token; from stdin it stays out of the list of processes."""
    given = str(options["identity_token"])
    return sys.stdin.read().strip() if given == "-" else given


def _trust_config(options: dict[str, Any]) -> str:
    if not options["trust_config"]:
        raise click.UsageError("--identity-token needs --trust-config")
    return str(options["trust_config"].read_text("utf-8"))


COMMAND = Subcommand(sign, "sign")
