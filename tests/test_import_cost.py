"""Importing modelguard loads nothing that costs: no framework, no HTTP client, no sigstore, no rich."""

from __future__ import annotations

import json
import subprocess
import sys

COSTLY = {
    "aiohttp", "cryptography", "h11", "httpcore", "httpcore2", "httpx", "httpx2", "huggingface_hub", "jinja2", "joblib",
    "keras", "numpy", "onnxruntime", "pandas", "pydantic", "requests", "rich", "safetensors", "sigstore", "sklearn",
    "torch", "transformers", "tuf", "urllib3", "yaml",
}  # fmt: skip


def loaded_after(statement: str) -> set[str]:
    code = f"import json, sys\n{statement}\nprint(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stdout.splitlines()[-1]))


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
