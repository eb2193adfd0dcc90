"""What is examined: references, digests, files, snapshots and places in them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Literal, Self, TypeAlias

from attrs import field, frozen

from modelguard.terms.errors import RefError

Algorithm: TypeAlias = Literal["sha256", "blake2b", "blake3"]

_HEX_DIGITS: dict[str, int] = {"sha256": 64, "blake2b": 128, "blake3": 64}
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
# The Hub's own rule for names: https://huggingface.co/docs/huggingface_hub/package_reference/utilities
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?\Z")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/+-]{0,254}\Z")
_LOOPBACK = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?\Z")
_HOST = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(?::\d{1,5})?\Z")


def printable(text: str) -> str:
    """Return `text` with control, bidirectional and other invisible characters escaped, fit for a terminal."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character if character.isprintable() and unicodedata.category(character) != "Cf" else _escape(character)
        for character in text
    )


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def file_type(path: str) -> str:
    """Return the lower-case ending of a file name with its dot, or an empty string."""
    return PurePosixPath(path).suffix.lower()


@frozen(order=True)
class Digest:
    """The hash of some bytes: an algorithm and lower-case hex digits; `str()` gives `sha256:9f86…`."""

    algorithm: Algorithm
    hex: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `sha256:<64 hex digits>`.

        Raises `RefError` that tells what was found instead.
        """
        algorithm, colon, digits = text.partition(":")
        if not colon or algorithm not in _HEX_DIGITS:
            raise RefError(f"digest: expected one of {', '.join(_HEX_DIGITS)} and a colon, found {printable(text)!r}")
        expected = _HEX_DIGITS[algorithm]
        if not re.fullmatch(rf"[0-9a-f]{{{expected}}}", digits):
            raise RefError(f"digest: expected {expected} lower-case hex digits, found {printable(digits)!r}")
        return cls(algorithm, digits)  # type: ignore[arg-type]  # membership was checked above

    @classmethod
    def sha256(cls, digits: str) -> Self:
        """Read 64 hex digits of a SHA-256."""
        return cls.parse(f"sha256:{digits}")

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


@frozen
class HubRef:
    """A model on a Hub: `org/name@revision`. A legacy one-word name has an empty `org` until it is resolved."""

    org: str
    name: str
    revision: str | None = None

    @property
    def repo(self) -> str:
        return f"{self.org}/{self.name}" if self.org else self.name

    @property
    def key(self) -> str:
        """The name under which the lock files this model."""
        return self.repo

    @property
    def is_commit(self) -> bool:
        """Whether the revision is a full commit id, which alone names bytes that cannot change."""
        return self.revision is not None and bool(_COMMIT.match(self.revision))

    def at(self, revision: str) -> HubRef:
        return HubRef(self.org, self.name, revision)

    def __str__(self) -> str:
        return f"{self.repo}@{self.revision}" if self.revision else self.repo


@frozen
class LocalRef:
    """A file or directory on this machine, as the user wrote it, with forward slashes."""

    path: str

    @property
    def key(self) -> str:
        return f"file:{self.path}"

    def __str__(self) -> str:
        return self.key


@frozen
class UrlRef:
    """A single file behind an https address."""

    url: str

    @property
    def key(self) -> str:
        return self.url

    def __str__(self) -> str:
        return self.url


ModelRef: TypeAlias = HubRef | LocalRef | UrlRef


def is_commit(revision: str) -> bool:
    """Tell whether `revision` is a full 40-hex commit id."""
    return bool(_COMMIT.match(revision))


def parse_ref(text: str) -> ModelRef:
    """Read what a user or a lock calls a model.

    `org/name[@revision]` and `hf://org/name[@revision]` name a Hub repository; `https://…` a single file;
    `file:path`, `./path`, `/path`, `~…`, a single word with a dot, and whatever names an existing file or directory a
    local one.

    Raises `RefError`, with the reference printed in escaped form.
    """
    if not text or text != text.strip() or text != printable(text):
        raise RefError(
            f"reference {printable(text)!r}: empty, or has blanks around it or characters that do not print",
            remedy="write org/name, org/name@revision, or ./path for a local file",
        )
    if text.startswith("hf://"):
        return _hub_ref(text, text.removeprefix("hf://"))
    if text.startswith(("https://", "http://")):
        return _url_ref(text)
    if text.startswith("file:"):
        return LocalRef(_clean_path(text, text.removeprefix("file:")))
    if text.startswith(("./", "../", "/", "~")) or "\\" in text or Path(text).exists() or _is_file_name(text):
        return LocalRef(_clean_path(text, text))
    return _hub_ref(text, text)


def _is_file_name(text: str) -> bool:
    """Tell whether a word is meant as a file although none is there: no Hub should be asked about a mistyped name."""
    return "/" not in text and "@" not in text and "." in text


def parse_key(text: str) -> ModelRef:
    """Read the id under which the lock files a model: `org/name`, `file:path` or `https://…`.

    The file system is not asked, so the answer is the same everywhere. Raises `RefError`.
    """
    if text != printable(text):
        raise RefError(f"reference {printable(text)!r}: has characters that do not print")
    ref: ModelRef
    if text.startswith("file:"):
        ref = LocalRef(_clean_path(text, text.removeprefix("file:")))
    elif "://" in text:
        ref = _url_ref(text)
    else:
        ref = _hub_ref(text, text)
    if ref.key != text or (isinstance(ref, HubRef) and not ref.org):
        raise RefError(f"reference {printable(text)!r}: expected org/name, file:path or an https address")
    return ref


def _hub_ref(text: str, body: str) -> HubRef:
    repo, at, revision = body.partition("@")
    org, slash, name = repo.rpartition("/")
    names = [org, name] if slash else [name]
    for part in names:
        if not _NAME.match(part) or ".." in part or "--" in part or part.endswith(".git"):
            raise RefError(
                f"reference {printable(text)!r}: {printable(part)!r} is not a Hub name",
                remedy="write org/name, org/name@revision, or ./path for a local file",
            )
    if at and (not _REVISION.match(revision) or ".." in revision or revision.endswith(("/", ".lock"))):
        raise RefError(f"reference {printable(text)!r}: {printable(revision)!r} is not a branch, tag or commit")
    return HubRef(org, name, revision or None)


def _url_ref(text: str) -> UrlRef:
    scheme, _, rest = text.partition("://")
    host, slash, path = rest.partition("/")
    if scheme != "https" and not _LOOPBACK.match(host):
        raise RefError(f"reference {printable(text)!r}: only https is fetched", remedy="use an https address")
    if not _HOST.match(f"{scheme}://{host}") or not slash or not path or path.endswith("/"):
        raise RefError(f"reference {printable(text)!r}: expected https://host/path/of/one-file")
    if "#" in path or " " in path or any(part in {".", ".."} for part in path.split("/")):
        raise RefError(f"reference {printable(text)!r}: no fragment, blank or dot segment may be in the path")
    return UrlRef(text)


def _clean_path(text: str, path: str) -> str:
    if not path or "\0" in path:
        raise RefError(f"reference {printable(text)!r}: expected a path")
    return path.rstrip("/") or "/"


@frozen
class Location:
    """Where something was seen: a file, then the way down into it, then a byte offset in the innermost part.

    `str()` gives `model.pt » archive/data.pkl @1234`.
    """

    path: str
    members: tuple[str, ...] = ()
    offset: int | None = None

    def inside(self, member: str) -> Location:
        return Location(self.path, (*self.members, member))

    def at(self, offset: int) -> Location:
        return Location(self.path, self.members, offset)

    def __str__(self) -> str:
        whole = " » ".join(printable(part) for part in (self.path, *self.members))
        return whole if self.offset is None else f"{whole} @{self.offset}"


@frozen(kw_only=True)
class Artifact:
    """One file of a snapshot: its name there, its size in bytes, its SHA-256, and the file that holds the bytes.

    A file that is read where it lies, over a network, has a `reader` instead of a `file`: it returns so many bytes from
    an offset. Its digest is only `claimed` by its source: nobody has hashed the bytes.
    """

    path: str
    size: int
    digest: Digest
    file: Path | None = field(default=None, eq=False)
    claimed: bool = False
    reader: Callable[[int, int], bytes] | None = field(default=None, eq=False, repr=False)


@frozen(kw_only=True)
class Snapshot:
    """Bytes that can no longer change: the artifacts of one model at one revision.

    `revision` is a 40-hex commit for the Hub and empty for other sources. `trouble` names paths that a snapshot
    must not hold (links, devices, twins) with the reason for each; `left_out` names what is none of the model's
    business (`.git`), with the reason: it is not in the snapshot and cannot be loaded from it.
    """

    ref: ModelRef
    revision: str = ""
    artifacts: tuple[Artifact, ...] = ()
    trouble: tuple[tuple[str, str], ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()

    def artifact(self, path: str) -> Artifact | None:
        return next((artifact for artifact in self.artifacts if artifact.path == path), None)
