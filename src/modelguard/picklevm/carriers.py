"""Finds pickles that a constant or unread bytes carry: as they are, or in base64, hex or a compressed form.

A constant only does harm when something unpickles it, and calls that do so are granted by no profile. What is found
here is told in addition; a constant of more than `SEARCHED` bytes is searched at its start only.
"""

from __future__ import annotations

import binascii
import bz2
import lzma
import re
import zlib
from collections.abc import Callable, Iterator

from modelguard.picklevm import text
from modelguard.picklevm.hooks import Fault
from modelguard.picklevm.machine import Machine
from modelguard.picklevm.recorder import Recorder
from modelguard.terms.content import Budget, Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Call, Fact, Import, Nested, Unread

SEARCHED = 1 << 12
"""Bytes of a constant in which the start of a pickle is looked for."""

EXPANDED = 1 << 20
"""Bytes that come out of a compressed or encoded constant before the rest is left out."""

TRIED = 64
"""Starts that are tried in one constant."""

CANDIDATES = 4_096
"""Constants of one content that look as if they carried something."""

ATTEMPT = 1 << 22
"""Bytes that one attempt may read, when the start of a pickle is only a guess."""

# PROTO and what picklers write behind it: a frame, or the first opcode of a value.
_PROTO = re.compile(
    rb"\x80(?:[\x04\x05]\x95.{5}\x00\x00\x00|[\x00-\x05][c(}\])NKMJGXUTBCVSIFLq\x80\x88-\x8f])", re.DOTALL
)
_IDIOM = re.compile(rb"[ci][A-Za-z_][\w.]{0,200}\r?\n[A-Za-z_][\w.]{0,200}\n")
# What each idiom holds, which is found sooner: a search by a set of first letters goes byte by byte.
_SECOND_LINE = re.compile(rb"\n[A-Za-z_][\w.]{0,200}\n")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16}")
_HEX = re.compile(rb"[0-9A-Fa-f]{16}")
_ESCAPED = re.compile(rb"\\(?:x80|u0080|200|n|u000a|012|x0a)")
_ENCODED = tuple(bytes([letter]) for letter in b"gKYkXeHQ/2568714")
_COMPRESSED = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x5d\x00\x00")


def _unzlib(data: bytes) -> bytes:
    return zlib.decompressobj(47).decompress(data, EXPANDED)


def _unbz2(data: bytes) -> bytes:
    return bz2.BZ2Decompressor().decompress(data, EXPANDED)


def _unxz(data: bytes) -> bytes:
    return lzma.LZMADecompressor(memlimit=1 << 26).decompress(data, EXPANDED)


def _unbase64(data: bytes) -> bytes:
    letters = bytes(data.translate(bytes.maketrans(b"-_", b"+/"), b" \t\r\n="))
    return binascii.a2b_base64(letters[: len(letters) // 4 * 4] + _tail(letters))


def _tail(letters: bytes) -> bytes:
    rest = letters[len(letters) // 4 * 4 :]
    return rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""


def _unlatin(data: bytes) -> bytes:
    return data.decode("utf-8").encode("latin-1")


def _unescape(data: bytes) -> bytes:
    if b"\\u" in data:
        return data.decode("raw-unicode-escape").encode("latin-1")
    plain = text.quoted(b'"' + data + b'"')
    if plain is None:
        raise ValueError("a broken escape")
    return plain


def _unhex(data: bytes) -> bytes:
    return bytes.fromhex(data.decode("ascii"))


class Found:
    """The constants of one content that may carry a pickle; the machine tells them, `facts` reads them."""

    def __init__(self, content: Content, budget: Budget, depth: int) -> None:
        self.content = content
        self.budget = budget
        self.depth = depth
        self.overflow = False
        self._spots: list[tuple[str, int, int]] = []

    def __call__(self, kind: str, offset: int, length: int, head: bytes) -> None:
        if not (_may_carry_text(head) if kind == "str" else _may_carry(head)):
            return
        if len(self._spots) >= CANDIDATES:
            self.overflow = True
        else:
            self._spots.append((kind, offset, length))

    def facts(self) -> Iterator[Fact]:
        """Read what was told, and yield the facts about the pickles that are carried."""
        spots, self._spots = self._spots, []
        if self.overflow:
            yield Unread(
                location=self.content.location, format="pickle", reason="more constants look like pickles than are read"
            )
        for kind, offset, length in spots:
            yield from self._carried(kind, self.content.part(offset, length), offset)

    def _carried(self, kind: str, part: Content, offset: int) -> Iterator[Fact]:
        head = part.head(SEARCHED)
        found = list(search(part, head, self.budget, self.depth, f"pickle@{offset}"))
        if not found:
            for name, decoded in _decoded(kind, part, head):
                self.budget.spend_bytes(len(decoded))
                inner = Content.of(decoded, part.location.inside(f"{name}@{offset}"))
                found = list(search(inner, decoded[:SEARCHED], self.budget, self.depth, "pickle"))
                if found:
                    kind = f"{kind} ({name})"
                    break
        if found:
            yield Nested(location=self.content.location.at(offset), format="pickle", carrier=kind)
            yield from found


def _may_carry_text(head: bytes) -> bool:
    """Tell whether a str may carry a pickle; the compiled loop passes over the texts for which this cannot be true."""
    if b"\n" in head and _SECOND_LINE.search(head) and _IDIOM.search(head):
        return True
    if b"\xc2\x80" in head or (b"\\" in head and _ESCAPED.search(head)):
        return True
    return head[:1] in _ENCODED and bool(_BASE64.match(head) or _HEX.match(head))


def _may_carry(head: bytes) -> bool:
    """Tell whether bytes may carry a pickle."""
    if _PROTO.search(head) or head.startswith(_COMPRESSED):
        return True
    # The long raw bytes of an array are no text: the slower searches are for constants that could be one.
    return (len(head) < SEARCHED or head[:64].isascii()) and _may_carry_text(head)


def _decoded(kind: str, part: Content, head: bytes) -> Iterator[tuple[str, bytes]]:
    data = part.head(EXPANDED)
    is_text = kind == "str" or head[:64].isascii()
    ways: list[tuple[str, bool, Callable[[bytes], bytes]]] = [
        ("latin-1", is_text and b"\xc2\x80" in head, _unlatin),
        ("escapes", is_text and b"\\" in head, _unescape),
        ("hex", bool(_HEX.match(head)), _unhex),
        ("base64", bool(_BASE64.match(head)), _unbase64),
        ("zlib", head.startswith(_COMPRESSED[:5]), _unzlib),
        ("bz2", head.startswith(b"BZh"), _unbz2),
        ("xz", head.startswith((b"\xfd7zXZ", b"\x5d\x00\x00")), _unxz),
    ]
    for name, fits, decode in ways:
        if fits:
            try:
                decoded = decode(data)
            except (ValueError, zlib.error, lzma.LZMAError, OSError, EOFError):
                continue
            yield name, decoded
            if head.startswith(_COMPRESSED):
                continue
            for inner_name, inner_fits, inner_decode in (
                ("zlib", decoded.startswith(_COMPRESSED[:5]), _unzlib),
                ("bz2", decoded.startswith(b"BZh"), _unbz2),
            ):
                if inner_fits:
                    try:
                        yield f"{name}+{inner_name}", inner_decode(decoded)
                    except (ValueError, zlib.error, OSError, EOFError):
                        continue


def search(part: Content, head: bytes, budget: Budget, depth: int, name: str) -> Iterator[Fact]:
    """Yield the facts about pickles that begin anywhere in `head`, the first bytes of `part`.

    A start that is only a guess counts when a whole pickle with a global follows, or one that makes a call.
    """
    if depth >= budget.depth:
        yield Unread(location=part.location, format="pickle", reason="pickles within pickles, too many levels")
        return
    starts = [match.start() for match in _PROTO.finditer(head)]
    idioms = [match.start() for match in _IDIOM.finditer(head)] if _SECOND_LINE.search(head) else []
    if idioms:
        starts += [0, *idioms]
    behind = 0
    for start in sorted(set(starts))[:TRIED]:
        if start < behind:
            continue
        whole = start == 0
        length = part.size - start if whole else min(part.size - start, ATTEMPT)
        label = name if whole else f"{name}+{start}"
        behind = start
        facts, end = attempt(part.part(start, length, label), budget, depth + 1)
        if facts:
            yield from facts
            behind = start + end


def attempt(content: Content, budget: Budget, depth: int) -> tuple[list[Fact], int]:
    """Try to read a pickle at the start of a content: the facts if it is one, and where it ends."""
    recorder = Recorder(content.location)
    found = Found(content, budget, depth)
    machine = Machine(content, budget, recorder, carriers=found)
    stopped = True
    end = 0
    try:
        end = machine.run(0)
    except Fault as fault:
        stopped = False
        recorder.malformed(fault.rule, fault.offset, fault.detail)
    except ReadError:
        stopped = False
    facts = recorder.take()
    imports = any(isinstance(fact, Import) for fact in facts)
    called = any(isinstance(fact, Call) for fact in facts)
    is_whole = stopped and end == content.size and content.head(1) == b"\x80"
    if (imports and (stopped or called)) or is_whole:
        return [*facts, *found.facts()], max(end, 1)
    return [], 0
