"""`modelguard feed`: fetch the feeds of advisories, and show how old they are."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelguard.cli._options import gate_options, open_gate
from modelguard.cli._progress import bars
from modelguard.cli._speaking import json_option, note, tell_json
from modelguard.cli.command import Subcommand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelguard.collectors.collector import Case
    from modelguard.guard import Gate
    from modelguard.terms.advisory import Feed

_REFUSED, _INCOMPLETE = 1, 3
_SIGNATURE = ".sigstore.json"


@click.group(short_help="Fetch feeds of advisories and show their age")
def feed() -> None:
    """Look after feeds of advisories. Only `update` uses the network."""


@feed.command(
    short_help="Show the records and signer of each feed", name="list", epilog="Example: modelguard feed list"
)
@json_option
@gate_options
def show(as_json: bool, **options: Any) -> int:
    """Show the feeds of the policy: records, age, signer, and what could not be read."""
    gate = open_gate(options)
    rows = [_row(one, gate) for one in _feeds(gate, ())]
    if as_json:
        tell_json("feeds", {"feeds": rows})
    for row in () if as_json else rows:
        if row["error"]:
            click.echo(f"{row['name']}: {row['path']}: cannot be used: {row['error']}")
            continue
        days = row["age_days"]
        age = "own" if not row["url"] else "of unknown age" if days is None else f"{days} days old"
        signed = f", signed by {row['signed_by']}" if row["signed_by"] else ""
        click.echo(f"{row['name']}: {row['path']}: {row['records']} records, {age}{signed}")
        if row["skipped"]:
            click.echo(f"  {row['skipped']} left out; {row['first_skipped']}")
    return _INCOMPLETE if any(row["error"] for row in rows) else 0


def _row(one: Feed, gate: Gate) -> dict[str, Any]:
    """Return what is known of one feed; of one that cannot be used, why."""
    from modelguard.collectors.asking_feeds import open_feed  # only once the command runs
    from modelguard.terms.errors import ModelguardError, PolicyError

    row: dict[str, Any] = {"name": one.name, "path": one.path, "url": one.url or None, "error": None}
    try:
        with ExitStack() as stack:
            opened = open_feed(one, _case(gate), stack)
    except PolicyError:
        raise
    except ModelguardError as error:
        return {**row, "error": str(error)}
    return {
        **row,
        "records": opened.extent.records,
        "newest": opened.extent.newest or None,
        "age_days": opened.age_days,
        "signed_by": opened.signed_by or None,
        "skipped": opened.extent.skipped,
        "first_skipped": opened.extent.first_skipped or None,
    }


@feed.command(short_help="Fetch feeds and index them", epilog="Example: modelguard feed update pypi")
@click.argument("names", nargs=-1)
@gate_options
def update(names: tuple[str, ...], **options: Any) -> int:
    """Fetch the feeds that have an address, all or those named, and index them.

    A feed that must be signed is put in place only once its signature has been verified; what was there before stays
    otherwise.
    """
    from modelguard.terms.errors import ModelguardError, PolicyError  # only once the command runs

    code = 0
    with bars() as progress:
        gate = open_gate(options, progress=progress)
        chosen = [one for one in _feeds(gate, names) if one.url or one.name in names]
        for one in chosen:
            try:
                _update(one, gate)
            except PolicyError:
                raise
            except ModelguardError as error:
                click.echo(f"{one.name}: not updated: {error}", err=True)
                code = _INCOMPLETE
    if not chosen:
        click.echo("no feed of the policy has an address", err=True)
        return _INCOMPLETE
    return code


def _feeds(gate: Gate, names: Sequence[str]) -> tuple[Feed, ...]:
    from modelguard.policy.advisories import read_advisories  # only once the command runs

    feeds = read_advisories(gate.policy).feeds
    unknown = set(names) - {one.name for one in feeds}
    if unknown:
        raise click.UsageError(f"the policy has no feed {min(unknown)!r}; known: {', '.join(f.name for f in feeds)}")
    if not feeds:
        raise click.UsageError("the policy has no [[advisories.feeds]]")
    return tuple(one for one in feeds if not names or one.name in names)


def _update(one: Feed, gate: Gate) -> None:
    from modelguard.advisories.feeds import note_of, read_feed, write_note  # only once the command runs
    from modelguard.collectors.asking_feeds import open_feed

    if not one.url:
        raise click.UsageError(f"{one.name}: has no url in the policy")
    target = gate.home / one.path
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".part-{target.name}")
    beside = [part, part.with_name(part.name + _SIGNATURE), note_of(part)]
    try:
        _fetch(one.url, part, gate)
        if one.signers:
            _fetch(one.url + _SIGNATURE, beside[1], gate)
        write_note(part, read_feed(part).sha256, datetime.now(UTC))
        with ExitStack() as stack:  # read, verified and indexed before it replaces what is there
            opened = open_feed(_placed(one, part, gate), _case(gate), stack)
        for file, place in zip(
            beside, (target, target.with_name(target.name + _SIGNATURE), note_of(target)), strict=True
        ):
            if file.exists():
                file.replace(place)
    finally:
        for file in beside:
            file.unlink(missing_ok=True)
    note(f"{one.name}: {opened.extent.records} records, newest of {opened.extent.newest or 'no date'}")


def _placed(one: Feed, part: Path, gate: Gate) -> Feed:
    from attrs import evolve  # only once the command runs

    return evolve(one, path=str(part.relative_to(gate.home)) if part.is_relative_to(gate.home) else str(part))


def _fetch(url: str, target: Path, gate: Gate) -> None:
    """Bring one file into the store and copy it out of there."""
    from shutil import copyfile  # only once the command runs

    from modelguard.sources.source import source_for
    from modelguard.terms.artifact import parse_key

    source = source_for(parse_key(url))
    snapshot = source.fetch(source.resolve(parse_key(url), gate.options), gate.store, gate.options, {})
    file = snapshot.artifacts[0].file
    assert file is not None, "a file that was fetched lies in the store"
    copyfile(file, target)


def _case(gate: Gate) -> Case:
    from modelguard.collectors.collector import Case  # only once the command runs
    from modelguard.terms.artifact import LocalRef, Snapshot

    return Case(snapshot=Snapshot(ref=LocalRef(".")), policy=gate.policy, today=gate.today, home=gate.home)


COMMAND = Subcommand(feed, "watch")
