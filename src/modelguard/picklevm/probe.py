"""Tells whether some bytes are a pickle, whatever they are called.

Protocol 2 and later begin with PROTO. Earlier ones have no mark of their own, and most texts and many binary files
begin with bytes that are opcodes: those count only when they decode to a STOP or to a call.
"""

from __future__ import annotations

from modelguard.picklevm.hooks import Fault, Interrupted
from modelguard.picklevm.machine import Machine
from modelguard.picklevm.opcodes import HIGHEST_PROTOCOL
from modelguard.picklevm.recorder import Recorder
from modelguard.picklevm.values import Value
from modelguard.terms.content import Budget, Content
from modelguard.terms.errors import BudgetSpent, ReadError
from modelguard.terms.facts import Call, Import

PROBED = 1 << 20
"""Bytes of opcodes after which something that has decoded so far is taken for a pickle."""

STREAMS = 8
"""Pickles without effect in a row after which something is taken for pickles, whatever follows."""

ARRAYS = frozenset({("joblib.numpy_pickle", "NumpyArrayWrapper")})


_WRAPPER = b"NumpyArrayWrapper"


def names_wrapper(content: Content) -> bool:
    """Tell whether the first `PROBED` bytes hold the name of joblib's wrapper of arrays."""
    return content.once(_names_wrapper)


def _names_wrapper(content: Content) -> bool:
    return _WRAPPER in content.head(PROBED)


class JoblibArray(ReadError):
    """An array of joblib follows in the stream: what comes next are no opcodes for joblib."""


class StopAtArrays:
    """An `Interruption` that raises `JoblibArray` at the first array of joblib."""

    globals = ARRAYS

    def __call__(self, target: Value, state: Value, content: Content, offset: int) -> Interrupted | None:
        del target, state, content
        raise JoblibArray(f"an array of joblib begins at byte {offset}")


def is_pickle(content: Content) -> bool:
    """Tell whether the bytes are pickles and no stream of joblib, which has raw arrays between its opcodes.

    A joblib array that lies behind more than `PROBED` bytes is not seen here; the reader of the format meets it.
    """
    head = content.head(2)
    marked = len(head) > 1 and head[0] == 0x80 and head[1] <= HIGHEST_PROTOCOL
    if marked and not names_wrapper(content):
        return True
    recorder = Recorder(content.location)
    machine = Machine(content, Budget(opcodes=PROBED, seconds=10), recorder, interruption=StopAtArrays())
    at = 0
    try:
        for _ in range(STREAMS):
            at = machine.run(at)
            if at >= content.size:
                return True
        return True  # no text begins with so many pickles, and what is behind them has to be looked at as well
    except JoblibArray:
        return False
    except BudgetSpent:
        return True
    except Fault:
        pass
    facts = recorder.take()
    called = any(isinstance(fact, Call) for fact in facts)
    imports = any(isinstance(fact, Import) for fact in facts)
    return marked or called or (imports and at > 0)
