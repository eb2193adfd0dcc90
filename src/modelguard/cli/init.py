"""`modelguard init`: a policy to start from, under which what is there today stays green for a while."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelguard.cli._discovered import judged, key_of, look, path_in_policy
from modelguard.cli._options import REFUSED
from modelguard.cli._speaking import note
from modelguard.cli.command import Subcommand
from modelguard.terms.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelguard.discovery.use import Discovered
    from modelguard.lock import Entry
    from modelguard.policy.settings import Excuse
    from modelguard.terms.artifact import LocalRef
    from modelguard.terms.verdict import Examination

EXCUSED_DAYS = 90
"""Days for which `init` excuses what it finds, so that a first run is green and somebody has to look."""


@click.command(
    short_help="Write a policy; what is here today stays green",
    epilog="Example: modelguard init && modelguard check && modelguard suggest",
)
@click.option("--print", "print_only", is_flag=True, help="Print the policy and write nothing.")
def init(print_only: bool) -> int:
    """Write a policy with comments: into pyproject.toml if there is one, else into modelguard.toml.

    What the programs here use is looked for first. Model files among it are locked as they are, their approval marked
    as exempted; findings about them and about the programs are excused, each with its own entry; all of it ends after
    90 days. What is critical is never excused: exit code 1.
    """
    from modelguard.policy.reading import find_policy  # only once the command runs
    from modelguard.policy.template import policy_text

    here = Path.cwd()
    project = here / "pyproject.toml"
    if print_only:
        click.echo(policy_text(in_pyproject=project.is_file()), nl=False)
        return 0
    found = find_policy(here)
    if found is not None and found.parent == here:
        raise click.UsageError(f"{found} holds a policy already")
    start = _Start(here)
    excused_uses = start.excused_uses()
    target = project if project.is_file() else here / "modelguard.toml"
    text = policy_text(in_pyproject=project.is_file(), excuses=start.excuses.values(), excused_uses=excused_uses)
    before = target.read_text("utf-8").rstrip("\n") + "\n\n" if target.is_file() else ""
    temporary = target.with_name(f".{target.name}.part")
    temporary.write_text(before + text, "utf-8")
    temporary.replace(target)
    start.write_lock()
    note(f"wrote the policy to {target.name}{start.told(len(excused_uses))}; next: {start.next()}")
    for message in start.unread:
        click.echo(f"not locked: {message}", err=True)
    for message in start.refused:
        click.echo(f"not excused: {message}", err=True)
    return REFUSED if start.refused else 0


class _Start:
    """What is found where a policy is to begin: excuses by what they cover, entries to lock, what is never excused."""

    def __init__(self, here: Path) -> None:
        import tomllib  # as above

        from modelguard.guard import Gate
        from modelguard.policy.reading import read_policy
        from modelguard.policy.template import policy_text

        policy = read_policy(tomllib.loads(policy_text(in_pyproject=False)))
        self.gate = Gate.open(start=here, policy=policy)
        self.until = (self.gate.today + timedelta(days=EXCUSED_DAYS)).isoformat()
        self.excuses: dict[tuple[str, ...], Excuse] = {}
        self.refused: list[str] = []
        self.unread: list[str] = []
        self.found: Discovered = look(())
        self.made = [entry for ref in self._files_in_use() if (entry := self._exempted(ref)) is not None]
        self._examine_locked()

    @property
    def reason(self) -> str:
        return f"found by modelguard init on {self.gate.today.isoformat()}: review it"

    def _files_in_use(self) -> Iterable[LocalRef]:
        """Return the model files here that the programs load and the lock does not know."""
        from modelguard.terms.artifact import LocalRef  # as above

        lock = self.gate.read_lock()
        keys: dict[str, LocalRef] = {}
        for use in self.found.uses:
            if isinstance(use.ref, LocalRef) and use.kind in {"load", "unpickle"}:
                ref = LocalRef(key_of(self.gate, use, use.ref).removeprefix("file:"))
                if self.gate.place(ref).is_file() and (lock is None or ref.key not in lock.entries):
                    keys[ref.key] = ref
        return keys.values()

    def _exempted(self, ref: LocalRef) -> Entry | None:
        """Return an entry for a file as it is today; None when it cannot be read or something critical is in it."""
        from attrs import evolve  # as above

        from modelguard.guard import Wish, pin
        from modelguard.terms.errors import SourceError

        try:
            entry, examination = pin(ref, self.gate, Wish(reason=self.reason, until=self.until))
        except SourceError as error:
            self.unread.append(str(error))
            return None
        if not self._excuse(ref.key, examination):
            return None
        return evolve(entry, approval=evolve(entry.approval, state="exempted"))

    def _examine_locked(self) -> None:
        from modelguard.guard.standing import examine_locked  # as above

        lock = self.gate.read_lock()
        for entry in lock.entries.values() if lock else ():
            self._excuse(entry.id, examine_locked(entry, self.gate))

    def _excuse(self, model: str, examination: Examination) -> bool:
        """Excuse what the policy to be written would refuse; tell whether all of it may be."""
        from glob import escape  # as above

        from modelguard.policy.settings import Excuse
        from modelguard.terms.finding import Severity
        from modelguard.terms.verdict import Refused

        verdict = examination.verdict
        because = [decision.finding for decision in verdict.because] if isinstance(verdict, Refused) else []
        critical = [finding for finding in because if finding.severity == Severity.CRITICAL]
        self.refused += [f"{model}: {finding.message}" for finding in critical]
        for finding in () if critical else because:
            key = (finding.check, *map(escape, (model, finding.location.path, finding.subject)))
            self.excuses[key] = Excuse(
                check=key[0], model=key[1], path=key[2], subject=key[3], reason=self.reason, until=self.until, line=""
            )
        return not critical

    def excused_uses(self) -> list[Excuse]:
        """Return an excuse for each finding about programs that would fail `modelguard discover`."""
        from glob import escape  # as above

        from modelguard.policy.settings import Excuse
        from modelguard.terms.finding import Severity

        excuses: dict[tuple[str, str, str], Excuse] = {}
        for one in judged(self.found, self.gate, to_be_locked={entry.id for entry in self.made}):
            if one.severity >= Severity.MEDIUM:
                key = (one.rule.name, path_in_policy(one, self.gate), one.subject)
                path, subject = map(escape, key[1:])
                excuses[key] = Excuse(
                    check=key[0], model="*", path=path, subject=subject, reason=self.reason, until=self.until, line=""
                )
        return list(excuses.values())

    def write_lock(self) -> None:
        """Record the files that were exempted."""
        from modelguard import __version__  # as above
        from modelguard.lock import Lock, update

        def change(lock: Lock) -> Lock:
            for entry in self.made:
                lock = lock.with_entry(entry)
            return lock

        if self.made:
            update(self.gate.lock_path, change, created_by=f"modelguard {__version__}")

    def told(self, uses: int) -> str:
        """Return what was done beside the policy, for the end of a sentence."""
        parts = [
            f"{counted(len(self.made), 'model file')} locked as exempted" if self.made else "",
            f"{counted(len(self.excuses) + uses, 'finding')} excused until {self.until}"
            if self.excuses or uses
            else "",
        ]
        told = ", ".join(part for part in parts if part)
        return f" ({told})" if told else ""

    def next(self) -> str:
        """Return the command to type next."""
        from modelguard.terms.artifact import HubRef  # as above

        lock = self.gate.read_lock()
        known = lock.entries if lock else {}
        refs = dict.fromkeys(use.ref for use in self.found.uses if use.kind in {"load", "fetch"})
        wanted = [ref.repo for ref in refs if isinstance(ref, HubRef) and ref.org and ref.key not in known]
        if wanted:
            return f"modelguard lock {' '.join(wanted)}"
        return "modelguard check" if known else "modelguard lock ORG/NAME (or a path)"


COMMAND = Subcommand(init, "begin")
