"""Recognises archives and encryptions that are not expanded, so that they are refused as unread, not as unknown.

A loader or a second stage may well expand them: nullifAI hid a checkpoint in 7z from scanners that only knew ZIP
(https://www.reversinglabs.com/blog/rl-identifies-malware-ml-model-hosted-on-hugging-face).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import BEGINNING, Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact

# Offset, first bytes, what it is.
_MARKS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"7z\xbc\xaf\x27\x1c", "7z archive"),
    (0, b"Rar!\x1a\x07", "RAR archive"),
    (0, b"!<arch>\n", "ar archive"),
    (0, b"!<thin>\n", "thin ar archive"),
    (0, b"070701", "cpio archive"),
    (0, b"070702", "cpio archive"),
    (0, b"070707", "cpio archive"),
    (0, b"\xc7\x71", "cpio archive"),
    (0, b"MSCF\0\0\0\0", "cabinet archive"),
    (0, b"xar!", "xar archive"),
    (0, b"7kSt", "ZPAQ archive"),
    (7, b"**ACE**", "ACE archive"),
    (0, b"hsqs", "squashfs image"),
    (0x8001, b"CD001", "ISO 9660 image"),
    (0, b"LZIP\x01", "lzip stream"),
    (0, b"LRZI", "lrzip stream"),
    (0, b"\x89LZO\0\r\n\x1a\n", "lzop stream"),
    (0, b"\x1f\x9d", "compress stream"),
    (0, b"\x1f\xa0", "compress stream"),
    (0, b"\x02\x21\x4c\x18", "LZ4 stream of the old kind"),
    (0, b"\xff\x06\0\0sNaPpY", "snappy stream"),
    (0, b"\xce\xb2\xcf\x81", "brotli stream"),
    (0, b"Salted__", "file encrypted by openssl"),
    (0, b"age-encryption.org/v1\n", "file encrypted by age"),
    (0, b"-----BEGIN AGE ENCRYPTED FILE-----", "file encrypted by age"),
    (0, b"-----BEGIN PGP MESSAGE-----", "file encrypted by OpenPGP"),
    (0, b"gocryptfs", "file encrypted by gocryptfs"),
)
_FIRST = tuple(mark for offset, mark, _ in _MARKS if not offset)
_FURTHER = tuple(row for row in _MARKS if row[0])
# RFC 8878, 3.1.2: frames that decompressors skip; whatever follows one is not looked for.
_SKIPPED = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18", re.DOTALL)


_FIRST_BYTES = bytes(sorted({mark[0] for mark in _FIRST} | set(range(0x50, 0x60))))


def _has_further_mark(content: Content) -> bool:
    """Tell whether one of the marks that do not stand at the beginning is there."""
    for offset, mark, _ in _FURTHER:
        if content.size >= offset + len(mark) and content.read(offset, len(mark)) == mark:
            return True
    return False


def what_is(content: Content) -> str:
    """Return what kind of sealed bytes a content begins with, or an empty string."""
    head = content.head(BEGINNING)
    if head.startswith(_FIRST):
        return next(what for offset, mark, what in _MARKS if not offset and head.startswith(mark))
    for offset, mark, what in _FURTHER:
        if content.size >= offset + len(mark) and content.read(offset, len(mark)) == mark:
            return what
    return "stream with a skipped frame in front" if _SKIPPED.match(content.head(4)) else ""


def read(content: Content, walk: Walk) -> Iterator[Fact]:
    """Raise `ReadError`: nothing in there is read."""
    del walk
    yield from ()
    raise ReadError(f"a {what_is(content)} is not expanded")


SEALED = Format(
    name="sealed",
    title="Other archives and encrypted files",
    reads="Only that it is one: 7z, RAR, ar, cpio, cabinet, lzip, compress, snappy, openssl, age, OpenPGP and others.",
    looks_for="Nothing: what is inside stays unread, which refuses the model.",
    clue=Clue(first=_FIRST_BYTES, when=_has_further_mark),
    accepts=lambda content: bool(what_is(content)),
    read=read,
    endings=(".7z", ".rar", ".cpio", ".cab", ".lz", ".br"),
)
