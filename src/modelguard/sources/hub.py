"""Models on a Hub, through the real Hub client (`huggingface_hub`, generations 0.x, 1.x and 2.x).

`resolve` turns a branch, a tag or nothing into a commit and notes the Hub's own claims: sizes, digests, identities.
`fetch` downloads into the store's private directory, never looking into the user's Hub cache, and hashes every byte:
the client itself compares sizes only. Nothing is executed, no telemetry is sent.

A connection that breaks is taken up where it broke (1.x and 2.x do so by themselves, 0.x when it is asked again). Large
files that came whole are in the store, and are not fetched again after an error or a kill.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from modelguard.sources import hashing
from modelguard.sources.hub_client import TIMEOUT, account, host_of, open_client
from modelguard.sources.hub_errors import told
from modelguard.sources.names import faults
from modelguard.sources.source import Listed, Options, Progress, Resolved, Shelf, Source
from modelguard.terms.artifact import Artifact, Digest, HubRef, ModelRef, Snapshot, is_commit, parse_ref, printable
from modelguard.terms.errors import Renamed, RevisionGone, SourceError, Tampered

if TYPE_CHECKING:
    from huggingface_hub import HfApi

log = logging.getLogger(__name__)

DOWNLOADS = 4
"""Files downloaded side by side."""
_BRANCHES_AND_TAGS = 50
"""Branches and tags whose history is looked through for a commit."""


def resolve(ref: ModelRef, options: Options) -> Resolved:
    """Ask the Hub what a reference means now.

    Raises `SourceError`: `NotFound`, `NoAccess`, `Gated`, `Disabled`, `Renamed`, `RevisionGone`, `Unreachable`,
    `Offline`, `RateLimited`.
    """
    assert isinstance(ref, HubRef)
    api = open_client(options, str(ref))
    with told(str(ref)):
        info = api.model_info(ref.repo, revision=ref.revision, files_metadata=True, timeout=TIMEOUT)
    commit = _commit_of(ref, info)
    canonical = _canonical(ref, str(info.id))
    date = _date(getattr(info, "last_modified", None))
    if not options.unreachable_commits:
        date = _date_if_reachable(api, canonical.at(commit)) or date
    return Resolved(
        ref=canonical.at(commit),
        requested=ref.revision or "main",
        revision=commit,
        revision_date=date,
        host=host_of(api),
        repo_id=str(getattr(info, "_id", "") or ""),
        owner_id=_owner_id(api, canonical.org),
        files=tuple(sorted((_listed(file) for file in info.siblings or ()), key=lambda file: file.path)),
        card=_card(info),
        tags=tuple(str(tag) for tag in info.tags or ()),
    )


def fetch(resolved: Resolved, shelf: Shelf, options: Options, expected: Mapping[str, Digest]) -> Snapshot:
    """Bring the listed files into the store; what it holds already is hashed again instead of downloaded.

    Without a list (`resolved.files` empty) the expected files are fetched. No network is used when the digests of all
    files are known and the store holds them.

    Raises `Tampered` when bytes are not what `expected` or the Hub promised, and `SourceError` as `resolve`.
    """
    assert isinstance(resolved.ref, HubRef)
    if not is_commit(resolved.revision):
        raise SourceError(f"{resolved.ref}: only a commit can be fetched, not {printable(resolved.revision)!r}")
    ref = resolved.ref.at(resolved.revision)
    listed = {file.path: file for file in resolved.files} or {path: Listed(path=path) for path in expected}
    trouble = faults(listed)
    wanted = {
        path: _with_expected(ref, file, expected.get(path)) for path, file in listed.items() if path not in trouble
    }
    digests = _held(wanted, shelf)
    missing = [file for path, file in wanted.items() if path not in digests]
    if missing:
        digests |= _download(ref, missing, shelf, options)
    return Snapshot(
        ref=ref,
        revision=resolved.revision,
        artifacts=tuple(_artifact(path, digests[path], shelf) for path in sorted(digests)),
        trouble=tuple(sorted(trouble.items())),
    )


# --- asking ----------------------------------------------------------------------------------------------------


def _commit_of(ref: HubRef, info: Any) -> str:
    """Return the commit in the Hub's answer.

    Raises `SourceError` when it is none, when another one was asked for, or when the id asked for was abbreviated.
    """
    commit = str(info.sha)
    if not is_commit(commit):
        raise SourceError(f"{ref}: the Hub names no commit but {printable(commit)!r}")
    if ref.is_commit and commit != ref.revision:
        raise Tampered(f"{ref}: the Hub answers with another commit, {commit}")
    if ref.revision and not ref.is_commit and commit.startswith(ref.revision):
        raise RevisionGone(
            f"{ref}: an abbreviated commit id can come to mean another commit", remedy=f"write {ref.repo}@{commit}"
        )
    return commit


def _canonical(ref: HubRef, answered: str) -> HubRef:
    """Return the reference under the Hub's own name for the repository.

    Raises `Renamed` when that is not the name asked for; a legacy one-word name may become `org/name`.
    """
    if answered == ref.repo:
        return ref
    found = parse_ref(f"hf://{answered}")
    assert isinstance(found, HubRef)
    if found.repo.lower() == ref.repo.lower():
        raise Renamed(f"{ref.repo}: the Hub spells it {found.repo}", remedy=f"write {found.repo}")
    if ref.org or found.name.lower() != ref.name.lower():
        raise Renamed(
            f"{ref.repo}: the Hub answers with another repository, {found.repo}: it was renamed or moved",
            remedy=f"find out whether the same people own {found.repo}, then name that",
        )
    return found


def _date_if_reachable(api: HfApi, ref: HubRef) -> str:
    """Return the date of a commit that a branch or tag leads to, or nothing when it is the newest of one.

    Raises `SourceError` for a commit that only a pull request, or nothing at all, leads to: on the Hub everybody
    may open a pull request, and its commits answer under the repository's name.
    """
    with told(str(ref)):
        refs = api.list_repo_refs(ref.repo)
        tips = {str(tip.target_commit): str(tip.name) for tip in (*refs.tags, *refs.branches)}
        if ref.revision in tips:
            return ""
        for name in sorted(tips.values(), key=lambda name: (name != "main", name))[:_BRANCHES_AND_TAGS]:
            for commit in api.list_repo_commits(ref.repo, revision=name):
                if commit.commit_id == ref.revision:
                    return _date(commit.created_at)
    raise SourceError(
        f"{ref}: no branch or tag leads to this commit: it may be a pull request's, which anyone can open",
        remedy="name a commit of a branch; `unreachable-commits` in the policy allows others",
    )


def _date(moment: Any) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment is not None else ""


def _owner_id(api: HfApi, owner: str) -> str:
    """Return the Hub's identity of a user or organization, or nothing when the Hub does not tell it."""
    try:
        return str(account(api, owner).get("_id") or "") if owner else ""
    except SourceError as error:
        log.info("no identity of %s: %s", owner, error.message)
        return ""


def _listed(sibling: Any) -> Listed:
    lfs = sibling.lfs
    return Listed(
        path=str(sibling.rfilename),
        size=sibling.size,
        digest=Digest.sha256(str(lfs["sha256"])) if lfs else None,
        git_oid="" if lfs else str(sibling.blob_id or ""),
    )


def _card(info: Any) -> dict[str, object]:
    card = getattr(info, "card_data", None)
    return dict(card.to_dict()) if card is not None else {}


# --- fetching --------------------------------------------------------------------------------------------------


def _with_expected(ref: HubRef, file: Listed, expected: Digest | None) -> Listed:
    """Put the expected digest into what is wanted.

    Raises `Tampered` when the Hub itself promises other bytes.
    """
    if expected is None:
        return file
    if file.digest is not None and file.digest != expected:
        raise Tampered(
            f"{ref}: {printable(file.path)}: expected {expected}, the Hub now offers {file.digest}",
            remedy="do not use these bytes; a commit that changes its content was rewritten",
        )
    return attrs.evolve(file, digest=expected)


def _held(wanted: Mapping[str, Listed], shelf: Shelf) -> dict[str, Digest]:
    """Return the digests of the files that the store holds, by path."""
    held: dict[str, Digest] = {}

    def look(path: str, digest: Digest) -> None:
        if shelf.intact(digest):
            held[path] = digest

    hashing.at_once([partial(look, path, file.digest) for path, file in wanted.items() if file.digest])
    return held


def _artifact(path: str, digest: Digest, shelf: Shelf) -> Artifact:
    place = shelf.path_of(digest)
    if place is None:
        raise SourceError(f"{printable(path)}: {digest} has left the store meanwhile", remedy="try again")
    return Artifact(path=path, size=place.stat().st_size, digest=digest, file=place)


def _download(ref: HubRef, files: list[Listed], shelf: Shelf, options: Options) -> dict[str, Digest]:
    """Download files into the store, some side by side; return their digests by path."""
    what = f"{ref}: {len(files)} files, the first {files[0].path}"
    api = open_client(options, what)
    digests: dict[str, Digest] = {}

    def one(directory: Path, file: Listed) -> None:
        if file.digest and shelf.intact(file.digest):  # another process has brought it while this one waited
            digests[file.path] = file.digest
            return
        digests[file.path] = _bring(api, ref, file, directory, shelf, options.progress)

    with shelf.download_directory(f"{api.endpoint}/{ref}") as directory, _without_bars():
        hashing.at_once([partial(one, directory, file) for file in files], threads=DOWNLOADS)
    return digests


def _bring(api: HfApi, ref: HubRef, file: Listed, directory: Path, shelf: Shelf, progress: Progress) -> Digest:
    # A directory for each file: what the client notes beside one file cannot be another file of the repository.
    place = directory / hashlib.sha256(file.path.encode()).hexdigest()[:32]
    # A whole file there is left over from a try that failed after the download: its bytes are not to be believed.
    (place / file.path).unlink(missing_ok=True)
    progress.start(file.path, file.size)
    with told(f"{ref}: {file.path}"), _watched(place, file.path, progress) as seen:
        downloaded = api.hf_hub_download(
            ref.repo, file.path, revision=ref.revision, local_dir=place, cache_dir=place / ".hub-cache"
        )
    if not Path(downloaded).resolve().is_relative_to(place.resolve()):
        raise Tampered(f"{ref}: {printable(file.path)}: the client left the directory that it was given")
    _check_claims(ref, file, Path(downloaded))
    digest, size = shelf.adopt(Path(downloaded), expected=file.digest)
    progress.advance(file.path, max(0, size - seen[-1]))
    progress.finish(file.path)
    return digest


def _check_claims(ref: HubRef, file: Listed, downloaded: Path) -> None:
    """Compare what came with the git object id that the Hub lists for a small file.

    Raises `Tampered`.
    """
    if not file.git_oid:
        return
    data = downloaded.read_bytes()
    found = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()  # git's own name for it
    if found != file.git_oid:
        raise Tampered(
            f"{ref}: {printable(file.path)}: the Hub lists git object {file.git_oid}, the bytes are {found}",
            remedy="do not use these bytes; something between the Hub and here has changed them",
        )


@contextmanager
def _without_bars() -> Iterator[None]:
    """Keep the client from drawing its own progress bars on stderr."""
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    if are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


@contextmanager
def _watched(place: Path, name: str, progress: Progress) -> Iterator[list[int]]:
    """Report how a download grows, by the size of its file: no generation of the client tells it alike.

    The list that is given ends with the bytes reported so far.
    """
    seen, over = [0], threading.Event()

    def watch() -> None:
        while not over.wait(0.2):
            size = max(seen[-1], _bytes_in(place))
            progress.advance(name, size - seen[-1])
            seen[:] = [size]

    watcher = threading.Thread(target=watch, name="modelguard-progress", daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def _bytes_in(place: Path) -> int:
    """Return the bytes in unfinished files; the client may move one away at any moment."""
    total = 0
    for part in place.rglob("*.incomplete"):
        with suppress(FileNotFoundError):
            total += part.stat().st_size
    return total


SOURCE = Source(name="hub", handles=HubRef, resolve=resolve, fetch=fetch)
