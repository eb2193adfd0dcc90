"""From findings to a verdict: pure, and every decision names the line that made it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Literal, TypeAlias

from attrs import evolve, frozen

from modelguard.policy.settings import Excuse, Policy
from modelguard.terms.artifact import Location
from modelguard.terms.finding import Finding, Severity
from modelguard.terms.verdict import Allowed, Decision, Refused, Verdict

ABOUT_EXCUSES = frozenset({"expired-excuse", "unused-excuse", "endless-excuse"})
"""Names of what is found about excuses while judging, beside those of the checks."""

Sort: TypeAlias = Literal["refused", "noted", "excused", "granted"]


@frozen(kw_only=True)
class Circumstances:
    """What a judgement depends on beside the findings: whose model, what the lock accepts, which profiles, which day.

    `accepted` are the lock's own excuses for this model. `profiles` are the names of all enabled permission profiles.
    `today` is an ISO 8601 date.
    """

    model: str
    today: str
    profiles: frozenset[str] = frozenset()
    accepted: tuple[Excuse, ...] = ()


def judge(findings: Iterable[Finding], policy: Policy, circumstances: Circumstances) -> Verdict:
    """Return `Refused` when one finding counts, else `Allowed`; both list what was noted and excused."""
    sorted_out: dict[Sort, list[Decision]] = {"refused": [], "noted": [], "excused": [], "granted": []}
    all_findings = [*findings]
    for finding in [*all_findings, *_about_excuses(all_findings, policy, circumstances)]:
        sort, line = decide(finding, policy, circumstances)
        sorted_out[sort].append(Decision(finding=finding, line=line))
    refused, noted = tuple(sorted_out["refused"]), tuple(sorted_out["noted"])
    excused = tuple(sorted_out["excused"])
    if refused and policy.mode == "enforce":
        return Refused(because=refused, noted=noted, excused=excused)
    warned = tuple(evolve(decision, line=f'mode = "warn" ({decision.line})') for decision in refused)
    return Allowed(noted=(*warned, *noted), excused=excused)


def decide(finding: Finding, policy: Policy, circumstances: Circumstances) -> tuple[Sort, str]:
    """Decide about one finding; return the sort of decision and the line that made it."""
    granting = sorted(policy_profiles(policy, circumstances) & set(finding.profiles))
    if granting:
        return "granted", f"profile {granting[0]}"
    if finding.severity == Severity.INFO:
        return "noted", "info findings are noted"
    for excuse in (*circumstances.accepted, *policy.excuses):
        if _covers(excuse, finding, circumstances) and not excuse.ended(circumstances.today):
            return "excused", f"{excuse.line}: {excuse.reason}"
    level = policy.levels.get(finding.check)
    if level is not None:
        return ("refused" if level == "refuse" else "noted"), f'checks.{finding.check} = "{level}"'
    if finding.severity < policy.threshold:
        return "noted", f'content.refuse-from = "{policy.threshold}"'
    enforced, line = policy.enforces(finding.area)
    return ("refused" if enforced else "noted"), line


def policy_profiles(policy: Policy, circumstances: Circumstances) -> frozenset[str]:
    """Return the enabled profiles: those that are on by default and those that the policy names."""
    return circumstances.profiles | policy.profiles


def unused_excuses(policy: Policy, judged: Iterable[tuple[str, Iterable[Finding]]]) -> tuple[Excuse, ...]:
    """Return the excuses that cover no finding of any of the models judged, given as (model, findings)."""
    findings = [(model, finding) for model, found in judged for finding in found]
    return tuple(
        excuse
        for excuse in policy.excuses
        if not any(_covers_for(excuse, finding, model) for model, finding in findings)
    )


def _covers(excuse: Excuse, finding: Finding, circumstances: Circumstances) -> bool:
    return _covers_for(excuse, finding, circumstances.model)


def _covers_for(excuse: Excuse, finding: Finding, model: str) -> bool:
    return excuse.covers(check=finding.check, model=model, path=finding.location.path, subject=finding.subject)


def _about_excuses(findings: list[Finding], policy: Policy, circumstances: Circumstances) -> Iterable[Finding]:
    """Yield findings about excuses that have ended, or that name this very model and cover nothing."""
    for excuse in (*circumstances.accepted, *policy.excuses):
        covered = any(_covers(excuse, finding, circumstances) for finding in findings)
        if covered and excuse.ended(circumstances.today):
            yield _excuse_finding(
                "expired-excuse", Severity.LOW, excuse, f"the excuse for {excuse.check} ended on {excuse.until}"
            )
        elif not covered and excuse.model == circumstances.model:
            yield _excuse_finding(
                "unused-excuse", Severity.LOW, excuse, f"the excuse for {excuse.check} covers no finding"
            )
        if covered and _too_long(excuse, policy, circumstances.today):
            yield _excuse_finding(
                "endless-excuse",
                Severity.MEDIUM,
                excuse,
                f"the excuse for {excuse.check} does not end within max-excuse-days = {policy.max_excuse_days}",
            )


def _too_long(excuse: Excuse, policy: Policy, today: str) -> bool:
    if not policy.max_excuse_days:
        return False
    if not excuse.until:
        return True
    left = date.fromisoformat(excuse.until) - date.fromisoformat(today)
    return left.days > policy.max_excuse_days


def _excuse_finding(check: str, severity: Severity, excuse: Excuse, message: str) -> Finding:
    return Finding(
        check=check,
        area="policy",
        severity=severity,
        location=Location(excuse.line),
        subject=excuse.check,
        message=message,
        remedy="renew it with a new reason and end, or take it out of the policy",
    )
