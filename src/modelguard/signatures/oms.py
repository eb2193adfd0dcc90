"""Verifying a whole model: an OpenSSF Model Signing bundle against the files that are there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Literal

from attrs import frozen

from modelguard.signatures.authenticate import authenticate
from modelguard.signatures.envelope import Bundle, parse_bundle
from modelguard.signatures.files import Files
from modelguard.signatures.manifest import WHOLE_MODEL, Expected, Manifest, parse_manifest
from modelguard.signatures.trust import Trust
from modelguard.signatures.verified import Verified
from modelguard.terms.artifact import Artifact, Digest, printable
from modelguard.terms.errors import SignatureMismatch

NEVER_LOADED = (".git", ".git/*", ".github", ".github/*", ".gitignore", ".gitattributes")
"""Files that model-signing leaves out by default. They may lie unsigned beside a model; no loader gets them."""

Fault = Literal["missing", "different", "unsigned"]


@frozen(kw_only=True)
class Comparison:
    """How the files that are there compare with the signed ones."""

    agreed: Mapping[str, Digest]
    faults: tuple[tuple[str, Fault], ...]
    tolerated: tuple[str, ...]

    @property
    def uncovered(self) -> tuple[str, ...]:
        return tuple(sorted([*self.tolerated, *(path for path, fault in self.faults if fault == "unsigned")]))


def verify_model(
    bundle: bytes | Bundle,
    trust: Trust,
    artifacts: Iterable[Artifact],
    *,
    unsigned: Iterable[str] = (),
    absent: Callable[[str], bool] | None = None,
    now: datetime | None = None,
) -> Verified:
    """Verify a bundle over all files of a model, without the bundle's own file.

    `unsigned` are patterns of further files that may lack a signature; `*` allows every one. Such files are not in
    the result and so cannot be loaded. What the signer says to have ignored is not obeyed. `absent` tells which signed
    files the user left out on purpose; every other one must be there. `now` is the time for certificate chains.

    Raises one of the `SignatureError`s; `SignatureMismatch` lists every file that is missing, different or unsigned.
    """
    bundle = bundle if isinstance(bundle, Bundle) else parse_bundle(bundle)
    vouched = authenticate(bundle, trust, "model", now=now)
    manifest = parse_manifest(vouched.payload)
    comparison = compare(manifest, Files.of(artifacts), unsigned=tuple(unsigned), absent=absent)
    if comparison.faults or not comparison.agreed:
        raise SignatureMismatch(
            f"the signature holds, but not for these files: {_told(comparison.faults)}",
            remedy="fetch the model anew; if it is as published, ask the publisher to sign what they publish",
            files=comparison.faults,
        )
    return Verified(
        form="model",
        voucher=vouched.voucher,
        payload=Digest.sha256(hashlib.sha256(vouched.payload).hexdigest()),
        files=comparison.agreed,
        uncovered=comparison.uncovered,
    )


def compare(
    manifest: Manifest,
    files: Files,
    *,
    unsigned: tuple[str, ...] = (),
    absent: Callable[[str], bool] | None = None,
) -> Comparison:
    """Compare what was signed with what is there. Raises `ReadError` when a file changes meanwhile."""
    expected = _by_path(manifest, files)
    agreed: dict[str, Digest] = {}
    faults: list[tuple[str, Fault]] = []
    for path, wanted in expected.items():
        if path not in files.artifacts:
            if absent is None or not absent(path):
                faults.append((path, "missing"))
        elif _holds(files, path, wanted):
            agreed[path] = files.artifacts[path].digest
        else:
            faults.append((path, "different"))
    extra = sorted(files.artifacts.keys() - expected.keys())
    tolerated = tuple(path for path in extra if is_tolerated(path, unsigned))
    faults += [(path, "unsigned") for path in extra if path not in tolerated]
    return Comparison(agreed=agreed, faults=tuple(faults), tolerated=tolerated)


def is_tolerated(path: str, patterns: tuple[str, ...]) -> bool:
    """Tell whether a file may lie unsigned beside a signed model."""
    return any(fnmatchcase(path, pattern) for pattern in (*NEVER_LOADED, *patterns))


def _by_path(manifest: Manifest, files: Files) -> Mapping[str, Expected]:
    """Give the only file of a model its path where the manifest calls it `.`."""
    if WHOLE_MODEL not in manifest.files:
        return manifest.files
    candidates = [path for path in files.artifacts if not is_tolerated(path, ())]
    return {candidates[0] if len(candidates) == 1 else WHOLE_MODEL: manifest.files[WHOLE_MODEL]}


def _holds(files: Files, path: str, wanted: Expected) -> bool:
    if isinstance(wanted, tuple):
        return files.shards_hold(path, wanted)
    return files.digest(path, wanted.algorithm) == wanted


def _told(faults: tuple[tuple[str, Fault], ...], most: int = 5) -> str:
    if not faults:
        return "none of them is signed"
    shown = "; ".join(f"{printable(path)!r} is {fault}" for path, fault in faults[:most])
    return shown if len(faults) <= most else f"{shown}; and {len(faults) - most} more"
