"""Tells text from binary and decodes it: UTF-8, UTF-16 with a byte-order mark, 8-bit text under a few endings.

Text has no magic number. What counts as text here: it decodes, holds no NUL character, and at most one character in a
hundred is a control character other than tab, line break and form feed.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from attrs import frozen

from modelguard.terms.artifact import file_type
from modelguard.terms.content import BEGINNING, CHUNK, Content
from modelguard.terms.errors import BudgetSpent, ReadError

LIMIT = 16 << 20
"""Bytes of a text that a reader takes into memory as a whole."""

PROBE = 64 << 10
"""Bytes looked at on either end to tell text from binary."""

# Endings under which text in a code page is common: licenses with a © in Latin-1, word lists, tables.
_EIGHT_BIT = {"", ".txt", ".md", ".rst", ".csv", ".tsv", ".vocab", ".dic", ".aff", ".license"}

_NORMAL_CONTROLS = {0x09, 0x0A, 0x0C, 0x0D}
_CONTROLS = bytes(set(range(32)) - _NORMAL_CONTROLS | {0x7F})
_CONTROL_CHARACTERS = dict.fromkeys((*_CONTROLS, *range(128, 160)))
_LONGEST_UTF8 = 4
_LONG_ENOUGH = 64

_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_MARKS_ALONE = tuple(mark for mark, _ in _MARKS)
_LONGEST_MARK = 4


@frozen
class Encoding:
    """How a content is written: the codec's name, and whether it is only a guess for 8-bit text."""

    codec: str
    guessed: bool = False


def encoding_of(content: Content) -> Encoding | None:
    """Tell how a text is written from its first and last bytes, or None when these are not text."""
    return content.once(_encoding_of)


def _encoding_of(content: Content) -> Encoding | None:
    if b"\0" in content.head(BEGINNING) and not content.head(_LONGEST_MARK).startswith(_MARKS_ALONE):
        return None
    head = content.head(content.ahead(0, PROBE))
    for mark, codec in _MARKS:
        if head.startswith(mark):
            return Encoding(codec) if _decodes(head, codec) else None
    if b"\0" in head:
        return None
    tail = content.tail(PROBE) if content.size > PROBE else b""
    if b"\0" in tail or not _few_controls(head + tail):
        return None
    if _decodes(head, "utf-8") and _decodes(_whole_characters(tail), "utf-8"):
        return Encoding("utf-8")
    if file_type(content.name) in _EIGHT_BIT:
        return _guessed(head, tail)
    return None


def _guessed(head: bytes, tail: bytes) -> Encoding | None:
    if not any(0x80 <= byte < 0xA0 for byte in head + tail):
        return Encoding("latin-1", guessed=True)
    # Code pages that leave some bytes undefined, so that decoding means something.
    codecs_that_fit = (codec for codec in ("cp1252", "gb18030") if _decodes(head, codec))
    return next((Encoding(codec, guessed=True) for codec in codecs_that_fit), None)


def is_text(content: Content) -> bool:
    """Tell whether both ends of the content are text. An empty content is."""
    return encoding_of(content) is not None


def text_of(content: Content, limit: int = LIMIT) -> str:
    """Return the whole content as text.

    Raises `BudgetSpent` for more than `limit` bytes and `ReadError` for what does not decode.
    """
    if content.size > limit:
        raise BudgetSpent(f"{content.size} bytes of text are more than the {limit} that this format is given")
    return "".join(pieces_of(content))


def pieces_of(content: Content) -> Iterator[str]:
    """Yield the text in pieces of about a megabyte.

    Raises `ReadError` where it stops being text.
    """
    encoding = encoding_of(content)
    if encoding is None:
        raise ReadError("this is not text: it has NUL or control bytes, or is not UTF-8")
    decoder = codecs.getincrementaldecoder(encoding.codec)()
    offset = 0
    for chunk in content.chunks(CHUNK):
        try:
            piece = decoder.decode(chunk, final=offset + len(chunk) == content.size)
        except UnicodeError as error:
            raise ReadError(
                f"text stops being {encoding.codec} near byte {offset}: {error.__class__.__name__}"
            ) from error
        if "\0" in piece:
            raise ReadError(f"text has a NUL character near byte {offset}")
        if len(piece) - len(piece.translate(_CONTROL_CHARACTERS)) > _allowed(len(piece), content.size):
            raise ReadError(f"text turns into binary near byte {offset}")
        offset += len(chunk)
        yield piece


def _decodes(data: bytes, codec: str) -> bool:
    try:
        text = codecs.getincrementaldecoder(codec)().decode(data, final=False)
    except UnicodeError:
        return False
    return "\0" not in text


def _few_controls(data: bytes) -> bool:
    return len(data) - len(data.translate(None, _CONTROLS)) <= _allowed(len(data), len(data))


def _allowed(length: int, whole: int) -> int:
    """How many control characters so many bytes of a text may have: long word lists hold a few as entries."""
    return 8 + length // 100 if whole >= _LONG_ENOUGH else 0


def _whole_characters(tail: bytes) -> bytes:
    """Drop the rest of a character that began before the tail."""
    for start in range(min(_LONGEST_UTF8, len(tail))):
        if tail[start] & 0xC0 != 0x80:
            return tail[start:]
    return tail
