"""The private Sigstore's services on loopback: what a client talks to when it signs with an identity token.

Three addresses are enough: `/api/v2/signingCert` of the certificate authority, `/api/v1/log/entries` of the log, and
the description of an identity provider.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import load_pem_x509_certificate, load_pem_x509_csr

from modelguard.testing.sigstore.authority import Who
from modelguard.testing.sigstore.encoding import pem
from modelguard.testing.sigstore.instance import PrivateSigstore
from modelguard.testing.sigstore.log import envelope_spec, file_spec


@contextmanager
def serve(sigstore: PrivateSigstore) -> Iterator[str]:
    """Run the services of an instance while the `with` block lasts; give their address."""

    class Handler(_Handler):
        instance = sigstore

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def identity_token(who: Who, *, lifetime: timedelta = timedelta(minutes=5)) -> str:
    """Return an OIDC token as an identity provider would; nobody checks its signature here."""
    now = datetime.now(UTC)
    claims = {
        "iss": who.issuer,
        "sub": who.identity,
        "aud": "sigstore",
        "iat": int(now.timestamp()),
        "exp": int((now + lifetime).timestamp()),
    }
    parts = [{"alg": "HS256", "typ": "JWT"}, claims]
    return ".".join([*(_segment(json.dumps(part).encode("utf-8")) for part in parts), _segment(b"unsigned")])


def _segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _claims(token: str) -> Who:
    middle = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    return Who(claims["sub"], claims["iss"])


class _Handler(BaseHTTPRequestHandler):
    instance: PrivateSigstore

    def do_POST(self) -> None:  # the name is the base class's
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answers = {"/api/v2/signingCert": self._certificate, "/api/v1/log/entries": self._entry}
        answer = answers.get(self.path)
        if answer is None:
            self.send_error(404)
            return
        self._answer(201, answer(request))

    def do_GET(self) -> None:  # as above
        """Describe an identity provider; clients ask for that even when they bring a token."""
        if self.path != "/.well-known/openid-configuration":
            self.send_error(404)
            return
        address = f"http://{self.headers['Host']}"
        self._answer(200, {"authorization_endpoint": f"{address}/auth", "token_endpoint": f"{address}/token"})

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode("utf-8")
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _certificate(self, request: dict[str, Any]) -> dict[str, Any]:
        key = load_pem_x509_csr(base64.b64decode(request["certificateSigningRequest"])).public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        authority = self.instance.authority
        leaf = authority.issue(key, _claims(self.headers["Authorization"].removeprefix("Bearer ")), self.instance.now)
        chain = [pem(certificate).decode("ascii") for certificate in (leaf, authority.intermediate, authority.root)]
        return {"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}}

    def _entry(self, request: dict[str, Any]) -> dict[str, Any]:
        spec = request["spec"]
        if request["kind"] == "dsse":
            spec = _envelope(spec["proposedContent"])
        else:
            signature = spec["signature"]
            certificate = load_pem_x509_certificate(base64.b64decode(signature["publicKey"]["content"]))
            digest = bytes.fromhex(spec["data"]["hash"]["value"])
            spec = file_spec(digest, base64.b64decode(signature["content"]), certificate)
        entry = self.instance.log.add(request["kind"], spec, self.instance.now)
        proof = entry["inclusionProof"]
        return {
            "0" * 80: {
                "body": entry["canonicalizedBody"],
                "integratedTime": int(entry["integratedTime"]),
                "logID": base64.b64decode(entry["logId"]["keyId"]).hex(),
                "logIndex": int(entry["logIndex"]),
                "verification": {
                    "inclusionProof": {
                        "checkpoint": proof["checkpoint"]["envelope"],
                        "hashes": [base64.b64decode(step).hex() for step in proof["hashes"]],
                        "logIndex": int(proof["logIndex"]),
                        "rootHash": base64.b64decode(proof["rootHash"]).hex(),
                        "treeSize": int(proof["treeSize"]),
                    },
                    "signedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
                },
            }
        }

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


def _envelope(proposed: dict[str, Any]) -> dict[str, Any]:
    envelope = json.loads(proposed["envelope"])
    certificate = load_pem_x509_certificate(base64.b64decode(proposed["verifiers"][0]))
    signature = base64.b64decode(envelope["signatures"][0]["sig"])
    return envelope_spec(envelope, base64.b64decode(envelope["payload"]), signature, certificate)
