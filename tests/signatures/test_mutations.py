"""Bundles changed at random: whatever is accepted has the identical payload, and nothing but our errors comes out."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from signature_builders import (
    RELEASE,
    certificate_trust,
    issue,
    key_trust,
    make_artifacts,
    private_pem,
    sigstore_trust,
    statement,
)

from modelguard.signatures.keys import spki_digest
from modelguard.signatures.oms import verify_model
from modelguard.signatures.signing import sign_with_certificate, sign_with_key
from modelguard.signatures.trust import Trust
from modelguard.terms.errors import SignatureError
from modelguard.terms.provenance import LeafKey
from modelguard.testing.sigstore import PrivateSigstore

TRIES = 400
Signed = tuple[bytes, Trust]


@pytest.fixture(params=["sigstore", "key", "certificate"])
def signed(request: pytest.FixtureRequest, sigstore: PrivateSigstore) -> Signed:
    if request.param == "sigstore":
        return sigstore.sign_statement(statement(), RELEASE), sigstore_trust(sigstore)
    if request.param == "key":
        key = ec.generate_private_key(ec.SECP256R1())
        return sign_with_key(statement(), private_pem(key)), key_trust(key)
    root = issue("root", authority=True)
    leaf = issue("leaf", root)
    pin = LeafKey(spki=spki_digest(leaf.key.public_key()))
    return sign_with_certificate(statement(), private_pem(leaf.key), leaf.pem), certificate_trust(root.pem, pin)


def holders(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every place in a document as (container, key)."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from holders(inner)


STRANGE = (None, "", "A", "=", 0, -1, 10**30, 1.5, True, [], {}, "\ud800", "../x", [{}])


def mutate_document(bundle: bytes, chance: random.Random) -> bytes:
    """Replace, drop, double or disturb one value somewhere."""
    document = json.loads(bundle)
    container, key = chance.choice(list(holders(document)))
    value = container[key]
    match chance.randrange(4):
        case 0:
            container[key] = chance.choice(STRANGE)
        case 1:
            del container[key]
        case 2 if isinstance(container, list):
            container.append(value)
        case 2:
            container[f"{key}2"] = value
        case _ if isinstance(value, str) and value:
            place = chance.randrange(len(value))
            container[key] = value[:place] + chance.choice("AZ09+/=\n\u2014") + value[place + 1 :]
        case _:
            container[key] = chance.choice(STRANGE)
    return json.dumps(document).encode("utf-8")


def mutate_bytes(bundle: bytes, chance: random.Random) -> bytes:
    """Flip, cut or insert raw bytes."""
    place = chance.randrange(len(bundle))
    match chance.randrange(3):
        case 0:
            return bundle[:place] + bytes([chance.randrange(256)]) + bundle[place + 1 :]
        case 1:
            return bundle[:place] + bundle[place + chance.randrange(1, 40) :]
        case _:
            return bundle[:place] + bundle[place : place + 20] + bundle[place:]


@pytest.mark.parametrize("mutate", [mutate_document, mutate_bytes])
def test_a_mutated_bundle_is_refused_or_says_exactly_the_same(
    signed: Signed, mutate: Callable[[bytes, random.Random], bytes]
) -> None:
    bundle, trust = signed
    original = verify_model(bundle, trust, make_artifacts())
    refused = 0
    for seed in range(TRIES):
        mutant = mutate(bundle, random.Random(seed))
        try:
            verified = verify_model(mutant, trust, make_artifacts())
        except SignatureError:
            refused += 1
            continue
        assert (verified.payload, verified.files) == (original.payload, original.files), seed
        assert verified.voucher.identity == original.voucher.identity, seed
    assert refused > TRIES // 4


def test_bundles_are_malleable_so_the_payload_names_a_signature(signed: Signed) -> None:
    """Two bundles of different bytes hold alike; only the digest of the payload tells that they are one signature."""
    bundle, trust = signed
    spaced = json.dumps(json.loads(bundle), indent=1).encode()
    assert spaced != bundle
    assert (
        verify_model(spaced, trust, make_artifacts()).payload == verify_model(bundle, trust, make_artifacts()).payload
    )
