"""Prints the program of a pickle: each opcode with its offset, its argument and what it does to the stack.

The lines come from the machine that scans, opcode by opcode, so that what an analyst reads is what was judged:

    offset  opcode            argument      marks:height  top of the stack
         0  PROTO             4             0:0
         2  SHORT_BINUNICODE  'os'          0:1           'os'
         6  SHORT_BINUNICODE  'system'      0:2           'system'
        14  STACK_GLOBAL                    0:1           os.system
            ^ Import os.system

A fact is written below the opcode at which it was seen.

`trace` decodes the pickles of one content. `Tracer` watches the readers of all formats instead: the scanner asks it for
its machines, so that the pickles in archives and compressed files are told as the formats find them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

from modelguard.picklevm.hooks import WATCHER, Fault, Interrupted, Interruption, PersistentRule
from modelguard.picklevm.machine import Machine
from modelguard.picklevm.objects import Raw
from modelguard.picklevm.opcodes import BY_CODE, Argument
from modelguard.picklevm.recorder import Recorder, preview_value
from modelguard.picklevm.values import Value
from modelguard.terms.artifact import Location, printable
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


class _Telling(Recorder):
    """A recorder that tells each fact to a trace as well."""

    def __init__(self, location: Location) -> None:
        super().__init__(location)
        self.told: list[Fact] = []

    def add(self, key: Hashable, fact: Fact) -> None:
        before = len(self.facts)
        super().add(key, fact)
        self.told.extend(self.facts[before:])


class _Observer:
    """Stands where the compiled loop would: is shown the state before each opcode and runs none itself."""

    def __init__(
        self, machine: Machine, recorder: _Telling, most: int, tell: Callable[[str], None], *, stops: bool
    ) -> None:
        self.stops = stops
        self.machine = machine
        self.recorder = recorder
        self.left = self.most = most
        self.tell = tell
        self.shown = range(0)  # where the pickle lies that was printed last, within the stream of this one
        self._pending: tuple[int, str, str] | None = None

    def __call__(
        self, data: bytes, pos: int, _limit: int, stack: list[Any], marks: list[list[Any]], *rest: Any
    ) -> tuple[int, list[Any], int, bool]:
        if self.machine.recorder is not self.recorder:  # it reads the pickle a second time, as another reader would
            return pos, stack, -1, False
        self.after(len(marks), stack)
        self.left -= 1
        if self.left < 0:
            if self.left == -1:
                self.tell(f"           … the trace ends after {self.most} opcodes")
            if self.stops:
                raise _Enough("the trace ends here")
            return pos, stack, -1, False
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
            self.tell(f"{offset:9d}  {name:<16}  {argument:<41}  {marks}:{len(stack):<10}  {top}".rstrip())
        self._pending = None
        told, self.recorder.told = self.recorder.told, []
        for fact in told if self.left >= 0 else ():
            if fact.location.offset in self.shown:
                continue
            self.tell(f"           ^ {_told(fact)}")

    def rest(self) -> None:
        """Print what is left when the machine has stopped."""
        self.after(len(self.machine.marks), self.machine.stack)


class _Skipping:
    """Tells what a loader reads between the opcodes, and asks the loader's own hook about it."""

    def __init__(self, hook: Interruption, observer: _Observer) -> None:
        self.hook = hook
        self.observer = observer
        self.globals = hook.globals

    def __call__(self, target: Value, state: Value, content: Content, offset: int) -> Interrupted | None:
        answer = self.hook(target, state, content, offset)
        if answer is not None and self.observer.machine.recorder is self.observer.recorder:
            self.observer.rest()
            what = "a whole pickle follows" if answer.skip is None else f"{answer.skip} raw bytes of an array follow"
            self.observer.tell(f"{offset:9d}  {what}")
            if answer.skip is None:
                self.observer.shown = range(offset, self._inner(content, offset))
        return answer

    def _inner(self, content: Content, offset: int) -> int:
        """Print the pickle that the loader reads in place, and return where it ends."""
        recorder = _Telling(content.location)
        machine = Machine(content, Budget(), recorder)
        machine.advance = observer = _Observer(machine, recorder, self.observer.left, self.observer.tell, stops=False)
        try:
            end = machine.run(offset)
        except ReadError:  # the machine that is watched meets the same fault and tells it
            end = machine.at
        observer.rest()
        self.observer.tell(f"{end:9d}  the pickle around it goes on")
        return end


class Tracer:
    """Tells the lines of every pickle that formats read while it watches.

    `wanted` chooses by location; `found` holds the locations of all pickles, wanted or not, in the order of reading.
    """

    def __init__(
        self, tell: Callable[[str], None], *, most: int = LINES, wanted: Callable[[Location], bool] | None = None
    ) -> None:
        self.tell = tell
        self.most = most
        self.wanted = wanted
        self.found: list[Location] = []
        self._seen: set[tuple[Location, int]] = set()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch what the scanner reads within the block."""
        token = WATCHER.set(self.watch)
        try:
            yield
        finally:
            WATCHER.reset(token)

    def watch(self, machine: Machine, start: int) -> Callable[[], None] | None:
        """Make a machine tell what it does from `start` on, once for each place; return what to call at the end."""
        location = machine.content.location
        if (location, start) in self._seen:
            return None
        self._seen.add((location, start))
        if location not in self.found:
            self.found.append(location)
        if self.wanted is not None and not self.wanted(location):
            return None
        machine.recorder = recorder = _Telling(location)
        machine.advance = observer = _Observer(machine, recorder, self.most, self.tell, stops=False)
        if machine.interruption is not None:
            machine.interruption = _Skipping(machine.interruption, observer)
        self.tell(f"# {location}{f' from byte {start}' if start else ''}")
        self.tell(HEADING)
        return observer.rest


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
    lines: list[str] = []
    recorder = _Telling(content.location)
    machine = Machine(content, budget, recorder, interruption=interruption, persistent=persistent)
    observer = _Observer(machine, recorder, most, lines.append, stops=True)
    machine.advance = observer
    yield HEADING
    at = start
    while at < content.size:
        try:
            at = machine.run(at)
            observer.rest()
        except Fault as fault:
            observer.rest()
            lines.append(f"{fault.offset:9d}  stops: {fault.detail} ({fault.rule})")
            at = content.size
        except _Enough:
            at = content.size
        yield from lines
        lines.clear()
        recorder.take()


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
