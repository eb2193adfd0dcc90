"""Entry points of the large frameworks, each in a process of its own."""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from attrs import frozen

import modelguard
from modelguard.interception.entry_points import ENTRY_POINTS, EntryPoint

pytestmark = pytest.mark.heavy


@frozen
class Framework:
    """How a framework writes `good` and `evil` to files of those names, how it loads NAME, and what that says."""

    module: str
    make: str
    load: str
    said: str
    ending: str = ""
    policy: str = ""


FRAMEWORKS = {
    "torch.load": Framework(
        "torch",
        "import torch; torch.save({'w': torch.ones(2)}, GOOD); torch.save({'w': torch.zeros(2)}, EVIL)",
        "import torch; said = float(torch.load(NAME, weights_only=False)['w'].sum())",
        "2.0",
    ),
    "torch.jit.load": Framework(
        "torch",
        "import torch\n"
        "for path, size in ((GOOD, 2), (EVIL, 3)):\n"
        "    torch.jit.save(torch.jit.trace(torch.nn.Linear(size, size), torch.ones(size)), path)",
        "import torch; said = len(next(torch.jit.load(NAME).parameters()))",
        "2",
        ".pt",
        'mode = "enforce"\n[content]\nprofiles = ["torchscript"]\n',
    ),
    "safetensors.torch.load_file": Framework(
        "torch",
        "import torch, safetensors.torch as s\n"
        "s.save_file({'w': torch.ones(2)}, GOOD); s.save_file({'w': torch.zeros(2)}, EVIL)",
        "import safetensors.torch as s; said = float(s.load_file(NAME)['w'].sum())",
        "2.0",
        ".safetensors",
    ),
    "onnxruntime": Framework(
        "onnxruntime",
        "from onnx import helper as h, TensorProto as T, save\n"
        "g = h.make_graph([h.make_node('Identity', ['a'], ['b'])], 'g', [h.make_tensor_value_info('a', T.FLOAT, [1])],"
        " [h.make_tensor_value_info('b', T.FLOAT, [1])])\n"
        "m = h.make_model(g, opset_imports=[h.make_opsetid('', 13)], ir_version=8); save(m, GOOD)\n"
        "m.doc_string = 'x'; save(m, EVIL)",
        "import onnxruntime as o; said = o.InferenceSession(NAME).get_inputs()[0].name",
        "a",
        ".onnx",
    ),
    "numpy.load": Framework(
        "numpy",
        "import numpy as n\n"
        "n.save(open(GOOD, 'wb'), n.array([None, 1], object)); n.save(open(EVIL, 'wb'), n.array(['x'], object))",
        "import numpy as n; said = len(n.load(NAME, allow_pickle=True))",
        "2",
    ),
    "joblib.load": Framework(
        "joblib",
        "import joblib; joblib.dump([1, 2], GOOD); joblib.dump([3], EVIL)",
        "import joblib; said = len(joblib.load(NAME))",
        "2",
        ".joblib",
    ),
    "pandas.read_pickle": Framework(
        "pandas",
        "import pandas as p; p.Series([1, 2]).to_pickle(GOOD); p.Series([3]).to_pickle(EVIL)",
        "import pandas as p; said = len(p.read_pickle(NAME))",
        "2",
        ".pkl",
        'mode = "enforce"\n[content]\nprofiles = ["pandas"]\n',
    ),
    "keras.models.load_model": Framework(
        "keras",
        "import keras\n"
        "for path, size in ((GOOD, 2), (EVIL, 3)):\n"
        "    keras.Sequential([keras.Input((size,)), keras.layers.Dense(1)]).save(path)",
        "import keras; said = keras.models.load_model(NAME).input_shape[1]",
        "2",
        ".keras",
    ),
    "skops.io.load": Framework(
        "skops",
        "import skops.io as s; from sklearn.linear_model import LogisticRegression as L\n"
        "s.dump(L().fit([[0], [1]], [0, 1]), GOOD); s.dump(L().fit([[0], [2]], [1, 0]), EVIL)",
        "import skops.io as s; said = s.load(NAME).predict([[1]])[0]; s.loads(open(NAME, 'rb').read())",
        "1",
        ".skops",
    ),
    "gguf.GGUFReader": Framework(
        "gguf",
        "import gguf, numpy\n"
        "for path, name in ((GOOD, 'w'), (EVIL, 'x')):\n"
        "    w = gguf.GGUFWriter(path, 'llama'); w.add_tensor(name, numpy.ones(2, numpy.float32))\n"
        "    w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()",
        "import gguf; said = gguf.GGUFReader(NAME).tensors[0].name",
        "w",
        ".gguf",
    ),
    "xgboost.Booster.load_model": Framework(
        "xgboost",
        "import xgboost as x, numpy as n\n"
        "for path, rounds in ((GOOD, 2), (EVIL, 3)):\n"
        "    x.train({'max_depth': 1}, x.DMatrix(n.eye(4), n.arange(4)), rounds).save_model(path)",
        "import xgboost as x; b = x.Booster(); b.load_model(NAME); said = b.num_boosted_rounds()",
        "2",
        ".ubj",
    ),
    "lightgbm.Booster": Framework(
        "lightgbm",
        "import lightgbm as l, numpy as n\n"
        "for path, rounds in ((GOOD, 2), (EVIL, 3)):\n"
        "    d = l.Dataset(n.random.rand(99, 2), n.arange(99)); p = {'verbose': -1, 'num_threads': 1}\n"
        "    l.train(p, d, rounds).save_model(path)",
        "import lightgbm as l; said = l.Booster(model_file=NAME).num_trees()",
        "2",
        ".txt",
    ),
    "catboost.CatBoost.load_model": Framework(
        "catboost",
        "import catboost as c\n"
        "for path, rounds in ((GOOD, 2), (EVIL, 3)):\n"
        "    m = c.CatBoost({'iterations': rounds, 'verbose': 0, 'allow_writing_files': False})\n"
        "    m.fit([[0], [1], [2]], [0, 1, 2]); m.save_model(path)",
        "import catboost as c; said = c.CatBoost().load_model(NAME).tree_count_",
        "2",
        ".cbm",
    ),
    "spacy.load": Framework(
        "spacy",
        "import spacy; spacy.blank('en').to_disk(GOOD); spacy.blank('de').to_disk(EVIL)",
        "import spacy; said = spacy.load(NAME).lang",
        "en",
    ),
    "SentenceTransformer": Framework(
        "sentence_transformers",
        "import sentence_transformers as s, transformers as t\n"
        "open('vocab.txt', 'w').write('\\n'.join(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a', 'b']))\n"
        "for path, size in ((GOOD, 8), (EVIL, 16)):\n"
        "    c = t.BertConfig(hidden_size=size, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2,"
        " vocab_size=7)\n"
        "    t.BertModel(c).save_pretrained('bert'); t.BertTokenizer('vocab.txt').save_pretrained('bert')\n"
        "    s.SentenceTransformer('bert', device='cpu').save(path)",
        "import sentence_transformers as s; said = s.SentenceTransformer(NAME, device='cpu').encode('a b').shape[0]",
        "8",
    ),
}
"""Entry points as users call them. What one of them prints is compared as text."""


def child(code: str, where: Path) -> subprocess.CompletedProcess[str]:
    source = str(Path(modelguard.__file__).parent.parent)
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, cwd=where, check=False,
        env={**os.environ, "PYTHONPATH": source, "MODELGUARD_STORE": str(where / ".." / "store"),
             "KERAS_BACKEND": "torch", "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip


USE = """
import modelguard, warnings
warnings.simplefilter("ignore")
{first}
def load(NAME):
    {load}
    return said
def tried(name):
    try:
        return load(name)
    except modelguard.ModelRefused:
        return "refused"
with modelguard.intercept("guard"):
    print(tried({good!r}), tried({evil!r}))
with modelguard.intercept("enforce"):
    print(tried({good!r}), tried({evil!r}))
with modelguard.intercept("observe") as interception:
    said = tried({good!r}), tried({evil!r}) != "refused"
    print(*said, *sorted({{bool(one.refusal) for one in interception.seen}}))
"""


def need(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")


@pytest.mark.parametrize("late", [True, False], ids=["imported later", "imported before"])
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_each_framework_in_each_mode(name: str, late: bool, tmp_path: Path) -> None:
    framework = FRAMEWORKS[name]
    need(framework.module)
    project = tmp_path / "project"
    project.mkdir()
    if framework.policy:
        (project / "modelguard.toml").write_text(framework.policy)
    good, evil = (f"{stem}{framework.ending}" for stem in ("good", "evil"))
    made = child(framework.make.replace("GOOD", repr(good)).replace("EVIL", repr(evil)), project)
    assert made.returncode == 0, made.stderr
    locked = child(f"from modelguard.cli.main import main; main(['lock', './{good}'])", project)
    assert locked.returncode == 0, locked.stdout + locked.stderr
    load = framework.load.replace("\n", "\n    ")
    first = "" if late else f"import {framework.module}"
    done = child(USE.format(first=first, load=load, good=f"./{good}", evil=f"./{evil}"), project)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith((framework.said, "refused"))]
    assert lines == [f"{framework.said} refused", "refused refused", f"{framework.said} True False True"], done.stderr


def test_what_runs_a_models_own_code_is_refused(tmp_path: Path) -> None:
    need("torch")
    make = """
        import torch
        from torch.package import PackageExporter
        with PackageExporter("p.pt") as exporter:
            exporter.save_source_string("inside", "value = 1")
        open("hubconf.py", "w").write("def one(): return 1\\n")
    """
    made = child(textwrap.dedent(make), tmp_path)
    assert made.returncode == 0, made.stderr
    use = """
        import modelguard, torch, torch.package
        def package():
            return torch.package.PackageImporter("p.pt").import_module("inside").value
        def hub():
            return torch.hub.load(".", "one", source="local")
        for mode in ("guard", "enforce", "observe"):
            with modelguard.intercept(mode):
                for load in (package, hub):
                    try:
                        print(mode, load())
                    except modelguard.ModelRefused as error:
                        print(mode, "refused", "Python code" in str(error))
    """
    done = child(textwrap.dedent(use), tmp_path)
    refused = [f"{mode} refused True" for mode in ("guard", "guard", "enforce", "enforce")]
    assert done.stdout.splitlines() == [*refused, "observe 1", "observe 1"], done.stderr


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # rows for older versions name modules that warn today
def test_each_entry_point_is_where_the_installed_framework_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")  # keras cannot be imported without one
    names: dict[str, list[EntryPoint]] = {}
    for point in ENTRY_POINTS:
        names.setdefault(f"{point.module.split('.')[0]}:{point.attribute}:{point.argument}", []).append(point)
    for points in names.values():  # several rows of one name are for several versions
        if importlib.util.find_spec(points[0].module.split(".")[0]) is None:
            continue
        assert any(_is_there(point) for point in points), points[0].name


def _is_there(point: EntryPoint) -> bool:
    try:
        found = importlib.import_module(point.module)
    except ImportError:
        return False
    for part in point.attribute.split("."):
        found = getattr(found, part, None)
    return found is not None


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
