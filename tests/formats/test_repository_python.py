"""Python beside a model: that it is asked for at all, what it can do, and what hides from a quick look."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from repository_builders import facts_of, of_kind

from modelguard.formats._python_code import analyse
from modelguard.formats._python_names import METHODS, ROWS, Row
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Asks, Malformed, Noted, Unread


def hazard_of(source: str) -> str:
    return analyse(source.encode()).hazard


def test_h_08_every_python_file_is_asked_for_by_its_path() -> None:
    [fact] = of_kind(facts_of("modeling_x.py", "import torch\n\nclass X(torch.nn.Module):\n    pass\n"), Asks)
    assert (fact.permission, fact.name, fact.hazard) == ("remote-code", "modeling_x.py", "")
    assert fact.detail == "imports torch"


@pytest.mark.parametrize("name", ["handler.py", "setup.py", "hubconf.py", "custom_generate/generate.py", "__init__.py"])
def test_h_08_a_file_that_something_runs_unasked_says_so(name: str) -> None:
    [fact] = of_kind(facts_of(name, "x = 1\n"), Asks)
    assert "run" in fact.detail


@pytest.mark.parametrize("source", ["", "\n\n", "# Copyright of somebody\n", "\ufeff# only a comment"])
def test_a_file_without_code_asks_for_nothing(source: str) -> None:
    facts = facts_of("package/__init__.py", source)
    assert not of_kind(facts, Asks)
    assert not of_kind(facts, Malformed)


def test_a_shebang_tells_python_under_any_name() -> None:
    assert of_kind(facts_of("run", "#!/usr/bin/env python3\nprint(1)\n"), Asks)
    assert not of_kind(facts_of("notes.txt", "python is a snake\n"), Asks)


DOES: dict[str, tuple[str, str]] = {
    "exec": ("exec('x')", "code-execution"),
    "eval": ("y = eval('x')", "code-execution"),
    "compile": ("compile('x', '', 'exec')", "code-execution"),
    "builtins": ("import builtins\nbuiltins.exec('x')", "code-execution"),
    "__import__": ("__import__('os')", "code-execution"),
    "import_module": ("from importlib import import_module as i\ni('os')", "code-execution"),
    "importlib passed on": ("import importlib\nf(importlib)", "code-execution"),
    "importlib by attribute": ("import importlib\nimportlib.import_module('os')", "code-execution"),
    "sys.modules": ("import sys\nsys.modules['os'].getcwd()", "code-execution"),
    "subclasses": ("().__class__.__base__.__subclasses__()", "code-execution"),
    "globals of a function": ("f.__globals__['os']", "code-execution"),
    "torch.hub": ("import torch\ntorch.hub.load('a/b', 'c')", "code-execution"),
    "trust_remote_code": (
        "from transformers import AutoModel\nAutoModel.from_pretrained('x', trust_remote_code=True)",
        "code-execution",
    ),
    "os.system": ("import os\nos.system('echo pwned')", "process"),
    "an alias": ("import os as o\no.system('echo pwned')", "process"),
    "an assigned alias": ("import os\no = os\np = o\np.system('echo pwned')", "process"),
    "a function assigned": ("import os\nf = os.popen\nf('echo pwned')", "process"),
    "a method of a function": ("import os\nos.system.__call__('echo pwned')", "process"),
    "from import": ("from os import system\nsystem('echo pwned')", "process"),
    "star import": ("from os import *\nsystem('echo pwned')", "process"),
    "getattr with a name": ("import os\ngetattr(os, 'system')('echo pwned')", "process"),
    "getattr with a computed name": ("import os\ngetattr(os, 'sys' + 'tem')('echo pwned')", "obfuscation"),
    "subprocess": ("import subprocess\nsubprocess.run(['echo'])", "process"),
    "inside a function": ("def f():\n    from subprocess import Popen\n    return Popen", "process"),
    "inside a try": ("try:\n    import pty\nexcept ImportError:\n    pass", "process"),
    "socket": ("import socket", "network"),
    "requests": ("import requests\nrequests.get('https://x.example')", "network"),
    "urllib": ("from urllib.request import urlopen", "network"),
    "ctypes": ("import ctypes\nctypes.CDLL(None)", "native-code"),
    "load_library": ("import torch\ntorch.ops.load_library('x.so')", "native-code"),
    "cpp_extension": ("from torch.utils.cpp_extension import load", "native-code"),
    "pickle": ("import pickle\npickle.loads(b'')", "unpickling"),
    "torch.load": ("import torch\ntorch.load('x')", "unpickling"),
    "torch.load told otherwise": ("import torch\ntorch.load('x', weights_only=flag)", "unpickling"),
    "numpy.load": ("import numpy as np\nnp.load('x', allow_pickle=True)", "unpickling"),
    "yaml.load": ("import yaml\nyaml.load(x, Loader=yaml.Loader)", "unpickling"),
    "joblib": ("import joblib\njoblib.load('x')", "unpickling"),
    "__reduce__": ("class X:\n    def __reduce__(self):\n        return print, ()", "unpickling"),
    "writing": ("with open('x', 'wb') as f:\n    f.write(b'')", "file-write"),
    "writing in a computed mode": ("open('x', mode)", "file-write"),
    "rmtree": ("import shutil\nshutil.rmtree('/')", "file-write"),
    "write_text": ("from pathlib import Path\nPath('x').write_text('')", "file-write"),
    "environment": ("import os\nos.environ['X'] = '1'", "file-write"),
    "atexit": ("import atexit\natexit.register(print)", "persistence"),
    "meta_path": ("import sys\nsys.meta_path.insert(0, x)", "persistence"),
    "hub": ("from huggingface_hub import hf_hub_download", "hub-access"),
    "a scanner": ("import modelguard", "scanner-evasion"),
    "add_safe_globals": ("import torch\ntorch.serialization.add_safe_globals([print])", "scanner-evasion"),
    "packed text": (f"x = {'aGVsbG8gd29ybGQxMjM0NTY3ODkwQUJDREVGR0hJSktMTU5P' * 12!r}", "obfuscation"),
    "many bytes": (f"x = {bytes(range(256)) * 2!r}", "obfuscation"),
    "base64 and exec": ("import base64\nexec(base64.b64decode('eA=='))", "obfuscation"),
}


@pytest.mark.parametrize(("source", "hazard"), DOES.values(), ids=DOES)
def test_what_the_code_can_do_is_told(source: str, hazard: str) -> None:
    assert hazard_of(source) == hazard
    [fact] = of_kind(facts_of("modeling_x.py", source), Asks)
    assert fact.hazard == hazard


HARMLESS = {
    "methods of models": "model.eval()\nmodel.compile()\nmodel.exec = 1",
    "re.compile": "import re\nre.compile('x')",
    "torch.compile": "import torch\ntorch.compile(f)",
    "names of modules as variables": "code = 1\nrequests = []\nrequests.append(code)\nsocket = None\nsocket.x",
    "os.path": "import os\nos.path.join('a', os.environ.get('HOME', ''))",
    "reading": "open('x')\nopen('x', 'rb')\nopen('x', encoding='utf-8')",
    "weights only": "import torch\ntorch.load('x', weights_only=True)",
    "safe yaml": "import yaml\nyaml.safe_load('x')\nyaml.load('x', Loader=yaml.SafeLoader)",
    "getattr of a configuration": "getattr(config, name, None)\ngetattr(torch.nn, activation)",
    "base64 alone": "import base64\nbase64.b64decode(image)",
    "relative imports": "from .configuration_x import XConfig\nfrom . import os",
    "not trusted": "from transformers import AutoModel\nAutoModel.from_pretrained('x', trust_remote_code=False)",
    "prose": f"'''{'This module implements the model of the paper. ' * 40}'''",
    "a long line of dashes": f"x = {'-' * 1000!r}",
    "versions": "import importlib\nimportlib.metadata.version('x')\nimportlib.util.find_spec('y')",
    "checked types": "from huggingface_hub.dataclasses import strict",
    "numpy": "import numpy as np\nnp.load('x')\nnp.save('x', y)",
}


@pytest.mark.parametrize("source", HARMLESS.values(), ids=HARMLESS)
def test_what_only_looks_alike_has_no_hazard(source: str) -> None:
    assert hazard_of(source) == ""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_row_fires(row: Row) -> None:
    module = row.name.rpartition(".")[0]
    source = (
        f"import {row.name}\nf({row.name})" if row.whole else f"import {module}\n{row.name}" if module else row.name
    )
    mentions = analyse(f"{source}\nexec(x)".encode()).mentions
    assert (row.hazard, row.name) in [(mention.hazard, mention.what.split(" ")[0]) for mention in mentions]


@pytest.mark.parametrize(("name", "row"), METHODS.items(), ids=METHODS)
def test_every_method_of_the_table_fires(name: str, row: Row) -> None:
    assert hazard_of(f"x.{name}()") == row.hazard
    assert hazard_of(f"getattr(x, {name!r})") == row.hazard


def test_the_gravest_class_of_danger_is_the_one_told() -> None:
    assert hazard_of("import os, socket\nopen('x', 'w')\nexec('x')") == "code-execution"


def test_code_that_does_not_parse_is_asked_for_and_unread() -> None:
    facts = facts_of("old.py", "print 'Python 2'\n")
    assert [fact.name for fact in of_kind(facts, Asks)] == ["old.py"]
    assert [fact.format for fact in of_kind(facts, Unread)] == ["python"]


@pytest.mark.parametrize("codec", ["utf-7", "rot13", "unicode_escape", "raw_unicode_escape", "utf-16", "hex"])
def test_an_encoding_that_hides_code_is_not_read_as_what_it_shows(codec: str) -> None:
    facts = facts_of("x.py", f"# -*- coding: {codec} -*-\nx = 1\n")
    assert of_kind(facts, Unread)
    assert of_kind(facts, Asks)


@pytest.mark.parametrize("codec", ["utf-8", "latin-1", "ascii", "UTF8", "utf_8"])
def test_ordinary_encodings_are_read(codec: str) -> None:
    assert not of_kind(facts_of("x.py", f"# -*- coding: {codec} -*-\nx = 1\n"), Unread)


@pytest.mark.parametrize(
    "source",
    [
        "(" * 5000,
        "-" * 50_000 + "1",
        "x = " + "[" * 150 + "]" * 150,
        "a" + ".b" * 20_000,
        "x = 1" + " + 1" * 20_000,
        "not " * 20_000 + "x",
        "f" + "()" * 5_000,
        "lambda: " * 3_000 + "0",
        "x = 1\0",
        "".join(" " * level + "if x:\n" for level in range(150)),
    ],
    ids=["parentheses", "minus", "brackets", "attributes", "sum", "not", "calls", "lambda", "nul", "indent"],
)
def test_deep_source_is_read_or_refused_without_a_crash(source: str) -> None:
    try:
        analyse(source.encode())
    except ReadError:
        return


def test_reordering_characters_are_noted() -> None:
    facts = facts_of("x.py", "access = 'user\u202e \u2066# check\u2069'\n")
    assert "reordering-characters" in [fact.rule for fact in of_kind(facts, Noted)]


@settings(deadline=5000)
@given(st.text() | st.lists(st.sampled_from(list(DOES.values()))).map(lambda parts: "\n".join(p for p, _ in parts)))
def test_any_source_gives_facts(source: str) -> None:
    facts_of("x.py", source.encode("utf-8", "surrogatepass"))


@settings(deadline=5000)
@given(st.binary())
def test_any_bytes_give_facts(data: bytes) -> None:
    facts_of("x.py", data)
