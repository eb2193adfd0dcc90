"""Reads lists of packages to install, and tells the ordinary from those that do not come from the package index."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from posixpath import basename, dirname, join

from modelguard.terms.content import Content
from modelguard.terms.facts import Asks

_MOST_NAMED = 12
_FURTHER = frozenset({"-r", "--requirement"})
_LISTS = re.compile(
    r"(?:.*[-_.])?requirements?(?:[-_.].*)?\.(?:txt|in|pip)|constraints.*\.txt|(?:pre-)?packages\.txt|pipfile"
)
_OPTION = re.compile(r"(--?[A-Za-z][\w-]*)[\s=]*(.*)")
_DIRECT = re.compile(r"(?:^|@\s*)((?:git|hg|svn|bzr)\+\S+|https?://\S+|file:\S+|\.{0,2}/\S+)")

# Options of pip that change where packages come from or what runs: https://pip.pypa.io/en/stable/reference/requirements-file-format/
OPTIONS: dict[str, str] = {
    "-i": "takes packages from another index",
    "--index-url": "takes packages from another index",
    "--extra-index-url": "takes packages from whichever of several indexes answers (dependency confusion)",
    "-f": "takes packages from a page of links",
    "--find-links": "takes packages from a page of links",
    "--trusted-host": "does not verify the server",
    "-e": "runs the build of a directory or repository",
    "--editable": "runs the build of a directory or repository",
    "-r": "reads another list",
    "--requirement": "reads another list",
}


def is_list(name: str) -> bool:
    """Tell whether a file of this name is read as a list of packages."""
    return bool(_LISTS.fullmatch(basename(name).lower()))


def asked_to_install(
    lines: Iterable[str], content: Content, installer: str, paths: frozenset[str] = frozenset()
) -> Iterator[Asks]:
    """Yield one `Asks` for the ordinary packages of a list, and one for each line that is out of the ordinary.

    A further list that lies beside it, in `paths`, is read on its own and no reason to ask.
    """
    ordinary: list[str] = []
    for line in lines:
        line = re.sub(r"(^|\s)#.*", "", line).strip().rstrip("\\").strip()
        option, direct = _OPTION.match(line), _DIRECT.search(line)
        if option and option[1] in _FURTHER and _lies_beside(option[2].strip(), content, paths):
            continue
        if option and option[1] in OPTIONS:
            yield _asks(content, line, f"{installer}: {OPTIONS[option[1]]}", "other-index")
        elif direct:
            yield _asks(
                content, line, f"{installer} takes it from {direct[1]}, not from the package index", "other-index"
            )
        elif line and not option:
            ordinary.append(line)
    if ordinary:
        shown = ", ".join(part[:60] for part in ordinary[:_MOST_NAMED])
        more = f" and {len(ordinary) - _MOST_NAMED} more" if len(ordinary) > _MOST_NAMED else ""
        yield _asks(content, str(content.location), f"{installer} would install {shown}{more}", "")


def _lies_beside(name: str, content: Content, paths: frozenset[str]) -> bool:
    beside = join(dirname(content.location.path), name)
    return not content.location.members and "/" not in name and is_list(name) and beside in paths


def _asks(content: Content, name: str, detail: str, hazard: str) -> Asks:
    return Asks(location=content.location, permission="install", name=name[:200], detail=detail, hazard=hazard)
