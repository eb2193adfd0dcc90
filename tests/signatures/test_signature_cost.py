"""What must not be imported until a signature is verified, and what verifying costs once it is."""

from __future__ import annotations

import subprocess
import sys
from time import perf_counter

import pytest
from signature_builders import RELEASE, make_artifacts, sigstore_trust, statement

from modelguard.signatures.oms import verify_model
from modelguard.testing.sigstore import PrivateSigstore

COSTLY = ("sigstore", "cryptography", "requests", "tuf", "pydantic", "modelguard.testing")

ROOMS = [
    "import modelguard",
    "import modelguard.signatures.oms, modelguard.signatures.signing, modelguard.signatures.attestation",
    "import modelguard.collectors.signature, modelguard.policy.provenance",
    "from modelguard._registry import parts; from modelguard.checks.check import Check;"
    "parts('modelguard.checks', Check)",
]


@pytest.mark.parametrize("code", ROOMS, ids=["package", "signatures", "collector", "checks"])
def test_nothing_costly_is_imported_before_a_signature_is_verified(code: str) -> None:
    report = f"{code}\nimport sys\nprint(*sorted(set({COSTLY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_warm_verification_adds_less_than_100_ms(sigstore: PrivateSigstore) -> None:
    """Beyond hashing, whose digests are given; the best of five, since the machine has other work."""
    bundle, trust, artifacts = sigstore.sign_statement(statement(), RELEASE), sigstore_trust(sigstore), make_artifacts()
    verify_model(bundle, trust, artifacts)
    times = []
    for _ in range(5):
        start = perf_counter()
        verify_model(bundle, trust, artifacts)
        times.append(perf_counter() - start)
    assert min(times) < 0.1
