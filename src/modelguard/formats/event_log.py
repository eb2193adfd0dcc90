"""TensorBoard event files and other TFRecord files: length, checksum, bytes, checksum, and so on.

Format: https://www.tensorflow.org/tutorials/load_data/tfrecord
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from posixpath import basename

from modelguard.formats.format import Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact, Header

_HEADER, _FOOTER = 12, 4
_POLYNOMIAL = 0x82F63B78  # CRC-32C, reflected (RFC 3720, appendix B.4)
_MASK = 0xA282EAD8


def accepts(content: Content) -> bool:
    """Tell by the first length and its checksum: four bytes that no other file has by chance."""
    return content.size >= _HEADER + _FOOTER and _length(content, 0) is not None


def read(content: Content, walk: Walk) -> Iterable[Fact]:
    """Follow the records to the end; a log that was cut off while it was written ends within one."""
    at = count = 0
    while at < content.size:
        if content.size - at < _HEADER:
            raise ReadError(f"ends within the header of a record at {at}")
        length = _length(content, at)
        if length is None:
            raise ReadError(f"the length of the record at {at} does not match its checksum")
        if length > content.size - at - _HEADER - _FOOTER:
            raise ReadError(f"ends within the record at {at}")
        at += _HEADER + length + _FOOTER
        count += 1
        if count % 4096 == 0:
            walk.budget.spend_time()
    kind = "TensorBoard" if "tfevents" in basename(content.name) else "TFRecord"
    yield Header(location=content.location, format="event-log", properties={"kind": kind, "records": str(count)})


def _length(content: Content, at: int) -> int | None:
    header = content.read(at, _HEADER)
    if int.from_bytes(header[8:], "little") != _masked(header[:8]):
        return None
    return int.from_bytes(header[:8], "little")


@cache
def _table() -> tuple[int, ...]:
    """Return what each byte does to the checksum."""
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


def _masked(data: bytes) -> int:
    table = _table()
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF


FORMAT = Format(
    name="event-log",
    title="TensorBoard events and TFRecord",
    reads="The lengths of all records with their checksums.",
    looks_for="Nothing: logs are recognised so that they are not unknown.",
    accepts=accepts,
    read=read,
    endings=(".tfrecord",),
)
