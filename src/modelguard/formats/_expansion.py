"""Brings compressed bytes into a form that can be read at any offset, within limits.

What came out before a fault or a limit is still read: a payload at the front of a damaged archive is as dangerous as
one in a sound archive. Small results stay in memory, larger ones go to a temporary file that has no name.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO

from modelguard.formats.format import Walk
from modelguard.terms.artifact import Location
from modelguard.terms.content import Budget, Content
from modelguard.terms.errors import BudgetSpent, ReadError
from modelguard.terms.facts import Fact

IN_MEMORY = 8 << 20
"""Bytes of one expanded part that stay in memory."""

STEP = 1 << 18
"""Bytes that one step of a decompressor may put out."""

_ROOM_LEFT = 1 << 30
"""Bytes that temporary files must leave free on their disk."""

_RATIO_FROM = 1 << 20
"""Expanded bytes below which the ratio is not looked at: a small file of zeros is no bomb."""


@contextmanager
def expanded(chunks: Iterable[bytes], location: Location, compressed: int, budget: Budget) -> Iterator[Content]:
    """Bring what a decompressor puts out into a content.

    `chunks` are the expanded bytes in order, `compressed` the number of bytes that they come from. When the
    decompressor or the budget stopped early, what came out before is there to be read; the `ReadError` is raised at
    the end of the `with` block.
    """
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as file:
        fault = _fill(file, chunks, compressed, budget)
        yield _content(file, file.seek(0, 2), location)
    if fault is not None:
        try:
            raise fault
        finally:
            del fault  # with it this frame would hold the error that holds this frame


def read_expanded(chunks: Iterable[bytes], location: Location, compressed: int, walk: Walk) -> Iterator[Fact]:
    """Read what a decompressor puts out by every format that accepts it; the arguments are those of `expanded`.

    Raises the `ReadError` at which the decompressor or the budget stopped, after what came out before has been read.
    """
    with expanded(chunks, location, compressed, walk.budget) as content:
        yield from walk.inside(content)


def _fill(file: IO[bytes], chunks: Iterable[bytes], compressed: int, budget: Budget) -> ReadError | None:
    size, checked = 0, IN_MEMORY
    try:
        for chunk in chunks:
            size += len(chunk)
            if size > checked:
                _require_room(len(chunk))
                checked = size + (_ROOM_LEFT >> 3)
            file.write(chunk)
            budget.spend_bytes(len(chunk))
            if size > max(_RATIO_FROM, compressed * budget.ratio):
                return BudgetSpent(f"expands to more than {budget.ratio} times its size")
    except ReadError as error:
        return error.with_traceback(None)  # whose frames hold the decompressor and its dictionary
    except OSError as error:
        return ReadError(f"cannot be expanded: {error}")
    return None


def _require_room(needed: int) -> None:
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free - needed < _ROOM_LEFT:
        raise BudgetSpent("expands to more than the disk for temporary files has room for")


def _content(file: IO[bytes], size: int, location: Location) -> Content:
    def fetch(offset: int, length: int) -> bytes:
        file.seek(offset)
        return file.read(length)

    return Content(location=location, size=size, fetch=fetch)
