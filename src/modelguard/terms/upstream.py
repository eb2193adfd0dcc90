"""What a Hub says about a repository at one moment, and the three ways in which it can answer.

A field that the Hub did not tell is None: not known, which is never the same as a good value. The identity of a
repository or account is the Hub's `_id`; a name is a label that can change hands. Dates are ISO 8601 in UTC.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from attrs import frozen


@frozen(kw_only=True)
class Sibling:
    """One file of a repository: size in bytes, git's object id, and for git-lfs files the SHA-256, as hex digits.

    For a git-lfs file `oid` is the id of the pointer.
    """

    path: str
    size: int | None = None
    oid: str | None = None
    sha256: str | None = None

    @property
    def content(self) -> str | None:
        """What tells these bytes from others: the SHA-256, else git's object id."""
        return self.sha256 or self.oid


@frozen(kw_only=True)
class Tip:
    """A branch or tag, and the commit that it points at."""

    kind: Literal["branch", "tag", "convert"]
    name: str
    commit: str


@frozen(kw_only=True)
class Committed:
    """One commit as the Hub lists it. `authors` are account names; the Hub does not prove them."""

    id: str
    title: str = ""
    date: str | None = None
    authors: tuple[str, ...] = ()


@frozen(kw_only=True)
class History:
    """The commits of the default branch, newest first. `complete` tells whether the list reaches the first commit."""

    commits: tuple[Committed, ...]
    complete: bool

    def __contains__(self, commit: str) -> bool:
        return any(one.id == commit for one in self.commits)


@frozen(kw_only=True)
class Scan:
    """The Hub's own security status: whether all scans are done, and each file that is not called safe, with its level.

    Levels are the Hub's: caution, suspicious, unsafe, queued, error, unscanned, and what it may add.
    """

    done: bool | None = None
    issues: tuple[tuple[str, str], ...] = ()


@frozen(kw_only=True)
class Account:
    """The organization or user who owns a repository. `kind` is org or user; `members` are names, sorted."""

    name: str
    kind: str | None = None
    id: str | None = None
    verified: bool | None = None
    created_at: str | None = None
    users: int | None = None
    followers: int | None = None
    members: tuple[str, ...] | None = None


@frozen(kw_only=True)
class LockedRevision:
    """What the Hub says about the commit that the lock approves.

    `answers` is False when the Hub no longer has it; `reachable` is False when neither a branch nor a tag leads to it.
    """

    commit: str
    answers: bool | None = None
    reachable: bool | None = None
    siblings: tuple[Sibling, ...] | None = None


@frozen(kw_only=True)
class Observation:
    """A repository that the Hub showed. `repo` is the name asked for; `name` the one in the answer, `id` its identity.

    `license` holds the ids that the card declares. `refs`, `history` and `locked` are None when they were not asked
    for in this pass; `refs_at` is when they were.
    """

    repo: str
    host: str
    at: str
    name: str | None = None
    id: str | None = None
    sha: str | None = None
    created_at: str | None = None
    last_modified: str | None = None
    private: bool | None = None
    gated: str | None = None
    disabled: bool | None = None
    license: tuple[str, ...] | None = None
    license_name: str | None = None
    license_link: str | None = None
    base_models: tuple[str, ...] | None = None
    new_version: str | None = None
    library_name: str | None = None
    tags: tuple[str, ...] | None = None
    downloads: int | None = None
    likes: int | None = None
    siblings: tuple[Sibling, ...] | None = None
    scan: Scan | None = None
    refs: tuple[Tip, ...] | None = None
    refs_at: str | None = None
    history: History | None = None
    locked: LockedRevision | None = None
    owner: Account | None = None

    @property
    def redirected_to(self) -> str | None:
        """The name under which the Hub answered, when it is not the one asked for."""
        return self.name if self.name is not None and self.name.lower() != self.repo.lower() else None

    def sibling(self, path: str) -> Sibling | None:
        return next((one for one in self.siblings or () if one.path == path), None)


@frozen(kw_only=True)
class Absence:
    """A clear no of the Hub. `hidden` is removed, private or never there: the Hub does not tell which.

    `refused` is a token that may not look, `disabled` a repository that the Hub has taken down.
    """

    repo: str
    host: str
    at: str
    kind: Literal["hidden", "refused", "disabled"]
    reason: str = ""


@frozen(kw_only=True)
class NotKnown:
    """No answer: the Hub was down, asked to wait too long, or the budget of requests was spent. It says nothing."""

    repo: str
    host: str
    at: str
    reason: str


Sighting: TypeAlias = Observation | Absence | NotKnown
