"""Reads the text form of protocol buffers as a stream of fields, without recursion.

Source: https://protobuf.dev/reference/protobuf/textformat-spec/
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelguard.terms.content import Budget
from modelguard.terms.errors import BudgetSpent, ReadError

DEEPEST = 200
_TOKEN = re.compile(
    r"""(?P<skip>(?:\s|\#[^\n]*+)++)
    |(?P<text>"(?:[^"\\\n]|\\.)*+"|'(?:[^'\\\n]|\\.)*+')
    |(?P<word>[A-Za-z0-9_.+-]++|\[[A-Za-z0-9_./-]*+\](?=\s*+[:{<]))
    |(?P<mark>[{}<>\[\]:;,])""",
    re.VERBOSE | re.DOTALL,
)
# A run of plain characters, or an escape: by letter, in octal, in hexadecimal, as a code point; or a lone backslash.
_PIECE = re.compile(
    r"""([^\\]++)|\\(?:([abfnrtv?\\'"])|([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))|\\"""
)
_ESCAPES = dict(zip("abfnrtv?\\'\"", "\a\b\f\n\r\t\v?\\'\"", strict=True))
_OPENED = {"{": "}", "<": ">"}


def text_fields(text: str, budget: Budget) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the path and the value of every field that is no message; a list yields each of its items.

    The beginning of a message is yielded with the value `{`.

    Raises `ReadError` for text that is not of this form, `BudgetSpent` for too deep nesting.
    """
    path: list[tuple[str, str, bool]] = []
    name, in_list = "", False
    value: str | None = None  # the pieces of a text so far; an empty text is a value like any other
    for number, (kind, word) in enumerate(_tokens(text)):
        if number % 65_536 == 0:
            budget.spend_time()
        if value is not None and kind != "text":
            yield (*(part for part, _, _ in path), name), value
            value = None
            name = name if in_list else ""
        if kind == "text":
            value = (value or "") + _decoded(word)
        elif kind == "word" and name:
            yield (*(part for part, _, _ in path), name), word
            name = name if in_list else ""
        elif kind == "word":
            name = word
        elif word in _OPENED:
            if not name or len(path) >= DEEPEST:
                raise (BudgetSpent if name else ReadError)(f"text proto: {word} after {len(path)} levels")
            yield (*(part for part, _, _ in path), name), "{"
            path.append((name, _OPENED[word], in_list))
            name, in_list = "", False
        elif word in ("}", ">"):
            if not path or path[-1][1] != word:
                raise ReadError(f"text proto: {word} that closes nothing")
            outer, _, in_list = path.pop()
            name = outer if in_list else ""
        elif word in ("[", "]"):
            in_list = word == "["
            name = name if in_list else ""
    if value is not None:
        yield (*(part for part, _, _ in path), name), value
    if path or in_list or (name and value is None):
        raise ReadError(f"text proto: ends within {path[-1][0] if path else name}")


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            raise ReadError(f"text proto: {text[at : at + 20]!r} at character {at}")
        at = match.end()
        if match.lastgroup != "skip":
            yield match.lastgroup or "", match[0]


def _decoded(quoted: str) -> str:
    data = bytearray()
    for plain, mark, octal, byte, short, long in _PIECE.findall(quoted[1:-1]):
        if plain:
            data += plain.encode("utf-8", "surrogatepass")
        elif mark:
            data += _ESCAPES[mark].encode()
        elif octal or byte:
            data.append(int(octal or byte, 8 if octal else 16) & 0xFF)
        elif (short or long) and int(short or long, 16) < 0x11_0000:
            data += chr(int(short or long, 16)).encode("utf-8", "surrogatepass")
        else:
            raise ReadError(f"text proto: an escape that does not exist, in {quoted[:40]!r}")
    return data.decode("utf-8", "surrogateescape")
