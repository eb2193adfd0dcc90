"""What verifying a signature yields: who signed, when, and the bytes that the signature is over."""

from __future__ import annotations

from datetime import datetime

from attrs import field, frozen

from modelguard.terms.artifact import Digest
from modelguard.terms.provenance import Method


@frozen(kw_only=True)
class Voucher:
    """Somebody whom the policy trusts, as the cryptography shows them.

    `identity` is what the certificate says, or the key's digest; `issuer` is the identity provider, empty for keys.
    `names` are all names that a policy could have pinned instead: those of a certificate beside its subject.
    `key` is the SHA-256 of the signing key's SPKI; for Sigstore it is None, since every signature has its own key.
    `signed_at` is verified time in UTC, None where the method proves none.
    """

    signer: str
    method: Method
    identity: str
    issuer: str = ""
    key: Digest | None = None
    signed_at: datetime | None = None
    names: frozenset[str] = frozenset()


@frozen(kw_only=True)
class Vouched:
    """A DSSE payload whose signature holds, and by whom."""

    voucher: Voucher
    payload_type: str
    payload: bytes = field(repr=False)
