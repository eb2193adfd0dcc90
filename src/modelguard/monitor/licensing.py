"""Holds a changed license against the policy: what it refuses weighs more than what it allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from attrs import evolve

from modelguard.guard import Gate, examine_snapshot
from modelguard.monitor.event import Event
from modelguard.monitor.scene import Scene
from modelguard.terms.artifact import HubRef, Snapshot, parse_ref, printable
from modelguard.terms.finding import Severity
from modelguard.terms.upstream import Observation
from modelguard.terms.verdict import Refused

Weigh: TypeAlias = Callable[[Event, Scene], Event]


def unweighed(one: Event, _: Scene) -> Event:
    """Leave an event as it is."""
    return one


def weighing(gate: Gate) -> Weigh:
    """Return what asks the policy about a newly declared license; a policy without `[licenses]` says nothing.

    Only what the Hub shows is known here: license texts are read when the new revision is locked.
    """
    if "licenses" not in gate.policy.present:
        return unweighed
    return lambda one, scene: _weighed(one, scene, gate)


def _weighed(one: Event, scene: Scene, gate: Gate) -> Event:
    if (one.kind, one.subject) != ("license-changed", "declared"):
        return one
    ref = parse_ref(f"hf://{scene.seen.repo}")
    assert isinstance(ref, HubRef)
    snapshot = Snapshot(ref=ref, revision=scene.seen.sha or "", artifacts=())
    tags = tuple(f"license:{name}" for name in _declared(scene.seen))
    verdict = examine_snapshot(snapshot, gate, collectors=("license",), tags=tags).verdict
    because = verdict.because if isinstance(verdict, Refused) else ()
    against = [one.finding.message for one in because if one.finding.area == "license"]
    if not against:
        return evolve(one, severity=Severity.MEDIUM, message=f"{one.message}; the policy allows it")
    return evolve(one, severity=Severity.HIGH, message=f"{one.message}; the policy refuses it: {printable(against[0])}")


def _declared(seen: Observation) -> tuple[str, ...]:
    """Return the declared ids; where the card says `other` and names a license, that name."""
    named = seen.license_name
    return tuple(named if one == "other" and named else one for one in seen.license or ())
