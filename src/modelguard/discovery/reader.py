"""What a reader of source files is: from the text of one kind of file to the places in it that use models."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from attrs import frozen

from modelguard.discovery.use import Use


class NotReadable(Exception):
    """The text is not what the file's name says; the message tells why."""


@frozen(kw_only=True)
class Reader:
    """One kind of file: `claims` tells from a file's lower-case name whether it is of this kind.

    `read` takes the path to report and the text. `hints` are lower-case words of which at least one must be in the file
    for `read` to find anything, `words` a pattern that must match as well: most files have none and are not parsed.
    `read` raises `NotReadable`.
    """

    name: str
    claims: Callable[[str], bool]
    hints: tuple[bytes, ...]
    read: Callable[[str, str], Iterator[Use]]
    words: re.Pattern[bytes] | None = None

    def may_find(self, data: bytes) -> bool:
        """Tell whether there is any point in reading a file."""
        lower = data.lower()
        return any(hint in lower for hint in self.hints) and (self.words is None or bool(self.words.search(data)))
