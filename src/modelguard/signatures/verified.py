"""The result of verifying a signature over files: a map from name to digest that a loader can enforce."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from modelguard.signatures.vouched import Voucher
from modelguard.terms.artifact import Digest
from modelguard.terms.provenance import Form


@frozen(kw_only=True)
class Verified:
    """Files that somebody vouches for. Nothing outside `files` may be loaded on the strength of this signature.

    `files` maps each covered path to its SHA-256. `payload` is the digest of what was signed: the statement for a
    model or a provenance, the file itself for a file. `uncovered` are files that are there but not covered.
    """

    form: Form
    voucher: Voucher
    payload: Digest
    files: Mapping[str, Digest] = field(hash=False)
    uncovered: tuple[str, ...] = ()
