"""What the local Hub serves: repositories with real commits, branches, tags and pull requests, kept in memory.

Object ids are computed as git and git-lfs compute them, so that clients which check them are content. Times start at
2024-01-01 and move on by an hour with each commit: the same calls give the same commit ids.
"""

from __future__ import annotations

import datetime as dt
import fnmatch
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import Factory, define, field, frozen

# The endings that the Hub's own .gitattributes sends to git-lfs, as far as models use them.
LFS_ENDINGS = (
    "*.bin", "*.safetensors", "*.pt", "*.pth", "*.pkl", "*.onnx", "*.gguf", "*.h5", "*.keras", "*.joblib", "*.npy",
    "*.npz", "*.msgpack", "*.ckpt", "*.zip",
)  # fmt: skip
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_FIRST = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


def git_oid(data: bytes) -> str:
    """Return git's name of a blob: the SHA-1 of its header and bytes."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def hub_id(*words: object) -> str:
    """Return 24 hex digits, shaped as the ids that the Hub gives to repositories and accounts."""
    return hashlib.sha256("/".join(map(str, words)).encode()).hexdigest()[:24]


@frozen(kw_only=True)
class File:
    """One file of a commit, with the ids under which git, git-lfs and xet know it."""

    path: str
    data: bytes = field(repr=False)

    sha256: str = field(
        init=False, default=Factory(lambda file: hashlib.sha256(file.data).hexdigest(), takes_self=True)
    )
    oid: str = field(init=False, default=Factory(lambda file: git_oid(file._in_git), takes_self=True))
    xet: str = field(init=False, default=Factory(lambda file: hashlib.blake2s(file.data).hexdigest(), takes_self=True))
    """Something of the shape of a xet hash; it is not one."""

    @property
    def is_lfs(self) -> bool:
        name = self.path.rpartition("/")[2]
        return any(fnmatch.fnmatch(name, pattern) for pattern in LFS_ENDINGS)

    @property
    def pointer(self) -> bytes:
        """The text that git stores in place of a large file."""
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.data)}\n".encode()

    @property
    def _in_git(self) -> bytes:
        return self.pointer if self.is_lfs else self.data


@frozen(kw_only=True)
class Commit:
    """One commit: its files, who made it and when, and the commit before it (empty for the first)."""

    sha: str
    files: Mapping[str, File] = field(repr=False)
    title: str
    author: str
    date: str
    parent: str


@define(kw_only=True)
class Repository:
    """A model repository. The attributes may be changed at any time; the next answer shows it.

    `gated` is False, "auto" or "manual"; `granted` are the users who may read it nevertheless. `security` gives the
    Hub's scan result of a file: safe, suspicious, unsafe, queued, error. `extra` goes into the model's description as
    it is (`{"gguf": …}`).
    """

    id: str
    identity: str
    card: dict[str, Any] = field(factory=dict)
    tags: list[str] = field(factory=list)
    gated: bool | str = False
    granted: set[str] = field(factory=set)
    private: bool = False
    disabled: bool = False
    downloads: int = 0
    likes: int = 0
    library_name: str | None = None
    pipeline_tag: str | None = None
    created: str = "2024-01-01T00:00:00.000Z"
    security: dict[str, str] = field(factory=dict)
    scans_done: bool = True
    extra: dict[str, Any] = field(factory=dict)
    commits: dict[str, Commit] = field(factory=dict, repr=False)
    branches: dict[str, str] = field(factory=dict)
    named: dict[str, str] = field(factory=dict)
    pulls: dict[int, str] = field(factory=dict)
    discussions: list[dict[str, Any]] = field(factory=list, repr=False)
    tampered: dict[tuple[str, str], bytes] = field(factory=dict, repr=False)
    _made: int = 0

    @property
    def owner(self) -> str:
        return self.id.partition("/")[0] if "/" in self.id else ""

    @property
    def head(self) -> str:
        """The newest commit of `main`."""
        return self.branches["main"]

    # --- content -----------------------------------------------------------------------------------------------

    def commit(
        self,
        files: Mapping[str, bytes | str] | None = None,
        title: str = "Update",
        *,
        author: str = "alice",
        branch: str = "main",
        remove: tuple[str, ...] = (),
    ) -> str:
        """Put files into a branch, beside those it holds; return the commit id."""
        sha = self._commit(self.branches.get(branch, ""), files or {}, title, author, remove)
        self.branches[branch] = sha
        return sha

    def branch(self, name: str, start: str | None = None) -> None:
        """Make a branch, or move it: from `main`, or from another commit."""
        self.branches[name] = start or self.head

    def tag(self, name: str, commit: str | None = None) -> None:
        """Make a tag, or move it."""
        self.named[name] = commit or self.head

    def pull_request(
        self, files: Mapping[str, bytes | str], title: str = "A pull request", author: str = "mallory"
    ) -> str:
        """Open a pull request and return its commit, which answers under this repository's name as on the Hub."""
        sha = self._commit(self.head, files, title, author, ())
        number = self.discuss(title, author, is_pull_request=True)
        self.pulls[number] = sha
        return sha

    def rewrite_history(
        self, files: Mapping[str, bytes | str], title: str = "Initial commit", *, forget: bool = True
    ) -> str:
        """Replace `main` by one new first commit; with `forget`, the old commits are gone as after a cleaning."""
        if forget:
            self.commits.clear()
            self.named.clear()
            self.pulls.clear()
        sha = self._commit("", files, title, "alice", ())
        self.branches = {"main": sha}
        return sha

    def tamper(self, path: str, data: bytes | None = None, *, commit: str | None = None) -> None:
        """Serve other bytes than those listed: `data`, or the true ones with one bit turned."""
        commit = commit or self.head
        true = self.commits[commit].files[path].data
        self.tampered[commit, path] = data if data is not None else true[:-1] + bytes([true[-1] ^ 1])

    def discuss(self, title: str, author: str = "bob", *, status: str = "open", is_pull_request: bool = False) -> int:
        """Open a discussion and return its number."""
        number = len(self.discussions) + 1
        self.discussions.append(
            {
                "num": number,
                "title": title,
                "author": {"name": author, "type": "user"},
                "createdAt": self._now(),
                "status": status,
                "isPullRequest": is_pull_request,
                "numComments": 0,
                "pinned": False,
            }
        )
        return number

    # --- looking up --------------------------------------------------------------------------------------------

    def at(self, revision: str) -> Commit | None:
        """Return the commit that a branch, tag, pull request (`refs/pr/1`) or full commit id stands for."""
        if _COMMIT.match(revision):
            return self.commits.get(revision)
        if revision.startswith("refs/pr/"):
            number = revision.removeprefix("refs/pr/")
            return self.commits.get(self.pulls.get(int(number), "")) if number.isdigit() else None
        name = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
        return self.commits.get(self.branches.get(name) or self.named.get(name) or "")

    def history(self, commit: Commit) -> Iterator[Commit]:
        """Yield a commit and those before it, newest first."""
        here: Commit | None = commit
        while here is not None:
            yield here
            here = self.commits.get(here.parent)

    def served(self, commit: Commit, path: str) -> bytes:
        """Return the bytes that are sent for a file: the true ones, unless they were tampered with."""
        return self.tampered.get((commit.sha, path), commit.files[path].data)

    def _commit(
        self, parent: str, files: Mapping[str, bytes | str], title: str, author: str, remove: tuple[str, ...]
    ) -> str:
        whole = dict(self.commits[parent].files) if parent else {}
        for path, data in files.items():
            whole[path] = File(path=path, data=data.encode() if isinstance(data, str) else bytes(data))
        for path in remove:
            del whole[path]
        date = self._now()
        text = "\n".join([parent, title, author, date, *(f"{path} {whole[path].oid}" for path in sorted(whole))])
        sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        ordered = {path: whole[path] for path in sorted(whole)}
        self.commits[sha] = Commit(sha=sha, files=ordered, title=title, author=author, date=date, parent=parent)
        return sha

    def _now(self) -> str:
        moment = _FIRST + dt.timedelta(hours=self._made)
        self._made += 1
        return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
