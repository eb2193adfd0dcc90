"""The opcodes that push constants and are not in the machine's inner loop: text, long integers, long bytes, buffers.

Each is given the offset of its argument and returns the offset of the next opcode.
"""

from __future__ import annotations

from modelguard.picklevm import text
from modelguard.picklevm.hooks import Fault
from modelguard.picklevm.objects import FLOAT, KEPT_BYTES, Blob, Raw
from modelguard.picklevm.state import State


class Constants(State):
    """Opcodes that push constants."""

    def _int(self, at: int) -> int:
        line, end = self._line(at)
        is_long = self.window.bytes_at(at - 1, 1) == b"L"
        if not is_long and line in (b"00", b"01"):
            self.stack.append(line == b"01")
            return end
        if line is not None and is_long and line.endswith(b"L"):
            line = line[:-1]
        elif is_long:
            self.recorder.malformed("pickle-number", self.at, "the line of LONG has no L at its end")
        value, usual = text.integer(line) if line is not None else (None, True)
        if value is None and not usual:
            raise Fault("pickle-number", self.at, f"a number written as {(line or b'')[:40]!r}")
        if not usual:
            self.recorder.malformed("pickle-number", self.at, f"a number written as {(line or b'')[:40]!r}")
        self.stack.append(Blob("int", end - at) if value is None else value)
        return end

    def _float(self, at: int) -> int:
        line, end = self._line(at)
        if line is None or not any(chr(byte) in "0123456789naif" for byte in line):
            raise Fault("pickle-number", self.at, f"a number written as {(line or b'')[:40]!r}")
        if not text.is_usual_float(line):
            self.recorder.malformed("pickle-number", self.at, f"a number written as {(line or b'')[:40]!r}")
        self.stack.append(FLOAT)
        return end

    def _long1(self, at: int) -> int:
        length, at = self._number(at, 1)
        return self._long_integer(at, length)

    def _long4(self, at: int) -> int:
        length, at = self._number(at, 4, signed=True)
        return self._long_integer(at, length)

    def _long_integer(self, at: int, length: int) -> int:
        if 0 <= length <= 8:  # 64 bits
            value, end = self._number(at, length, signed=True)
            self.stack.append(value)
            return end
        return self._long("int", at, length)

    def _string(self, at: int) -> int:
        line, end = self._line(at)
        value = text.quoted(line) if line is not None else None
        if value is None:
            if line is None:
                self.stack.append(Blob("str", end - at))
                self._carrier("str", at, end - at)
                return end
            raise Fault("pickle-string", self.at, f"the line of STRING is not quoted or escaped well: {line[:40]!r}")
        self.stack.append(self._python2(value))
        self._carrier("str", at, end - at)
        return end

    def _python2(self, value: bytes) -> Raw:
        """Return what stands for a Python 2 str: its text, or bytes when only some encodings can read it."""
        if value.isascii():
            return value if len(value) <= KEPT_BYTES else Blob("str", len(value))
        self.recorder.noted(
            "pickle-encoding",
            self.at,
            "a Python 2 str with bytes above 127: what it is depends on the reader's encoding",
        )
        return Blob("bytes", len(value), value if len(value) <= KEPT_BYTES else None)

    def _short(self, op: int, value: bytes) -> Raw:
        """Return what stands for the bytes of SHORT_BINBYTES or the Python 2 str of SHORT_BINSTRING."""
        return Blob("bytes", len(value), value) if op == 0x43 else self._python2(value)  # its code

    def _binstring(self, at: int) -> int:
        length, at = self._number(at, 4, signed=True)
        if 0 <= length <= KEPT_BYTES and length <= self.window.size - at:
            self.stack.append(self._python2(self.window.bytes_at(at, length)))
            self._carrier("bytes", at, length)
            return at + length
        return self._long("bytes", at, length)

    def _unicode(self, at: int) -> int:
        line, end = self._line(at)
        value = text.raw_unicode(line) if line is not None else None
        if line is not None and value is None:
            raise Fault("pickle-unicode", self.at, f"a broken escape in the line of UNICODE: {line[:40]!r}")
        self.stack.append(value if value is not None and len(value) <= KEPT_BYTES else Blob("str", end - at))
        self._carrier("str", at, end - at)
        return end

    def _binunicode8(self, at: int) -> int:
        length, at = self._number(at, 8)
        return self._long("str", at, length)

    def _binbytes(self, at: int) -> int:
        length, at = self._number(at, 4)
        return self._long("bytes", at, length)

    def _binbytes8(self, at: int) -> int:
        length, at = self._number(at, 8)
        return self._long("bytes", at, length)

    def _bytearray8(self, at: int) -> int:
        length, at = self._number(at, 8)
        return self._long("bytearray", at, length)

    def _next_buffer(self, at: int) -> int:
        self.recorder.unresolved("out-of-band-buffer", self.at, "the bytes of a buffer are not in this file")
        self.stack.append(Blob("buffer", 0))
        return at

    def _readonly_buffer(self, at: int) -> int:
        _ = self.stack[-1]
        return at
