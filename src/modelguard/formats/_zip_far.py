"""Tells which members of a remote ZIP archive need no look at their local headers: numbers that are only measured."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence

from modelguard.formats._zip_records import ENCRYPTED, STORED, Record
from modelguard.terms.content import Content

# Members that readers of checkpoints measure and do not read: the storages of torch. It aligns them to 64 bytes (the
# file `.storage_alignment` can say otherwise); a data descriptor takes up to 24.
_STORAGE = re.compile(r"[^/]+/data/[^/]+\Z")
_PADDING_OF_TORCH = 512


def is_far(content: Content, record: Record, at: int) -> bool:
    """Tell whether the records around some numbers are a trip away, which only confirms where the numbers begin."""
    if not content.remote:
        return False
    numbers = record.method == STORED and not record.flags & ENCRYPTED and _STORAGE.match(record.name)
    return bool(numbers) and not content.is_near(at, 30 + len(record.raw_name) + record.compressed + _PADDING_OF_TORCH)


def padded_end(end: int, starts: Sequence[int]) -> int:
    """Return where the next record begins when only padding and a descriptor can lie between, else `end` itself."""
    index = bisect_left(starts, end)
    after = starts[index] if index < len(starts) else end
    return after if after - end <= _PADDING_OF_TORCH else end
