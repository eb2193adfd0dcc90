"""`modelguard verify`: check a signature over any directory or file, by a signer that the caller names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelguard.cli._snapshots import below, frozen
from modelguard.cli.command import Subcommand
from modelguard.terms.words import counted

if TYPE_CHECKING:
    from modelguard.signatures.trust import Trust
    from modelguard.signatures.verified import Verified
    from modelguard.terms.provenance import Revocation

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command(short_help="Verify a signed model", epilog="Example: modelguard verify ./model --public-key release.pub")
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option("--signature", type=_FILE, help="The bundle; by default model.sig in the directory, or PATH.sig.")
@click.option("--signer", help="A signer that the policy names.")
@click.option("--policy", type=_FILE, help="Policy file for --signer.")
@click.option("--public-key", type=_FILE, help="Trust this key (PEM).")
@click.option("--authorities", type=_FILE, help="Trust certificates under these authorities (PEM); with --subject.")
@click.option("--subject", help="Whose certificate: its alternative name, or whole subject.")
@click.option("--identity", help="Trust this identity; with --issuer and --trusted-root.")
@click.option("--issuer", help="The identity provider that must vouch for --identity.")
@click.option("--trusted-root", type=_FILE, help="Trusted root or client trust config of the Sigstore instance.")
@click.option("--unsigned", multiple=True, metavar="PATTERN", help="Files that may lie unsigned beside the model.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def verify(path: Path, signature: Path | None, unsigned: tuple[str, ...], format_: str, **options: Any) -> int:
    """Verify that every file of a model is as its signer signed it, and that no other file lies beside it.

    No network is used. Exit code 1 tells that the signature does not hold, is by somebody else, or is over other files.
    """
    from modelguard.signatures.revocation import require_unrevoked  # only once the command runs

    signature = signature or _default_signature(path)
    trust, revoked = _trust(options)
    verified = _verified(path, signature, trust, unsigned)
    require_unrevoked(verified, revoked)
    click.echo(_json(verified) if format_ == "json" else _text(verified))
    return 0


def _default_signature(path: Path) -> Path:
    candidates = (
        [path / "model.sig"]
        if path.is_dir()
        else [path.with_name(path.name + ending) for ending in (".sig", ".sigstore.json", ".sigstore")]
    )
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    from modelguard.terms.errors import SignatureMissing  # only on the way to an error

    names = " or ".join(one.name for one in candidates)
    raise SignatureMissing(f"{path}: there is no {names}", remedy="name the bundle: --signature FILE")


def _verified(path: Path, signature: Path, trust: Trust, unsigned: tuple[str, ...]) -> Verified:
    from modelguard.signatures.verify import verify  # only once the command runs

    own = below(path, signature)
    artifacts = [one for one in frozen(path).artifacts if one.path != own]
    return verify(signature.read_bytes(), trust, artifacts, name=signature.name, unsigned=unsigned)


def _trust(options: dict[str, Any]) -> tuple[Trust, tuple[Revocation, ...]]:
    """Return whom the caller trusts, and what the policy has revoked where it is the policy that names them."""
    from modelguard.signatures import trust  # only once the command runs

    given = [name for name in ("signer", "public_key", "authorities", "identity") if options[name]]
    match given:
        case ["signer"]:
            return _from_policy(options["signer"], options["policy"])
        case ["public_key"]:
            return trust.trust_key(options["public_key"]), ()
        case ["authorities"] if options["subject"]:
            return trust.trust_certificate(options["authorities"], options["subject"]), ()
        case ["identity"] if options["issuer"] and options["trusted_root"]:
            return trust.trust_identity(options["identity"], options["issuer"], options["trusted_root"]), ()
    raise click.UsageError(
        "name one whom you trust: --signer; --public-key; --authorities with --subject; or --identity with --issuer "
        "and --trusted-root"
    )


def _from_policy(name: str, path: Path | None) -> tuple[Trust, tuple[Revocation, ...]]:
    from modelguard.policy.provenance import read_provenance  # only once the command runs
    from modelguard.policy.reading import find_policy, load_policy
    from modelguard.signatures.trust import load_trust

    policy = load_policy(path or find_policy(Path.cwd()))
    provenance = read_provenance(policy)
    signer = next(provenance.signers_named((name,)), None)
    if signer is None:
        known = ", ".join(one.name for one in provenance.signers) or "nobody"
        raise click.UsageError(f"--signer: the policy names {known}, not {name!r}")
    home = Path(policy.origin).absolute().parent if policy.origin else Path.cwd()
    return load_trust(signer, provenance, home), provenance.revoked


def _text(verified: Verified) -> str:
    voucher = verified.voucher
    by = f"{voucher.identity} (issuer {voucher.issuer})" if voucher.issuer else voucher.identity
    when = f" at {voucher.signed_at.isoformat()}" if voucher.signed_at else ""
    lines = [f"verified: {counted(len(verified.files), 'file')} signed by {by}{when}", f"payload: {verified.payload}"]
    lines += [f"not signed: {name}" for name in verified.uncovered]
    from modelguard.terms.artifact import printable  # beside its only use

    return "\n".join(printable(line) for line in lines)


def _json(verified: Verified) -> str:
    voucher = verified.voucher
    return json.dumps(
        {
            "schema": "modelguard/verification/1",
            "form": verified.form,
            "method": voucher.method,
            "identity": voucher.identity,
            "issuer": voucher.issuer,
            "key": str(voucher.key) if voucher.key else "",
            "signed_at": voucher.signed_at.isoformat() if voucher.signed_at else "",
            "payload": str(verified.payload),
            "files": {path: str(digest) for path, digest in sorted(verified.files.items())},
            "not_signed": list(verified.uncovered),
        },
        indent=2,
    )


COMMAND = Subcommand(verify, "sign")
