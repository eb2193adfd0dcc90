"""Packages that are made to be installed or run: wheels, eggs, jars, apps, and packages of operating systems.

What a ZIP among them holds is read by the format of ZIP archives; here it is asked for as what it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import frozen

from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Asks, Fact, Permission

_HEAD = 72


@frozen
class Kind:
    """One kind of package: its endings, how it begins, what is asked for, and why."""

    name: str
    endings: tuple[str, ...]
    begins: re.Pattern[bytes]
    permission: Permission
    detail: str


_ZIP = re.compile(rb"PK[\x03\x05]")

KINDS = (
    Kind("wheel", (".whl",), _ZIP, "install", "a package of Python: importing it runs it"),
    Kind("egg", (".egg",), _ZIP, "install", "a package of Python: importing it runs it"),
    Kind("conda package", (".conda",), _ZIP, "install", "a package of conda: installing it may run its scripts"),
    Kind("jar", (".jar", ".war", ".ear", ".aar"), _ZIP, "native-code", "a program for the Java machine"),
    Kind("app", (".apk", ".ipa", ".xpi", ".crx", ".vsix", ".msix"), _ZIP, "native-code", "an app or extension"),
    Kind("Debian package", (), re.compile(rb"!<arch>\ndebian-binary"), "install", "installing it runs its scripts"),
    Kind("RPM package", (), re.compile(rb"\xed\xab\xee\xdb"), "install", "installing it runs its scripts"),
    Kind("macOS package", (), re.compile(rb"xar!\x00\x1c"), "install", "installing it runs its scripts"),
    Kind("Windows installer", (".msi", ".msp"), re.compile(rb"\xd0\xcf\x11\xe0"), "native-code", "an installer"),
)


def _kind_of(content: Content) -> Kind | None:
    head, name = content.head(_HEAD), content.name.lower()
    for kind in KINDS:
        if kind.begins.match(head) and (not kind.endings or name.endswith(kind.endings)):
            return kind
    return None


def accepts(content: Content) -> bool:
    """Tell by the first bytes, for archives of a common kind by the ending as well."""
    return _kind_of(content) is not None


def read(content: Content, _walk: Walk) -> Iterable[Fact]:
    """Ask for the package."""
    kind = _kind_of(content)
    if kind is None:
        raise ReadError("begins like no kind of package")
    yield Asks(
        location=content.location,
        permission=kind.permission,
        name=str(content.location),
        detail=f"{kind.name}: {kind.detail}",
        hazard="other-index" if kind.permission == "install" else "native-code",
    )


FORMAT = Format(
    name="package",
    title="Package to install",
    reads="The first bytes of wheels, eggs, jars, apps, and packages of Debian, RPM, macOS and Windows.",
    looks_for="That it is there at all.",
    clue=Clue(first=b"P!\xedx\xd0"),
    accepts=accepts,
    read=read,
)
