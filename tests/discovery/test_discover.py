"""Discovery: each way in which a program names a model is found at its line, and near-misses are not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelguard._registry import parts
from modelguard.discovery import configuration, notebook, python, shell
from modelguard.discovery.caches import cached_models
from modelguard.discovery.reader import NotReadable, Reader
from modelguard.discovery.rendering import github, sarif
from modelguard.discovery.rules import remarks
from modelguard.discovery.tree import discover
from modelguard.discovery.use import Discovered, Use
from modelguard.testing import LocalHub, tiny_model

COMMIT = "0123456789abcdef0123456789abcdef01234567"
IMPORTS = "import torch\nfrom transformers import AutoModel, pipeline\n"


def found(body: str) -> list[tuple[str | None, str]]:
    """Return model and pinning of each use in a program that begins with the usual imports."""
    return [(use.model, use.pinning) for use in python.read("x.py", IMPORTS + body)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("AutoModel.from_pretrained('a/b')", [("a/b", "missing")]),
        ("AutoModel.from_pretrained('a/b', revision='main')", [("a/b", "named")]),
        (f"AutoModel.from_pretrained('a/b', revision='{COMMIT}')", [("a/b", "commit")]),
        ("AutoModel.from_pretrained('a/b', revision='abc1234')", [("a/b", "named")]),
        ("AutoModel.from_pretrained('a/b', revision=None)", [("a/b", "missing")]),
        ("AutoModel.from_pretrained('a/b', revision=f())", [("a/b", "computed")]),
        ("AutoModel.from_pretrained('a/b', **options)", [("a/b", "computed")]),
        ("AutoModel.from_pretrained('./a')", [("./a", "none")]),
        ("M = 'a/b'\nAutoModel.from_pretrained(M)", [("a/b", "missing")]),
        ("O = 'a'\nAutoModel.from_pretrained(f'{O}/b')", [("a/b", "missing")]),
        ("O = 'a'\nAutoModel.from_pretrained(O + '/b')", [("a/b", "missing")]),
        ("M = {'x': 'a/b', 'y': 'c/d'}\nAutoModel.from_pretrained(M['y'])", [("c/d", "missing")]),
        ("M = {'x': 'a/b', 'y': 'c/d'}\nAutoModel.from_pretrained(M[k])", [("a/b", "missing"), ("c/d", "missing")]),
        ("for m in ['a/b', 'c/d']:\n AutoModel.from_pretrained(m)", [("a/b", "missing"), ("c/d", "missing")]),
        ("def f(m='a/b'):\n AutoModel.from_pretrained(m)", [("a/b", "missing")]),
        ("def f(*, m='a/b'):\n AutoModel.from_pretrained(m)", [("a/b", "missing")]),
        ("class S:\n m: str = 'a/b'\nAutoModel.from_pretrained(S().m)", [("a/b", "missing")]),
        ("class S:\n m: str = field(default='a/b')\nAutoModel.from_pretrained(s.m)", [("a/b", "missing")]),
        ("p.add_argument('--ckpt', default='a/b')\nAutoModel.from_pretrained(args.ckpt)", [("a/b", "missing")]),
        ("m = os.environ.get('M', 'a/b')\nAutoModel.from_pretrained(m)", [("a/b", "missing")]),
        ("m = 'a/b' if x else 'c/d'\nAutoModel.from_pretrained(m)", [("a/b", "missing"), ("c/d", "missing")]),
        ("AutoModel.from_pretrained(sys.argv[1])", [(None, "missing")]),
        ("A = AutoModel\nA.from_pretrained('a/b')", [("a/b", "missing")]),
        ("something.from_pretrained('a/b')", [("a/b", "missing")]),
        ("pipeline('text-generation', 'a/b')", [("a/b", "missing")]),
        ("pipeline('text-generation', model='a/b')", [("a/b", "missing")]),
        ("torch.load('w.pt')", [("w.pt", "none")]),
        ("torch.load(Path('d') / 'w.pt')", [("d/w.pt", "none")]),
        ("torch.load('w.pt', weights_only=True)", [("w.pt", "none")]),
        ("import torch as t\nt.load(f)", [(None, "none")]),
        ("from torch import load as get\nget('w.pt')", [("w.pt", "none")]),
        ("import xgboost\nb = xgboost.Booster()\nb.load_model('m.ubj')", [("m.ubj", "none")]),
        ("import numpy as np\nnp.load('x.npy', allow_pickle=True)", [("x.npy", "none")]),
        ("from huggingface_hub import HfApi\nHfApi().snapshot_download('a/b')", [("a/b", "missing")]),
        ("import timm\ntimm.create_model('hf-hub:a/b')", [("a/b", "missing")]),
        ("torch.hub.load_state_dict_from_url('https://huggingface.co/a/b/resolve/main/x.pt')",
         [("https://huggingface.co/a/b/resolve/main/x.pt", "named")]),
    ],
)  # fmt: skip
def test_a_program_that_names_a_model_is_found(body: str, expected: list[tuple[str | None, str]]) -> None:
    assert found(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        "json.load(f)",
        "import numpy as np\nnp.load('x.npy')",
        "import numpy as np\nnp.load('x.npy', allow_pickle=False)",
        "yaml.load(f)",
        "torch.save(x, 'w.pt')",
        "x = 'a/b'",
        "import timm\ntimm.create_model('resnet18')",
        "import xgboost\nxgboost.Booster()",
    ],
)
def test_a_program_that_names_none_is_left_alone(body: str) -> None:
    assert found(body) == []


@pytest.mark.parametrize(
    "body",
    [
        "import modelguard\nmodelguard.guarded_load('a/b')",
        "from modelguard import guarded_load as g\ng('a/b')",
        "from modelguard import guarded\nload = guarded(torch.load)\nload('a/b')",
        "from modelguard import guarded\nguarded(torch.load)('a/b')",
    ],
)
def test_a_guarded_load_is_known_as_one(body: str) -> None:
    uses = list(python.read("x.py", IMPORTS + body))
    assert [(use.model, use.guarded) for use in uses] == [("a/b", True)]


def test_a_directory_from_the_guard_is_guarded_and_any_other_is_not() -> None:
    body = (
        "from modelguard import verified_snapshot\nwith verified_snapshot('a/b') as p:\n AutoModel.from_pretrained({})"
    )
    assert [use.guarded for use in python.read("x.py", IMPORTS + body.format("p / 'x'"))] == [True, True]
    assert [use.guarded for use in python.read("x.py", IMPORTS + body.format("q"))] == [True, False]


def test_a_file_that_is_no_python_is_not_taken_for_an_empty_one() -> None:
    with pytest.raises(NotReadable, match="not Python"):
        list(python.read("x.py", "print 'torch.load'"))


def test_a_name_bound_to_itself_ends() -> None:
    assert found("m = m\nn = f'{n}{n}'\nAutoModel.from_pretrained(m + n)") == [(None, "missing")]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("huggingface-cli download a/b", ["a/b"]),
        ("hf download a/b --revision main", ["a/b"]),
        ("vllm serve a/b --port 1", ["a/b"]),
        ("/usr/bin/vllm serve a/b", ["a/b"]),
        ("X=1 sudo vllm serve \\\n  a/b", ["a/b"]),
        ('CMD ["vllm", "serve", "a/b"]', ["a/b"]),
        ("ENV MODEL_ID=a/b", ["a/b"]),
        ("python x.py --model_name_or_path=a/b", ["a/b"]),
        ("git clone https://huggingface.co/a/b", ["https://huggingface.co/a/b"]),
        ("llama-server -hf a/b:Q4", ["a/b"]),
        ("ollama pull llama3", ["ollama:llama3"]),
        ("RUN python -c \"from transformers import AutoModel; AutoModel.from_pretrained('a/b')\"", ["a/b"]),
        ("python - <<EOF\nimport torch\ntorch.load('w.pt')\nEOF", ["w.pt"]),
        ("# vllm serve a/b", []),
        ("vllm serve $MODEL", []),
        ("pip install a/b", []),
        ("git clone https://github.com/a/b", []),
    ],
)
def test_commands_are_read(line: str, expected: list[str]) -> None:
    assert [use.model for use in shell.read("run.sh", line)] == expected


def test_a_command_fed_by_the_guard_is_guarded() -> None:
    uses = list(shell.read("run.sh", 'vllm serve "$(modelguard path a/b)"'))
    assert [(use.model, use.guarded) for use in uses] == [("a/b", True)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model: a/b\n", [("a/b", 1, "missing")]),
        ('x: 1\nembedding_model: "a/b" # c\n', [("a/b", 2, "missing")]),
        (f"modelId: a/b\nrevision: {COMMIT}\n", [("a/b", 1, "commit")]),
        ('{"repo_id":"a/b"}', [("a/b", 1, "missing")]),
        ('model = "a/b"\n', [("a/b", 1, "missing")]),
        ("models:\n  - a/b\n  - c/d\n", [("a/b", 2, "missing"), ("c/d", 3, "missing")]),
        ("args:\n  - --model\n  - a/b\n", [("a/b", 2, "missing")]),
        ("x: hf://a/b\n", [("hf://a/b", 1, "missing")]),
        ("checkpoint: w.ckpt\n", [("w.ckpt", 1, "none")]),
        ("# model: a/b\n", []),
        ("image: a/b\n", []),
        ("model: gpt-4\n", []),
        ("model: {{ .Values.model }}\n", []),
        ("model: src/x.py/../y\n", []),
    ],
)
def test_configuration_is_read(text: str, expected: list[tuple[str, int, str]]) -> None:
    assert [(use.model, use.line, use.pinning) for use in configuration.read("c.yaml", text)] == expected


def test_a_notebook_is_one_program_with_the_lines_of_its_file() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["AutoModel.from_pretrained('no/no')"]},
        {"cell_type": "code", "source": ["!hf download a/nb\n", "from transformers import AutoModel\n", "M = 'a/b'"]},
        {"cell_type": "code", "source": "%time\nAutoModel.from_pretrained(M)"},
        {"cell_type": "code", "source": ["AutoModel.from_pretrained('ü/c')\n", "AutoModel.from_pretrained('c/d')"]},
    ]
    text = json.dumps({"cells": cells, "nbformat": 4}, indent=1)
    lines = text.split("\n")
    uses = sorted(notebook.read("n.ipynb", text), key=lambda use: use.line)
    assert [use.model for use in uses] == ["a/nb", "a/b", "ü/c", "c/d"]
    for use, word in zip(uses, ["a/nb", "from_pretrained(M)", "from_pretrained('\\u00fc", "c/d"], strict=True):
        assert word in lines[use.line - 1]


@pytest.mark.parametrize("reader", parts("modelguard.discovery", Reader), ids=lambda reader: reader.name)
@given(
    pieces=st.lists(st.sampled_from([*"model:= \n\"'-/\\{}[]()#!%.,$fab\u202e\0", "torch.load(", "- a/b\n", "model: "]))
)
def test_no_reader_falls_over_foreign_text(reader: Reader, pieces: list[str]) -> None:
    text = "".join(pieces)
    try:
        for use in reader.read("x", text):
            assert 1 <= use.line <= text.count("\n") + 1
            assert use.ref is None or use.model
    except NotReadable:
        pass


def project(home: Path) -> Path:
    home.mkdir()
    (home / "app.py").write_text(IMPORTS + "AutoModel.from_pretrained('acme/tiny')\ntorch.load('w.pt')\n")
    (home / "broken.py").write_text("import torch\ntorch.load(\n")
    (home / ".venv").mkdir()
    (home / ".venv" / "pyvenv.cfg").write_text("")
    (home / ".venv" / "x.py").write_text(IMPORTS + "torch.load('other.pt')\n")
    (home / "app.js").write_text("torch.load('w.pt')")
    return home


def test_a_tree_is_walked_and_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    home = project(tmp_path / "p")
    seen = discover([home], home=home)
    assert [(use.path, use.line, use.model) for use in seen.uses] == [("app.py", 3, "acme/tiny"), ("app.py", 4, "w.pt")]
    assert [one.path for one in seen.unreadable] == ["broken.py"]
    rules = [(one.rule.name, one.line) for one in remarks(seen, {"acme/tiny"}, lambda _use, ref: ref.key)]
    assert rules == [
        ("unguarded-load", 3), ("unpinned-revision", 3), ("unguarded-load", 4), ("not-in-lock", 4), ("not-read", 1),
    ]  # fmt: skip


def test_a_directory_of_the_project_is_no_repository_of_the_hub(tmp_path: Path) -> None:
    home = project(tmp_path / "p")
    assert discover([home], home=home).uses[0].pinning == "missing"
    (home / "acme" / "tiny").mkdir(parents=True)
    assert discover([home], home=home).uses[0].pinning == "none"


def test_hostile_names_start_no_workflow_command_and_no_escape_sequence() -> None:
    use = Use(path="a\n::error::x,b.py", line=1, call="torch.load", kind="load", model="x\x1b[31m\u202e/\n::error::y")
    seen = Discovered(files=1, uses=(use,))
    made = remarks(seen, (), lambda _use, ref: ref.key)
    assert len(github(seen, made, ()).splitlines()) == len(made) > 0
    assert "\x1b" not in github(seen, made, ())
    assert "\\u001b" not in sarif(seen, made, ())


def run(home: Path, *words: str, code: int, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "MODELGUARD_"))}
    done = subprocess.run(
        [sys.executable, "-m", "modelguard", *words], cwd=home, capture_output=True, text=True, timeout=120,
        check=False,
        env={**clean, "MODELGUARD_STORE": str(home.parent / "store"), **environment},
    )  # fmt: skip
    assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def test_the_command_proposes_a_lock_and_is_content_once_it_is_written(tmp_path: Path) -> None:
    home = tmp_path / "p"
    home.mkdir()
    program = home / "app.py"
    program.write_text(IMPORTS + "AutoModel.from_pretrained('acme/tiny')\n")
    assert "app.py:3  acme/tiny" in run(home, "discover", code=1).stdout
    proposed = run(home, "discover", "--lock", code=1).stdout.split()
    assert proposed == ["modelguard", "lock", "acme/tiny"]
    with LocalHub() as hub:
        hub.repository("acme/tiny").commit(tiny_model())
        run(home, *proposed[1:], code=0, HF_ENDPOINT=hub.url)
    run(home, "discover", "--lock", code=0)
    assert "unguarded-load" in run(home, "discover", code=1).stdout
    program.write_text("from modelguard import guarded_load\nguarded_load('acme/tiny')\n")
    assert "1 guarded · 1 locked · 0 findings" in run(home, "discover", code=0).stdout


def test_the_command_writes_sarif_and_json_with_places(tmp_path: Path) -> None:
    home = project(tmp_path / "p")
    document = json.loads(run(home, "discover", "--format", "sarif", code=1).stdout)
    places = [result["locations"][0]["physicalLocation"] for result in document["runs"][0]["results"]]
    assert ("app.py", 3) in {(one["artifactLocation"]["uri"], one["region"]["startLine"]) for one in places}
    rules = document["runs"][0]["tool"]["driver"]["rules"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in document["runs"][0]["results"])
    as_json = json.loads(run(home, "discover", "--format", "json", "--fail-from", "never", code=0).stdout)
    assert as_json["schema"] == "modelguard/discovery/1"
    assert [one["path"] for one in as_json["unread"]] == ["broken.py"]


def test_a_tree_without_a_file_to_read_is_no_success(tmp_path: Path) -> None:
    assert "nothing was examined" in run(tmp_path, "discover", code=3).stderr


def test_caches_are_listed(tmp_path: Path) -> None:
    for name in (
        f".cache/huggingface/hub/models--acme--tiny/snapshots/{COMMIT}/config.json",
        ".cache/torch/hub/checkpoints/resnet.pth",
        ".cache/torch/sentence_transformers/acme_embed/model.safetensors",
        ".ollama/models/manifests/registry.ollama.ai/library/llama3/latest",
        ".lmstudio/models/acme/gguf/x.gguf",
    ):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"1234")
    seen = {(one.tool, one.model, one.revisions, one.size) for one in cached_models({}, tmp_path)}
    assert seen == {
        ("huggingface_hub", "acme/tiny", (COMMIT,), 4), ("torch hub", "resnet.pth", (), 4),
        ("sentence-transformers", "acme/embed", (), 4), ("ollama", "llama3:latest", (), 4),
        ("LM Studio", "acme/gguf", (), 4),
    }  # fmt: skip
    assert cached_models({"HF_HUB_CACHE": "/nowhere"}, tmp_path / "none") == ()
