"""A private Sigstore for tests: certificate authority, transparency logs and timestamp authority, all in memory.

    sigstore = PrivateSigstore.create()
    bundle = sigstore.sign_statement(payload, Who("release@acme.example", "https://accounts.acme.example"))
    Path("trusted_root.json").write_bytes(sigstore.trusted_root())

The cryptography is real: the unmodified sigstore client verifies what comes out of it, offline. Nothing is mocked, and
nothing needs a network. Timestamps come from the `openssl` command, which has to be installed for them.
"""

from modelguard.testing.sigstore.authority import Authority, Who
from modelguard.testing.sigstore.instance import PrivateSigstore
from modelguard.testing.sigstore.log import Log
from modelguard.testing.sigstore.server import identity_token, serve
from modelguard.testing.sigstore.timestamps import TimestampAuthority, has_openssl

__all__ = ["Authority", "Log", "PrivateSigstore", "TimestampAuthority", "Who", "has_openssl", "identity_token", "serve"]
