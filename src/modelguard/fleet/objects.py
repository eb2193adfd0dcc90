"""Models in object stores (s3://, gs://, az:// …) through fsspec: every object is hashed on its way into the store.

The file systems of fsspec bring their own credentials and settings; modelguard passes none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelguard.guard import Gate
from modelguard.sources.names import faults
from modelguard.terms.artifact import Artifact, Snapshot, UrlRef, printable
from modelguard.terms.errors import LoaderError, ModelguardError, NotFound, Offline, Unreachable

_BLOCK = 1 << 20


def fetch(address: str, gate: Gate) -> Snapshot:
    """Bring one object, or everything below a prefix, into the store.

    Raises `LoaderError` when the file system's package is not installed, `NotFound`, and `Unreachable`.
    """
    if gate.options.offline:
        raise Offline(f"{printable(address)}: offline mode was asked for")
    try:
        import fsspec  # an optional extra
    except ImportError as error:
        raise LoaderError(
            f"{printable(address)}: fsspec is not installed", remedy='pip install "modelguard[objects]"'
        ) from error
    try:
        files, root = fsspec.core.url_to_fs(address)
        found = _listed(files, root)
        trouble = faults(found)
        return Snapshot(
            ref=UrlRef(address),
            artifacts=tuple(_kept(files, path, found[path], gate) for path in sorted(found) if path not in trouble),
            trouble=tuple(sorted(trouble.items())),
        )
    except ModelguardError:
        raise
    except FileNotFoundError as error:
        raise NotFound(f"{printable(address)}: there is nothing") from error
    except (ImportError, ValueError) as error:  # its package is not installed, or fsspec knows no such scheme
        raise LoaderError(
            f"{printable(address)}: {printable(str(error))}", remedy="install the package that reads such addresses"
        ) from error
    except Exception as error:
        raise Unreachable(f"{printable(address)}: {type(error).__name__}: {printable(str(error))}") from error


def _listed(files: Any, root: str) -> dict[str, str]:
    """Return the objects by their name in the snapshot."""
    if files.isfile(root):
        return {root.rstrip("/").rpartition("/")[2]: root}
    found = [str(place) for place in files.find(root)]
    if not found:
        raise FileNotFoundError(root)
    top = root.rstrip("/") + "/"
    return {place.removeprefix(top) if place.startswith(top) else place.lstrip("/"): place for place in found}


def _kept(files: Any, path: str, place: str, gate: Gate) -> Artifact:
    digest, size = gate.store.keep_blocks(_blocks(files, place, gate.options.largest), name=path)
    return Artifact(path=path, size=size, digest=digest, file=gate.store.path_of(digest))


def _blocks(files: Any, place: str, largest: int) -> Iterator[bytes]:
    size = 0
    with files.open(place, "rb") as opened:
        while block := opened.read(_BLOCK):
            size += len(block)
            if size > largest:
                raise Unreachable(f"{printable(place)}: more than {largest} bytes")
            yield block
