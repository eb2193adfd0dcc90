"""Signatures by certificate: a chain up to the user's own authorities, and one pinned certificate at its end.

System and web roots are never used: any certificate under those would do, and none was issued to vouch for models.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from modelguard.signatures.documents import decode, member, objects
from modelguard.signatures.envelope import Bundle, Dsse
from modelguard.signatures.keys import check_signature, spki_digest, supported
from modelguard.signatures.vouched import Vouched, Voucher
from modelguard.terms.artifact import printable
from modelguard.terms.errors import (
    SignatureMalformed,
    SignatureUnsupported,
    SignatureUntrusted,
    UntrustedIdentity,
)
from modelguard.terms.provenance import CertificateSigner, LeafKey

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

MAXIMUM = 10
"""Certificates that a bundle may carry; real chains have two to four."""


def verify_with_certificate(
    bundle: Bundle, signer: CertificateSigner, authorities: bytes, *, now: datetime | None = None
) -> Vouched:
    """Check the envelope of a bundle against the signer's certificate, whose authorities are given as PEM.

    Raises `SignatureUntrusted` when the chain or the signature does not hold, `UntrustedIdentity` for another
    certificate of the same authority.
    """
    if not isinstance(bundle.content, Dsse):
        raise SignatureUnsupported("bundle: certificate signatures over a bare file are not verified")
    leaf, *rest = _carried(bundle)
    trusted = load_authorities(authorities, signer.authorities)
    at = leaf.not_valid_before_utc if signer.at == "signing" else now or datetime.now(UTC)
    _check_chain(leaf, rest, trusted, at)
    _check_usage(leaf)
    _check_pin(leaf, signer)
    key = supported(leaf.public_key(), "the signing certificate")
    check_signature(key, bundle.content.signature, bundle.content.signed_bytes)
    return Vouched(
        voucher=Voucher(
            signer=signer.name,
            method="certificate",
            identity=_display_name(leaf),
            key=spki_digest(leaf.public_key()),
            names=frozenset(_names(leaf)),
        ),
        payload_type=bundle.content.payload_type,
        payload=bundle.content.payload,
    )


def _carried(bundle: Bundle) -> list[Certificate]:
    from cryptography.x509 import load_der_x509_certificate  # costs 0.2 s, and most models are not signed

    where = "bundle.x509CertificateChain"
    chain = member(bundle.material, "x509CertificateChain", dict, "bundle")
    entries = objects(chain, "certificates", where)
    if not 0 < len(entries) <= MAXIMUM:
        raise SignatureMalformed(f"{where}: {len(entries)} certificates, expected 1 to {MAXIMUM}")
    try:
        return [load_der_x509_certificate(decode(entry, "rawBytes", where)) for entry in entries]
    except ValueError as error:
        raise SignatureMalformed(f"{where}: not a certificate: {printable(str(error))[:120]}") from None


def load_authorities(pem: bytes, where: str) -> list[Certificate]:
    """Read the PEM file of the authorities that the user trusts."""
    from cryptography.x509 import load_pem_x509_certificates  # costs 0.2 s, and most models are not signed

    try:
        return load_pem_x509_certificates(pem)
    except ValueError as error:
        raise SignatureMalformed(f"{printable(where)}: not PEM certificates: {printable(str(error))[:120]}") from None


def _check_chain(leaf: Certificate, rest: list[Certificate], trusted: list[Certificate], at: datetime) -> None:
    from cryptography import x509  # costs 0.2 s, and most models are not signed
    from cryptography.x509 import verification

    # Signing certificates of models carry no host names and often no alternative name at all, so the rules of the web
    # do not fit the leaf; what the format asks of it is checked by `_check_usage`. Authorities keep the strict rules.
    leaf_rules = verification.ExtensionPolicy.permit_all().require_present(
        x509.KeyUsage, verification.Criticality.AGNOSTIC, None
    )
    authority_rules = verification.ExtensionPolicy.webpki_defaults_ca().may_be_present(
        x509.ExtendedKeyUsage, verification.Criticality.AGNOSTIC, None
    )
    try:
        verifier = (
            verification.PolicyBuilder()
            .store(verification.Store(trusted))
            .time(at)
            .extension_policies(ca_policy=authority_rules, ee_policy=leaf_rules)
            .build_client_verifier()
        )
        verifier.verify(leaf, [certificate for certificate in rest if certificate not in trusted])
    except (verification.VerificationError, x509.UnsupportedGeneralNameType, ValueError) as error:
        raise SignatureUntrusted(
            f"bundle: the certificate chain does not hold at {at:%Y-%m-%d}: {printable(str(error))[:200]}"
        ) from None


def _check_usage(leaf: Certificate) -> None:
    from cryptography import x509  # costs 0.2 s, and most models are not signed
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
        extended = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError) as error:
        raise SignatureUntrusted(f"bundle: the signing certificate: {printable(str(error))[:120]}") from None
    if not usage.digital_signature or ExtendedKeyUsageOID.CODE_SIGNING not in extended:
        raise SignatureUntrusted("bundle: the signing certificate is not one for signing code")


def _check_pin(leaf: Certificate, signer: CertificateSigner) -> None:
    match signer.leaf:
        case LeafKey(spki=spki):
            found = {str(spki_digest(leaf.public_key()))}
            wanted = str(spki)
        case _:
            found, wanted = _names(leaf), signer.leaf.name
    if not wanted or wanted not in found:
        names = ", ".join(sorted(printable(name) for name in found))
        raise UntrustedIdentity(
            f"bundle: signed by {names}, but {signer.name!r} is {printable(wanted)}",
            remedy="check with the publisher who signs; a change of signer needs a change of policy",
        )


def _names(leaf: Certificate) -> set[str]:
    """Return every name that may be pinned: the whole subject, and the alternative names of exact kinds."""
    from cryptography import x509  # costs 0.2 s, and most models are not signed

    names = {leaf.subject.rfc4514_string()}
    try:
        alternatives = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return names
    for kind in (x509.RFC822Name, x509.DNSName, x509.UniformResourceIdentifier):
        names.update(alternatives.get_values_for_type(kind))
    return names


def _display_name(leaf: Certificate) -> str:
    return leaf.subject.rfc4514_string() or min(_names(leaf) - {""}, default="")
