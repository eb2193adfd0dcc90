"""Scans one file as `modelguard scan` does, every format asked and every check, without the hash and the report."""

from __future__ import annotations

from pathlib import Path

from modelguard.collectors.contents import read_artifacts
from modelguard.guard.asking import findings_about
from modelguard.terms.artifact import Artifact, Digest, LocalRef, Snapshot
from modelguard.terms.content import Budget
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding

NO_DIGEST = Digest.sha256("0" * 64)


def scan_path(path: str) -> tuple[Finding, ...]:
    """Return the findings about a file."""
    file = Path(path)
    artifact = Artifact(path=file.name, size=file.stat().st_size, digest=NO_DIGEST, file=file)
    snapshot = Snapshot(ref=LocalRef(path=path), revision="", artifacts=(artifact,))
    dossier = Dossier(snapshot=snapshot, facts=tuple(read_artifacts(snapshot.artifacts, Budget())))
    return findings_about(dossier)
