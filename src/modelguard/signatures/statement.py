"""Writing the statement of a model's signature, as the reference implementation of Model Signing reads it."""

from __future__ import annotations

import json
from collections.abc import Iterable

from modelguard.signatures.files import Files
from modelguard.signatures.manifest import PREDICATE, STATEMENT, root_digest
from modelguard.signatures.names import check_name
from modelguard.signatures.oms import is_tolerated
from modelguard.terms.artifact import Algorithm, Artifact, printable
from modelguard.terms.errors import SigningFailed

# What model-signing leaves out, in its own spelling (spec 1.0): told to verifiers, who need not obey it.
IGNORED = (".git", ".gitattributes", ".github", ".gitignore")


def write_statement(
    name: str, artifacts: Iterable[Artifact], *, algorithm: Algorithm = "sha256", ignored: Iterable[str] = ()
) -> bytes:
    """Return the statement over all files of a model, as JSON.

    `name` is the model's name, for people only. `ignored` are paths that were left out, such as the signature's own.

    Raises `SigningFailed` when there is nothing to sign, `SignatureMalformed` for names that no verifier should accept.
    """
    files = Files.of(artifact for artifact in artifacts if not is_tolerated(artifact.path, ()))
    if not files.artifacts:
        raise SigningFailed(f"{printable(name)}: there is no file to sign")
    digests = {}
    for path in sorted(files.artifacts):
        check_name(path)
        digests[path] = files.digest(path, algorithm)
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": root_digest(digests.values())}}],
        "predicateType": PREDICATE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": algorithm,
                "allow_symlinks": False,
                "ignore_paths": sorted({*IGNORED, *ignored}),
            },
            "resources": [
                {"name": path, "algorithm": algorithm, "digest": digest.hex} for path, digest in digests.items()
            ],
        },
    }
    return json.dumps(statement, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
