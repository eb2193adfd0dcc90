"""Whether a certificate is somebody's: identity and issuer compared exactly, claims as well.

`ExactIdentity` is a verification policy as the sigstore client understands one. The client's own `Identity` skips the
issuer when it is empty (sigstore 4.5.1), so emptiness is refused here before it can matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from attrs import frozen

from modelguard.terms.artifact import printable
from modelguard.terms.errors import SignatureUnsupported, UntrustedIdentity
from modelguard.terms.provenance import Identity, SigstoreSigner

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

# Claims that a signer may name, with the client's policy class for each.
# Source: https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md
CLAIMS: dict[str, str] = {
    "github-workflow-trigger": "GitHubWorkflowTrigger",
    "github-workflow-sha": "GitHubWorkflowSHA",
    "github-workflow-name": "GitHubWorkflowName",
    "github-workflow-repository": "GitHubWorkflowRepository",
    "github-workflow-ref": "GitHubWorkflowRef",
    "build-signer-uri": "OIDCBuildSignerURI",
    "build-signer-digest": "OIDCBuildSignerDigest",
    "runner-environment": "OIDCRunnerEnvironment",
    "source-repository-uri": "OIDCSourceRepositoryURI",
    "source-repository-digest": "OIDCSourceRepositoryDigest",
    "source-repository-ref": "OIDCSourceRepositoryRef",
    "source-repository-identifier": "OIDCSourceRepositoryIdentifier",
    "source-repository-owner-uri": "OIDCSourceRepositoryOwnerURI",
    "source-repository-owner-identifier": "OIDCSourceRepositoryOwnerIdentifier",
    "build-config-uri": "OIDCBuildConfigURI",
    "build-config-digest": "OIDCBuildConfigDigest",
    "build-trigger": "OIDCBuildTrigger",
    "run-invocation-uri": "OIDCRunInvocationURI",
    "source-repository-visibility": "OIDCSourceRepositoryVisibility",
}

_ISSUER = "1.3.6.1.4.1.57264.1.1"
_OTHER_NAME = "1.3.6.1.4.1.57264.1.7"


@frozen
class ExactIdentity:
    """Accepts a certificate of any one of the identities, each with its issuer and all its claims."""

    signer: str
    any_of: tuple[Identity, ...]

    @classmethod
    def of(cls, signer: SigstoreSigner) -> Self:
        """Take the identities of a signer.

        Raises `UntrustedIdentity` when there are none or one is incomplete: nobody is not anybody.
        """
        if not signer.any_of or not all(who.identity and who.issuer for who in signer.any_of):
            raise UntrustedIdentity(
                f"signer {signer.name!r}: identity and issuer are both needed", remedy="name both in the policy"
            )
        for claim in (claim for who in signer.any_of for claim in who.claims):
            if claim not in CLAIMS:
                raise SignatureUnsupported(f"signer {signer.name!r}: the claim {claim!r} is not known")
        return cls(signer.name, signer.any_of)

    def verify(self, cert: Certificate) -> None:
        """Return when the certificate is one of theirs. The client calls this after it has checked the chain."""
        self.matching(cert)

    def matching(self, cert: Certificate) -> Identity:
        """Return the identity whose certificate this is.

        Raises `UntrustedIdentity` that names whom the certificate was issued to.
        """
        for who in self.any_of:
            if _is(who, cert):
                return who
        wanted = " or ".join(printable(str(who)) for who in self.any_of)
        raise UntrustedIdentity(
            f"bundle: signed by {_issued_to(cert)}, but signer {self.signer!r} is {wanted}",
            remedy="check with the publisher who signs; a change of signer needs a change of policy",
        )


def _is(who: Identity, cert: Certificate) -> bool:
    from sigstore.errors import VerificationError  # the caller has imported the client already
    from sigstore.verify import policy

    claims: list[Any] = [getattr(policy, CLAIMS[name])(value) for name, value in who.claims.items()]
    try:
        policy.AllOf([policy.Identity(identity=who.identity, issuer=who.issuer), *claims]).verify(cert)
    except (VerificationError, ValueError):
        return False
    return True


def _issued_to(cert: Certificate) -> str:
    """Return the identity and issuer of a certificate for a message."""
    from cryptography import x509  # the caller has imported it already

    names: list[str] = []
    try:
        alternatives = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        for kind in (x509.RFC822Name, x509.UniformResourceIdentifier):
            names += alternatives.get_values_for_type(kind)
        names += [
            name.value.decode("utf-8", "replace")
            for name in alternatives.get_values_for_type(x509.OtherName)
            if name.type_id.dotted_string == _OTHER_NAME
        ]
        extension: Any = cert.extensions.get_extension_for_oid(x509.ObjectIdentifier(_ISSUER)).value
        issuer = extension.value.decode("utf-8", "replace")
    except (x509.ExtensionNotFound, ValueError):
        issuer = "unknown"
    return f"{printable(', '.join(names)) or 'nobody'} (issuer {printable(issuer)})"
