"""The files that a signature is compared with: digests computed once, others computed beside them on demand.

SHA-256 comes with each artifact from the hashing that froze it. A manifest by BLAKE2b, BLAKE3 or shards needs other
digests; they are computed in one pass together with the SHA-256, so that both are of the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

from attrs import frozen

from modelguard.signatures.manifest import Shard
from modelguard.signatures.names import check_together
from modelguard.terms.artifact import Algorithm, Artifact, Digest, printable
from modelguard.terms.content import CHUNK
from modelguard.terms.errors import ReadError, SignatureUnsupported


@frozen
class Files:
    """The files of a model by path."""

    artifacts: Mapping[str, Artifact]

    @classmethod
    def of(cls, artifacts: Iterable[Artifact]) -> Self:
        """Raises `SignatureMalformed` when two paths would be one file on some disk."""
        found = {artifact.path: artifact for artifact in artifacts}
        check_together(found)
        return cls(found)

    def digest(self, path: str, algorithm: Algorithm) -> Digest:
        """Return the digest of a whole file."""
        artifact = self.artifacts[path]
        if algorithm == "sha256":
            return artifact.digest
        return next(self._walk(artifact, algorithm, [(0, artifact.size)]))

    def shards_hold(self, path: str, shards: tuple[Shard, ...]) -> bool:
        """Tell whether the file is exactly these shards, to its end."""
        artifact = self.artifacts[path]
        if shards[-1].end != artifact.size:
            return False
        bounds = [(shard.start, shard.end) for shard in shards]
        found = list(self._walk(artifact, shards[0].digest.algorithm, bounds))
        return found == [shard.digest for shard in shards]

    def _walk(self, artifact: Artifact, algorithm: Algorithm, bounds: list[tuple[int, int]]) -> Iterator[Digest]:
        """Yield the digest of each part; after the last, check that the whole was the artifact.

        Raises `ReadError` when the bytes are no longer those of the artifact.
        """
        if artifact.file is None:
            raise SignatureUnsupported(f"{printable(artifact.path)}: its bytes are not at hand for {algorithm}")
        found = []
        whole = hashlib.sha256()
        with artifact.file.open("rb") as file:
            for start, end in bounds:
                part = hasher(algorithm)
                for data in _read(file, end - start):
                    part.update(data)
                    whole.update(data)
                found.append(Digest(algorithm, part.hexdigest()))
            if file.read(1) or whole.hexdigest() != artifact.digest.hex:
                raise ReadError(f"{printable(artifact.path)}: the file changed while it was read")
        yield from found


def _read(file: Any, length: int) -> Iterator[bytes]:
    while length > 0:
        data = file.read(min(CHUNK, length))
        if not data:
            return
        length -= len(data)
        yield data


def hasher(algorithm: Algorithm) -> Any:
    """Return a new hash object.

    Raises `SignatureUnsupported` for BLAKE3 when its package is missing: Python brings no implementation of it.
    """
    if algorithm == "sha256":
        return hashlib.sha256()
    if algorithm == "blake2b":
        return hashlib.blake2b()
    try:
        from blake3 import blake3  # optional package
    except ImportError as error:
        raise SignatureUnsupported("BLAKE3 digests need a package", remedy="pip install blake3") from error
    return blake3()
