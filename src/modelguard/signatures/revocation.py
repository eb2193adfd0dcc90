"""Whether a signature that holds has been revoked by the user since."""

from __future__ import annotations

from collections.abc import Iterable

from modelguard.signatures.verified import Verified
from modelguard.terms.artifact import printable
from modelguard.terms.errors import UntrustedIdentity
from modelguard.terms.provenance import Revocation


def revocation_of(verified: Verified, revoked: Iterable[Revocation]) -> Revocation | None:
    """Return the first revocation that concerns a verified signature, or None."""
    voucher = verified.voucher
    names: dict[str, frozenset[str]] = {
        "payload": frozenset({str(verified.payload)}),
        "key": frozenset({str(voucher.key or "")}),
        "identity": voucher.names | {voucher.identity},
    }
    return next((one for one in revoked if one.value and one.value in names[one.by]), None)


def require_unrevoked(verified: Verified, revoked: Iterable[Revocation]) -> None:
    """Raise `UntrustedIdentity` when a verified signature has been revoked."""
    found = revocation_of(verified, revoked)
    if found is not None:
        raise UntrustedIdentity(
            f"the signature holds, but its {found.by} {printable(found.value)!r} is revoked: {printable(found.reason)}",
            remedy="use a version that was signed anew",
        )
