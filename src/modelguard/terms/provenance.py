"""Who vouches for a model: the signers that a policy trusts, and the facts that signatures leave behind.

A signer is a noun of the user's policy, never of a bundle: what a bundle says about its own signer is only a claim.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias

from attrs import field, frozen

from modelguard.terms.artifact import Digest
from modelguard.terms.facts import Fact

Method: TypeAlias = Literal["sigstore", "key", "certificate"]
Form: TypeAlias = Literal["model", "file", "provenance"]
"""What a signature is over: a whole model (OpenSSF Model Signing), one file, or a build provenance statement."""

FaultKind: TypeAlias = Literal["malformed", "untrusted", "identity", "mismatch", "unsupported", "missing"]


# --- the user's word: whom to trust ------------------------------------------------------------------------------


@frozen(kw_only=True)
class Identity:
    """Somebody whom an identity provider knows: both strings are compared exactly, character by character.

    `claims` are further values that the signing certificate must carry, by kebab-case name such as
    `source-repository-uri`; names: https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md
    """

    identity: str
    issuer: str
    claims: Mapping[str, str] = field(factory=dict, hash=False)

    def __str__(self) -> str:
        return f"{self.identity} (issuer {self.issuer})"


@frozen(kw_only=True)
class SigstoreSigner:
    """Anyone of `any_of`, shown by a Sigstore instance whose trusted root is named `root` in the policy.

    `accept` lists the forms of signature that count. `older_bundles` also admits bundle versions 0.1 and 0.2.
    """

    name: str
    root: str
    any_of: tuple[Identity, ...]
    accept: tuple[Form, ...] = ("model", "file")
    older_bundles: bool = False

    @property
    def method(self) -> Method:
        return "sigstore"


@frozen(kw_only=True)
class KeySigner:
    """The holder of one key: `public_key` is the path of its PEM file, `spki` the SHA-256 of its DER SPKI."""

    name: str
    public_key: str
    spki: Digest
    accept: tuple[Form, ...] = ("model", "file")

    @property
    def method(self) -> Method:
        return "key"


@frozen(kw_only=True)
class LeafKey:
    """A signing certificate recognised by the SHA-256 of its DER SPKI."""

    spki: Digest


@frozen(kw_only=True)
class LeafName:
    """A signing certificate recognised by one alternative name (e-mail, DNS, URI) or by its whole RFC 4514 subject."""

    name: str


@frozen(kw_only=True)
class CertificateSigner:
    """The holder of one certificate, `leaf`, that chains up to the authorities in the PEM file `authorities`.

    `at` says for which moment the chain must be valid: `now`, or `signing`, which takes the start of the leaf's own
    validity and so accepts certificates that have expired since.
    """

    name: str
    authorities: str
    leaf: LeafKey | LeafName
    at: Literal["now", "signing"] = "now"
    accept: tuple[Form, ...] = ("model",)

    @property
    def method(self) -> Method:
        return "certificate"


Signer: TypeAlias = SigstoreSigner | KeySigner | CertificateSigner


@frozen(kw_only=True)
class TrustedRootFile:
    """The trusted root of a Sigstore instance as a file: its name, path, pinned SHA-256, and when it was fetched."""

    name: str
    file: str
    sha256: Digest
    updated: date | None = None


@frozen(kw_only=True)
class SigningRule:
    """Which signers may vouch for which models.

    `models` are patterns of lock keys (`org/*`). Any one of `signers` suffices. `bundles` are signature files beside
    the policy for models that do not carry their own. `unsigned` are patterns of files that may lack a signature;
    such files are not loaded.
    """

    models: tuple[str, ...]
    signers: tuple[str, ...]
    bundles: tuple[str, ...] = ()
    unsigned: tuple[str, ...] = ()
    signed_after: date | None = None

    def covers(self, key: str) -> bool:
        return any(fnmatchcase(key, pattern) for pattern in self.models)


@frozen(kw_only=True)
class Revocation:
    """A signature that no longer counts: by `payload` digest, by `key` (SPKI) digest, or by identity."""

    by: Literal["payload", "key", "identity"]
    value: str
    reason: str


@frozen(kw_only=True)
class Provenance:
    """The policy's whole word about signatures. `lock_signers` may sign the lock; when named, the lock must be signed.

    `root_days` is the age in days from which a trusted root is reported as old.
    """

    roots: tuple[TrustedRootFile, ...] = ()
    signers: tuple[Signer, ...] = ()
    rules: tuple[SigningRule, ...] = ()
    revoked: tuple[Revocation, ...] = ()
    lock_signers: tuple[str, ...] = ()
    root_days: int = 180

    def rule_for(self, key: str) -> SigningRule | None:
        """Return the first rule that covers a lock key: rules are read in order, and one decides."""
        return next((rule for rule in self.rules if rule.covers(key)), None)

    def signers_named(self, names: tuple[str, ...]) -> Iterator[Signer]:
        return (signer for signer in self.signers if signer.name in names)

    def root(self, name: str) -> TrustedRootFile | None:
        return next((root for root in self.roots if root.name == name), None)


# --- facts -------------------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class SignatureExpected(Fact):
    """The policy wants this model signed by one of `signers`, not before `signed_after` (ISO 8601, may be empty)."""

    signers: tuple[str, ...]
    signed_after: str = ""


@frozen(kw_only=True)
class Signed(Fact):
    """A signature that holds, by a signer whom the policy names for this model; `location` is the bundle.

    `identity` and `issuer` are what the signing certificate says (`issuer` is empty for keys), `key` the SHA-256 of
    the signing key's SPKI for keys and certificates. `payload` is the digest of what was signed, the only stable name
    of a signature: bundles can be re-encoded. `signed_at` is verified time in ISO 8601, empty where a method has none.
    `root` is the digest of the file that it was verified with: a trusted root, a public key or authorities.
    `covered` are the files whose bytes are the signed ones.
    """

    signer: str
    method: Method
    form: Form
    identity: str
    issuer: str = ""
    key: str = ""
    payload: Digest
    signed_at: str = ""
    root: str = ""
    covered: tuple[str, ...] = ()


@frozen(kw_only=True)
class SignatureFault(Fact):
    """A bundle that does not vouch for this model: for `mismatch` and `missing` the location is the file concerned.

    `signer` is the name in the policy against which it was tried.
    """

    kind: FaultKind
    detail: str
    signer: str = ""


@frozen(kw_only=True)
class Unsigned(Fact):
    """The model carries no signature that counts; `required` tells whether the policy wants one."""

    reason: str
    required: bool


@frozen(kw_only=True)
class Uncovered(Fact):
    """A file that no accepted signature covers. `tolerated`: the policy lets it stay, but it is not to be loaded."""

    tolerated: bool


@frozen(kw_only=True)
class PinnedSignature(Fact):
    """What the lock recorded about the signature when the model was approved."""

    signer: str
    method: str
    identity: str
    issuer: str = ""
    payload: str = ""
    root: str = ""


@frozen(kw_only=True)
class TrustRootSeen(Fact):
    """A trusted root that was used: `location` is its file, `age_days` is None when nobody wrote down its date."""

    name: str
    digest: Digest
    age_days: int | None
    limit_days: int


@frozen(kw_only=True)
class RevokedSignature(Fact):
    """A signature that holds but that the policy or the lock revokes, and why."""

    signer: str
    by: str
    value: str
    reason: str
