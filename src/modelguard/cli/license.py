"""`modelguard license`: under which license a model is, and who imposes what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from modelguard.cli._options import REFUSED, gate_options, open_gate
from modelguard.cli._progress import bars
from modelguard.cli._speaking import json_option, say, tell_json
from modelguard.cli.command import Subcommand

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelguard.guard import Gate
    from modelguard.terms.artifact import ModelRef
    from modelguard.terms.licensing import BaseModel, LicenseMeaning
    from modelguard.terms.verdict import Examination


@click.command(
    short_help="Show the license of a model and what it rests on",
    name="license",
    epilog="Example: modelguard license org/name",
)
@click.argument("refs", nargs=-1, required=True)
@json_option
@gate_options
def license_(refs: tuple[str, ...], as_json: bool, **options: Any) -> int:
    """Show the license of models, what it rests on, and the tree of base models with what each imposes.

    Of a Hub repository only the files that speak of licenses are fetched. The exit code is 1 when the policy refuses a
    license.
    """
    from modelguard.cli._license_json import license_object  # only once the command runs
    from modelguard.terms.licensing import DISCLAIMER

    refused, models = False, []
    for ref in refs:
        with bars() as progress:
            gate = open_gate(options, progress=progress)
            examination = _examine(gate.canonical(ref), gate)
        models.append(license_object(examination, refused=_is_refused(examination)))
        for line in () if as_json else _lines(examination):
            say(line)
        refused = refused or _is_refused(examination)
    if as_json:
        tell_json("licenses", {"models": models, "note": DISCLAIMER})
    else:
        say(f"note: {DISCLAIMER}")
    return REFUSED if refused else 0


def _is_refused(examination: Examination) -> bool:
    """Tell whether anything about the license refuses; that other contents were not looked into is meant so here."""
    from modelguard.terms.verdict import Refused  # as above

    verdict = examination.verdict
    return isinstance(verdict, Refused) and any(one.finding.check != "not-examined" for one in verdict.because)


def _examine(ref: ModelRef, gate: Gate) -> Examination:
    """Examine nothing but the license, online as far as the options allow."""
    from attrs import evolve  # as above

    from modelguard.collectors._license_files import is_about_licenses
    from modelguard.guard.examining import examine_snapshot
    from modelguard.guard.lineage import base_licenses
    from modelguard.guard.recorded import recorded
    from modelguard.sources.local import in_place
    from modelguard.sources.source import source_for
    from modelguard.terms.artifact import LocalRef

    lock = gate.read_lock()
    entry = None if lock is None else lock.find(ref)
    look_up = base_licenses(gate, entry)
    if isinstance(ref, LocalRef):
        snapshot, collectors = in_place(ref, gate.options), ("contents", "license")
        return examine_snapshot(snapshot, gate, entry=entry, collectors=collectors, look_up=look_up)
    source = source_for(ref)
    resolved = recorded(entry) if entry and gate.options.offline else source.resolve(ref, gate.options)
    small = evolve(resolved, files=tuple(one for one in resolved.files if is_about_licenses(one.path)))
    snapshot = source.fetch(small, gate.store, gate.options, {})
    return examine_snapshot(snapshot, gate, entry=entry, collectors=("license",), tags=resolved.tags, look_up=look_up)


def _lines(examination: Examination) -> Iterator[str]:
    from modelguard.terms.artifact import printable  # as above
    from modelguard.terms.licensing import BaseModel, Licensed, LicenseEvidence
    from modelguard.terms.verdict import Refused

    dossier = examination.dossier
    for licensed in dossier.all(Licensed):
        yield f"{licensed.location}: {licensed.meaning.expression} ({licensed.confidence})"
        yield from (f"  {line}" for line in _meaning(licensed.meaning))
        yield from (f"  not clear: {line}" for line in licensed.trouble)
    for evidence in dossier.all(LicenseEvidence):
        result = f" → {evidence.result}" if evidence.result else ""
        detail = f" ({evidence.detail})" if evidence.detail else ""
        yield printable(f"  {evidence.source} {evidence.location}: {evidence.written}{result}{detail}")
    for base in dossier.all(BaseModel):
        yield from _base_lines(base)
    verdict = examination.verdict
    for word, decisions in (
        ("refused", verdict.because if isinstance(verdict, Refused) else ()),
        ("noted", verdict.noted),
        ("excused", verdict.excused),
    ):
        for decision in decisions:
            if decision.finding.area == "license":
                yield printable(f"  {word}[{decision.finding.check}] {decision.finding.message}")


def _base_lines(base: BaseModel) -> Iterator[str]:
    from modelguard.terms.artifact import printable  # as above

    indent = "  " * (len(base.path) - 1)
    license_ = f"not known: {base.unknown}" if base.unknown else base.meaning.expression
    yield printable(f"{indent}└─ {base.relation} of {base.name}: {license_}")
    if not base.unknown:
        yield from (f"{indent}     {line}" for line in _meaning(base.meaning))


def _meaning(meaning: LicenseMeaning) -> Iterator[str]:
    """Yield what each id of an expression asks for; ids of one row of the table once."""
    from modelguard.terms.licensing import OBLIGATIONS  # as above

    for terms in {one.row: one for one in meaning.terms}.values():
        limits = [
            (terms.users, f"up to {terms.users:,} users"),
            (terms.revenue, f"up to {terms.revenue:,} US dollars a year"),
            (terms.excludes, f"not in {', '.join(terms.excludes)}"),
        ]
        words = [terms.category, f"commercial use: {terms.commercial}", *(text for wanted, text in limits if wanted)]
        yield ", ".join(words)
        if terms.obligations:
            yield "imposes: " + "; ".join(f"{one} ({OBLIGATIONS[one]})" for one in terms.obligations)


COMMAND = Subcommand(license_, "look")
