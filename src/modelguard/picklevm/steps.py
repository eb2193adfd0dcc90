"""The other opcodes outside the machine's inner loop: sets, marks, memo lines, globals, extensions, frames.

Each is given the offset of its argument and returns the offset of the next opcode.
"""

from __future__ import annotations

from collections.abc import Callable

from modelguard.picklevm import text
from modelguard.picklevm.constants import Constants
from modelguard.picklevm.fast import FAR
from modelguard.picklevm.hooks import Fault
from modelguard.picklevm.objects import (
    KEPT,
    KEPT_BYTES,
    KEPT_PAIRS,
    Bag,
    Blob,
    Called,
    Held,
    Lost,
    Named,
    Raw,
    Table,
    describe,
    is_never_text,
    kind_of,
)
from modelguard.picklevm.opcodes import BY_CODE, HIGHEST_PROTOCOL
from modelguard.picklevm.recorder import odd_key, preview
from modelguard.picklevm.values import Result
from modelguard.picklevm.window import EndOfLine


class Steps(Constants):
    """Opcodes that move values about, look up, call and frame."""

    def run(self, start: int, *, memo: dict[int, Raw] | None = None, old: dict[int, Raw] | None = None) -> int:
        """Read one pickle from `start` and return the offset behind its STOP."""
        raise NotImplementedError  # the machine that brings the loop gives it; nested pickles are read through it

    def _unknown(self, at: int) -> int:
        code = self.window.bytes_at(at - 1, 1)
        raise Fault("pickle-unknown-opcode", at - 1, f"no opcode is written as {code!r}")

    # --- containers and marks ----------------------------------------------------------------------------------

    def _list(self, at: int) -> int:
        items = self.stack
        self.stack = self.marks.pop()
        self.recorder.keep(items, self.at)
        self.stack.append(items[: KEPT + 1])
        return at

    def _dict(self, at: int) -> int:
        items = self.stack
        self.stack = self.marks.pop()
        table = Table()
        self._set_items(table, items, "DICT")
        self.stack.append(table)
        return at

    def _set_items(self, target: Raw, items: list[Raw], opcode: str) -> None:
        kind = type(target)
        self.recorder.keep(items if b"subclass" not in items else _but_array_class(items), self.at)
        if len(items) % 2:
            self.recorder.malformed("pickle-odd-items", self.at, f"{opcode} with a key that has no value")
        if kind is Table or kind is Called:
            for key in items[::2]:
                found = odd_key(key)
                if found is not None:
                    target.odd = [found] if target.odd is None else [*target.odd[:31], found]
        if kind is not Table:
            if kind is Called:
                target.filled = target.filled or bool(items)
            if type(target) is list:
                target[:] = [None] * (KEPT + 1)
            self.recorder.items_on(target, self.at, opcode)
        elif target.flat is not None:
            target.flat = target.flat + items if len(target.flat) + len(items) <= 2 * KEPT_PAIRS else None

    def _empty_set(self, at: int) -> int:
        self.stack.append(Bag("set", []))
        return at

    def _additems(self, at: int) -> int:
        items = self.stack
        self.stack = self.marks.pop()
        target = self.stack[-1]
        self.recorder.keep(items, self.at)
        if type(target) is not Bag or target.kind != "set":
            if items:
                self.recorder.items_on(target, self.at, "ADDITEMS")
        elif target.items is not None:
            target.items = target.items + items if len(target.items) + len(items) <= KEPT else None
        return at

    def _frozenset(self, at: int) -> int:
        items = self.stack
        self.stack = self.marks.pop()
        self.recorder.keep(items, self.at)
        self.stack.append(Bag("frozenset", items if len(items) <= KEPT else None))
        return at

    def _pop(self, at: int) -> int:
        if self.stack:
            self._drop(self.stack.pop())
        else:
            self.stack = self.marks.pop()
        return at

    def _pop_mark(self, at: int) -> int:
        items = self.stack
        self.stack = self.marks.pop()
        for item in items:
            self._drop(item)
        return at

    def _drop(self, value: Raw) -> None:
        if type(value) is Called:
            self._popped[id(value)] = value

    def _kept(self, value: Raw) -> None:
        """Take back that a call's result was dropped: it came out of the memo again, alone or in a tuple."""
        self._popped.pop(id(value), None)
        if type(value) is tuple:
            for item in value:
                self._popped.pop(id(item), None)

    def _dup(self, at: int) -> int:
        self.stack.append(self.stack[-1])
        return at

    # --- memo --------------------------------------------------------------------------------------------------

    def _index(self, at: int) -> tuple[int, int]:
        line, end = self._line(at)
        value, usual = text.index(line or b"")
        if value is None:
            raise Fault("pickle-number", self.at, f"a memo index written as {(line or b'')[:40]!r}")
        if not usual:
            self.recorder.malformed("pickle-number", self.at, f"a memo index written as {(line or b'')[:40]!r}")
        return value, end

    def _get(self, at: int) -> int:
        index, end = self._index(at)
        self.stack.append(self.memo[index] if index in self.memo else self._unset(index))
        if self._popped:
            self._kept(self.stack[-1])
        return end

    def _unset(self, index: int) -> Raw:
        """Return what stands for a memo entry that this pickle has not set; the pickle before may have."""
        if index in self.old:
            self.recorder.unresolved("unknown-memo", self.at, "a memo entry of the pickle before is asked for")
            return self.old[index]
        self.recorder.unresolved("unknown-memo", self.at, "a memo entry is asked for that is not set")
        return Lost("an unknown memo entry")

    def _put(self, at: int) -> int:
        index, end = self._index(at)
        if index > len(self.memo) + FAR:
            self._far(index)
        self.memo[index] = self.stack[-1]
        return end

    # --- globals and calls -------------------------------------------------------------------------------------

    def _global(self, at: int) -> int:
        module, name, end = self._names(at)
        self.stack.append(self._look_up(module, name))
        return end

    def _names(self, at: int) -> tuple[bytes | None, bytes | None, int]:
        module, middle = self._line(at)
        try:
            name, end = self._line(middle)
        except EndOfLine as short:
            # The Python unpickler takes the line without its last byte and looks it up before it stops.
            self._look_up(module, short.rest[:-1])
            raise
        return module, name, end

    def _look_up(self, module: bytes | None, name: bytes | None) -> Raw:
        if module is None or name is None or max(len(module), len(name)) > KEPT_BYTES:
            return self._computed_global(Blob("str", len(module or b"")), Blob("str", len(name or b"")))
        try:
            module.decode("utf-8"), name.decode("utf-8")
        except UnicodeDecodeError:
            raise Fault("pickle-global", self.at, "the name of a global is not UTF-8") from None
        return self.recorder.look_up(module, name, self.at)

    def _computed_global(self, module: Raw, name: Raw) -> Raw:
        if is_never_text(module) or is_never_text(name):
            raise Fault("pickle-global-of-data", self.at, f"a global named by {kind_of(module)} and {kind_of(name)}")
        self.recorder.unresolved(
            "computed-global", self.at, f"a global whose module is {kind_of(module)} and whose name is {kind_of(name)}"
        )
        return Lost("a computed global")

    def _inst(self, at: int) -> int:
        module, name, end = self._names(at)
        arguments = self.stack
        self.stack = self.marks.pop()
        target = self._look_up(module, name)
        self.stack.append(self.recorder.call("INST", target, tuple(arguments), self.at))
        return end

    def _obj(self, at: int) -> int:
        arguments = self.stack
        self.stack = self.marks.pop()
        target = arguments[0]
        self.stack.append(self.recorder.call("OBJ", target, tuple(arguments[1:]), self.at))
        return at

    def _newobj_ex(self, at: int) -> int:
        keywords = self.stack.pop()
        arguments = self.stack.pop()
        self.stack[-1] = self.recorder.call("NEWOBJ_EX", self.stack[-1], arguments, self.at, keywords)
        return at

    def _extension(self, code: int) -> None:
        self.recorder.unresolved("extension-code", self.at, f"the global registered with copyreg as {code}")
        self.stack.append(Lost(f"extension code {code}"))

    def _ext1(self, at: int) -> int:
        code, end = self._number(at, 1)
        self._extension(code)
        return end

    def _ext2(self, at: int) -> int:
        code, end = self._number(at, 2)
        self._extension(code)
        return end

    def _ext4(self, at: int) -> int:
        code, end = self._number(at, 4, signed=True)
        self._extension(code)
        return end

    def _persid(self, at: int) -> int:
        line, end = self._line(at)
        self.stack.append(self._persistent(line if line is not None else Blob("str", end - at)))
        return end

    def _persistent(self, id_: Raw) -> Held:
        if self.persistent is None:
            self.recorder.unresolved("persistent-id", self.at, "no loader of this format resolves persistent ids")
            self.plain = _all_told
            return Held(id_)
        if self.plain is not None and self.plain(id_):
            return Held(id_)
        fault = self.persistent(describe(id_), self.at)
        if fault:
            self.recorder.unresolved("persistent-id", self.at, f"{preview(id_)}: {fault}")
        return Held(id_)

    # --- protocol and frames -----------------------------------------------------------------------------------

    def _proto(self, at: int) -> int:
        version, end = self._number(at, 1)
        if version > HIGHEST_PROTOCOL:
            raise Fault("pickle-protocol", self.at, f"protocol {version} is none of 0 to {HIGHEST_PROTOCOL}")
        if self.at != self.start:
            self.recorder.malformed("pickle-protocol-twice", self.at, f"PROTO {version} is not at the start")
        self.recorder.protocol = version
        return end

    def _frame(self, at: int) -> int:
        length, end = self._number(at, 8)
        if self.frame_end and self.at < self.frame_end:
            self.recorder.malformed("pickle-frame-nested", self.at, "a frame begins within a frame")
        if length > self.window.size - end:
            self.recorder.malformed(
                "pickle-frame-too-long", self.at, f"a frame of {length} bytes, {self.window.size - end} are left"
            )
            length = self.window.size - end
        self.frame_end = end + length
        return end

    # --- loaders that read between opcodes ---------------------------------------------------------------------

    def _interrupt(self, target: Called, state: Raw, at: int) -> int:
        """Let the hook say what raw bytes follow a BUILD, and return the offset behind them."""
        named, hook = target.target, self.interruption
        if hook is None or type(named) is not Named or (named.module, named.name) not in hook.globals:
            return at
        shown = describe(target)
        filled = shown.state if isinstance(shown, Result) and target.state is state else None
        answer = hook(shown, describe(state) if filled is None else filled, self.content, at)
        if answer is None:
            return at
        self.recorder.facts.extend(answer.facts)
        if self.frame_end and at != self.frame_end:
            self.recorder.malformed("pickle-frame-straddle", self.at, "raw bytes of the loader begin within a frame")
        self.frame_end = 0
        if answer.skip is None:
            return self._embedded(at)
        if not 0 <= answer.skip <= self.window.size - at:
            raise Fault("pickle-length", self.at, f"{answer.skip} raw bytes, {self.window.size - at} are left")
        self._accounted += answer.skip
        return at + answer.skip

    def _embedded(self, at: int) -> int:
        """Read the pickle that a loader reads in place with an unpickler of its own."""
        inner = type(self)(self.content, self.budget, self.recorder, carriers=self.carriers)  # a plain one: no hook
        protocol = self.recorder.protocol
        end = inner.run(at)
        self.recorder.protocol = protocol
        self._accounted += end - at
        return end


def _but_array_class(items: list[Raw]) -> list[Raw]:
    """Leave out what stands under `subclass`: the class of arrays that joblib is told, which has a rule of its own."""
    return [item for index, item in enumerate(items) if not (index % 2 and items[index - 1] == b"subclass")]


def _all_told(_id: Raw) -> bool:
    """Stand in for a rule when it is already written down that there is none."""
    return True


_STEPS: dict[str, Callable[[Steps, int], int]] = {
    "INT": Steps._int,
    "LONG": Steps._int,
    "LONG1": Steps._long1,
    "LONG4": Steps._long4,
    "FLOAT": Steps._float,
    "STRING": Steps._string,
    "BINSTRING": Steps._binstring,
    "UNICODE": Steps._unicode,
    "BINUNICODE8": Steps._binunicode8,
    "BINBYTES": Steps._binbytes,
    "BINBYTES8": Steps._binbytes8,
    "BYTEARRAY8": Steps._bytearray8,
    "NEXT_BUFFER": Steps._next_buffer,
    "READONLY_BUFFER": Steps._readonly_buffer,
    "LIST": Steps._list,
    "DICT": Steps._dict,
    "EMPTY_SET": Steps._empty_set,
    "ADDITEMS": Steps._additems,
    "FROZENSET": Steps._frozenset,
    "POP": Steps._pop,
    "POP_MARK": Steps._pop_mark,
    "DUP": Steps._dup,
    "GET": Steps._get,
    "PUT": Steps._put,
    "EXT1": Steps._ext1,
    "EXT2": Steps._ext2,
    "EXT4": Steps._ext4,
    "GLOBAL": Steps._global,
    "INST": Steps._inst,
    "OBJ": Steps._obj,
    "NEWOBJ_EX": Steps._newobj_ex,
    "PROTO": Steps._proto,
    "FRAME": Steps._frame,
    "PERSID": Steps._persid,
}
SLOW: tuple[Callable[[Steps, int], int], ...] = tuple(
    _STEPS.get(BY_CODE[code].name, Steps._unknown) if code in BY_CODE else Steps._unknown for code in range(256)
)
"""The step of each opcode by its code; those of the machine's inner loop are not looked up here."""
