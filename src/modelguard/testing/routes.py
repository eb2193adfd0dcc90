"""The addresses of the local Hub: one row for each, with the function that answers.

The shapes follow https://huggingface.co/docs/hub/api and what the clients read; the routes are those that clients and
the libraries built on them ask for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote, unquote

from modelguard.testing.answers import Answer, Refusal, Request, form, page, ranged
from modelguard.testing.descriptions import description, entry, listing
from modelguard.testing.repositories import Commit, File, Repository, hub_id

if TYPE_CHECKING:
    from modelguard.testing.hub import LocalHub

_Handler: TypeAlias = Callable[["LocalHub", Request, dict[str, str]], Answer]

_NAME = r"(?P<name>[^/]+(?:/[^/]+)?)"
_HIDDEN = "Repository not found"


def answer(hub: LocalHub, request: Request) -> Answer:
    """Answer a request by the first row whose pattern matches its path.

    Raises `Refusal` for everything that is answered with an error.
    """
    for pattern, handler in _ROWS:
        if match := pattern.fullmatch(request.path):
            words = {name: unquote(value or "") for name, value in match.groupdict().items()}
            return handler(hub, request, words)
    raise Refusal(404, message=f"no such address: {request.path}")


# --- accounts --------------------------------------------------------------------------------------------------


def _whoami(hub: LocalHub, request: Request, _: dict[str, str]) -> Answer:
    if not request.user:
        raise Refusal(401, message="Invalid username or password.")
    about = {"type": "user", "id": hub.accounts[request.user]["_id"], "name": request.user, "fullname": request.user}
    token = {"displayName": "test", "role": "read", "createdAt": "2024-01-01T00:00:00.000Z"}
    return Answer.json(
        {**about, "email": None, "isPro": False, "orgs": [], "auth": {"type": "access_token", "accessToken": token}}
    )


def _account(hub: LocalHub, request: Request, words: dict[str, str]) -> Answer:
    kind = {"users": "user", "organizations": "org"}[words["kind"]]
    account = hub.accounts.get(words["name"])
    if account is None or account["type"] != kind:
        raise Refusal(404, message=f"This {'user' if kind == 'user' else 'organization'} does not exist")
    if words["what"] == "overview":
        return Answer.json({key: value for key, value in account.items() if key != "members"})
    people = account.get("members", []) if words["what"] == "members" else []
    return page(request, [_person(hub, name) for name in people], hub.page_size, hub.url)


def _person(hub: LocalHub, name: str) -> dict[str, Any]:
    identity = hub.accounts.get(name, {}).get("_id") or hub_id("user", name)
    return {"_id": identity, "user": name, "fullname": name, "avatarUrl": "", "isPro": False, "type": "user"}


# --- descriptions ----------------------------------------------------------------------------------------------


def _models(hub: LocalHub, request: Request, _: dict[str, str]) -> Answer:
    author = request.query.get("author", [""])[0]
    search = request.query.get("search", [""])[0]
    found = [
        description(repository, commit)
        for repository in hub.repositories.values()
        if (commit := repository.at("main"))
        and not repository.private
        and search in repository.id
        and author in {"", repository.owner}
    ]
    return page(request, found, hub.page_size, hub.url)


def _model(hub: LocalHub, request: Request, words: dict[str, str]) -> Answer:
    repository = _visible(hub, request, words["name"])
    commit = _commit(repository, words.get("revision", ""))
    about = description(
        repository,
        commit,
        with_files="blobs" in request.query,
        with_security="securityStatus" in request.query,
    )
    wanted = request.query.get("expand")
    if wanted:
        about = {key: value for key, value in about.items() if key in {"_id", "id", *wanted}}
    return Answer.json(about)


# --- trees and history -----------------------------------------------------------------------------------------


def _tree(hub: LocalHub, request: Request, words: dict[str, str]) -> Answer:
    repository = _readable(hub, request, words["name"])
    commit = _commit(repository, words["revision"])
    folder = words["path"].strip("/")
    entries = list(
        listing(
            repository,
            commit,
            folder,
            recursive=request.flag("recursive"),
            expand=request.flag("expand"),
            xet=hub.large_files == "xet",
        )
    )
    if folder and not entries:
        raise Refusal(404, "EntryNotFound", f"{folder} does not exist on {words['revision']}")
    return page(request, entries, hub.page_size, hub.url)


def _paths_info(hub: LocalHub, request: Request, words: dict[str, str]) -> Answer:
    repository = _readable(hub, request, words["name"])
    commit = _commit(repository, words["revision"])
    fields = form(request)
    expand = str(fields.get("expand", "")).lower() in {"true", "['true']"}
    found: list[dict[str, Any]] = []
    for path in fields.get("paths", []):
        if path in commit.files:
            found.append(entry(repository, commit, commit.files[path], expand=expand, xet=hub.large_files == "xet"))
        elif any(other.startswith(f"{path.rstrip('/')}/") for other in commit.files):
            found.append({"type": "directory", "oid": "0" * 40, "size": 0, "path": path})
    return Answer.json(found)


def _commits(hub: LocalHub, request: Request, words: dict[str, str]) -> Answer:
    repository = _readable(hub, request, words["name"])
    history = [
        {
            "id": commit.sha,
            "title": commit.title,
            "message": "",
            "date": commit.date,
            "authors": [{"user": commit.author, "avatar": ""}],
        }
        for commit in repository.history(_commit(repository, words["revision"]))
    ]
    return page(request, history, hub.page_size, hub.url)


def _refs(hub: LocalHub, request: Request, words: dict[str, str]) -> Answer:
    repository = _visible(hub, request, words["name"])
    kinds: dict[str, tuple[str, dict[Any, str]]] = {
        "branches": ("refs/heads/", repository.branches),
        "tags": ("refs/tags/", repository.named),
        "converts": ("refs/convert/", {}),
    }
    if "include_prs" in request.query:
        kinds["pullRequests"] = ("refs/pr/", repository.pulls)
    return Answer.json(
        {
            kind: [{"name": str(name), "ref": f"{start}{name}", "targetCommit": sha} for name, sha in refs.items()]
            for kind, (start, refs) in kinds.items()
        }
    )


def _discussions(hub: LocalHub, request: Request, words: dict[str, str]) -> Answer:
    repository = _visible(hub, request, words["name"])
    start = int(request.query.get("p", ["0"])[0]) * hub.page_size
    shown = [
        {**discussion, "repo": {"name": repository.id, "type": "model"}}
        for discussion in repository.discussions[start : start + hub.page_size]
    ]
    return Answer.json({"discussions": shown, "count": len(repository.discussions), "start": start})


def _discussion(hub: LocalHub, request: Request, words: dict[str, str]) -> Answer:
    repository = _visible(hub, request, words["name"])
    found = [one for one in repository.discussions if str(one["num"]) == words["number"]]
    if not found:
        raise Refusal(404, message="no such discussion")
    return Answer.json({"events": [], **found[0]})


def _allowed(hub: LocalHub, request: Request, words: dict[str, str]) -> Answer:
    _readable(hub, request, words["name"])
    return Answer.json({})


def _nobody(hub: LocalHub, request: Request, words: dict[str, str]) -> Answer:
    _visible(hub, request, words["name"])
    return Answer.json([])


def _xet_token(hub: LocalHub, request: Request, words: dict[str, str]) -> Answer:
    _readable(hub, request, words["name"])
    headers = {
        "X-Xet-Cas-Url": f"{hub.url}/cas",
        "X-Xet-Access-Token": "test",
        "X-Xet-Token-Expiration": "4102444800",
    }
    return Answer.json({"accessToken": "test"}, headers)


# --- files -----------------------------------------------------------------------------------------------------


def _resolve(hub: LocalHub, request: Request, words: dict[str, str]) -> Answer:
    repository = _readable(hub, request, words["name"])
    commit = _commit(repository, words["revision"])
    file = commit.files.get(words["path"])
    if file is None:  # with the commit, from which clients learn that the file is not in it
        raise Refusal(404, "EntryNotFound", "Entry not found", {"X-Repo-Commit": commit.sha})
    if file.is_lfs:
        return _large(hub, request, repository, commit, file)
    headers = {"X-Repo-Commit": commit.sha, "ETag": f'"{file.oid}"', "X-Local-Path": file.path}
    if hub.small_files == "cache" and not request.path.startswith("/api/resolve-cache/"):
        place = f"/api/resolve-cache/models/{repository.id}/{commit.sha}/{quote(file.path)}"
        return Answer.redirect(f"{place}?etag=%22{file.oid}%22", {"X-Repo-Commit": commit.sha})
    return ranged(request, repository.served(commit, file.path), headers)


def _large(hub: LocalHub, request: Request, repository: Repository, commit: Commit, file: File) -> Answer:
    headers = {
        "X-Repo-Commit": commit.sha,
        "X-Linked-Size": str(len(file.data)),
        "X-Linked-ETag": f'"{file.sha256}"',
        "ETag": f'"{file.oid}"',
    }
    if hub.large_files == "xet":
        route = f"{hub.url}/api/models/{repository.id}/xet-read-token/{commit.sha}"
        headers |= {"X-Xet-Hash": file.xet, "X-Xet-Refresh-Route": route, "Link": f'<{route}>; rel="xet-auth"'}
    data = repository.served(commit, file.path)
    if hub.large_files == "direct":
        headers |= {"ETag": f'"{file.sha256}"', "X-Local-Path": file.path}
        return ranged(request, data, headers, several=hub.several_ranges)
    hub.blobs[file.sha256] = data
    return Answer.redirect(f"{hub.other_origin}/cdn/{file.sha256}/{quote(file.path)}", headers, status=302)


def _cdn(hub: LocalHub, request: Request, words: dict[str, str]) -> Answer:
    if "Authorization" in request.headers:
        raise Refusal(400, message="the client has sent its token to another host")
    if words["sha256"] not in hub.blobs:
        raise Refusal(404, message="no such object")
    headers = {"ETag": f'"{words["sha256"]}"', "X-Local-Path": words["path"]}
    return ranged(request, hub.blobs[words["sha256"]], headers, several=hub.several_ranges)


# --- who may see what ------------------------------------------------------------------------------------------


class _Moved(Refusal):
    """The repository has another name now; the same address under that name is where to go on."""

    def __init__(self, request: Request, old: str, new: str) -> None:
        super().__init__(307)
        self.answer = Answer.redirect(request.target.replace(f"/{old}", f"/{new}", 1))


def _visible(hub: LocalHub, request: Request, name: str) -> Repository:
    """Return a repository whose description may be seen. A hidden one looks as if it were not there."""
    repository = hub.repositories.get(name)
    if repository is None and name in hub.renamed:
        raise _Moved(request, name, hub.renamed[name])
    if repository is None or (repository.private and not request.user):
        raise Refusal(404 if request.user else 401, "RepoNotFound", _HIDDEN)
    if repository.disabled:
        raise Refusal(403, message="Access to this resource is disabled.")
    return repository


def _readable(hub: LocalHub, request: Request, name: str) -> Repository:
    """Return a repository whose files may be read."""
    repository = _visible(hub, request, name)
    if repository.gated and request.user not in repository.granted:
        message = f"Access to model {name} is restricted and you are not in the authorized list."
        raise Refusal(403 if request.user else 401, "GatedRepo", message)
    return repository


def _commit(repository: Repository, revision: str) -> Commit:
    commit = repository.at(revision or "main")
    if commit is None:
        raise Refusal(404, "RevisionNotFound", f"Invalid rev id: {revision or 'main'}")
    return commit


def _row(pattern: str, handler: _Handler) -> tuple[re.Pattern[str], _Handler]:
    return re.compile(pattern), handler


_ROWS: tuple[tuple[re.Pattern[str], _Handler], ...] = (
    _row(r"/api/whoami-v2", _whoami),
    _row(
        r"/api/(?P<kind>users|organizations)/(?P<name>[^/]+)/(?P<what>overview|members|followers|following)", _account
    ),
    _row(r"/api/models", _models),
    _row(rf"/api/models/{_NAME}/revision/(?P<revision>[^/]+)", _model),
    _row(rf"/api/models/{_NAME}/tree/(?P<revision>[^/]+)(?P<path>/.*)?", _tree),
    _row(rf"/api/models/{_NAME}/paths-info/(?P<revision>[^/]+)", _paths_info),
    _row(rf"/api/models/{_NAME}/commits/(?P<revision>[^/]+)", _commits),
    _row(rf"/api/models/{_NAME}/refs", _refs),
    _row(rf"/api/models/{_NAME}/discussions", _discussions),
    _row(rf"/api/models/{_NAME}/discussions/(?P<number>\d+)", _discussion),
    _row(rf"/api/models/{_NAME}/likers", _nobody),
    _row(rf"/api/models/{_NAME}/auth-check", _allowed),
    _row(rf"/api/models/{_NAME}/xet-read-token/(?P<revision>[^/]+)", _xet_token),
    _row(rf"/api/models/{_NAME}", _model),
    _row(rf"/api/resolve-cache/models/{_NAME}/(?P<revision>[0-9a-f]{{40}})/(?P<path>.+)", _resolve),
    _row(r"/cdn/(?P<sha256>[0-9a-f]{64})/(?P<path>.+)", _cdn),
    _row(rf"/{_NAME}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", _resolve),
)
