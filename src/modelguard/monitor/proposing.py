"""Proposes the newest revision of a model that is old enough, and shows what is different in it.

Two revisions are compared as the lock would record them: files, what they ask for, license, and the text of code. The
age of a commit is the date that the Hub lists; whoever pushes can set it, so that a cooldown buys time for others to
notice, and proves nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath

from attrs import evolve, frozen

from modelguard.guard import Gate, Wish, pin
from modelguard.lock import Entry, LockedFile
from modelguard.sources.upstream import Observer
from modelguard.terms.artifact import HubRef, printable
from modelguard.terms.errors import RevisionGone
from modelguard.terms.upstream import Committed, History
from modelguard.terms.verdict import Examination

CODE_ENDINGS = frozenset({".py", ".jinja", ".json", ".yaml", ".yml", ".toml", ".txt", ".cfg", ".ini", ".sh", ".md"})
LARGEST_TEXT = 64 << 10
"""Bytes of a file up to which its text is compared."""
LINES = 200
"""Lines of difference that are shown of one file."""


@frozen(kw_only=True)
class Difference:
    """How two revisions of a model differ: lines to read, each with a sign in front."""

    files: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    license: tuple[str, ...] = ()
    text: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.files or self.permissions or self.license)


@frozen(kw_only=True)
class Proposal:
    """A newer revision: the entry that would be recorded, what was found in it, and how it differs.

    `publisher` says what an assessment of the publisher comes to, if one was asked for.
    """

    before: Entry
    after: Entry
    examination: Examination
    difference: Difference
    commits: tuple[Committed, ...] = ()
    publisher: str = ""


def propose(entry: Entry, gate: Gate, observer: Observer, *, cooldown: timedelta, now: datetime) -> Proposal | None:
    """Return the newest revision that is older than the cooldown, examined; None when there is none.

    A model whose approval was revoked has none: a newer commit does not bring it back. What was accepted of the locked
    revision is not carried over to files that have changed.

    Raises `RevisionGone` when the locked commit is not in the history of its branch, and `SourceError`.
    """
    ref = entry.ref
    assert isinstance(ref, HubRef)
    if entry.approval.state == "revoked":
        return None
    branch = entry.requested if entry.requested and entry.requested != entry.revision else "main"
    history = observer.history(ref.repo, branch)
    newer = _newer(entry, history, branch)
    old_enough = [one for one in newer if one.date is not None and now - _moment(one.date) >= cooldown]
    if not old_enough:
        return None
    chosen = old_enough[0]
    wish = Wish(upgrade=True, include=entry.include, exclude=entry.exclude, inherited=entry.accepted, now=now)
    wish = evolve(wish, by=entry.approval.by, reason=entry.approval.reason, until=entry.approval.until)
    after, examination = pin(ref.at(chosen.id), gate, wish, entry)
    after = evolve(after, requested=entry.requested)
    return Proposal(
        before=entry,
        after=after,
        examination=examination,
        difference=compare_entries(entry, after, gate),
        commits=tuple(newer[newer.index(chosen) :]),
    )


def _newer(entry: Entry, history: History | None, branch: str) -> list[Committed]:
    """Return the commits after the locked one, newest first."""
    ids = [one.id for one in history.commits] if history is not None else []
    if history is None or entry.revision not in ids:
        raise RevisionGone(
            f"{entry.id}: the locked commit {entry.revision} is not in the history of {printable(branch)}",
            remedy=f"history may have been rewritten: modelguard monitor {entry.id} --closely",
        )
    return list(history.commits[: ids.index(entry.revision)])


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# --- comparing -------------------------------------------------------------------------------------------------


def compare_entries(before: Entry, after: Entry, gate: Gate) -> Difference:
    """Return how two entries of one model differ; texts are compared as far as the store holds them."""
    old, new = {one.path: one for one in before.files}, {one.path: one for one in after.files}
    return Difference(
        files=tuple(_files(old, new)),
        permissions=tuple(_permissions(old, new)),
        license=tuple(_license(before, after)),
        text=tuple(_texts(old, new, gate)),
    )


def _files(old: dict[str, LockedFile], new: dict[str, LockedFile]) -> Iterator[str]:
    for path in sorted(old.keys() | new.keys()):
        if path not in old:
            yield f"+ {printable(path)} ({new[path].size:,} bytes)"
        elif path not in new:
            yield f"- {printable(path)} ({old[path].size:,} bytes)"
        elif old[path].digest != new[path].digest:
            yield f"~ {printable(path)} ({old[path].size:,} bytes before, now {new[path].size:,})"


def _permissions(old: dict[str, LockedFile], new: dict[str, LockedFile]) -> Iterator[str]:
    for path in sorted(old.keys() | new.keys()):
        before, after = _asked(old.get(path)), _asked(new.get(path))
        yield from (f"+ {printable(path)}: {printable(name)}" for name in sorted(after - before))
        yield from (f"- {printable(path)}: {printable(name)}" for name in sorted(before - after))


def _asked(file: LockedFile | None) -> set[str]:
    return set() if file is None else {*file.imports, *file.permissions}


def _license(before: Entry, after: Entry) -> Iterator[str]:
    if before.license.expression != after.license.expression:
        yield f"- {printable(before.license.expression)}"
        yield f"+ {printable(after.license.expression)}"


def _texts(old: dict[str, LockedFile], new: dict[str, LockedFile], gate: Gate) -> Iterator[str]:
    for path in sorted(old.keys() | new.keys()):
        if PurePosixPath(path).suffix.lower() not in CODE_ENDINGS:
            continue
        before, after = _text(old.get(path), gate), _text(new.get(path), gate)
        if before is None or after is None or before == after:
            continue
        name = printable(path)
        was, now = (
            f"{side}/{name}" if path in files else "/dev/null" for side, files in (("before", old), ("after", new))
        )
        rows = list(difflib.unified_diff(before, after, was, now, lineterm="", n=2))
        yield from rows[:LINES]
        if len(rows) > LINES:
            yield f"… and {len(rows) - LINES} more lines of {name}"


def _text(file: LockedFile | None, gate: Gate) -> list[str] | None:
    """Return the printable lines of a file; none for a file that is not there, None when they cannot be told."""
    if file is None:
        return []
    place = gate.store.path_of(file.digest)
    if place is None or file.size > LARGEST_TEXT:
        return None
    lines = place.read_bytes().decode("utf-8", "replace").split("\n")
    return [printable(line) for line in (lines[:-1] if lines[-1] == "" else lines)]


# --- in words --------------------------------------------------------------------------------------------------


def proposal_text(one: Proposal) -> str:
    """Return a proposal for a terminal."""
    verdict = "allowed" if one.examination.allowed else "REFUSED"
    count = "1 commit" if len(one.commits) == 1 else f"{len(one.commits)} commits"
    head = f"{one.before.id}: {one.before.revision} to {one.after.revision}, {count}: {verdict}"
    rows = [*difference_lines(one.difference), *([f"publisher: {one.publisher}"] if one.publisher else [])]
    return "\n".join([head, *(f"    {row}" for row in rows), *_findings(one, "    ")]) + "\n"


def difference_lines(difference: Difference) -> list[str]:
    """Return a difference as lines under headings; one line when there is none."""
    rows: list[str] = []
    for title, lines in (
        ("files", difference.files),
        ("asks for", difference.permissions),
        ("license", difference.license),
        ("text", difference.text),
    ):
        if lines:
            rows += [f"{title}:", *(f"  {line}" for line in lines)]
    return rows or ["no file differs"]


def pull_request(proposals: list[Proposal]) -> str:
    """Return the body of a pull request in Markdown. What comes from the Hub stands in code blocks only."""
    rows = ["# Update locked models", ""]
    for one in proposals:
        rows += [f"## `{one.before.id}`", "", f"`{one.before.revision}` to `{one.after.revision}`.", ""]
        rows += [
            "The policy allows it." if one.examination.allowed else "**The policy refuses it: it was not recorded.**",
            "",
        ]
        for title, lines in (
            (
                "Commits",
                tuple(f"{one.id[:12]} {printable(one.date or '')} {printable(one.title)}" for one in one.commits),
            ),
            ("Files", one.difference.files),
            ("What they ask for", one.difference.permissions),
            ("License", one.difference.license),
            ("Text", one.difference.text),
            ("Publisher", (one.publisher,) if one.publisher else ()),
            ("Findings", tuple(_findings(one, ""))),
        ):
            if lines:
                rows += [f"### {title}", "", *(f"    {line}" for line in lines), ""]
    return "\n".join(rows)


def _findings(one: Proposal, indent: str) -> list[str]:
    return [
        f"{indent}{finding.severity}: {finding.check}: {finding.location}: {printable(finding.message)}"
        for finding in one.examination.findings
    ]
