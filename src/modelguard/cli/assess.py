"""`modelguard assess`: a publisher of models, or one model, in fourteen questions with evidence."""

from __future__ import annotations

from datetime import date
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


@click.command(
    short_help="Score who publishes a model on evidence",
    epilog="Example: modelguard assess acme --format markdown --output risk/acme.md",
)
@click.argument("subject", metavar="ORG | ORG/NAME")
@gate_options
@click.option(
    "--format", "format_", type=click.Choice(["text", "json", "markdown", "html"]), default="text", show_default=True
)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the assessment to a file.")
@click.option("--max-requests", type=click.IntRange(min=1), default=300, show_default=True, help="Requests to the Hub.")
@click.option("--models", type=click.IntRange(min=1), default=10, show_default=True, help="Models of an organization.")
@click.option("--save", type=click.Path(path_type=Path, dir_okay=False), help="Also write what was collected.")
@click.option(
    "--from",
    "from_",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Assess what --save has written, as of that day and without the network.",
)
@click.option("--assessor", default="", help="Who assesses, for the record.")
@click.option("--decision", default="", help="What was decided, for the record.")
@click.option("--reason", default="", help="Why, for the record.")
def assess(subject: str, format_: str, output: Path | None, **options: Any) -> int:
    """Assess who publishes a model: 14 marks from 0 to 10, each with its evidence, and a weighted score.

    What is not known is left out of the score and shown as `?`. Popularity is shown and never scored. The policy's
    table [vendor] makes findings of low marks.
    """
    from modelguard.monitor.recording import written  # only once the command runs
    from modelguard.terms.verdict import Refused
    from modelguard.vendors.scoring import assess as score
    from modelguard.vendors.writing import WRITERS, Decision

    gate = open_gate(options)
    vendor = _read(subject, options["from_"]) if options["from_"] else _collect(_subject(subject), gate, options)
    assessment = score(vendor, date.fromisoformat(vendor.at[:10]) if options["from_"] else gate.today)
    if options["save"]:
        options["save"].write_text(written(vendor) + "\n", "utf-8")
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


def _read(subject: str, path: Path) -> Vendor:
    """Return what was collected earlier. Raises `click.UsageError` when the file is about somebody else, or damaged."""
    from modelguard.monitor.recording import read  # only once the command runs
    from modelguard.terms.errors import StateError
    from modelguard.terms.vendor import Vendor

    try:
        vendor = read(Vendor, path.read_text("utf-8"))
        date.fromisoformat(vendor.at[:10])
    except (StateError, ValueError) as error:
        raise click.UsageError(f"{path}: not what `modelguard assess --save` writes: {error}") from error
    if vendor.subject != subject:
        raise click.UsageError(f"{path}: about {vendor.subject}, not about {subject}")
    return vendor


def _collect(subject: str, gate: Gate, options: dict[str, Any]) -> Vendor:
    from modelguard.collectors._publisher import Means, collect  # only once the command runs
    from modelguard.collectors.vendor import familiar_names
    from modelguard.sources.upstream import open_observer

    means = Means(
        observer=open_observer(gate.options, budget=options["max_requests"]),
        options=gate.options,
        shelf=gate.store,
        lock=gate.read_lock(),
        familiar=familiar_names(gate.policy),
    )
    return collect(subject, means, most=options["models"])


def _judge(vendor: Vendor, assessment: Assessment, gate: Gate) -> Verdict:
    """Hold the assessment against the policy; what the lock accepts about the model is excused."""
    from modelguard.collectors.collector import Case  # only once the command runs
    from modelguard.collectors.vendor import vendor_facts
    from modelguard.guard.asking import checks
    from modelguard.guard.examining import circumstances
    from modelguard.policy.judging import judge
    from modelguard.terms.artifact import HubRef, Snapshot
    from modelguard.terms.facts import Dossier

    org, _, name = vendor.subject.partition("/")
    lock = gate.read_lock()
    entry = lock.entries.get(vendor.subject) if lock is not None else None
    snapshot = Snapshot(ref=HubRef(org, name))
    case = Case(snapshot=snapshot, policy=gate.policy, today=gate.today, home=gate.home, entry=entry)
    dossier = Dossier(snapshot=snapshot, facts=tuple(vendor_facts(vendor, assessment, gate.policy, gate.today)))
    findings = [finding for check in checks() if check.area == "vendor" for finding in check.ask(dossier)]
    return judge(findings, gate.policy, circumstances(case))


COMMAND = Subcommand(assess, "look")
