"""File names that a signature may speak of.

A name is refused, never mended: two spellings of one file are two files to a digest and one file to a disk.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from modelguard.terms.artifact import printable
from modelguard.terms.errors import SignatureMalformed

_DRIVE = re.compile(r"[A-Za-z]:")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs"})  # control, format (bidirectional marks too), surrogate


def fault_of(name: str) -> str:
    """Return why a relative file name is refused, or an empty string."""
    if not name:
        return "is empty"
    if name.startswith("/") or "\\" in name or _DRIVE.match(name):
        return "is absolute or has backslashes"
    if any(part in {"", ".", ".."} for part in name.split("/")):
        return "has an empty or dot segment"
    is_plain = name.isascii() and name.isprintable()  # the common case, decided without a look at every character
    if not is_plain and any(unicodedata.category(character) in _INVISIBLE for character in name):
        return "has characters that cannot be seen"
    return ""


def check_name(name: str) -> None:
    """Raise `SignatureMalformed` for a name that could reach outside the model or be read in two ways."""
    if fault := fault_of(name):
        raise SignatureMalformed(f"manifest: the name {printable(name)!r} {fault}")


def check_together(names: Iterable[str]) -> None:
    """Check that names can live side by side on every disk.

    Raises `SignatureMalformed` when two fold to one (case, Unicode form), or when one is a directory of another.
    """
    folded: dict[str, str] = {}
    for name in names:
        other = folded.setdefault(_fold(name), name)
        if other != name:
            raise SignatureMalformed(
                f"manifest: {printable(name)!r} and {printable(other)!r} are one file on some disks"
            )
    for directory in {parent for name in folded.values() for parent in _parents(name)}:
        if _fold(directory) in folded:
            raise SignatureMalformed(f"manifest: {printable(directory)!r} is both a file and a directory")


def _fold(name: str) -> str:
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _parents(name: str) -> Iterator[str]:
    end = name.rfind("/")
    while end > 0:
        yield name[:end]
        end = name.rfind("/", 0, end)
