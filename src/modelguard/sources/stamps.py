"""What lets a file that was hashed once not be hashed again: its stamp, or a seal of the kernel.

`changed`: the stamp of a file is device, inode, size, and the times of the last change of its bytes and of its inode.
Whoever writes to the file moves the time of the inode; no call sets that time. It can be forged by root, by setting the
clock, or by writing to the disk below the file system, and a file system that keeps no fine times keeps no good stamp.
So a stamp is trusted only on the machine and in the private store where it was taken.

`sealed`: fs-verity (https://docs.kernel.org/filesystems/fsverity.html), where kernel and file system have it. The
kernel refuses every write to a sealed file for ever, checks each page against a Merkle tree when it is read from disk,
and tells the digest of the tree in no time. That digest is recorded beside the stamp and compared. Where there is no
fs-verity, files are hashed as in `always`, and a warning says so.

The records are files of the store (`verified/`): who can write to the store can write records. A file is recorded only
when its last change lay further back than `SETTLED` as its hash began: a write within the same tick of the clock would
not move a time.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

from attrs import define, field

from modelguard.sources import hashing
from modelguard.terms.artifact import Digest
from modelguard.terms.errors import SourceError

log = logging.getLogger(__name__)

Trust: TypeAlias = Literal["sealed", "changed"]
Stamp: TypeAlias = list[int | str]

SETTLED = 0.1
"""Seconds since the last change of a file after which its stamp is recorded: ten ticks of the coarsest kernel clock."""

# _IOW('f', 133, struct fsverity_enable_arg) and _IOWR('f', 134, struct fsverity_digest) of linux/fsverity.h.
_ENABLE, _MEASURE = 0x40806685, 0xC0046686
_SHA256, _PAGE = 1, 4096
_MISSING = {errno.EOPNOTSUPP, errno.ENOTTY, errno.ENOSYS, errno.EINVAL}


@define
class Records:
    """The stamps of the files of one directory, kept in `place`; `trust` says which of them count."""

    place: Path
    trust: Trust
    _known: dict[str, Stamp] = field(factory=dict, init=False)
    _new: dict[str, Stamp] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        try:
            read = json.loads(self.place.read_bytes())
        except (OSError, ValueError):
            return
        if isinstance(read, dict):
            self._known = {str(key): stamp for key, stamp in read.items() if isinstance(stamp, list)}

    def hold(self, name: str, file: Path, digest: Digest) -> bool:
        """Tell whether a file is, by its record, the one that had this digest. Raises `SourceError`."""
        recorded = self._known.get(name)
        if recorded is None:
            return False
        descriptor = hashing.open_regular(file)
        try:
            if recorded != _stamp(descriptor, digest, self.trust):
                return False
        finally:
            os.close(descriptor)
        self._new[name] = recorded
        return True

    def matches(self, name: str, file: Path, digest: Digest, *, ours: bool) -> tuple[Digest, int]:
        """Return digest and size of a file: from its record where that counts, else by hashing, which is recorded.

        Raises `SourceError` as `hash_file`.
        """
        if self.hold(name, file, digest):
            with hashing.reading(str(file)):
                return digest, file.stat().st_size
        if self.trust == "sealed":
            seal(file)
        descriptor = hashing.open_regular(file)
        try:
            before = _stamp(descriptor, digest, self.trust)
            settled = time.time() - os.fstat(descriptor).st_ctime > SETTLED  # before the first byte is read
            found, size = hashing.hash_file(file, ours=ours)
            if found == digest and settled and before is not None and before == _stamp(descriptor, digest, self.trust):
                self._new[name] = before
        finally:
            os.close(descriptor)
        return found, size

    def save(self) -> None:
        """Write what was recorded, atomically. A store that cannot be written keeps no records."""
        if self._new == self._known:
            return
        part = self.place.with_name(f"{self.place.name}.{os.getpid()}")
        try:
            self.place.parent.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump(self._new, file)
            part.replace(self.place)
        except OSError as error:
            log.info("store: nothing is recorded in %s: %s", self.place, error.strerror)


def _stamp(descriptor: int, digest: Digest, trust: Trust) -> Stamp | None:
    """Return what is compared; None where `sealed` is asked for and the file has no seal."""
    found = os.fstat(descriptor)
    stamp: Stamp = [trust, digest.hex, found.st_dev, found.st_ino, found.st_size]
    if trust == "sealed":
        sealed = measure(descriptor)
        return None if sealed is None else [*stamp, sealed]
    return [*stamp, found.st_mtime_ns, found.st_ctime_ns]


def measure(descriptor: int) -> str | None:
    """Return the fs-verity digest of an open file as hex, None when it has no seal."""
    import fcntl  # not on every platform

    buffer = bytearray(struct.pack("=HH", 0, 64) + bytes(64))
    try:
        fcntl.ioctl(descriptor, _MEASURE, buffer)
    except OSError:
        return None
    algorithm, size = struct.unpack_from("=HH", buffer)
    return f"{algorithm}:{bytes(buffer[4 : 4 + size]).hex()}"


def can_seal(place: Path) -> str:
    """Return why files at `place`, a file or directory, cannot be sealed; empty where they can. Nothing is written.

    Where there is fs-verity, asking an unsealed file or a directory for its digest says so instead of "not supported".
    """
    import fcntl  # as above

    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        return str(error.strerror)
    try:
        fcntl.ioctl(descriptor, _MEASURE, bytearray(struct.pack("=HH", 0, 64) + bytes(64)))
    except OSError as error:
        return str(error.strerror) if error.errno in _MISSING - {errno.EINVAL} else ""
    finally:
        os.close(descriptor)
    return ""


def seal(file: Path) -> bool:
    """Ask the kernel to refuse all writes to a file of ours for ever; return whether the file is sealed now.

    Raises `SourceError` when it is no regular file or the kernel has fs-verity and refuses.
    """
    import fcntl  # as above

    descriptor = hashing.open_regular(file)
    try:
        if measure(descriptor) is not None:
            return True
        mode = os.fstat(descriptor).st_mode
        os.fchmod(descriptor, 0o600)  # the kernel wants whoever seals to be allowed to write
        try:
            # version, hash algorithm, block size, salt size and address, reserved, signature size, reserved, address
            fcntl.ioctl(descriptor, _ENABLE, struct.pack("=IIIIQIIQ88x", 1, _SHA256, _PAGE, 0, 0, 0, 0, 0))
        finally:
            os.fchmod(descriptor, mode & 0o7777)
        return True
    except OSError as error:
        if error.errno in _MISSING:
            log.warning(
                "verify = sealed: %s has no fs-verity (%s): it is hashed before each load",
                file,
                error.strerror,
            )
            return False
        raise SourceError(f"{file}: cannot be sealed: {error.strerror}") from error
    finally:
        os.close(descriptor)


def records(root: Path, name: str, trust: Trust) -> Records:
    """Return the records of the store at `root` for one directory; `name` is fit for a file name."""
    return Records(place=root / "verified" / f"{name}.json", trust=trust)


def of_files(found: Records, files: Mapping[str, Digest], place: Path) -> list[str]:
    """Return what is wrong with files below `place`, hashing those without a record side by side."""
    faults: list[str] = []

    def look(path: str, digest: Digest) -> None:
        try:
            if found.matches(path, place / path, digest, ours=True)[0] != digest:
                faults.append(f"{path} has other bytes")
        except SourceError as error:
            faults.append(error.message)

    unknown = [(path, digest) for path, digest in files.items() if not _held(found, path, place, digest)]
    if unknown:
        hashing.at_once([lambda path=path, digest=digest: look(path, digest) for path, digest in unknown])  # type: ignore[misc]
    return sorted(faults)


def _held(found: Records, path: str, place: Path, digest: Digest) -> bool:
    try:
        return found.hold(path, place / path, digest)
    except SourceError:
        return False
