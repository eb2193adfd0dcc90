"""What base models are licensed under: asked of the lock, then of the Hub, and recorded in the lock."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import evolve

from modelguard.collectors._license_files import is_about_licenses
from modelguard.collectors.license import recorded_bases
from modelguard.guard.examining import examine_snapshot
from modelguard.guard.gate import Gate
from modelguard.licenses.claims import Based, bases_of_card, bases_of_tags, claim_of_card, claim_of_tags, merged
from modelguard.licenses.lineage import Known
from modelguard.licenses.table import table
from modelguard.lock import BaseRecord, Entry, LicenseRecord
from modelguard.sources.source import Resolved, source_for
from modelguard.terms.artifact import parse_ref
from modelguard.terms.errors import LicenseError, RefError, SourceError
from modelguard.terms.facts import Dossier
from modelguard.terms.licensing import BaseModel, Licensed, LicenseEvidence

EVIDENCE = 16
"""Pieces of evidence that the lock records for one model."""


def base_licenses(gate: Gate, existing: Entry | None = None) -> Callable[[str], Known]:
    """Return a look-up of base models by name: another entry of the lock, else the Hub as it is now.

    Where neither answers, what `existing` recorded about its bases is used.
    """
    lock = gate.read_lock()
    entries = {} if lock is None else lock.entries

    def ask(name: str) -> Known:
        entry = entries.get(name)
        try:
            if entry is not None and entry.license.table:
                return _of_entry(entry)
            found = _offline() if gate.options.offline else _of_hub(name, gate)
        except (LicenseError, RefError, SourceError) as error:
            found = Known(unknown=error.message)
        recorded = recorded_bases(existing)(name)
        return recorded if found.unknown and not recorded.unknown else found

    return ask


def license_record(dossier: Dossier) -> LicenseRecord:
    """Return what the lock records about the license of a model and its bases."""
    licensed = dossier.first(Licensed)
    if licensed is None:
        return LicenseRecord()
    return LicenseRecord(
        expression=licensed.meaning.expression,
        declared=licensed.declared,
        detected=licensed.detected,
        confidence=licensed.confidence,
        table=licensed.table,
        evidence=tuple(_shown(one) for one in dossier.all(LicenseEvidence))[:EVIDENCE],
        bases=tuple(dict.fromkeys(_recorded(one) for one in dossier.all(BaseModel))),
    )


def _recorded(base: BaseModel) -> BaseRecord:
    license_ = "NOASSERTION" if base.unknown else base.meaning.expression
    return BaseRecord(id=base.name, of=base.path[-2], relation=base.relation, license=license_)


def _shown(evidence: LicenseEvidence) -> str:
    return f"{evidence.source} {evidence.location.path}: {evidence.written}"


def _offline() -> Known:
    return Known(unknown="the network is not used, and the lock does not know it")


def _of_entry(entry: Entry) -> Known:
    above = (Based(name=one.id, relation=one.relation) for one in entry.license.bases if one.of == entry.id)
    return Known(meaning=table().meaning_of(entry.license.expression), bases=tuple(above), source="lock")


def _of_hub(name: str, gate: Gate) -> Known:
    """Ask the Hub about a base; its texts are read only when card and tags leave the license open."""
    ref = parse_ref(f"hf://{name}")
    # What a base is now is all that counts here: which branch leads to the commit does not matter.
    options = evolve(gate.options, unreachable_commits=True)
    resolved = source_for(ref).resolve(ref, options)
    bases = merged(bases_of_card(resolved.card), bases_of_tags(resolved.tags))
    claim = claim_of_card(resolved.card) or claim_of_tags(resolved.tags)
    if claim is not None and not claim.defers:
        return Known(meaning=table().meaning_of(claim.expression), bases=bases, unknown=claim.detail, source="card")
    return _of_texts(resolved, bases, gate)


def _of_texts(resolved: Resolved, bases: Iterable[Based], gate: Gate) -> Known:
    about = evolve(resolved, files=tuple(one for one in resolved.files if is_about_licenses(one.path)))
    if not about.files:
        return Known(bases=tuple(bases), unknown="it declares no license and has no license file", source="card")
    snapshot = source_for(resolved.ref).fetch(about, gate.store, gate.options, {})
    unruled = evolve(gate, policy=evolve(gate.policy, present=frozenset()))
    dossier = examine_snapshot(snapshot, unruled, collectors=("license",), tags=resolved.tags).dossier
    licensed = dossier.first(Licensed)
    trouble = "; ".join(licensed.trouble) if licensed else "its license could not be read"
    meaning = licensed.meaning if licensed and not trouble else None
    found = Known(bases=tuple(bases), unknown=trouble, source="text")
    return evolve(found, meaning=meaning) if meaning else found
