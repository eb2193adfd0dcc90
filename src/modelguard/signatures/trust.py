"""The user's trust, made ready: each signer with the bytes of the file that it rests on.

Trusted roots, public keys and authorities are files beside the policy. They are read once, and a root's digest is
compared with the pinned one before anything is built from it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from attrs import field, frozen

from modelguard.signatures.documents import read_json
from modelguard.terms.artifact import Digest, printable
from modelguard.terms.errors import SignatureMalformed, SignatureUntrusted
from modelguard.terms.provenance import (
    CertificateSigner,
    Identity,
    KeySigner,
    LeafName,
    Provenance,
    Signer,
    SigstoreSigner,
)

TRUSTED_ROOT = "application/vnd.dev.sigstore.trustedroot"
CLIENT_TRUST_CONFIG = "application/vnd.dev.sigstore.clienttrustconfig"
LIMIT = 4 << 20
"""Bytes that a trusted root, key or certificate file may have; the largest in use has about 7 kB."""


@frozen(kw_only=True)
class Trust:
    """A signer and the bytes that it is verified with: a trusted root as JSON, a public key or authorities as PEM.

    `digest` is the SHA-256 of the file as it lies on disk.
    """

    signer: Signer
    material: bytes = field(repr=False)
    digest: Digest


def load_trust(signer: Signer, provenance: Provenance, home: Path) -> Trust:
    """Read the file that a signer rests on; relative paths start from `home`.

    Raises `SignatureUntrusted` when the file is missing or is not the pinned one.
    """
    match signer:
        case SigstoreSigner():
            return _sigstore(signer, provenance, home)
        case KeySigner(public_key=path) | CertificateSigner(authorities=path):
            data, digest = read_trusted(home / path, path)
            return Trust(signer=signer, material=data, digest=digest)


def _sigstore(signer: SigstoreSigner, provenance: Provenance, home: Path) -> Trust:
    root = provenance.root(signer.root)
    if root is None:
        raise SignatureUntrusted(
            f"signer {signer.name!r}: there is no trusted root named {signer.root!r}",
            remedy=f"modelguard trust add {signer.root}",
        )
    data, digest = read_trusted(home / root.file, root.file)
    if digest != root.sha256:
        raise SignatureUntrusted(
            f"trust.{root.name}: {printable(root.file)} is {digest}, the policy pins {root.sha256}",
            remedy="restore the file, or look at the change with: modelguard trust show",
        )
    return Trust(signer=signer, material=trusted_root_of(data, root.file), digest=digest)


def trust_key(public_key: Path) -> Trust:
    """Trust whoever holds the key in a PEM file, as named on a command line."""
    from modelguard.signatures.keys import load_public_key, spki_digest  # 0.1 s

    data, digest = read_trusted(public_key, str(public_key))
    spki = spki_digest(load_public_key(data, str(public_key)))
    return Trust(
        signer=KeySigner(name=public_key.name, public_key=str(public_key), spki=spki), material=data, digest=digest
    )


def trust_certificate(authorities: Path, subject: str) -> Trust:
    """Trust the certificate of one subject under the authorities in a PEM file."""
    data, digest = read_trusted(authorities, str(authorities))
    signer = CertificateSigner(name=subject, authorities=str(authorities), leaf=LeafName(name=subject))
    return Trust(signer=signer, material=data, digest=digest)


def trust_identity(identity: str, issuer: str, trusted_root: Path) -> Trust:
    """Trust one identity under the trusted root in a file, in every form of signature."""
    data, digest = read_trusted(trusted_root, str(trusted_root))
    signer = SigstoreSigner(
        name=identity,
        root=str(trusted_root),
        any_of=(Identity(identity=identity, issuer=issuer),),
        accept=("model", "file", "provenance"),
    )
    return Trust(signer=signer, material=trusted_root_of(data, str(trusted_root)), digest=digest)


def read_trusted(path: Path, name: str) -> tuple[bytes, Digest]:
    """Read a small file that trust rests on, and return it with its SHA-256."""
    try:
        with path.open("rb") as file:
            data = file.read(LIMIT + 1)
    except OSError as error:
        raise SignatureUntrusted(
            f"{printable(name)}: cannot be read: {error.strerror}", remedy="mend the path in the policy"
        ) from error
    if len(data) > LIMIT:
        raise SignatureMalformed(f"{printable(name)}: more than {LIMIT} bytes")
    return data, Digest.sha256(hashlib.sha256(data).hexdigest())


def trusted_root_of(data: bytes, name: str) -> bytes:
    """Return the trusted root in a file that is one, or that is a client trust config of a private instance.

    Raises `SignatureMalformed` for any other document.
    """
    document = read_json(data, name, limit=LIMIT)
    media_type = str(document.get("mediaType"))
    if media_type.startswith(TRUSTED_ROOT):
        return data
    inner = document.get("trustedRoot")
    if media_type.startswith(CLIENT_TRUST_CONFIG) and isinstance(inner, dict):
        import json  # beside its only use

        return json.dumps(inner).encode("utf-8")
    raise SignatureMalformed(
        f"{printable(name)}: neither a Sigstore trusted root nor a client trust config, but {printable(media_type)!r}"
    )
