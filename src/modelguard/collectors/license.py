"""Under which license a model is: what its publisher declares, what its texts say, and what its base models impose.

Evidence, in order: front matter of the model card, tags of the Hub, texts at the locked revision, metadata of weight
files, configurations that name a base, the licenses of the bases. A clarification of the policy wins over all of them
as long as the license files are those that were read when it was written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from modelguard.collectors._license_files import (
    CARD,
    card_of,
    configured_bases,
    license_texts,
    text_at,
    texts_beside,
    texts_left_out,
)
from modelguard.collectors._license_rules import ruled
from modelguard.collectors._license_settling import Seen, settle
from modelguard.collectors.collector import Case, Collector
from modelguard.licenses.claims import (
    Based,
    Claim,
    bases_of_card,
    bases_of_tags,
    claim_of_card,
    claim_of_tags,
    merged,
)
from modelguard.licenses.lineage import Known, follow
from modelguard.licenses.matching import Match, identify
from modelguard.licenses.rules import conflicts, duties, joined_bases
from modelguard.licenses.table import table
from modelguard.lock import Entry
from modelguard.terms.artifact import Artifact, Location
from modelguard.terms.errors import LicenseError, ReadError
from modelguard.terms.facts import Fact, Header
from modelguard.terms.licensing import BaseHint, LicenseEvidence

SHORT = 40
"""Words below which a text only points at a license (`see the Apache license`) and is not one."""


def gather(case: Case) -> Iterator[Fact]:
    """Yield the license of the model, what it rests on, its bases, and where licenses do not go together."""
    key = case.entry.id if case.entry else case.snapshot.ref.key
    rules = ruled(case, key)
    if rules is not None:
        yield rules
    seen = Seen()
    yield from _read(case, key, seen)
    clarification = rules.rules.clarification_for(key) if rules is not None else None
    *others, licensed = settle(case, key, seen, clarification)
    yield from (*others, licensed)
    meaning = licensed.meaning
    bases = follow(key, seen.bases, case.look_up or recorded_bases(case.entry))
    yield from bases
    yield from conflicts(meaning, bases)
    yield from joined_bases(bases)
    imposed = (*meaning.terms, *(terms for base in bases for terms in base.meaning.terms))
    yield from dict.fromkeys(duties(key, seen.card, imposed, derived=bool(bases)))
    declared = {base.name.lower() for base in seen.bases}
    for path, name in seen.hints:
        if Based(name=name).is_repository and name.lower() not in declared | {key.lower()}:
            yield BaseHint(location=Location(path), name=name, detail="_name_or_path names it")


def _read(case: Case, key: str, seen: Seen) -> Iterator[Fact]:
    """Write down each piece of evidence, and keep it in `seen`."""
    card: dict[str, Any] = {}
    link: object = None
    try:
        card, seen.card = card_of(case.snapshot)
        link = card.get("license_link")
    except ReadError as error:
        seen.trouble.append(f"the model card cannot be read: {error.message}")
    if case.snapshot.artifact(CARD) is not None:
        yield from _claimed(seen, "card", CARD, claim_of_card(card))
    yield from _claimed(seen, "tag", key, claim_of_tags(case.tags))
    for artifact in license_texts(case.snapshot, link):
        yield _text_fact(seen, artifact)
    if left_out := texts_left_out(case.snapshot, link):
        seen.trouble.append(f"{left_out} of its files with a license are more than are read")
    for artifact in texts_beside(case.snapshot):
        yield LicenseEvidence(location=Location(artifact.path), source="text", written="notice", detail="stands beside")
    found = [*_headers(case.gathered)]
    for source, path, claim, _ in found:
        yield from _claimed(seen, source, path, claim)
    if not seen.claims and case.look_up is None and case.entry is not None and case.entry.license.declared:
        # The tags of the Hub are not in the snapshot: what they said about these very bytes stands in the lock.
        record = case.entry.license
        yield from _claimed(seen, "lock", key, Claim(written=record.declared, expression=record.expression))
    configured: list[Based] = []
    try:
        for path, base in configured_bases(case.snapshot):
            if isinstance(base, Based):
                configured.append(base)
            else:
                seen.hints.append((path, base))
    except ReadError as error:
        seen.trouble.append(f"adapter_config.json cannot be read: {error.message}")
    in_files = [base for *_, bases in found for base in bases]
    seen.bases = merged(bases_of_card(card), bases_of_tags(case.tags), configured, in_files)


def _claimed(seen: Seen, source: str, path: str, claim: Claim | None) -> Iterator[Fact]:
    if claim is not None:
        seen.claims.append((source, claim))
        result = "" if claim.expression == "NOASSERTION" else claim.expression
        yield LicenseEvidence(
            location=Location(path), source=source, written=claim.written, result=result, detail=claim.detail
        )


def _text_fact(seen: Seen, artifact: Artifact) -> Fact:
    path = artifact.path
    try:
        text = text_at(artifact)
    except ReadError as error:
        seen.trouble.append(f"{path} cannot be read: {error.message}")
        return LicenseEvidence(location=Location(path), source="text", written=path, detail=error.message)
    found = identify(text)
    if found.kind == "unknown" and len(text.split()) < SHORT:
        return LicenseEvidence(location=Location(path), source="text", written=path, detail="too short to be a license")
    seen.texts.append((path, found))
    detail = found.detail + (f"; added: {' '.join(found.added)}" if found.added else "")
    return LicenseEvidence(location=Location(path), source="text", written=path, result=_result(found), detail=detail)


def _result(found: Match) -> str:
    row = table().row(found.ids[0]) if found.kind in {"exact", "match"} else None
    return row.expression if row else str(found)


def _headers(facts: Iterable[Fact]) -> Iterator[tuple[str, str, Claim | None, tuple[Based, ...]]]:
    """Yield source, file, claim and bases in the metadata of weight files, as the readers of formats found them."""
    for fact in facts:
        if not isinstance(fact, Header) or fact.format not in {"gguf", "safetensors"}:
            continue
        properties = fact.properties
        prefix = "general." if fact.format == "gguf" else ""
        written, name = properties.get(f"{prefix}license"), properties.get(f"{prefix}license.name")
        claim = claim_of_card({"license": written.split(", "), "license_name": name}) if written else None
        yield fact.format, fact.location.path, claim, tuple(_bases_in(properties) if prefix else ())


def _bases_in(properties: Mapping[str, str]) -> Iterator[Based]:
    """Read `general.base_model.N.repo_url`: the address of a repository
    (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md)."""
    for key, value in properties.items():
        if key.startswith("general.base_model.") and key.endswith(".repo_url"):
            name = value.removeprefix("https://huggingface.co/").strip("/")
            yield Based(name=name, relation="quantized")


def recorded_bases(entry: Entry | None) -> Callable[[str], Known]:
    """Return a look-up of base models in what the lock recorded about one model."""
    rows = entry.license.bases if entry is not None else ()

    def ask(name: str) -> Known:
        row = next((row for row in rows if row.id == name), None)
        if row is None:
            return Known(unknown="its license has not been looked up; modelguard lock does")
        try:
            meaning = table().meaning_of(row.license)
        except LicenseError as error:
            return Known(unknown=error.message)
        above = tuple(Based(name=one.id, relation=one.relation) for one in rows if one.of == name)
        return Known(meaning=meaning, bases=above, source="lock")

    return ask


LICENSE = Collector(name="license", gather=gather)
