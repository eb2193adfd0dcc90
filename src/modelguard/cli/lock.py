"""`modelguard lock`: examine models and record what may be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from modelguard.cli._deciding import day, who
from modelguard.cli._options import INCOMPLETE, REFUSED, gate_options, open_gate, report, report_options
from modelguard.cli._progress import bars
from modelguard.cli._speaking import note
from modelguard.cli.command import Subcommand

if TYPE_CHECKING:
    from modelguard.guard import Gate, Wish
    from modelguard.lock import Accepted, Entry
    from modelguard.terms.artifact import ModelRef


@click.command(
    short_help="Examine models and record them in the lock",
    epilog="Example: modelguard lock org/name --reason 'embeddings for search'",
)
@click.argument("refs", nargs=-1)
@click.option("--check", is_flag=True, help="Write nothing; fail when the lock would change.")
@click.option("--locked", is_flag=True, help="Like --check, and use no network: only what is stored.")
@click.option("--upgrade", multiple=True, metavar="REF", help="Move this entry to what REF means now.")
@click.option("--remote", is_flag=True, help="Read only parts of large files where they lie; the lock says which.")
@click.option("--remove", multiple=True, metavar="REF", help="Take this entry out of the lock.")
@click.option("--include", multiple=True, metavar="PATTERN", help="Lock only files that match.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave out files that match.")
@click.option("--accept", multiple=True, metavar="CHECK[:SUBJECT]", help="Accept this finding; needs --reason.")
@click.option("--reason", default="", help="Why the model is approved, or the finding accepted.")
@click.option("--by", default=None, help="Who approves; by default git's user.email.")
@click.option("--until", default="", metavar="YYYY-MM-DD", help="The day on which the approval ends.")
@click.option("--allow-unreachable-commit", is_flag=True, help="Lock a commit that no branch or tag leads to.")
@gate_options
@report_options
def lock(refs: tuple[str, ...], **options: Any) -> int:
    """Examine models and record them in the lock: revision, files, digests, permissions, approval.

    Without REF every entry is examined again. An entry keeps its revision unless --upgrade names it.
    """
    from modelguard.guard import Gate  # noqa: F401  # reads the whole house: only once the command runs

    options["offline"] = options["offline"] or options["locked"]
    with bars() as progress:
        gate = open_gate(options, progress=progress, unreachable_commits=options["allow_unreachable_commit"])
        if options["remove"]:
            _remove(gate, options["remove"], write=not (options["check"] or options["locked"]))
            if not refs and not options["upgrade"]:
                return 0
        return _pin_all(gate, _wanted(gate, refs, options["upgrade"]), options)


def _wanted(gate: Gate, refs: tuple[str, ...], upgrade: tuple[str, ...]) -> list[tuple[ModelRef, bool]]:
    """Return the references to pin, each with whether its entry is to be moved."""
    if refs or upgrade:
        return [(gate.canonical(ref), False) for ref in refs] + [(gate.canonical(ref), True) for ref in upgrade]
    return [(entry.ref, False) for entry in gate.require_lock().entries.values()]


def _pin_all(gate: Gate, wanted: list[tuple[ModelRef, bool]], options: dict[str, Any]) -> int:
    from modelguard.guard import pin  # as above
    from modelguard.lock import Lock
    from modelguard.terms.errors import SourceError

    before = gate.read_lock() or Lock()
    examinations, made, unreached = [], [], 0
    for ref, upgrade in wanted:
        try:
            entry, examination = pin(ref, gate, _wish(options, upgrade=upgrade), _existing(before, ref))
        except SourceError as error:
            click.echo(f"{ref}: not locked: {error}", err=True)
            unreached += 1
            continue
        examinations.append(examination)
        if examination.allowed:
            made.append(entry)
    changed = [entry for entry in made if before.entries.get(entry.id) != entry]
    frozen = options["check"] or options["locked"]
    if changed and not frozen:
        _record(gate, changed)
    code = report(examinations, gate, options) if examinations or not unreached else INCOMPLETE
    for entry in changed:
        note(f"{'would change' if frozen else 'locked'}: {entry.id} at {entry.revision or entry.tree_digest}")
    if changed and frozen:
        code = max(code, REFUSED)
    return max(code, INCOMPLETE) if unreached else code


def _existing(before: Any, ref: ModelRef) -> Entry | None:
    found: Entry | None = before.find(ref)
    return found


def _wish(options: dict[str, Any], *, upgrade: bool) -> Wish:
    from modelguard.guard import Wish  # as above

    return Wish(
        upgrade=upgrade,
        remote=options["remote"],
        include=options["include"],
        exclude=options["exclude"],
        accept=tuple(_accepted(text, options) for text in options["accept"]),
        by=who() if options["by"] is None else options["by"],
        reason=options["reason"],
        until=day(options["until"]),
    )


def _accepted(text: str, options: dict[str, Any]) -> Accepted:
    from modelguard._registry import parts  # as above
    from modelguard.checks.check import Check
    from modelguard.lock import Accepted

    check, _, subject = text.partition(":")
    if not options["reason"].strip():
        raise click.UsageError("--accept needs --reason")
    if check not in {one.name for one in parts("modelguard.checks", Check)}:
        raise click.UsageError(f"--accept: there is no check {check!r}; modelguard explain lists them")
    return Accepted(check=check, subject=subject, reason=options["reason"], until=day(options["until"]))


def _record(gate: Gate, entries: list[Entry]) -> None:
    from modelguard import __version__  # as above
    from modelguard.lock import Lock, update

    def change(lock: Lock) -> Lock:
        for entry in entries:
            lock = lock.with_entry(entry)
        return lock

    update(gate.lock_path, change, created_by=f"modelguard {__version__}")


def _remove(gate: Gate, refs: tuple[str, ...], *, write: bool) -> None:
    from modelguard import __version__  # as above
    from modelguard.lock import Lock, update

    keys = [gate.canonical(ref).key for ref in refs]
    known = gate.require_lock().entries
    for key in keys:
        if key not in known:
            raise click.UsageError(f"--remove: the lock has no entry {key!r}")

    def change(lock: Lock) -> Lock:
        for key in keys:
            lock = lock.without(key)
        return lock

    if write:
        update(gate.lock_path, change, created_by=f"modelguard {__version__}")
    for key in keys:
        note(f"{'removed' if write else 'would remove'}: {key}")


COMMAND = Subcommand(lock, "begin")
