"""What a reader of a format is.

A format answers two questions: whether some bytes are its own (`accepts`), and what is in them (`read`). Every format
that accepts the bytes reads them; neither the file's name nor an order among formats decides.

A reader yields facts as it goes and raises `ReadError` when it cannot go on. What it has yielded stays; the walk adds
`Unread` with the reason. A reader never raises anything else for bad bytes, never allocates by a length that it has
not compared with the bytes that are left, and never recurses without a bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from attrs import frozen

from modelguard.terms.content import Budget, Content
from modelguard.terms.facts import Fact


class Walk(Protocol):
    """What a reader may use beyond its own bytes."""

    @property
    def budget(self) -> Budget:
        """The limits on work that the whole snapshot shares."""
        ...

    @property
    def paths(self) -> frozenset[str]:
        """The paths of all files of the snapshot: what an external reference may point to."""
        ...

    def inside(self, content: Content) -> Iterator[Fact]:
        """Read a part (an archive member, a carried program) by every format that accepts it, one level deeper."""
        ...


SPACES = b" \t\n\r\x0b\x0c"
"""What `\\s` and `lstrip` take for blank in bytes."""


@frozen(kw_only=True)
class Clue:
    """What a content has to show before a format is asked whether it accepts it: any one of these is enough.

    A clue never decides; it spares asking seventy formats about bytes that cannot be theirs. It has to be there
    whenever `accepts` says yes, which the tests look for. `first` are first bytes; `endings` (each with its dot, lower
    case) and `names` are those of the file; `begins` is a pattern for the first bytes, in which a dot is any byte;
    `when` is a question about the content, best one that several formats share.
    """

    first: bytes = b""
    endings: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    begins: bytes = b""
    when: Callable[[Content], bool] | None = None


@frozen(kw_only=True)
class Format:
    """One file format.

    `reads` and `looks_for` are the two cells of its row in the table of formats, each one sentence. `endings` are
    file-name endings (lower case, with the dot) under which loaders expect this format: a file so named that the
    format does not accept is reported. `whole_names` are exact file names (lower case) claimed in the same way.
    Without a `clue` the format is asked about every content.
    """

    name: str
    title: str
    reads: str
    looks_for: str
    accepts: Callable[[Content], bool]
    read: Callable[[Content, Walk], Iterable[Fact]]
    endings: tuple[str, ...] = ()
    whole_names: tuple[str, ...] = ()
    clue: Clue | None = None
