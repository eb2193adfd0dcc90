"""The tables of TensorFlow's operators against the operators that TensorFlow itself registers."""

from __future__ import annotations

import re
from pathlib import Path

from modelguard.formats._tensorflow_ops import COMPUTING, REACHING

REGISTERED = (Path(__file__).parent / "samples" / "tensorflow" / "operators.txt").read_text("utf-8").splitlines()[1:]

# Operators of the registry that stand in neither table, so that they are asked for: what they need, by name.
ASKED = re.compile(
    r".*TPU.*"  # a machine of Google's with a program of its own
    r"|Infeed\w+|Outfeed\w+|Prelinearize\w*|Xla(Sparse|SparseCore)\w+"  # queues and tables of such machines
    r"|\w*(SparseCore|ToCooTensor|Minibatch)\w*|GlobalIterId"  # the same
    r"|Nccl\w+|AllToAll|CrossReplicaSum"  # several accelerators
)

# In the table of what computes although programs cannot name them (any more): old graphs and rewritten ones have them.
REWRITTEN = {
    "HostConst", "NegTrain", "QuantizedConcatV2", "Skipgram", "TopKUnique", "TopKWithUnique", "_Arg",
    "_FusedBatchNormEx", "_FusedConv2D", "_FusedMatMul", "_Retval",
}  # fmt: skip


def test_every_registered_operator_is_known_or_asked_for_with_a_reason() -> None:
    unknown = [name for name in REGISTERED if name not in COMPUTING and name not in REACHING]
    assert [name for name in unknown if not ASKED.fullmatch(name)] == []
    assert unknown, "the reasons above are for some"


def test_nothing_computes_that_tensorflow_does_not_register() -> None:
    """A name that TensorFlow lacks belongs to a plug-in, whatever it sounds like."""
    assert COMPUTING - set(REGISTERED) == REWRITTEN


def test_an_operator_that_only_a_plug_in_or_an_accelerator_has_is_in_no_table() -> None:
    assert not [name for name in REGISTERED if ASKED.fullmatch(name) and name in COMPUTING]
