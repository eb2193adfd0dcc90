"""`modelguard trust`: look after the trusted roots of Sigstore instances, which are files in your repository."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelguard.cli._speaking import json_option, note, tell_json
from modelguard.cli.command import Subcommand

if TYPE_CHECKING:
    from modelguard.terms.provenance import Provenance, TrustedRootFile

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_REFUSED = 1


@click.group(short_help="Look after trusted roots of Sigstore")
def trust() -> None:
    """Look after trusted roots. Only `update` uses the network."""


@trust.command(short_help="Show each root with the keys in it", epilog="Example: modelguard trust show")
@click.argument("name", required=False)
@click.option("--policy", type=_FILE, help="Policy file.")
@json_option
def show(name: str | None, policy: Path | None, as_json: bool) -> int:
    """Show the roots of the policy: file, digest, age, and every key in them."""
    provenance, home = _provenance(policy)
    chosen = [root for root in provenance.roots if name in {None, root.name}]
    if not chosen:
        add = f"modelguard trust add {name or 'sigstore'} writes one"
        raise click.UsageError(f"the policy has no [trust.{name or 'NAME'}]; {add}")
    rows = [_row(root, home) for root in chosen]
    if as_json:
        tell_json("roots", {"roots": rows})
    for row in () if as_json else rows:
        click.echo(f"{row['name']}: {row['file']}, updated {row['updated'] or 'unknown'}")
        if row["error"]:
            click.echo(f"  {row['error']}")
            continue
        click.echo(f"  sha256:{row['sha256']}" + ("" if row["pinned"] else f": NOT the pinned {row['expected']}"))
        for line in row["keys"]:
            click.echo(f"  {line}")
    return 0 if all(row["pinned"] for row in rows) else _REFUSED


def _row(root: TrustedRootFile, home: Path) -> dict[str, Any]:
    """Return what is in the file of a root, and whether it is the one that the policy pins."""
    from modelguard.signatures.roots import describe_root, digest_of  # only once the command runs
    from modelguard.signatures.trust import read_trusted
    from modelguard.terms.errors import SignatureError

    row: dict[str, Any] = {
        "name": root.name,
        "file": str(root.file),
        "updated": root.updated.isoformat() if root.updated else None,
        "expected": str(root.sha256),
    }
    try:
        data, _ = read_trusted(home / root.file, root.file)
        digest = digest_of(data)
        return {
            **row,
            "sha256": digest.hex,
            "pinned": digest == root.sha256,
            "keys": list(describe_root(data)),
            "error": None,
        }
    except SignatureError as error:
        return {**row, "sha256": None, "pinned": False, "keys": [], "error": str(error)}


@trust.command(short_help="Add a root from a file or the public one", epilog="Example: modelguard trust add sigstore")
@click.argument("name")
@click.argument("source", type=_FILE, required=False)
@click.option("--file", "target", type=click.Path(path_type=Path, dir_okay=False), help="Default: trust/NAME.json")
def add(name: str, source: Path | None, target: Path | None) -> int:
    """Add a trusted root: from a file, or the public one that the installed sigstore client was released with."""
    from modelguard.signatures.roots import describe_root, embedded_root  # only once the command runs
    from modelguard.signatures.trust import read_trusted

    root = read_trusted(source, str(source))[0] if source else embedded_root()
    lines = describe_root(root)
    target = target or Path("trust", f"{name}.json")
    if target.exists():
        raise click.UsageError(f"{target} exists already; modelguard trust update {name} renews it")
    _write(target, root)
    for line in lines:
        note(f"  {line}")
    _tell_policy(name, target, root)
    return 0


@trust.command(short_help="Fetch the current root through TUF", epilog="Example: modelguard trust update sigstore")
@click.argument("name")
@click.option("--url", default="", help="TUF repository of the instance; by default that of the public one.")
@click.option("--bootstrap", type=_FILE, help="TUF root metadata (root.json) that you trust for --url.")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("--policy", type=_FILE, help="Policy file.")
def update(name: str, url: str, bootstrap: Path | None, dry_run: bool, policy: Path | None) -> int:
    """Fetch the current trusted root through TUF, show what changed, and write the file."""
    from modelguard.signatures.roots import PUBLIC_GOOD, Changes, digest_of, update_root  # only once the command runs
    from modelguard.signatures.trust import read_trusted

    provenance, home = _provenance(policy)
    root = provenance.root(name)
    if root is None:
        raise click.UsageError(f"the policy has no [trust.{name}]; modelguard trust add {name} writes one")
    old, _ = read_trusted(home / root.file, root.file)
    new = update_root(url or PUBLIC_GOOD, bootstrap=bootstrap.read_bytes() if bootstrap else None)
    changes = Changes.between(old, new)
    for sign, lines in (("+", changes.added), ("-", changes.removed)):
        for line in lines:
            click.echo(f"{sign} {line}")
    if digest_of(old) == digest_of(new):
        note("nothing changed")
    if not dry_run:
        _write(home / root.file, new)
        _tell_policy(name, Path(root.file), new)
    return 0


def _provenance(path: Path | None) -> tuple[Provenance, Path]:
    from modelguard.policy.provenance import read_provenance  # only once the command runs
    from modelguard.policy.reading import find_policy, load_policy

    policy = load_policy(path or find_policy(Path.cwd()))
    home = Path(policy.origin).absolute().parent if policy.origin else Path.cwd()
    return read_provenance(policy), home


def _write(target: Path, root: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.part")
    temporary.write_bytes(root)
    temporary.replace(target)


def _tell_policy(name: str, file: Path, root: bytes) -> None:
    """Print the table that belongs into the policy: writing it there is a decision of its own."""
    from modelguard.signatures.roots import digest_of  # only once the command runs

    note(f"wrote {os.fspath(file)}; the policy now needs:")
    click.echo(f"[trust.{name}]")
    click.echo(f'file = "{file.as_posix()}"')
    click.echo(f'sha256 = "{digest_of(root).hex}"')
    click.echo(f"updated = {datetime.now(UTC).date().isoformat()}")


COMMAND = Subcommand(trust, "sign")
