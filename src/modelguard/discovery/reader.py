"""What a reader of source files is: from the text of one kind of file to the places in it that use models."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Protocol

from attrs import frozen

from modelguard.discovery._neighbours import Neighbours
from modelguard.discovery.use import Use


class Read(Protocol):
    """From the text of a file to its uses; `neighbours` are the files that it may import. Raises `NotReadable`."""

    def __call__(self, path: str, text: str, neighbours: Neighbours | None = None, /) -> Iterator[Use]: ...


class NotReadable(Exception):
    """The text is not what the file's name says; the message tells why."""


@frozen(kw_only=True)
class Reader:
    """One kind of file: `claims` tells from a file's lower-case name whether it is of this kind.

    `read` takes the path to report, the text and the neighbours of the file. `hints` are lower-case words of which at
    least one must be in the file for `read` to find anything, `words` a pattern that must match as well: most files
    have none and are not parsed.
    """

    name: str
    claims: Callable[[str], bool]
    hints: tuple[bytes, ...]
    read: Read
    words: re.Pattern[bytes] | None = None

    def may_find(self, data: bytes) -> bool:
        """Tell whether there is any point in reading a file."""
        lower = data.lower()
        return any(hint in lower for hint in self.hints) and (self.words is None or bool(self.words.search(data)))
