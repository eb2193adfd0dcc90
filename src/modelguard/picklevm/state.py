"""The state of the machine, and how the arguments of opcodes are read."""

from __future__ import annotations

from collections.abc import Callable

from modelguard.picklevm.fast import ADVANCE
from modelguard.picklevm.hooks import Carriers, Fault, Interruption, PersistentRule
from modelguard.picklevm.objects import KEPT_BYTES, Blob, Called, Raw
from modelguard.picklevm.recorder import Recorder
from modelguard.picklevm.window import Window
from modelguard.terms.content import Budget, Content

HEAD = 1 << 12
"""Bytes of a constant that are looked at to tell whether it may carry a pickle."""


class State:
    """The content, what stands on the stack and in the memo, and where the machine is."""

    def __init__(
        self,
        content: Content,
        budget: Budget,
        recorder: Recorder,
        *,
        interruption: Interruption | None = None,
        persistent: PersistentRule | None = None,
        carriers: Carriers | None = None,
        compiled: bool = True,
    ) -> None:
        self.content = content
        self.budget = budget
        self.recorder = recorder
        self.interruption = interruption
        self.persistent = persistent
        # Tells of an id as the machine has it that the rule certainly accepts it, if the rule can.
        self.plain: Callable[[Raw], bool] | None = getattr(persistent, "plain", None)
        self.carriers = carriers
        self.advance = ADVANCE if compiled else None
        self.window = Window(content)
        self.memo: dict[int, Raw] = {}
        self.old: dict[int, Raw] = {}
        self.stack: list[Raw] = []
        self.marks: list[list[Raw]] = []
        self.start = 0
        self.at = 0
        self.frame_end = 0
        self.memoized = False
        # Whether the memo is asked for after the pickle: only where others follow it.
        self.keeps_memo = False
        self._popped: dict[int, Called] = {}
        self._accounted = 0

    def _number(self, at: int, length: int, *, signed: bool = False) -> tuple[int, int]:
        if at + length > self.window.size:
            raise Fault("pickle-truncated", self.at, "the content ends within an opcode")
        return int.from_bytes(self.window.bytes_at(at, length), "little", signed=signed), at + length

    def _line(self, at: int) -> tuple[bytes | None, int]:
        return self.window.line_at(at)

    def _long(self, kind: str, at: int, length: int) -> int:
        """Push a constant of any length without holding it, and return the offset behind it."""
        if length < 0 or length > self.window.size - at:
            raise Fault("pickle-length", self.at, f"a {kind} of {length} bytes, {self.window.size - at} are left")
        kept = self.window.bytes_at(at, length) if length <= KEPT_BYTES else None
        self.stack.append(kept if kind == "str" and kept is not None else Blob(kind, length, kept))
        self._accounted += length
        self._carrier(kind, at, length)
        return at + length

    def _carrier(self, kind: str, at: int, length: int) -> None:
        if self.carriers is not None and 4 <= length <= self.window.size - at:
            self.carriers(kind, at, length, self.window.bytes_at(at, min(length, HEAD)))

    def _far(self, index: int) -> None:
        self.recorder.malformed(
            "pickle-memo-index",
            self.at,
            f"memo index {index} with {len(self.memo)} entries: a reader allocates up to it",
        )
