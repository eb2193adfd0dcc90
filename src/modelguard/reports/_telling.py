"""What every report tells: which findings in which order, how each area fared, and how things are named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Literal, TypeAlias, get_args

from attrs import frozen

from modelguard.reports.report import Background
from modelguard.terms import facts
from modelguard.terms.artifact import Location, Snapshot, printable
from modelguard.terms.facts import Fact
from modelguard.terms.finding import Area, Finding, Severity
from modelguard.terms.verdict import Decision, Examination, Refused

Sort: TypeAlias = Literal["refused", "noted", "excused"]

AREAS: tuple[Area, ...] = get_args(Area)

_LOCK_FACTS = (facts.Pinned, facts.Approval, facts.NotLocked, facts.Substituted, facts.IdentityChanged)
_ASKED_FOR_NOTHING = (facts.Today, facts.Digested)
# Facts of an area show that the area was looked at, even if nothing was found. Modules of terms/ by their last name.
_AREAS_OF_MODULE: dict[str, tuple[Area, ...]] = {
    "facts": ("content",),
    "provenance": ("provenance",),
    "licensing": ("license",),
    "advisory": ("advisory",),
    "vendor": ("vendor",),
    "origin": ("source",),
}


@frozen(kw_only=True)
class Told:
    """A finding as a report tells it: what became of it, and the policy line that decided."""

    sort: Sort
    finding: Finding
    line: str


@frozen(kw_only=True)
class Standing:
    """How an area fared: the number of findings that refuse, that are worth a look, and that are excused."""

    area: Area
    refused: int = 0
    noted: int = 0
    excused: int = 0

    def __str__(self) -> str:
        if self.refused:
            return f"{self.area} FAILED ({self.refused})"
        return f"{self.area} ok ({self.noted} noted)" if self.noted else f"{self.area} ok"


def told(examination: Examination, *, excused: bool = True, info: bool = True) -> list[Told]:
    """Return the findings, the refusing ones first, each group worst first; findings of the same rank by place."""
    verdict = examination.verdict
    because = verdict.because if isinstance(verdict, Refused) else ()
    groups: list[tuple[Sort, Sequence[Decision]]] = [("refused", because), ("noted", verdict.noted)]
    if excused:
        groups.append(("excused", verdict.excused))
    return [
        Told(sort=sort, finding=one.finding, line=one.line)
        for sort, decisions in groups
        for one in sorted(decisions, key=_rank)
        if info or one.finding.severity > Severity.INFO
    ]


def standings(examination: Examination) -> list[Standing]:
    """Return how each area fared that was looked at. An area that nobody asked about is not called ok."""
    found = told(examination, info=False)
    asked = {area for fact in examination.dossier.facts for area in _areas_of(fact)}
    asked |= {one.finding.area for one in found}
    return [
        Standing(
            area=area,
            refused=sum(one.sort == "refused" for one in found if one.finding.area == area),
            noted=sum(one.sort == "noted" for one in found if one.finding.area == area),
            excused=sum(one.sort == "excused" for one in found if one.finding.area == area),
        )
        for area in AREAS
        if area in asked
    ]


def summary(examination: Examination) -> str:
    """Return one line, as `lock ok · content FAILED (2)`."""
    return " · ".join(map(str, standings(examination))) or "nothing was looked at"


def named(snapshot: Snapshot) -> str:
    """Return `org/name@1a2b3c4`, printable: the lock's name of a model and the head of its revision."""
    key = printable(snapshot.ref.key)
    return f"{key}@{printable(snapshot.revision[:7])}" if snapshot.revision else key


def placed(snapshot: Snapshot, finding: Finding) -> str:
    """Return the model and the place in it; a finding about the model as a whole has no other place."""
    model = named(snapshot)
    return model if finding.location == Location(snapshot.ref.key) else f"{model}: {finding.location}"


def license_of(examination: Examination, background: Mapping[str, Background]) -> str:
    """Return the license as an SPDX expression: as it was found just now, else as the lock has it, else nothing."""
    from modelguard.terms.licensing import Licensed  # only the reports that tell of licenses

    found = examination.dossier.first(Licensed)
    if found is not None:
        return found.meaning.expression
    known = background.get(examination.snapshot.ref.key)
    return known.license if known else ""


def fingerprint(examination: Examination, finding: Finding) -> str:
    """Return 64 hex digits that stay the same while the same thing is found in the same file of the same model.

    Revision, offset, severity and wording are left out: they change without the finding being another one.
    """
    parts = (finding.check, examination.snapshot.ref.key, finding.location.path, *finding.location.members)
    whole = "\0".join((*parts, finding.subject))
    return sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()


def counted(number: int, noun: str) -> str:
    """Return `1 file` or `2 files`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def bytes_text(size: int) -> str:
    """Return a size in decimal units, as `4.5 MB`."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def extent(examination: Examination) -> tuple[int, int]:
    """Return how many files were looked at, and their bytes; of files that were only hashed, what was hashed."""
    sizes = [artifact.size for artifact in examination.snapshot.artifacts]
    sizes = sizes or [fact.size for fact in examination.dossier.all(facts.Digested)]
    return len(sizes), sum(sizes)


def totals(examinations: Sequence[Examination]) -> str:
    """Return `3 examined · 2 allowed · 1 refused`."""
    refused = sum(not one.allowed for one in examinations)
    return f"{len(examinations)} examined · {len(examinations) - refused} allowed · {refused} refused"


def _rank(decision: Decision) -> tuple[int, str, str, str]:
    finding = decision.finding
    return -finding.severity, str(finding.location), finding.check, finding.subject


def _areas_of(fact: Fact) -> Iterator[Area]:
    if isinstance(fact, _LOCK_FACTS):
        yield "lock"
    elif not isinstance(fact, _ASKED_FOR_NOTHING):
        yield from _AREAS_OF_MODULE.get(type(fact).__module__.rpartition(".")[2], ())
