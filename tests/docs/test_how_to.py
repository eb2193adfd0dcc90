"""The how-to pages: every command that they show is run, against a Hub on loopback, and prints what they show."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from page_runner import Home, blocks, body, run_page

from modelguard.testing import LocalHub, tiny_model
from modelguard.testing.models import tiny_safetensors

HOW_TO = Path(__file__).resolve().parents[2] / "docs" / "how-to"
LOCKED = "modelguard lock org/name --reason 'for the page'"

# Programs that the pages call and that no test can have: what they stand for is only to be handed a path that exists.
SERVERS = {
    "vllm": 'test -f "$2/model.safetensors"',
    "llama-server": 'test -f "$2"',
    "tritonserver": 'test -d "$2/ranker"',
}


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with LocalHub() as running:
        repository = running.repository("org/name")
        repository.commit(tiny_model())
        repository.tag("v1.2")
        more = {"model.safetensors": tiny_safetensors({"a": [1.0] * 5}), "half.safetensors": tiny_safetensors()}
        repository.commit({**tiny_model(), **more})
        repository.tag("v1.3")
        yield running


def first(home: Home, *commands: str) -> None:
    """Do what a page takes for granted."""
    for command in commands:
        done = subprocess.run(
            ["/bin/sh", "-c", command], cwd=home.directory, env=home.environment, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"$ {command}\n{done.stdout}\n{done.stderr}"


def page(name: str) -> str:
    return (HOW_TO / f"{name}.md").read_text("utf-8")


@pytest.fixture
def home(tmp_path: Path, hub: LocalHub) -> Home:
    made = Home.make(tmp_path, SERVERS)
    made.environment.update(hub.environment)
    return made


def test_pin_a_model(home: Home) -> None:
    assert run_page(page("pin-a-model"), home) == 8


def test_approve_a_pickle(home: Home) -> None:
    (home.directory / "clf.pkl").write_bytes(b"\x80\x04cmypackage\nScaler\n)R.")
    assert run_page(page("approve-a-pickle"), home) == 4


def test_write_a_policy(home: Home) -> None:
    model = home.directory / "models" / "ranker"
    model.mkdir(parents=True)
    (model / "model.safetensors").write_bytes(tiny_safetensors())
    (model / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n# Ranker\n")
    soon = datetime.now(UTC).date() + timedelta(days=90)
    assert run_page(page("write-a-policy").replace("2027-03-31", soon.isoformat()), home) == 6


def test_sign_models_and_require_signatures(home: Home) -> None:
    (home.directory / "release").mkdir()
    (home.directory / "release" / "model.safetensors").write_bytes(tiny_safetensors())
    (home.directory / "release" / "config.json").write_text("{}")
    first(home, "openssl version")
    assert run_page(page("sign-and-verify"), home) == 18


def test_catch_code_that_forgets_the_guard(home: Home, tmp_path: Path) -> None:
    joblib = pytest.importorskip("joblib", reason="the program of the page loads a joblib file")
    (home.directory / "models").mkdir()
    joblib.dump({"classes": ["cat", "dog"]}, home.directory / "models" / "clf.joblib")
    found = any(one.value == "modelguard.pytest_plugin" for one in metadata.entry_points(group="pytest11"))
    plugin = "" if found else "-p modelguard.pytest_plugin"
    program = tmp_path / "bin" / "pytest"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pytest {plugin} -p no:cacheprovider "$@"\n')
    program.chmod(0o755)
    assert run_page(page("enforce"), home) == 5


@pytest.mark.heavy
def test_turn_a_checkpoint_into_safetensors(home: Home) -> None:
    torch = pytest.importorskip("torch", reason="the page converts a checkpoint of torch")
    state = {"state_dict": {"weight": torch.ones(3), "bias": torch.zeros(1)}, "epoch": 3}
    torch.save(state, home.directory / "checkpoint.pt")
    assert run_page(page("convert"), home) == 4


def test_examine_many_models(home: Home) -> None:
    joblib = pytest.importorskip("joblib", reason="one of the models of the page is a joblib file")
    (home.directory / "models").mkdir()
    joblib.dump([1, 2], home.directory / "models" / "clf.joblib")
    (home.directory / "models" / "model.safetensors").write_bytes(tiny_safetensors())
    (home.directory / "models" / "old.pkl").write_bytes(b"\x80\x04cmypackage\nScaler\n)R.")
    assert run_page(page("many-models"), home) == 3


def test_work_without_a_network(home: Home, hub: LocalHub) -> None:
    text = page("air-gapped")
    assert run_page(text, home) == 8
    asked = len(hub.asked(""))
    directory = home.directory / "inside"
    more = {"MODELGUARD_STORE": str(directory / "store"), "MODELGUARD_OFFLINE": "1"}
    inside = Home(directory=directory, environment={**home.environment, **more})
    first(inside, "modelguard check", "modelguard path org/name")
    assert len(hub.asked("")) == asked, "the second machine asks nobody"


def test_use_a_private_hub(home: Home, hub: LocalHub) -> None:
    token = hub.user("alice")
    hub.repository("team/model", private=True, granted={"alice"}).commit(tiny_model())
    text = page("private-hub").replace("https://hub.example.com", hub.url).replace("hf_example", token)
    assert (
        run_page(text.replace('grep -c "$HF_TOKEN" modelguard.lock', 'grep -c "$HF_TOKEN" modelguard.lock;'), home) == 4
    )


def test_serve(home: Home) -> None:
    (home.directory / "triton-models" / "ranker").mkdir(parents=True)
    (home.directory / "triton-models" / "ranker" / "model.safetensors").write_bytes(tiny_safetensors())
    first(home, LOCKED, "modelguard lock ./triton-models --reason 'for the page'")
    text = page("serve").replace("/model.gguf", "/model.safetensors")
    assert run_page(text, home) == 6


def test_notebooks(home: Home) -> None:
    assert run_page(page("notebooks"), home) == 2


def test_find_models_in_a_code_base(home: Home) -> None:
    assert run_page(page("discover"), home) == 3


def test_watch_locked_models_upstream(home: Home, hub: LocalHub) -> None:
    assert run_page(page("watch-upstream"), home) == 6


def test_the_pod_of_the_kubernetes_page_copies_the_approved_files(home: Home, tmp_path: Path) -> None:
    first(home, LOCKED)
    block = next(one for one in blocks(page("kubernetes")) if one["language"] == "yaml")
    pod = yaml.safe_load(body(block))["spec"]
    (init,) = pod["initContainers"]
    (tmp_path / "model").mkdir()
    script = init["args"][0].replace("/model/", f"{tmp_path}/model/")
    run = functools.partial(
        subprocess.run, [*init["command"], script], cwd=home.directory, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert run(env=home.environment).returncode == 0
    assert (tmp_path / "model" / "model.safetensors").exists()
    mounts = {one["name"] for container in (init, *pod["containers"]) for one in container["volumeMounts"]}
    assert mounts == {one["name"] for one in pod["volumes"]}
    first(home, "modelguard revoke org/name --reason 'for the page'")
    assert run(env=home.environment).returncode == 1, "the pod does not start"


@contextmanager
def dependency_track() -> Iterator[tuple[str, list[Any]]]:
    """Take in bills as `/api/v1/bom` does: an API key, and a form with the bill as a file."""
    received: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            bill = re.search(rb"\r\n\r\n(\{.*\})\s*\r\n--", data, re.DOTALL)
            received.append((self.path, self.headers["X-Api-Key"], json.loads(bill[1]) if bill else None))
            reply = b'{"token": "0b1c"}\n'
            self.send_response(200)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", received
        server.shutdown()


def test_send_the_bill_of_materials_to_dependency_track(home: Home) -> None:
    first(home, LOCKED, "curl --version")
    with dependency_track() as (url, received):
        home.environment.update(DEPENDENCY_TRACK_URL=url, DEPENDENCY_TRACK_KEY="key")
        assert run_page(page("dependency-track"), home) == 5
    ((path, key, bill),) = received
    assert (path, key, bill["bomFormat"]) == ("/api/v1/bom", "key", "CycloneDX")


def test_the_loader_of_the_page_loads_what_numpy_wrote(tmp_path: Path) -> None:
    import numpy

    from modelguard.loaders.loader import Handover

    block = next(one for one in blocks(page("write-a-loader")) if one["title"])
    namespace: dict[str, Any] = {}
    exec(compile(body(block), block["title"], "exec"), namespace)  # the page's own text
    numpy.save(tmp_path / "table.npy", numpy.arange(3))
    handover = Handover(root=tmp_path, file=tmp_path / "table.npy", formats={"table.npy": ("npy",)}, imports={})
    load: Callable[[Handover], Any] = namespace["LOADER"].load
    assert load(handover).tolist() == [0, 1, 2]


def test_every_how_to_is_run_here_or_says_where() -> None:
    elsewhere = {"ci": "tests/ci/test_ci_files.py", "write-a-check": "tests/docs/test_docs.py"}
    text = Path(__file__).read_text("utf-8")
    for name in sorted(one.stem for one in HOW_TO.glob("*.md")):
        assert f'page("{name}")' in text or name in elsewhere, name
