"""Prints the program of a pickle: each opcode with its offset, its argument and what it does to the stack.

The lines come from the machine that scans, opcode by opcode, so that what an analyst reads is what was judged:

    offset  opcode            argument      marks:height  top of the stack
         0  PROTO             4             0:0
         2  SHORT_BINUNICODE  'os'          0:1           'os'
         6  SHORT_BINUNICODE  'system'      0:2           'system'
        14  STACK_GLOBAL                    0:1           os.system
            ^ Import os.system

A fact is written below the opcode at which it was seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelguard.picklevm.hooks import Fault, Interruption, PersistentRule
from modelguard.picklevm.machine import Machine
from modelguard.picklevm.objects import Raw
from modelguard.picklevm.opcodes import BY_CODE, Argument
from modelguard.picklevm.recorder import Recorder, preview_value
from modelguard.terms.artifact import printable
from modelguard.terms.content import Budget, Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Build, Call, Fact, Import, Malformed, Noted, Unresolved

LINES = 1_000_000
"""Opcodes that are printed before the trace ends."""

WIDTH = 40
"""Bytes of an argument that are shown."""

_LENGTHS: dict[Argument, int] = {"bytes1": 1, "bytes4": 4, "bytes4s": 4, "bytes8": 8}
_NUMBERS: dict[Argument, int] = {"uint1": 1, "uint2": 2, "uint4": 4, "uint8": 8, "int4": 4}

HEADING = "   offset  opcode            argument                                   marks:height  top of the stack"


class _Enough(ReadError):
    """As many opcodes were printed as are."""


class _Observer:
    """Stands where the compiled loop would: is shown the state before each opcode and runs none itself."""

    def __init__(self, recorder: Recorder, most: int) -> None:
        self.recorder = recorder
        self.left = most
        self.lines: list[str] = []
        self._pending: tuple[int, str, str] | None = None

    def __call__(
        self, data: bytes, pos: int, _limit: int, stack: list[Any], marks: list[list[Any]], *rest: Any
    ) -> tuple[int, list[Any], int, bool]:
        self.after(len(marks), stack)
        self.left -= 1
        if self.left < 0:
            raise _Enough("the trace ends here")
        base: int = rest[-1]
        opcode = BY_CODE.get(data[pos])
        if opcode is None:
            self._pending = (base + pos, f"0x{data[pos]:02x}", "no opcode")
        else:
            self._pending = (base + pos, opcode.name, _argument(opcode.argument, data, pos + 1))
        return pos, stack, -1, False

    def after(self, marks: int, stack: list[Raw]) -> None:
        """Print the opcode that has just run, with the stack that it left and the facts that it gave."""
        if self._pending is not None:
            offset, name, argument = self._pending
            top = preview_value(stack[-1]) if stack else ""
            self.lines.append(f"{offset:9d}  {name:<16}  {argument:<41}  {marks}:{len(stack):<10}  {top}".rstrip())
        self._pending = None
        self.lines.extend(f"           ^ {_told(fact)}" for fact in self.recorder.take())


def trace(
    content: Content,
    budget: Budget,
    *,
    interruption: Interruption | None = None,
    persistent: PersistentRule | None = None,
    start: int = 0,
    most: int = LINES,
) -> Iterator[str]:
    """Yield the lines of the trace of all pickles of a content from `start`, at most `most` opcodes of it.

    What lies behind a fault is not decoded; the last line tells the fault. Raises `ReadError` as `scan` does.
    """
    recorder = Recorder(content.location)
    machine = Machine(content, budget, recorder, interruption=interruption, persistent=persistent)
    observer = _Observer(recorder, most)
    machine.advance = observer
    yield HEADING
    at = start
    while at < content.size:
        try:
            at = machine.run(at)
            observer.after(len(machine.marks), machine.stack)
        except Fault as fault:
            observer.after(len(machine.marks), machine.stack)
            observer.lines.append(f"{fault.offset:9d}  stops: {fault.detail} ({fault.rule})")
            at = content.size
        except _Enough:
            observer.lines.append(f"           … the trace ends after {most} opcodes")
            at = content.size
        yield from observer.lines
        observer.lines.clear()


def _argument(kind: Argument, data: bytes, at: int) -> str:
    """Return the argument of an opcode as text, shortened."""
    if kind in _NUMBERS:
        return str(int.from_bytes(data[at : at + _NUMBERS[kind]], "little", signed=kind == "int4"))
    if kind == "float8":
        return data[at : at + 8].hex()
    if kind in _LENGTHS:
        width = _LENGTHS[kind]
        length = int.from_bytes(data[at : at + width], "little", signed=kind == "bytes4s")
        return _short(data[at + width : at + width + max(min(length, WIDTH), 0)], length)
    if kind == "line":
        return _short(data[at:].split(b"\n", 1)[0][:WIDTH], 0)
    if kind == "lines":
        return " ".join(
            printable(line[:WIDTH].decode("utf-8", "backslashreplace")) for line in data[at:].split(b"\n", 2)[:2]
        )
    return ""


def _short(data: bytes, length: int) -> str:
    shown = repr(data)[1:]
    return f"{shown[: WIDTH - 12]}… {length} bytes" if length > WIDTH or len(shown) > WIDTH else shown


def _told(fact: Fact) -> str:
    """Return a fact in one line, its kind first."""
    kind = type(fact).__name__
    if isinstance(fact, Import):
        written = f" (written {fact.written})" if fact.written else ""
        text = f"{fact.qualified}{written}{f': {fact.hazard}' if fact.hazard else ''}"
    elif isinstance(fact, Call):
        dropped = ", the result is dropped" if fact.result_dropped else ""
        text = f"{fact.target}{fact.arguments if fact.arguments.startswith('(') else ''}{dropped}"
        text += f", {fact.broken}" if fact.broken else ""
    elif isinstance(fact, Build):
        text = f"{fact.target}: {fact.manner} {fact.detail}"
    elif isinstance(fact, Unresolved):
        text = f"{fact.what}: {fact.detail}"
    elif isinstance(fact, Malformed | Noted):
        text = f"{fact.rule}: {fact.detail}"
    else:
        text = ""
    return printable(f"{kind} {text}")
