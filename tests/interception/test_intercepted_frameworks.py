"""Entry points of the large frameworks, each in a process of its own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import modelguard

pytestmark = pytest.mark.heavy

# framework -> makes `good` and `evil`, then how it is loaded, and what a good load prints
TORCH = (
    "import torch, collections; torch.save({'w': torch.ones(2)}, 'good'); torch.save({'w': torch.zeros(2)}, 'evil')",
    "import torch; print(float(torch.load(NAME, weights_only=False)['w'].sum()))",
    "2.0",
)
ONNX = (
    "from onnx import helper as h, TensorProto as T, save\n"
    "g = h.make_graph([h.make_node('Identity', ['a'], ['b'])], 'g', [h.make_tensor_value_info('a', T.FLOAT, [1])],"
    " [h.make_tensor_value_info('b', T.FLOAT, [1])])\n"
    "m = h.make_model(g, opset_imports=[h.make_opsetid('', 13)], ir_version=8); save(m, 'good')\n"
    "m.doc_string = 'x'; save(m, 'evil')",
    "import onnxruntime as o; print(o.InferenceSession(NAME).get_inputs()[0].name)",
    "a",
)
NUMPY = (
    "import numpy as n\n"
    "n.save(open('good', 'wb'), n.array([None, 1], object)); n.save(open('evil', 'wb'), n.array(['x'], object))",
    "import numpy as n; print(n.load(NAME, allow_pickle=True)[1])",
    "1",
)  # fmt: skip
FRAMEWORKS = {"torch": TORCH, "onnxruntime": ONNX, "numpy": NUMPY}


def child(code: str, where: Path) -> subprocess.CompletedProcess[str]:
    source = str(Path(modelguard.__file__).parent.parent)
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, cwd=where, check=False,
        env={**os.environ, "PYTHONPATH": source, "MODELGUARD_STORE": str(where / ".." / "store")},
    )  # fmt: skip


@pytest.mark.parametrize("late", [True, False], ids=["imported later", "imported before"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_locked_file_loads_and_another_is_refused(framework: str, late: bool, tmp_path: Path) -> None:
    if importlib.util.find_spec(framework) is None:
        pytest.skip(f"{framework} is not installed")
    make, load, said = FRAMEWORKS[framework]
    project = tmp_path / "project"
    project.mkdir()
    assert child(make, project).returncode == 0
    locked = child("from modelguard.cli.main import main; main(['lock', 'good'])", project)
    assert locked.returncode == 0, locked.stdout + locked.stderr
    first = "" if late else f"import {framework}\n"
    for name, code, text in (("good", 0, said), ("evil", 1, "not-locked")):
        done = child(f"{first}import modelguard; modelguard.intercept()\n" + load.replace("NAME", repr(name)), project)
        assert done.returncode == code, done.stderr
        assert text in done.stdout + done.stderr


def test_from_pretrained_loads_the_locked_model_without_the_network(tmp_path: Path) -> None:
    if importlib.util.find_spec("transformers") is None:
        pytest.skip("transformers is not installed")
    project = tmp_path / "project"
    project.mkdir()
    make = """
        from transformers import BertConfig, BertModel
        config = dict(hidden_size=8, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, vocab_size=16)
        for name in ("good", "evil"):
            BertModel(BertConfig(**config)).save_pretrained(name)
        from modelguard.cli.main import main
        main(["lock", "good"])
    """
    made = child(textwrap.dedent(make), project)
    assert made.returncode == 0, made.stdout + made.stderr
    use = """
        import modelguard
        modelguard.intercept()
        from transformers import AutoModel, BertModel
        print(type(AutoModel.from_pretrained("good")).__name__, type(BertModel.from_pretrained("./good")).__name__)
        class Own(BertModel):
            pass
        print(type(Own.from_pretrained("good")).__name__)
        for kind in (AutoModel, BertModel, Own):
            try:
                kind.from_pretrained("./evil")
            except modelguard.ModelRefused:
                print("refused")
    """
    done = child(textwrap.dedent(use), project)
    assert done.stdout.splitlines() == ["BertModel BertModel", "Own", "refused", "refused", "refused"], done.stderr
