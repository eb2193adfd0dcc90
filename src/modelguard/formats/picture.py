"""Pictures: PNG, JPEG, GIF, WebP, BMP, TIFF, ICO, AVIF, HEIC. Recognised by their first bytes; nothing is decoded."""

from __future__ import annotations

import re
from collections.abc import Iterable

from modelguard.formats._magic import Kind, kind_of, read_kind, size_field
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact

_PNG_HEAD = 8
_PNG_CHUNK = 12
_MOST_CHUNKS = 1_000_000


def _png_end(content: Content) -> int:
    """Follow the chunks to IEND (PNG specification, section 5.3)."""
    offset = _PNG_HEAD
    for _ in range(_MOST_CHUNKS):
        header = content.read(offset, 8)
        offset += _PNG_CHUNK + int.from_bytes(header[:4], "big")
        if header[4:] == b"IEND":
            if offset > content.size:
                raise ReadError("PNG ends within its last chunk")
            return offset
    raise ReadError(f"PNG has more than {_MOST_CHUNKS} chunks")


def _riff_end(content: Content) -> int:
    end = size_field(content, 4, 4, plus=8)
    return min(end + end % 2, content.size)


def _whole(content: Content) -> bool:
    return int.from_bytes(content.read(2, 4), "little") == content.size


KINDS = (
    Kind(name="PNG", begins=re.compile(rb"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", re.S), end=_png_end),
    Kind(name="JPEG", begins=re.compile(rb"\xff\xd8\xff[\xc0-\xfe]", re.S)),
    Kind(name="GIF", begins=re.compile(rb"GIF8[79]a.{7}", re.S)),
    Kind(name="WebP", begins=re.compile(rb"RIFF.{4}WEBPVP8[ LX]", re.S), end=_riff_end),
    Kind(name="BMP", begins=re.compile(rb"BM.{4}\x00{4}", re.S), fits=_whole),
    Kind(name="TIFF", begins=re.compile(rb"II\*\x00|MM\x00\*", re.S)),
    Kind(name="ICO", begins=re.compile(rb"\x00\x00[\x01\x02]\x00[\x01-\x40]\x00.{2}.\x00", re.S)),
    Kind(name="AVIF or HEIC", begins=re.compile(rb"\x00\x00\x00.ftyp(?:avif|avis|heic|heix|mif1|msf1)", re.S)),
)


def accepts(content: Content) -> bool:
    return kind_of(content, KINDS) is not None


def read(content: Content, walk: Walk) -> Iterable[Fact]:
    return read_kind(content, walk, "picture", KINDS)


FORMAT = Format(
    name="picture",
    title="Picture",
    reads="The first bytes of PNG, JPEG, GIF, WebP, BMP, TIFF, ICO, AVIF and HEIC; PNG and WebP to their end.",
    looks_for="Bytes behind the end of the picture, which are read as files of their own.",
    clue=Clue(first=b"\x89\xffGRBIM\0"),
    accepts=accepts,
    read=read,
    endings=(".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".ico", ".avif", ".heic"),
)
