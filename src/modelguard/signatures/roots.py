"""Trusted roots as files: what is in one, what an update changes, and fetching an update.

A trusted root names the keys of the logs and authorities of a Sigstore instance. It is a file in the user's own
repository; `update_root` is the only function that uses the network, and it believes nothing but TUF metadata signed by
the keys of a root that the caller brings.
"""

from __future__ import annotations

import base64
import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from attrs import frozen

from modelguard.signatures.documents import read_json
from modelguard.signatures.trust import LIMIT, trusted_root_of
from modelguard.terms.artifact import Digest, printable
from modelguard.terms.errors import SignatureMalformed, SignatureUnsupported, SignatureUntrusted

PUBLIC_GOOD = "https://tuf-repo-cdn.sigstore.dev"
"""The TUF repository of the public Sigstore instance, https://docs.sigstore.dev."""
_TARGET = "trusted_root.json"


@frozen
class Changes:
    """What an update adds and takes away, as lines of `describe_root`."""

    added: tuple[str, ...]
    removed: tuple[str, ...]

    @classmethod
    def between(cls, old: bytes, new: bytes) -> Changes:
        before, after = describe_root(old), describe_root(new)
        return cls(
            tuple(line for line in after if line not in before), tuple(line for line in before if line not in after)
        )


def digest_of(root: bytes) -> Digest:
    return Digest.sha256(hashlib.sha256(root).hexdigest())


def describe_root(root: bytes) -> tuple[str, ...]:
    """Return one line for every key and certificate chain in a trusted root or client trust config.

    Raises `SignatureMalformed` for anything else.
    """
    document = read_json(trusted_root_of(root, "trusted root"), "trusted root", limit=LIMIT)
    try:
        return tuple(_lines(document))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SignatureMalformed(f"trusted root: {type(error).__name__}: {printable(str(error))[:100]}") from None


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    for title, key in (("transparency log", "tlogs"), ("certificate log", "ctlogs")):
        for log in document.get(key, []):
            spki = base64.b64decode(log["publicKey"]["rawBytes"], validate=True)
            yield _line(title, log["baseUrl"], spki, log["publicKey"].get("validFor", {}))
    for title, key in (("certificate authority", "certificateAuthorities"), ("timestamps", "timestampAuthorities")):
        for authority in document.get(key, []):
            chain = [base64.b64decode(one["rawBytes"], validate=True) for one in authority["certChain"]["certificates"]]
            yield _line(title, authority["uri"], b"".join(chain), authority.get("validFor", {}))


def _line(title: str, where: str, content: bytes, valid: Mapping[str, Any]) -> str:
    until = f" until {printable(str(valid['end']))}" if valid.get("end") else ""
    since = printable(str(valid.get("start", "always")))
    return f"{title} {printable(where)} sha256:{hashlib.sha256(content).hexdigest()[:16]} since {since}{until}"


def embedded_root(url: str = PUBLIC_GOOD) -> bytes:
    """Return the trusted root that the installed sigstore client was released with. No cache of it is read.

    Raises `SignatureUnsupported` when it has none for that address.
    """
    return _embedded(_TARGET, url)


def _embedded(name: str, url: str) -> bytes:
    import sigstore  # 0.03 s, and only to find its files

    place = files(sigstore) / "_store" / quote(url.rstrip("/"), safe="") / name
    try:
        return place.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise SignatureUnsupported(
            f"the sigstore client brings no {name} for {printable(url)}", remedy="give the file yourself"
        ) from None


def update_root(url: str = PUBLIC_GOOD, *, bootstrap: bytes | None = None) -> bytes:
    """Fetch the current trusted root of an instance through TUF; the network is used.

    `bootstrap` is TUF root metadata (`root.json`) that the caller trusts for `url`; by default what the installed
    sigstore client was released with. Metadata and targets go through a fresh directory: nothing that lies in the home
    directory is believed.

    Raises `SignatureUntrusted` when the repository cannot be reached or its metadata does not verify.
    """
    url = url.rstrip("/")
    anchor = _embedded("root.json", url) if bootstrap is None else bootstrap
    try:
        root = _fetch(url, anchor)
    except Exception as error:  # the set of the client's exceptions is open
        raise SignatureUntrusted(
            f"{printable(url)}: no verified update: {type(error).__name__}: {printable(str(error))[:200]}",
            remedy="check the address and the network; the root on disk was left as it is",
        ) from error
    if root is None:
        raise SignatureUntrusted(f"{printable(url)}: the repository has no {_TARGET}")
    describe_root(root)
    return root


def _fetch(url: str, anchor: bytes) -> bytes | None:
    from tuf.ngclient.updater import Updater  # 0.3 s, and only an update needs it

    with tempfile.TemporaryDirectory(prefix="modelguard-tuf-") as directory:
        metadata, targets = Path(directory, "metadata"), Path(directory, "targets")
        metadata.mkdir()
        targets.mkdir()
        updater = Updater(
            metadata_dir=str(metadata),
            metadata_base_url=url,
            target_dir=str(targets),
            target_base_url=f"{url}/targets/",
            bootstrap=anchor,
        )
        updater.refresh()
        target = updater.get_targetinfo(_TARGET)
        if target is None:
            return None
        if target.length > LIMIT:
            raise SignatureMalformed(f"a trusted root of {target.length} bytes")
        return Path(updater.download_target(target)).read_bytes()
