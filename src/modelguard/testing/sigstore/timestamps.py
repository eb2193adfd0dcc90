"""A timestamp authority (RFC 3161), played by `openssl ts`; its clock is the machine's."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from modelguard.testing.sigstore.authority import certificate_authority, new_key, timestamping_certificate
from modelguard.testing.sigstore.encoding import pem

# `certs` is left out on purpose: with it openssl writes a CMS set in an order that rfc3161-client refuses.
_SETTINGS = """\
[tsa]
default_tsa = ours
[ours]
serial = {home}/serial
signer_cert = {home}/authority.pem
signer_key = {home}/key.pem
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
ess_cert_id_alg = sha256
ordering = no
tsa_name = no
"""


def has_openssl() -> bool:
    """Tell whether timestamps can be made on this machine."""
    return shutil.which("openssl") is not None


@frozen(kw_only=True)
class TimestampAuthority:
    """A root and the certificate that timestamps are signed with."""

    root: x509.Certificate
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def create(cls) -> Self:
        root_key, key = new_key(), new_key()
        return cls(
            root=certificate_authority("timestamp root", root_key),
            certificate=timestamping_certificate("timestamps", key, "timestamp root", root_key),
            key=key,
        )

    def stamp(self, data: bytes) -> bytes:
        """Return a timestamp response over `data`, as DER."""
        with tempfile.TemporaryDirectory() as directory:
            home = Path(directory)
            (home / "authority.pem").write_bytes(pem(self.certificate))
            (home / "key.pem").write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            (home / "data").write_bytes(data)
            (home / "serial").write_text("01\n")
            (home / "settings").write_text(_SETTINGS.format(home=home))
            _run(home, "-query", "-data", "data", "-sha256", "-cert", "-out", "query")
            _run(home, "-reply", "-config", "settings", "-queryfile", "query", "-out", "response")
            return (home / "response").read_bytes()


def _run(home: Path, *arguments: str) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        raise FileNotFoundError("openssl is not installed; timestamps are made with it")
    subprocess.run([openssl, "ts", *arguments], cwd=home, check=True, capture_output=True)  # noqa: S603  # own arguments
