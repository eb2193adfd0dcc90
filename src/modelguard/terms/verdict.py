"""What the policy makes of findings, and the whole record of one examination."""

from __future__ import annotations

from typing import TypeAlias

from attrs import frozen

from modelguard.terms.artifact import Snapshot
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding


@frozen(kw_only=True)
class Decision:
    """A finding with the policy line that decided about it, such as `areas.content = "refuse"`."""

    finding: Finding
    line: str


@frozen(kw_only=True)
class Allowed:
    """The model may be loaded: what was noted, and what an excuse with a reason covers."""

    noted: tuple[Decision, ...] = ()
    excused: tuple[Decision, ...] = ()


@frozen(kw_only=True)
class Refused:
    """The model must not be loaded, because of the decisions listed."""

    because: tuple[Decision, ...]
    noted: tuple[Decision, ...] = ()
    excused: tuple[Decision, ...] = ()


Verdict: TypeAlias = Allowed | Refused


@frozen(kw_only=True)
class Examination:
    """Everything about one model: the bytes, the facts, the findings, the verdict. Picklable."""

    snapshot: Snapshot
    dossier: Dossier
    findings: tuple[Finding, ...]
    verdict: Verdict

    @property
    def allowed(self) -> bool:
        return isinstance(self.verdict, Allowed)
