"""Tells whether some bytes are a pickle, whatever they are called.

Protocol 2 and later begin with PROTO. Earlier ones have no mark of their own, and most texts and many binary files
begin with bytes that are opcodes: those count only when they decode to a STOP or to a call.
"""

from __future__ import annotations

from modelguard.picklevm.hooks import Fault, Interrupted
from modelguard.picklevm.machine import Machine
from modelguard.picklevm.recorder import Recorder
from modelguard.picklevm.values import Value
from modelguard.terms.content import Budget, Content
from modelguard.terms.errors import BudgetSpent, ReadError
from modelguard.terms.facts import Call, Import

PROBED = 1 << 20
"""Bytes of opcodes after which something that has decoded so far is taken for a pickle."""

STREAMS = 8
"""Pickles without effect in a row that are looked behind."""

ARRAYS = frozenset({("joblib.numpy_pickle", "NumpyArrayWrapper")})


class _JoblibError(ReadError):
    """An array of joblib follows in the stream."""


class _Arrays:
    """Ends the probe at the first array of joblib."""

    globals = ARRAYS

    def __call__(self, target: Value, state: Value, content: Content, offset: int) -> Interrupted | None:
        del target, state, content
        raise _JoblibError(f"an array of joblib at byte {offset}")


def is_pickle(content: Content) -> bool:
    """Tell whether the bytes are pickles and no stream of joblib, which has raw arrays between its opcodes.

    A joblib array that lies behind more than `PROBED` bytes of opcodes is not seen here.
    """
    recorder = Recorder(content.location)
    machine = Machine(content, Budget(opcodes=PROBED, seconds=10), recorder, interruption=_Arrays())
    marked = content.size > 1 and content.head(2)[0] == 0x80 and content.head(2)[1] <= 5
    at = 0
    try:
        for _ in range(STREAMS):
            at = machine.run(at)
            if at >= content.size:
                return True
    except _JoblibError:
        return False
    except BudgetSpent:
        return True
    except Fault:
        pass
    facts = recorder.take()
    called = any(isinstance(fact, Call) for fact in facts)
    imports = any(isinstance(fact, Import) for fact in facts)
    return marked or called or (imports and at > 0)
