"""The private store: every file of every model once, under its SHA-256, written while hashing and never changed.

    objects/ab/cdef…   the bytes, mode 0444, directories 0700
    staging/           files being written, each locked by its writer
    downloads/         bytes of interrupted downloads, kept for some days so that they can be resumed
    views/, trees/     directories that show objects under the names of a model (`views.py`)
    verified/          records of what was hashed when, for loads that do not hash again (`stamps.py`)
    damaged/           objects that no longer hold what their name says, moved out of the way

An object appears by one rename of a file that is complete and on disk; whatever ends a process before that leaves only
a staged file, which the next one sweeps away. The name is a promise, not a proof: bytes are hashed again when they are
taken out (`intact`). Someone who can act as the same user can change anything here; the store does not defend against
that, it notices it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import stat
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import AbstractContextManager
from pathlib import Path

from attrs import define, field, frozen

from modelguard.sources import claims, hashing, stamps, views
from modelguard.sources.source import Progress, Quiet
from modelguard.sources.writing import check_writable, writing
from modelguard.terms.artifact import Digest, printable
from modelguard.terms.errors import ModelguardError, SourceError, StoreError, Tampered

log = logging.getLogger(__name__)

RESUMABLE_DAYS = 7
_ROOMS = ("objects", "staging", "downloads", "views", "trees", "verified", "damaged")
_TAG = "CACHEDIR.TAG"
_TAG_TEXT = "Signature: 8a477f597d28d172789f06886806bc55\n# Made by modelguard; see https://bford.info/cachedir/\n"


def default_root(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where the store lies: MODELGUARD_STORE, else the user's cache directory (XDG).

    Raises `StoreError` for a user without a home directory.
    """
    chosen = environment.get("MODELGUARD_STORE", "")
    cache = environment.get("XDG_CACHE_HOME", "")
    try:
        if chosen:
            return Path(chosen).expanduser()
        return (Path(cache) if cache.startswith("/") else Path("~/.cache").expanduser()) / "modelguard"
    except RuntimeError as error:
        raise StoreError("store: the user has no home directory", remedy="set MODELGUARD_STORE") from error


@frozen(kw_only=True)
class Verified:
    """What `verify` found: the number of objects looked at, and the digests of those that were damaged."""

    looked_at: int
    damaged: tuple[Digest, ...]


@frozen(kw_only=True)
class Collected:
    """What `gc` removed, or would remove: the digests of objects and the bytes they take."""

    removed: tuple[Digest, ...]
    freed: int


def _absolute(root: Path | str) -> Path:
    return Path(root).absolute()


@define
class Store:
    """The store at `root`. Making the object touches nothing: directories are created by the first write.

    Raises `StoreError` when the directory belongs to another user or others may write to it.
    """

    root: Path = field(factory=default_root, converter=_absolute)
    progress: Progress = field(factory=Quiet, repr=False)
    _ready: bool = field(default=False, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        check_private(self.root)

    # --- putting in --------------------------------------------------------------------------------------------

    def keep(self, file: Path, *, expected: Digest | None = None) -> tuple[Digest, int]:
        """Copy a file in; return its SHA-256 and size in bytes.

        The file is hashed first and copied only if it is what was expected and the store does not hold it yet; the
        copy is hashed again while it is written.

        Raises `Tampered` when the digest differs from `expected`, `SourceError` when the file cannot be read or
        changes meanwhile, `StoreError` when the store cannot be written.
        """
        descriptor = hashing.open_regular(file)
        try:
            return self.keep_open(descriptor, name=str(file), expected=expected)
        finally:
            os.close(descriptor)

    def keep_open(self, descriptor: int, *, name: str, expected: Digest | None = None) -> tuple[Digest, int]:
        """Copy an open regular file in. `name` is what errors call it. Raises as `keep`."""
        with hashing.unchanging(descriptor, name):
            found, size = hashing.hashed(hashing.steady_blocks(descriptor), name, self.progress)
        _compare(name, found, expected)
        if not self.intact(found):
            try:
                self.keep_blocks(hashing.read_blocks(descriptor), name=name, expected=found)
            except Tampered as error:
                raise hashing.changed(name) from error
        return found, size

    def keep_bytes(self, data: bytes, *, name: str, expected: Digest | None = None) -> tuple[Digest, int]:
        """Put bytes in; `name` is what an error calls them. Raises as `keep`."""
        return self.keep_blocks([data], name=name, expected=expected)

    def keep_blocks(
        self, blocks: Iterable[bytes | memoryview], *, name: str, expected: Digest | None = None
    ) -> tuple[Digest, int]:
        """Put in what arrives piece by piece, hashing while writing. An error while blocks arrive passes through.

        Raises `Tampered` when the digest differs from `expected`: nothing is kept then. Raises `StoreError`.
        """
        self._prepare()
        with writing(self.root):
            claim = claims.claim_new(self.root / "staging")
        try:
            found, size = self._write(claim.descriptor, blocks)
            _compare(name, found, expected)
            with writing(self.root):
                self._admit(claim.path, claim.descriptor, found)
        finally:
            claim.path.unlink(missing_ok=True)
            os.close(claim.descriptor)
        return found, size

    def adopt(self, file: Path, *, expected: Digest | None = None) -> tuple[Digest, int]:
        """Move a file of a staging directory in without copying it: hash it, then rename it. Raises as `keep`."""
        self._prepare()
        found, size = hashing.hash_file(file, ours=True, progress=self.progress)
        _compare(file.name, found, expected)
        descriptor = hashing.open_regular(file)
        try:
            if os.fstat(descriptor).st_nlink != 1:  # someone has another name for these bytes: take a copy instead
                return self.keep(file, expected=found)
            with writing(self.root):
                self._admit(file, descriptor, found)
        finally:
            os.close(descriptor)
        return found, size

    def _write(self, descriptor: int, blocks: Iterable[bytes | memoryview]) -> tuple[Digest, int]:
        sha256, size = hashlib.sha256(), 0
        for block in blocks:
            sha256.update(block)
            size += len(block)
            with writing(self.root):
                rest = memoryview(block)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
        return Digest.sha256(sha256.hexdigest()), size

    def _admit(self, file: Path, descriptor: int, digest: Digest) -> None:
        """Make a complete file an object: on disk first, then visible under its name."""
        os.fchmod(descriptor, 0o444)
        os.fsync(descriptor)
        place = self._place(digest)
        place.parent.mkdir(mode=0o700, exist_ok=True)
        file.rename(place)
        for directory in (place.parent, place.parent.parent):
            _sync_directory(directory)

    # --- taking out --------------------------------------------------------------------------------------------

    def path_of(self, digest: Digest) -> Path | None:
        """Return the file that holds these bytes, or None. The bytes are not looked at; see `intact`."""
        place = self._place(digest)
        try:
            mode = place.lstat().st_mode
        except OSError:
            return None
        return place if stat.S_ISREG(mode) else None

    def intact(self, digest: Digest) -> bool:
        """Tell whether the store holds these bytes, by hashing them. A damaged object is moved out of the way."""
        place = self.path_of(digest)
        if place is None:
            return False
        try:
            found, _ = hashing.hash_file(place, progress=self.progress)  # not mapped: a damaged file may still shrink
        except SourceError as error:
            log.warning("store: object %s: %s", digest, error.message)
            return False
        if found != digest:
            log.warning("store: object %s holds other bytes (%s): moved to damaged/", digest, found)
            self._set_aside(place, digest)
        return found == digest

    def objects(self) -> Iterator[Digest]:
        """Yield the digest of each object, in order."""
        for place in sorted(self.root.glob("objects/[0-9a-f][0-9a-f]/*")):
            try:
                yield Digest.sha256(place.parent.name + place.name)
            except ModelguardError:
                log.warning("store: %s is no object's name", printable(str(place)))

    def size(self) -> int:
        """Return the bytes that all objects take."""
        return sum(place.stat().st_size for digest in self.objects() if (place := self.path_of(digest)))

    def view(self, files: Mapping[str, Digest]) -> AbstractContextManager[Path]:
        """Give a fresh private directory that holds exactly these files, as long as the block lasts.

        Raises `StoreError` for a name that is not safe, and for bytes that the store does not hold.
        """
        return views.view(self, files)

    def lasting_view(self, files: Mapping[str, Digest], trust: stamps.Trust | None = None) -> Path:
        """Return a directory that holds exactly these files and stays; each file is hashed again on every call.

        With `trust`, files are not hashed that a record says are those that were hashed before: see `stamps`.
        Raises as `view`.
        """
        return views.lasting_view(self, files, trust)

    def download_directory(self, name: str) -> AbstractContextManager[Path]:
        """Give a private directory for a download that may be resumed after an error; one process at a time."""
        self._prepare()
        return claims.reusable_directory(self.root / "downloads", hashlib.sha256(name.encode()).hexdigest())

    # --- keeping order -----------------------------------------------------------------------------------------

    def verify(self) -> Verified:
        """Hash every object again and move the damaged ones out of the way."""
        looked_at, damaged = 0, []
        for digest in self.objects():
            looked_at += 1
            if not self.intact(digest):
                damaged.append(digest)
        return Verified(looked_at=looked_at, damaged=tuple(damaged))

    def gc(self, keep: Set[Digest], *, dry_run: bool = False) -> Collected:
        """Remove every object that is not in `keep`, with all lasting views and whatever dead processes have left.

        A view in use keeps its bytes. A process that is about to show an object removed here gets a `StoreError`.

        Raises `StoreError`.
        """
        removed, freed = [], 0
        for digest in self.objects():
            place = self.path_of(digest)
            if digest in keep or place is None:
                continue
            removed.append(digest)
            freed += place.stat().st_size
            if not dry_run:
                with writing(self.root):
                    place.unlink(missing_ok=True)
        if not dry_run and self.root.is_dir():
            self._prepare()
            with writing(self.root):
                self._clear()
        return Collected(removed=tuple(removed), freed=freed)

    def _clear(self) -> None:
        for room in ("staging", "views", "downloads"):
            claims.sweep(self.root / room)
        for tree in (self.root / "trees").iterdir():
            claims.remove_tree(tree)
        for room in ("damaged", "verified"):
            for file in (self.root / room).iterdir():
                file.unlink(missing_ok=True)

    def prepare(self) -> None:
        """Create the directories and sweep up after dead processes, once. Raises `StoreError`."""
        self._prepare()

    def _prepare(self) -> None:
        if self._ready:
            return
        with writing(self.root):
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            check_private(self.root)
            for room in _ROOMS:
                (self.root / room).mkdir(mode=0o700, exist_ok=True)
                check_private(self.root / room)
                check_writable(self.root / room)
            if not (self.root / _TAG).exists():
                (self.root / _TAG).write_text(_TAG_TEXT)
            for room in ("staging", "views"):
                claims.sweep(self.root / room)
            claims.sweep(self.root / "downloads", idle_days=RESUMABLE_DAYS)
        self._ready = True

    def _place(self, digest: Digest) -> Path:
        if digest.algorithm != "sha256":
            raise StoreError(f"store: objects are named by sha256, not by {digest.algorithm}")
        return self.root / "objects" / digest.hex[:2] / digest.hex[2:]

    def _set_aside(self, place: Path, digest: Digest) -> None:
        try:
            self._prepare()
            place.rename(self.root / "damaged" / f"{digest.hex}.{secrets.token_hex(4)}")
        except (OSError, StoreError) as error:
            log.warning("store: the damaged object %s cannot be moved: %s", digest, error)


def check_private(directory: Path) -> None:
    """Raise `StoreError` when a directory is not ours, or when others may write to it. A missing one is fine.

    A store that root has made (in a container image, say) may be read by everyone whom its mode lets.
    """
    try:
        found = directory.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(f"store {directory}: {error.strerror}") from error
    if not stat.S_ISDIR(found.st_mode):
        raise StoreError(f"store {directory}: {hashing.kind_of(found.st_mode)}, not a directory")
    if found.st_uid not in {os.geteuid(), 0}:
        raise StoreError(
            f"store {directory}: belongs to user {found.st_uid}, not to {os.geteuid()}",
            remedy="set MODELGUARD_STORE to a directory of your own",
        )
    if found.st_mode & 0o022:
        raise StoreError(
            f"store {directory}: other users may write to it (mode {stat.S_IMODE(found.st_mode):04o})",
            remedy=f"chmod go-w {directory}",
        )


def _compare(name: str, found: Digest, expected: Digest | None) -> None:
    if expected is not None and found != expected:
        raise Tampered(
            f"{printable(name)}: expected {expected}, found {found}",
            remedy="do not use these bytes; find out who changed them before you lock the model again",
            path=name,
            expected=str(expected),
            found=str(found),
        )


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
