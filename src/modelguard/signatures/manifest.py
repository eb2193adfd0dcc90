"""What an OpenSSF Model Signing statement says: which file has which digest.

The payload of such a bundle is an in-toto statement whose predicate lists every file of the model. Format:
https://github.com/ossf/model-signing-spec, version 1.0; the spellings of model-signing 0.3 to 1.1 are accepted as well.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeAlias, get_args

from attrs import field, frozen

from modelguard.signatures.documents import member, objects, read_json
from modelguard.signatures.names import check_name, check_together
from modelguard.terms.artifact import Algorithm, Digest, printable
from modelguard.terms.errors import RefError, SignatureMalformed, SignatureUnsupported

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://model_signing/signature/v1.0"
WHOLE_MODEL = "."
"""How model-signing before 1.0.1 names the only file of a model that is one file."""

_SHARD = re.compile(r"(?P<name>.*):(?P<start>0|[1-9][0-9]{0,18}):(?P<end>[1-9][0-9]{0,18})", re.DOTALL)


@frozen(kw_only=True)
class Shard:
    """The bytes from `start` up to `end` of a file, and their digest."""

    start: int
    end: int
    digest: Digest


Expected: TypeAlias = Digest | tuple[Shard, ...]


@frozen(kw_only=True)
class Manifest:
    """Every signed file by name, with the digest of the whole or of each shard in order; never empty.

    `ignored` are the paths that the signer says to have left out. They are shown and not obeyed.
    """

    algorithm: Algorithm
    files: Mapping[str, Expected] = field(hash=False)
    ignored: tuple[str, ...] = ()


def parse_manifest(payload: bytes) -> Manifest:
    """Read the statement inside a model's signature.

    Raises `SignatureMalformed` for every broken rule, `SignatureUnsupported` for statements of another kind.
    """
    statement = read_json(payload, "statement")
    check_statement(statement, predicates=(PREDICATE,))
    predicate = member(statement, "predicate", dict, "statement")
    serialization = member(predicate, "serialization", dict, "statement.predicate")
    resources = objects(predicate, "resources", "statement.predicate")
    if not resources:
        raise SignatureMalformed("manifest: it lists no file, so the signature is over nothing")
    algorithm = _algorithm(serialization)
    method = member(serialization, "method", str, "statement.predicate.serialization")
    files: Mapping[str, Expected]
    if method == "files":
        rows = _rows(resources, algorithm, {algorithm})
        files = _whole_files(rows)
    elif method == "shards":
        size = _shard_size(serialization)
        # model-signing writes the size into the name of the hash; the specification does not.
        rows = _rows(resources, algorithm, {algorithm, f"{algorithm}-sharded-{size}"})
        files = _shards(rows, size)
    else:
        raise SignatureUnsupported(f"manifest: serialization method {printable(method)!r} is not verified")
    _check_root(statement, (digest for _, digest in rows))
    check_together(files)
    return Manifest(algorithm=algorithm, files=files, ignored=_ignored(serialization))


def check_statement(statement: Mapping[str, Any], *, predicates: Collection[str]) -> None:
    """Check that a statement is in-toto v1 with exactly such a predicate, so that one kind never passes as another."""
    kind = member(statement, "_type", str, "statement")
    if kind != STATEMENT:
        raise SignatureUnsupported(f"statement: type {printable(kind)!r}, expected {STATEMENT}")
    found = member(statement, "predicateType", str, "statement")
    if found not in predicates:
        raise SignatureUnsupported(f"statement: predicate {printable(found)!r}, expected {' or '.join(predicates)}")


def _algorithm(serialization: Mapping[str, Any]) -> Algorithm:
    name = member(serialization, "hash_type", str, "statement.predicate.serialization")
    if name not in get_args(Algorithm):
        raise SignatureUnsupported(f"manifest: hash {printable(name)!r} is not verified")
    return name  # type: ignore[no-any-return]  # membership was checked above


def _rows(resources: list[dict[str, Any]], algorithm: Algorithm, spellings: set[str]) -> list[tuple[str, Digest]]:
    """Return name and digest of every resource; all must use the one hash, in one of its spellings."""
    return [
        _row(resource, algorithm, spellings, f"statement.predicate.resources[{position}]")
        for position, resource in enumerate(resources)
    ]


def _row(resource: Mapping[str, Any], algorithm: Algorithm, spellings: set[str], where: str) -> tuple[str, Digest]:
    name = member(resource, "name", str, where)
    used = member(resource, "algorithm", str, where)
    if used not in spellings:
        raise SignatureMalformed(f"{where}.algorithm: {printable(used)!r} among files hashed by {algorithm}")
    try:
        return name, Digest.parse(f"{algorithm}:{member(resource, 'digest', str, where)}")
    except RefError as error:
        raise SignatureMalformed(f"{where}.{error.message}") from None


def _check_root(statement: Mapping[str, Any], digests: Iterable[Digest]) -> None:
    subjects = objects(statement, "subject", "statement")
    if len(subjects) != 1:
        raise SignatureMalformed(f"statement: {len(subjects)} subjects, expected 1")
    claimed = member(member(subjects[0], "digest", dict, "statement.subject[0]"), "sha256", str, "statement.subject[0]")
    if claimed != root_digest(digests):
        raise SignatureMalformed("manifest: the subject is not the digest of the listed files")


def root_digest(digests: Iterable[Digest]) -> str:
    """Return the SHA-256 over raw digests in order, as hex. It binds no names: never use it to identify a model."""
    return hashlib.sha256(b"".join(bytes.fromhex(digest.hex) for digest in digests)).hexdigest()


def _whole_files(rows: list[tuple[str, Digest]]) -> dict[str, Expected]:
    files: dict[str, Expected] = {}
    for name, digest in rows:
        if not (name == WHOLE_MODEL and len(rows) == 1):
            check_name(name)
        if name in files:
            raise SignatureMalformed(f"manifest: {printable(name)!r} is listed twice")
        files[name] = digest
    return files


def _shards(rows: list[tuple[str, Digest]], size: int) -> dict[str, Expected]:
    found: dict[str, list[Shard]] = {}
    for name, digest in rows:
        match = _SHARD.fullmatch(name)
        if match is None:
            raise SignatureMalformed(f"manifest: {printable(name)!r} is not a shard name like file:0:1000")
        file = match["name"]
        if file != WHOLE_MODEL:
            check_name(file)
        found.setdefault(file, []).append(Shard(start=int(match["start"]), end=int(match["end"]), digest=digest))
    if WHOLE_MODEL in found and len(found) > 1:
        raise SignatureMalformed("manifest: '.' stands for the only file, but there are others")
    return {file: _in_order(file, shards, size) for file, shards in found.items()}


def _in_order(file: str, shards: list[Shard], size: int) -> tuple[Shard, ...]:
    """Sort shards and check that they cover the file from 0 without gap or overlap, each but the last of full size."""
    ordered = sorted(shards, key=lambda shard: (shard.start, shard.end))
    for position, shard in enumerate(ordered):
        length = shard.end - shard.start
        is_last = position == len(ordered) - 1
        if shard.start != position * size or not 0 < length <= size or (length != size and not is_last):
            raise SignatureMalformed(f"manifest: the shards of {printable(file)!r} leave a gap or overlap")
    return tuple(ordered)


def _shard_size(serialization: Mapping[str, Any]) -> int:
    value = serialization.get("shard_size")
    # model-signing writes through protobuf, which turns 40000 into 40000.0.
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value) or value <= 0:
        raise SignatureMalformed(f"manifest: shard_size {printable(repr(value))[:40]} is not a positive whole number")
    return int(value)


def _ignored(serialization: Mapping[str, Any]) -> tuple[str, ...]:
    paths = serialization.get("ignore_paths") or []
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise SignatureMalformed("manifest: ignore_paths is not a list of paths")
    return tuple(paths)
