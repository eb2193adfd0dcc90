"""The abstract machine: reads one pickle, keeps its stack and memo, and tells a `Recorder` what it would do.

It follows every path that the C or the Python unpickler of CPython 3.11 to 3.13 can take. Where the two differ, or an
input is written as no pickler writes it, it writes down `Malformed` and goes on; where both would stop, it raises
`Fault`. So a global that any of them looks up is either written down or the content carries a fact that refuses.
"""

from __future__ import annotations

import gc

from modelguard.picklevm.fast import FAR, HEADS
from modelguard.picklevm.hooks import Fault
from modelguard.picklevm.objects import FLOAT, KEPT, KEPT_BYTES, KEPT_TUPLE, Bag, Called, Raw, Table
from modelguard.picklevm.steps import SLOW, Steps
from modelguard.picklevm.window import EndOfLine
from modelguard.terms.errors import BudgetSpent

STACK = 20_000_000
"""Values on the stack, and marks, that are kept before the machine gives up."""

MEMO = 50_000_000
"""Entries of the memo that are kept before the machine gives up."""


class Machine(Steps):
    """Reads pickles of one content, one at a time."""

    # --- one pickle --------------------------------------------------------------------------------------------

    def run(self, start: int, *, memo: dict[int, Raw] | None = None, old: dict[int, Raw] | None = None) -> int:
        """Read one pickle from `start` and return the offset behind its STOP.

        `memo` is what an unpickler has kept from pickles before; `old` is the same for one that was made anew, to name
        what a GET of an entry that is not set would have found.

        Raises `Fault` where an unpickler would stop, `ReadError` when bytes are missing, `BudgetSpent` at a limit.
        What was seen before is in the recorder.
        """
        self.old = {} if old is None else old
        self.memo = {} if memo is None else memo
        self.stack, self.marks = [], []
        self.frame_end = 0
        self.memoized = False
        self.recorder.protocol = 0
        if self.interruption is not None:
            self.recorder.watched = self.interruption.globals
        self._accounted = self.start = self.at = start
        if not self.window.base <= start < self.window.base + self.window.safe:
            self.window.load(start)
        # What is made stays alive in the memo: looking for garbage again and again would take most of the time.
        collects = gc.isenabled()
        gc.disable()
        try:
            end = self._loop(start)
        except IndexError:
            raise Fault("pickle-stack-underflow", self.at, "an opcode takes more than the stack holds") from None
        except EndOfLine:
            raise Fault("pickle-truncated", self.at, "the content ends within a line") from None
        finally:
            self._settle()
            if collects:
                gc.enable()
        return end

    def _settle(self) -> None:
        """Tell what was dropped, and let go of what no later pickle can ask for."""
        for popped in self._popped.values():
            self.recorder.dropped(popped)
        self.recorder.settle()
        self._popped.clear()
        self.stack, self.marks = [], []
        if not self.keeps_memo or self.at + 1 >= self.window.size:
            self.memo = {}

    def _loop(self, start: int) -> int:
        """Run the opcodes. One long function, as a call for each opcode would cost most of the time.

        Binary opcodes are here, in the order in which real files use them; the rest is in the table of slow ones.
        """
        window, recorder, memo, stack, marks = self.window, self.recorder, self.memo, self.stack, self.marks
        advance = self.advance
        data, base, slow = window.data, window.base, SLOW
        pos = start - base
        limit = window.safe
        while True:
            while pos < limit:
                if advance is not None:
                    pos, stack, at, memoized = advance(
                        data, pos, limit, stack, marks, memo, bool(self._popped), self.plain, base
                    )
                    if at >= 0:
                        self.at = base + at
                    if memoized:
                        self.memoized = True
                    if pos >= limit:
                        break
                op = data[pos]
                self.at = base + pos
                pos += 1
                if op == 0x94:  # MEMOIZE
                    memo[len(memo)] = stack[-1]
                    self.memoized = True
                elif op == 0x8C:  # SHORT_BINUNICODE
                    end = pos + 1 + data[pos]
                    stack.append(data[pos + 1 : end])
                    if data[pos] >= 20 and data[pos + 1] in HEADS:
                        self._carrier("str", base + pos + 1, data[pos])
                    pos = end
                elif op == 0x68:  # BINGET
                    stack.append(memo[data[pos]] if data[pos] in memo else self._unset(data[pos]))
                    if self._popped:
                        self._kept(stack[-1])
                    pos += 1
                elif op == 0x4B:  # BININT1
                    stack.append(data[pos])
                    pos += 1
                elif op == 0x71:  # BINPUT
                    memo[data[pos]] = stack[-1]
                    pos += 1
                elif op == 0x58:  # BINUNICODE
                    length = int.from_bytes(data[pos : pos + 4], "little")
                    pos += 4
                    if length <= KEPT_BYTES and pos + length <= limit:
                        stack.append(data[pos : pos + length])
                        if length >= 20 and data[pos] in HEADS:
                            self._carrier("str", base + pos, length)
                        pos += length
                    else:
                        self.stack = stack
                        pos = self._long("str", base + pos, length) - base
                elif op == 0x6A:  # LONG_BINGET
                    index = int.from_bytes(data[pos : pos + 4], "little")
                    stack.append(memo[index] if index in memo else self._unset(index))
                    if self._popped:
                        self._kept(stack[-1])
                    pos += 4
                elif op == 0x72:  # LONG_BINPUT
                    index = int.from_bytes(data[pos : pos + 4], "little")
                    if index > len(memo) + FAR:
                        self._far(index)
                    memo[index] = stack[-1]
                    pos += 4
                elif op == 0x28:  # MARK
                    marks.append(stack)
                    stack = []
                elif op == 0x4D:  # BININT2
                    stack.append(data[pos] | data[pos + 1] << 8)
                    pos += 2
                elif op == 0x4A:  # BININT
                    stack.append(int.from_bytes(data[pos : pos + 4], "little", signed=True))
                    pos += 4
                elif op == 0x47:  # BINFLOAT
                    stack.append(FLOAT)
                    pos += 8
                elif op == 0x75:  # SETITEMS
                    items = stack
                    stack = marks.pop()
                    if items:
                        self._set_items(stack[-1], items, "SETITEMS")
                    else:
                        _ = stack[-1]
                elif op == 0x65:  # APPENDS
                    items = stack
                    stack = marks.pop()
                    target = stack[-1]
                    recorder.keep(items, self.at)
                    if type(target) is not list:
                        if items:
                            recorder.items_on(target, self.at, "APPENDS")
                    elif len(target) <= KEPT:
                        target += items[: KEPT + 1]
                elif op == 0x7D:  # EMPTY_DICT
                    stack.append(Table())
                elif op == 0x5D:  # EMPTY_LIST
                    stack.append([])
                elif op == 0x85:  # TUPLE1
                    stack[-1] = (stack[-1],)
                    recorder.keep(stack[-1], self.at)
                elif op == 0x86:  # TUPLE2
                    last = stack.pop()
                    stack[-1] = (stack[-1], last)
                    recorder.keep(stack[-1], self.at)
                elif op == 0x87:  # TUPLE3
                    last = stack.pop()
                    middle = stack.pop()
                    stack[-1] = (stack[-1], middle, last)
                    recorder.keep(stack[-1], self.at)
                elif op == 0x74:  # TUPLE
                    items = stack
                    stack = marks.pop()
                    recorder.keep(items, self.at)
                    stack.append(tuple(items) if len(items) <= KEPT_TUPLE else Bag("tuple", None))
                elif op == 0x4E:  # NONE
                    stack.append(None)
                elif op == 0x89:  # NEWFALSE
                    stack.append(False)
                elif op == 0x88:  # NEWTRUE
                    stack.append(True)
                elif op == 0x52:  # REDUCE
                    last = stack.pop()
                    stack[-1] = recorder.call("REDUCE", stack[-1], last, self.at)
                elif op == 0x51:  # BINPERSID
                    stack[-1] = self._persistent(stack[-1])
                elif op == 0x29:  # EMPTY_TUPLE
                    stack.append(())
                elif op == 0x73:  # SETITEM
                    last = stack.pop()
                    middle = stack.pop()
                    self._set_items(stack[-1], [middle, last], "SETITEM")
                elif op == 0x61:  # APPEND
                    last = stack.pop()
                    target = stack[-1]
                    recorder.keep((last,), self.at)
                    if type(target) is not list:
                        recorder.items_on(target, self.at, "APPEND")
                    elif len(target) <= KEPT:
                        target.append(last)
                elif op == 0x81:  # NEWOBJ
                    last = stack.pop()
                    stack[-1] = recorder.call("NEWOBJ", stack[-1], last, self.at)
                elif op == 0x93:  # STACK_GLOBAL
                    last = stack.pop()
                    middle = stack.pop()
                    if type(last) is bytes and type(middle) is bytes:
                        stack.append(recorder.look_up(middle, last, self.at))
                    else:
                        stack.append(self._computed_global(middle, last))
                elif op == 0x43 or op == 0x55:  # SHORT_BINBYTES, SHORT_BINSTRING
                    end = pos + 1 + data[pos]
                    stack.append(self._short(op, data[pos + 1 : end]))
                    if data[pos] >= 4:
                        self._carrier("bytes", base + pos + 1, data[pos])
                    pos = end
                elif op == 0x62:  # BUILD
                    last = stack.pop()
                    recorder.build(stack[-1], last, self.at)
                    if self.interruption is not None and type(stack[-1]) is Called:
                        self.stack = stack
                        pos = self._interrupt(stack[-1], last, base + pos) - base
                        if pos > limit:
                            break
                elif op == 0x2E:  # STOP
                    stack.pop()
                    self.stack = stack
                    return self._stop(base + pos)
                else:
                    self.stack = stack
                    pos = slow[op](self, base + pos) - base
                    stack = self.stack
                    memo = self.memo
                    if self.frame_end and limit > self.frame_end - base:
                        limit = self.frame_end - base
            pos = self._advance(base + pos, len(stack))
            data, base = window.data, window.base
            pos -= base
            limit = window.safe
            if self.frame_end:
                limit = min(limit, self.frame_end - base)

    def _advance(self, at: int, height: int) -> int:
        """Leave a frame that has ended, or move the window to `at`."""
        if self.frame_end and at >= self.frame_end:
            if at > self.frame_end:
                self.recorder.malformed(
                    "pickle-frame-straddle", self.at, f"an opcode crosses the end of its frame at {self.frame_end}"
                )
            self.frame_end = 0
        window = self.window
        if at > window.size:
            raise Fault("pickle-truncated", self.at, "the content ends within an opcode")
        if at == window.size:
            raise Fault("pickle-no-stop", at, "the content ends without STOP")
        if at - window.base >= window.safe or at < window.base:
            self.budget.spend_opcodes(max(at - self._accounted, 0))
            self._accounted = at
            if height + len(self.marks) > STACK or len(self.memo) > MEMO:
                raise BudgetSpent("more values on the stack or in the memo of a pickle than are kept")
            window.load(at)
        return at

    def _stop(self, end: int) -> int:
        if end > self.window.size:
            raise Fault("pickle-truncated", self.at, "the content ends within an opcode")
        if self.frame_end and end < self.frame_end:
            self.recorder.malformed(
                "pickle-frame-unfinished", self.at, "STOP comes before the end of its frame: readers go on differently"
            )
        if self.stack or self.marks:
            self.recorder.malformed("pickle-left-over", self.at, "values or marks are left on the stack at STOP")
            for level in (*self.marks, self.stack):
                for value in level:
                    if type(value) is Called:
                        self._popped[id(value)] = value
        self.budget.spend_opcodes(max(end - self._accounted, 0))
        return end
