"""Sound and film: WAV, FLAC, MP3, Ogg, MP4, WebM, AVI. Recognised by their first bytes; nothing is decoded."""

from __future__ import annotations

import re
from collections.abc import Iterable

from modelguard.formats._magic import Kind, kind_of, read_kind, size_field
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.facts import Fact


def _riff_end(content: Content) -> int:
    end = size_field(content, 4, 4, plus=8)
    return min(end + end % 2, content.size)


KINDS = (
    Kind(name="WAV", begins=re.compile(rb"RIFF.{4}WAVE", re.S), end=_riff_end),
    Kind(name="WAV", begins=re.compile(rb"(?:RIFX|RF64).{4}WAVE", re.S)),
    Kind(name="AVI", begins=re.compile(rb"RIFF.{4}AVI ", re.S)),
    Kind(name="FLAC", begins=re.compile(rb"fLaC[\x00\x80]\x00\x00\x22", re.S)),
    Kind(name="MP3", begins=re.compile(rb"ID3[\x02-\x04]\x00|\xff[\xfa\xfb\xf2\xf3][\x10-\xef]", re.S)),
    Kind(name="Ogg", begins=re.compile(rb"OggS\x00[\x00-\x07]", re.S)),
    Kind(name="MP4", begins=re.compile(rb"\x00\x00\x00.ftyp(?:isom|iso\d|mp4\d|M4A |M4V |avc1|qt  |dash|MSNV)", re.S)),
    Kind(name="Matroska or WebM", begins=re.compile(rb"\x1aE\xdf\xa3", re.S)),
)


def accepts(content: Content) -> bool:
    return kind_of(content, KINDS) is not None


def read(content: Content, walk: Walk) -> Iterable[Fact]:
    return read_kind(content, walk, "recording", KINDS)


FORMAT = Format(
    name="recording",
    title="Sound or film",
    reads="The first bytes of WAV, FLAC, MP3, Ogg, MP4, Matroska and AVI; WAV to its end.",
    looks_for="Bytes behind the end of the recording, which are read as files of their own.",
    clue=Clue(first=b"RfI\xffO\0\x1a"),
    accepts=accepts,
    read=read,
    endings=(".wav", ".flac", ".mp3", ".ogg", ".mp4", ".m4a", ".webm", ".mkv", ".avi", ".mov"),
)
