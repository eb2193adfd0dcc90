"""What clues ask of every content, apart from the readers: nothing that a reader needs is imported to answer these.

A clue with a question that stands here costs an import of its format only where the answer is yes.
"""

from __future__ import annotations

import re

from modelguard.terms.content import NEAR_TAIL, Content

ZIP_END = b"PK\x05\x06"
ZIP_WINDOW = 1 << 17
"""Bytes at the end of a file in which end records are looked for: twice what any known reader looks at."""

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
TENSORFLOW_TABLE = (0xDB4775248B80FB57).to_bytes(8, "little")
TENSORFLOW_FOOTER = 48
_TENSORSTORE_FILE = re.compile(r"(?:.*/)?d/[0-9a-f]{32}\Z")


def zip_tail(content: Content) -> bytes:
    """Return the bytes in which a ZIP archive ends; empty when there is no mark of an end record among them."""
    start = max(0, content.size - (NEAR_TAIL if content.remote else ZIP_WINDOW))
    tail = content.read(start, content.size - start)
    return tail if ZIP_END in tail else b""


def has_directory(content: Content) -> bool:
    """Tell whether there is an end record: formats that know their archives by the names in them need one."""
    if not content.once(zip_tail):
        return False
    from modelguard.formats._zip_records import ends  # only where there may be an archive

    return bool(ends(content))


def superblock_offset(content: Content) -> int:
    """Return where the superblock of HDF5 is: at zero or at a power of two from 512 on; -1 when there is none.

    In a remote content only those at its head are looked at: each of the others is a trip.
    """
    offset = 0
    while offset + len(HDF5_SIGNATURE) <= content.size and content.is_near(offset, len(HDF5_SIGNATURE)):
        if content.read(offset, len(HDF5_SIGNATURE)) == HDF5_SIGNATURE:
            return offset
        offset = offset * 2 or 512
    return -1


def has_superblock(content: Content) -> bool:
    """Tell whether there is a superblock of HDF5."""
    return superblock_offset(content) >= 0


def ends_as_table(content: Content) -> bool:
    """Tell whether the bytes end as an index of TensorFlow's checkpoints does."""
    return content.size >= TENSORFLOW_FOOTER and content.tail(len(TENSORFLOW_TABLE)) == TENSORFLOW_TABLE


def is_tensorstore_file(content: Content) -> bool:
    """Tell by its path whether a file can be one in which TensorStore keeps values and nodes."""
    return not content.location.members and _TENSORSTORE_FILE.match(content.location.path) is not None
