"""Importing modelguard loads nothing that costs, and a run imports only the parts of the house that it needs.

What counts is which modules are there, not seconds: those differ from one machine to the next.
"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

COSTLY = {
    "aiohttp", "cryptography", "h11", "httpcore", "httpcore2", "httpx", "httpx2", "huggingface_hub", "jinja2", "joblib",
    "keras", "numpy", "onnxruntime", "pandas", "pydantic", "requests", "rich", "safetensors", "sigstore", "sklearn",
    "torch", "transformers", "tuf", "urllib3", "yaml",
}  # fmt: skip


def modules_after(statement: str) -> set[str]:
    code = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stdout.splitlines()[-1]))


def loaded_after(statement: str) -> set[str]:
    return loaded_names(modules_after(statement))


def loaded_names(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def modules_after_command(*words: str) -> set[str]:
    return modules_after(
        "from modelguard.cli.main import main\n"
        f"try: main({[*words]!r})\n"
        "except SystemExit as ended: assert not ended.code, ended"
    )


def of_room(modules: set[str], room: str) -> set[str]:
    """Return the modules of a room that may be its parts."""
    names = {name.removeprefix(f"modelguard.{room}.") for name in modules if name.startswith(f"modelguard.{room}.")}
    return {name for name in names if not name.startswith("_")}


def test_importing_modelguard_loads_nothing_costly() -> None:
    assert loaded_after("import modelguard") & COSTLY == set()


def test_the_plugin_loads_nothing_costly() -> None:
    assert loaded_after("import modelguard.pytest_plugin") & COSTLY == set()


def test_the_help_of_the_command_loads_nothing_costly() -> None:
    statement = (
        "from modelguard.cli.main import application\n"
        "import click\n"
        "application().get_help(click.Context(application()))"
    )
    assert loaded_after(statement) & COSTLY == set()


def test_loading_a_public_name_still_loads_nothing_costly() -> None:
    assert loaded_after("from modelguard import guarded_load, Lock, Policy, ModelRefused") & COSTLY == set()


def test_loading_the_gate_imports_neither_formats_nor_licenses_nor_the_words_of_other_areas() -> None:
    modules = modules_after("from modelguard import guarded_load")
    assert of_room(modules, "formats") | of_room(modules, "licenses") | of_room(modules, "lock") == set()
    assert not {"provenance", "licensing", "advisory", "vendor", "upstream"} & of_room(modules, "terms")
    assert len([name for name in modules if name.startswith("modelguard.")]) <= 60


def test_the_help_imports_no_command() -> None:
    modules = modules_after_command("--help")
    assert of_room(modules, "cli") == {"main"}
    assert not {"attrs", "rich", "modelguard.guard"} & modules
    assert len([name for name in modules if name.startswith("modelguard.")]) <= 8


def test_a_scan_of_a_small_file_imports_only_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(pickle.dumps({"a": [1, 2, 3]}, protocol=4))
    modules = modules_after_command("scan", str(tmp_path / "model.pkl"))
    assert loaded_names(modules) & COSTLY == set()
    assert {"pickle", "joblib", "torch_legacy", "msgpack"} <= of_room(modules, "formats")
    assert not {"hdf5", "zip", "onnx", "text", "tensorflow_checkpoint"} & of_room(modules, "formats")
    assert of_room(modules, "checks") <= {"check", "digest_mismatch", "not_examined", "unsafe_file"}
    assert of_room(modules, "cli") == {"command", "main", "scan"}
    assert of_room(modules, "reports") == {"report", "text"}
    assert not {"provenance", "licensing", "advisory", "vendor", "upstream"} & of_room(modules, "terms")
    assert len([name for name in modules if name.startswith("modelguard.")]) <= 120
