"""What a name of an archive member must not be: rules that zip and tar share.

Each rule is a row: what is wrong, and whether a name is so. A name that breaks one is understood differently by two
readers or two file systems, or leads out of the directory that it is extracted to.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

_DRIVE = re.compile(r"[A-Za-z]:")
# Names as nearly all are, which break no rule below: parts of letters, digits, dashes, and dots within.
_PART = r"[A-Za-z0-9_-](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?"
_ORDINARY = re.compile(rf"{_PART}(?:/{_PART})*/?\Z")


def _parts(name: str) -> list[str]:
    return name.removeprefix("./").rstrip("/").split("/")


def _has_dropped_end(name: str) -> bool:
    return any(part.endswith((" ", ".")) and part not in {".", ".."} for part in re.split(r"[/\\]", name))


def _prints(name: str) -> bool:
    return all(
        character.isprintable() and unicodedata.category(character) != "Cf" for character in name if character != "\0"
    )


_RULES: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("is empty", lambda name: not name),
    ("holds a NUL, at which some readers cut it", lambda name: "\0" in name),
    ("is absolute", lambda name: name.startswith("/") or bool(_DRIVE.match(name))),
    ("leads out of the archive", lambda name: ".." in re.split(r"[/\\]", name)),
    ("holds a backslash, which some systems take for a separator", lambda name: "\\" in name),
    ("has an empty part", lambda name: "//" in name or name == "/"),
    ("has a part that is only a dot", lambda name: name not in {".", "./"} and "." in _parts(name)),
    ("has a part that ends in a blank or a dot, which some systems drop", _has_dropped_end),
    ("holds characters that do not print", lambda name: not _prints(name)),
)


def is_ordinary(name: str) -> bool:
    """Tell at once that a name is as nearly all are, and breaks no rule."""
    return _ORDINARY.match(name) is not None


def name_faults(name: str) -> Iterator[str]:
    """Yield what is wrong with the name of a member, in words that follow the name."""
    if is_ordinary(name):
        return iter(())
    return (fault for fault, breaks in _RULES if breaks(name))


def twin_key(name: str) -> str:
    """Return what file systems that ignore case or Unicode form compare by."""
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).casefold()
