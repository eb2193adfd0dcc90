"""Lists of packages: requirements and constraints files of pip, packages.txt of Spaces, Pipfile."""

from __future__ import annotations

from collections.abc import Iterable
from posixpath import basename

from modelguard.formats._requirements import asked_to_install, is_list
from modelguard.formats._text import is_text, text_of
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.facts import Fact

_INSTALLERS = {"packages.txt": "apt", "pre-packages.txt": "apt", "pipfile": "pipenv"}


def accepts(content: Content) -> bool:
    """Tell by the name: a list of packages is a list of words."""
    return is_list(content.name) and is_text(content)


def read(content: Content, walk: Walk) -> Iterable[Fact]:
    """Tell what would be installed."""
    text = text_of(content, 1 << 20).replace("\\\r\n", " ").replace("\\\n", " ")
    walk.budget.spend_time()
    installer = _INSTALLERS.get(basename(content.name).lower(), "pip")
    yield from asked_to_install(text.splitlines(), content, installer, walk.paths)


FORMAT = Format(
    name="requirements",
    title="List of packages",
    reads="Requirements and constraints of pip, packages.txt, Pipfile, up to 1 MB.",
    looks_for="Packages that something would install, above all from elsewhere than the package index.",
    clue=Clue(endings=(".txt", ".in", ".pip"), names=("pipfile",)),
    accepts=accepts,
    read=read,
    whole_names=("requirements.txt", "packages.txt"),
)
