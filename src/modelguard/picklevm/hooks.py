"""What a caller can hand to the machine, and how the machine says that an unpickler would stop."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol, TypeAlias

from attrs import frozen

from modelguard.picklevm.values import Value
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact

if TYPE_CHECKING:
    from modelguard.picklevm.machine import Machine

Watcher: TypeAlias = "Callable[[Machine, int], Callable[[], None] | None]"
"""Is shown each machine before it reads, and where it starts; returns what to call when it has stopped."""

WATCHER: ContextVar[Watcher | None] = ContextVar("WATCHER", default=None)
"""Who watches the machines of `scanner`: an analyst's trace, or nobody."""


class Fault(ReadError):
    """Both unpicklers stop here. `rule` names the reason, `offset` the opcode."""

    def __init__(self, rule: str, offset: int, detail: str) -> None:
        super().__init__(f"{detail} at byte {offset}")
        self.rule = rule
        self.offset = offset
        self.detail = detail


class PersistentRule(Protocol):
    """Decides about persistent ids: returns why `identifier` is not accepted, or an empty string.

    A rule may keep what it has accepted, as the reader of torch archives does with its storages.
    """

    def __call__(self, identifier: Value, offset: int) -> str: ...


@frozen(kw_only=True)
class Interrupted:
    """What lies in the stream right behind a BUILD: `skip` raw bytes, or a whole pickle when `skip` is None."""

    skip: int | None
    facts: tuple[Fact, ...] = ()


class Interruption(Protocol):
    """A hook for loaders that read from the stream between opcodes, as joblib does for its arrays.

    After each BUILD on the result of a call of one of `globals` (pairs of module and name after mapping) it is given
    that result and the state as values, the content, and the offset of the byte behind the BUILD.
    It answers with `Interrupted`, or None when nothing follows. It may raise `ReadError`.
    """

    globals: frozenset[tuple[str, str]]

    def __call__(self, target: Value, state: Value, content: Content, offset: int) -> Interrupted | None: ...


class Carriers(Protocol):
    """Told about constants that may hold a pickle themselves: kind, offset and length in the content, first bytes."""

    def __call__(self, kind: str, offset: int, length: int, head: bytes) -> None: ...
