"""The packages that a model asks for: the lines of its requirements files, as name and version specifier."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from modelguard.terms.artifact import Artifact

LIMIT = 1 << 20
"""Bytes of a requirements file that are looked at; a longer one is left to the check on what it would install."""

_NAMES = re.compile(r"(?:.*[-_.])?requirements?(?:[-_.].*)?\.(?:txt|in|pip)|constraints.*\.txt")
_AFTER = re.compile(r"(?:^|\s)(?:#|--).*")


def required_packages(artifacts: Iterable[Artifact]) -> Iterator[tuple[str, str, str]]:
    """Yield (path, package, specifier) of each ordinary line; the specifier is empty when any version will do."""
    for artifact in artifacts:
        name = artifact.path.rpartition("/")[2].lower()
        if artifact.file is None or not _NAMES.fullmatch(name) or artifact.size > LIMIT:
            continue
        text = artifact.file.read_bytes()[:LIMIT].decode("utf-8", "replace").replace("\\\n", " ")
        for package, specifier in _packages(text.splitlines()):
            yield artifact.path, package, specifier


def _packages(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    from packaging.requirements import InvalidRequirement, Requirement  # only where there are such lines

    for line in lines:
        line = _AFTER.sub("", line).strip()
        if not line or line.startswith("-"):
            continue
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue  # what is no requirement is shown by the check on what would be installed
        if not requirement.url:
            yield requirement.name, str(requirement.specifier)
