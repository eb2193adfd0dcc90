"""`modelguard advisory`: write and check records of one's own findings, in the OSV format."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from modelguard.cli._speaking import json_option, note, tell_json
from modelguard.cli.command import Subcommand
from modelguard.terms.advisory_kinds import KINDS

_REFUSED, _INCOMPLETE = 1, 3


@click.group(short_help="Write and check advisories about models")
def advisory() -> None:
    """Write and check advisories about models. Nothing here uses the network."""


@advisory.command(
    short_help="Write a record of a finding",
    epilog="Example: modelguard advisory new --summary 'Reverse shell' --file bad.pkl --into feeds/own",
)
@click.option("--summary", required=True, help="One line that says what was found.")
@click.option("--details", default="", help="More about it, as markdown.")
@click.option(
    "--kind", type=click.Choice(KINDS), metavar="KIND", default="malicious", show_default=True,
    help=f"What it is about: {', '.join(KINDS)}.",
)  # fmt: skip
@click.option("--severity", type=click.Choice(["low", "medium", "high", "critical"]), help="How bad it is.")
@click.option("--model", help="The model, as org/name or org/name@commit; without a commit, all of them.")
@click.option("--fixed", multiple=True, help="A commit that mends it; may be repeated.")
@click.option(
    "--file", "files", multiple=True, type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file that it is about, known by its SHA-256 from then on; may be repeated.",
)  # fmt: skip
@click.option("--namespace", default="", help="An owner of models that it is about.")
@click.option("--owner-id", default="", help="The Hub's identity of that owner.")
@click.option("--alias", "aliases", multiple=True, help="Another id of the same finding; may be repeated.")
@click.option("--reference", "references", multiple=True, help="An address with more about it; may be repeated.")
@click.option("--into", type=click.Path(path_type=Path, file_okay=False), help="Directory of a feed; else to stdout.")
def new(into: Path | None, **options: Any) -> int:
    """Write a record of a finding, with the next free id that begins with x_MG-."""
    from modelguard.advisories.fields import RecordFault  # only once the command runs
    from modelguard.advisories.writing import next_id, write_record

    now = datetime.now(UTC)
    try:
        text, record = write_record(_draft(options), next_id(_taken(into), now.year), now)
    except RecordFault as fault:
        raise click.UsageError(fault.message) from fault
    if into is None:
        sys.stdout.write(text)
        return 0
    into.mkdir(parents=True, exist_ok=True)
    target = into / f"{record.id}.json"
    with target.open("x", encoding="utf-8") as file:
        file.write(text)
    note(f"wrote {target}")
    return 0


@advisory.command(
    short_help="Check records against the rules of OSV", epilog="Example: modelguard advisory validate feeds/own"
)
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@json_option
def validate(path: Path, as_json: bool) -> int:
    """Check every record of PATH, a file, a directory or a zip archive, against the rules of OSV."""
    from modelguard.advisories.feeds import documents  # only once the command runs
    from modelguard.advisories.fields import RecordFault
    from modelguard.advisories.record import parse_record

    good, faults = 0, []
    for name, data in documents(path):
        try:
            parse_record(data)
            good += 1
        except RecordFault as fault:
            faults.append({"record": str(name), "message": fault.message})
    if as_json:
        tell_json("validation", {"valid": good, "faults": faults})
    else:
        click.echo("".join(f"{one['record']}: {one['message']}\n" for one in faults), nl=False)
        note(f"{good} valid, {len(faults)} not")
    if faults:
        return _REFUSED
    return 0 if good else _INCOMPLETE


def _draft(options: dict[str, Any]) -> Any:
    from modelguard.advisories.writing import Draft  # only once the command runs
    from modelguard.sources.hashing import hash_file
    from modelguard.terms.artifact import HubRef, parse_key

    repository, _, commit = (options["model"] or "").partition("@")
    if repository and not isinstance(parse_key(repository), HubRef):
        raise click.UsageError("--model: expected org/name or org/name@commit")
    if not (repository or options["files"] or options["namespace"]):
        raise click.UsageError("say what it is about: --model, --file or --namespace")
    return Draft(
        summary=options["summary"],
        details=options["details"],
        kind=options["kind"],
        severity=options["severity"] or "",
        repository=repository,
        commits=(commit,) if commit else (),
        fixed=options["fixed"],
        files=tuple((path.name, hash_file(path)[0].hex) for path in options["files"]),
        namespace=options["namespace"],
        owner_id=options["owner_id"],
        aliases=options["aliases"],
        references=options["references"],
    )


def _taken(into: Path | None) -> set[str]:
    return {path.stem for path in into.glob("*.json")} if into is not None and into.is_dir() else set()


COMMAND = Subcommand(advisory, "watch")
