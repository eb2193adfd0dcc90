"""`modelguard assess`: a publisher of models, or one model, in fourteen questions with evidence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelguard.cli._options import emit, gate_options, open_gate
from modelguard.cli.command import Subcommand

if TYPE_CHECKING:
    from modelguard.guard import Gate
    from modelguard.terms.vendor import Assessment, Vendor
    from modelguard.terms.verdict import Verdict

_REFUSED, _INCOMPLETE = 1, 3


@click.command(epilog="Example: modelguard assess acme --format markdown --output risk/acme.md")
@click.argument("subject", metavar="ORG | ORG/NAME")
@gate_options
@click.option(
    "--format", "format_", type=click.Choice(["text", "json", "markdown", "html"]), default="text", show_default=True
)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the assessment to a file.")
@click.option("--max-requests", type=click.IntRange(min=1), default=300, show_default=True, help="Requests to the Hub.")
@click.option("--models", type=click.IntRange(min=1), default=10, show_default=True, help="Models of an organization.")
@click.option("--assessor", default="", help="Who assesses, for the record.")
@click.option("--decision", default="", help="What was decided, for the record.")
@click.option("--reason", default="", help="Why, for the record.")
def assess(subject: str, format_: str, output: Path | None, **options: Any) -> int:
    """Assess who publishes a model: 14 marks from 0 to 10, each with its evidence, and a weighted score.

    What is not known is left out of the score and shown as `?`. Popularity is shown and never scored. The policy's
    table [vendor] makes findings of low marks.
    """
    from modelguard.terms.verdict import Refused  # only once the command runs
    from modelguard.vendors.writing import WRITERS, Decision

    gate = open_gate(options)
    vendor, assessment = _assess(_subject(subject), gate, options)
    verdict = _judge(vendor, assessment, gate)
    because = verdict.because if isinstance(verdict, Refused) else ()
    decision = Decision(
        assessor=options["assessor"],
        decision=options["decision"],
        reason=options["reason"],
        findings=tuple((str(one.finding.severity), one.finding.message) for one in (*because, *verdict.noted)),
    )
    emit(WRITERS[format_](assessment, decision), output)
    if not vendor.repositories:
        click.echo(f"{vendor.subject}: no repository was seen", err=True)
        return _INCOMPLETE
    return _REFUSED if because else 0


def _subject(text: str) -> str:
    from modelguard.terms.artifact import HubRef, parse_key  # only once the command runs

    ref = parse_key(text if "/" in text else f"{text}/any")
    if not isinstance(ref, HubRef):
        raise click.UsageError(f"{text}: expected ORG or ORG/NAME")
    return text


def _assess(subject: str, gate: Gate, options: dict[str, Any]) -> tuple[Vendor, Assessment]:
    from modelguard.collectors._publisher import Means, collect  # only once the command runs
    from modelguard.collectors.vendor import familiar_names
    from modelguard.sources.upstream import open_observer
    from modelguard.vendors.scoring import assess as score

    means = Means(
        observer=open_observer(gate.options, budget=options["max_requests"]),
        options=gate.options,
        shelf=gate.store,
        lock=gate.read_lock(),
        familiar=familiar_names(gate.policy),
    )
    vendor = collect(subject, means, most=options["models"])
    return vendor, score(vendor, gate.today)


def _judge(vendor: Vendor, assessment: Assessment, gate: Gate) -> Verdict:
    from modelguard.collectors.vendor import vendor_facts  # only once the command runs
    from modelguard.guard.asking import checks
    from modelguard.policy.judging import Circumstances, judge
    from modelguard.terms.artifact import HubRef, Snapshot
    from modelguard.terms.facts import Dossier

    org, _, name = vendor.subject.partition("/")
    facts = tuple(vendor_facts(vendor, assessment, gate.policy, gate.today))
    dossier = Dossier(snapshot=Snapshot(ref=HubRef(org, name)), facts=facts)
    findings = [finding for check in checks() if check.area == "vendor" for finding in check.ask(dossier)]
    return judge(findings, gate.policy, Circumstances(model=vendor.subject, today=gate.today.isoformat()))


COMMAND = Subcommand(assess)
