"""How the local Hub describes repositories and files in JSON: the shapes of https://huggingface.co/docs/hub/api."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelguard.testing.repositories import Commit, File, Repository, hub_id


def description(
    repository: Repository, commit: Commit, *, with_files: bool = False, with_security: bool = False
) -> dict[str, Any]:
    """Return what `/api/models/…` says about a repository at a commit."""
    about: dict[str, Any] = {
        "_id": repository.identity,
        "id": repository.id,
        "modelId": repository.id,
        "author": repository.owner or None,
        "sha": commit.sha,
        "lastModified": commit.date,
        "createdAt": repository.created,
        "private": repository.private,
        "gated": repository.gated,
        "disabled": repository.disabled,
        "downloads": repository.downloads,
        "likes": repository.likes,
        "tags": repository.tags,
        "library_name": repository.library_name,
        "pipeline_tag": repository.pipeline_tag,
        "cardData": repository.card or None,
        "usedStorage": sum(len(file.data) for file in commit.files.values()),
        "spaces": [],
        "siblings": [_sibling(file, with_sizes=with_files) for file in commit.files.values()],
        **repository.extra,
    }
    if with_security:
        issues = [
            {"path": path, "level": level}
            for path, level in repository.security.items()
            if level != "safe" and path in commit.files
        ]
        about["securityRepoStatus"] = {"scansDone": repository.scans_done, "filesWithIssues": issues}
    return about


def _sibling(file: File, *, with_sizes: bool) -> dict[str, Any]:
    about: dict[str, Any] = {"rfilename": file.path}
    if with_sizes:
        about |= {"size": len(file.data), "blobId": file.oid}
        if file.is_lfs:
            about["lfs"] = {"sha256": file.sha256, "size": len(file.data), "pointerSize": len(file.pointer)}
    return about


def listing(
    repository: Repository, commit: Commit, folder: str, *, recursive: bool, expand: bool, xet: bool
) -> Iterator[dict[str, Any]]:
    """Yield the entries of a folder (empty: the top), files and directories, as `/tree/` lists them."""
    prefix = f"{folder}/" if folder else ""
    seen: set[str] = set()
    for file in commit.files.values():
        if not file.path.startswith(prefix):
            continue
        *folders, _ = file.path.removeprefix(prefix).split("/")
        for depth in range(1, len(folders) + 1 if recursive else min(1, len(folders)) + 1):
            inner = prefix + "/".join(folders[:depth])
            if inner not in seen:
                seen.add(inner)
                yield {"type": "directory", "oid": hub_id(inner) + "0" * 16, "size": 0, "path": inner}
        if recursive or not folders:
            yield entry(repository, commit, file, expand=expand, xet=xet)


def entry(repository: Repository, commit: Commit, file: File, *, expand: bool, xet: bool) -> dict[str, Any]:
    """Return one file as `/tree/` and `/paths-info/` describe it; `expand` adds last commit and scan results."""
    about: dict[str, Any] = {"type": "file", "oid": file.oid, "size": len(file.data), "path": file.path}
    if file.is_lfs:
        about["lfs"] = {"oid": file.sha256, "size": len(file.data), "pointerSize": len(file.pointer)}
        if xet:
            about["xetHash"] = file.xet
    if expand:
        status = repository.security.get(file.path, "safe")
        scan = {"status": status, "message": None, "reportLink": None, "reportLabel": None}
        about["lastCommit"] = {"id": commit.sha, "title": commit.title, "date": commit.date}
        about["securityFileStatus"] = {
            "status": status,
            "avScan": {"status": "safe", "version": "ClamAV"},
            "pickleImportScan": {**scan, "pickleImports": []},
            "protectAiScan": scan,
            "jFrogScan": scan,
        }
    return about
