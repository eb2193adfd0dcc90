"""Permissions of each kind, end to end: recorded in the lock, shown by `scan`, and an increase is a finding."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from onnx_builders import external, in_graph, model, node
from pickle_builders import call, named, program, push
from protobuf_builders import lump
from tensorflow_builders import graph, saved_model
from tensorflow_builders import node as tf_node
from test_device_models import executorch, plan

from modelguard.cli.main import application


def _operators(*names: str) -> bytes:
    return saved_model(graph(*(tf_node(f"n{at}", name) for at, name in enumerate(names))))


def _pickle(*names: tuple[str, str]) -> bytes:
    return program(*push([call(named(module, name)) for module, name in names]))


def _remote(*classes: str) -> bytes:
    return json.dumps({"auto_map": {f"Auto{number}": name for number, name in enumerate(classes)}}).encode()


def _onnx(*places: str) -> bytes:
    return model(in_graph(node("Relu")) + b"".join(lump(5, external(("location", place))) for place in places))


def _addresses(*addresses: str) -> bytes:
    return json.dumps({"weightsManifest": [{"paths": list(addresses), "weights": []}], "modelTopology": {}}).encode()


# Kind -> file, its bytes as approved and as changed, what is recorded of the first, and what is new in the second.
KINDS: dict[str, tuple[str, bytes, bytes, str, str]] = {
    "imports": (
        "m.pkl", _pickle(("collections", "OrderedDict")), _pickle(("collections", "OrderedDict"), ("builtins", "set")),
        "collections.OrderedDict", "builtins.set",
    ),
    "ops": ("saved_model.pb", _operators("ReadFile"), _operators("ReadFile", "WriteFile"), "ops:ReadFile",
            "ops:WriteFile"),
    "custom-ops": ("saved_model.pb", _operators("Mine"), _operators("Mine", "Other"), "custom-ops:Mine",
                   "custom-ops:Other"),
    "remote-code": ("config.json", _remote("org/code--a.A"), _remote("org/code--a.A", "org/code--b.B"),
                    "remote-code:auto_map Auto0=org/code--a.A", "remote-code:auto_map Auto1=org/code--b.B"),
    "templates": ("chat_template.jinja", b"{{ a.__class__ }}", b"{{ a.__class__ }}{{ b.__globals__ }}",
                  "templates:__class__", "templates:__globals__"),
    "external-files": ("m.onnx", _onnx("../a"), _onnx("../a", "../b"), "external-files:../a", "external-files:../b"),
    "native-code": (
        "m.pte", executorch(plan(delegates=("QnnBackend",))),
        executorch(plan(delegates=("QnnBackend", "OtherBackend"))),
        "native-code:QnnBackend", "native-code:OtherBackend",
    ),
    "network": ("model.json", _addresses("https://a.example/x"), _addresses("https://a.example/x", "https://b.example/y"),
                "network:https://a.example/x", "network:https://b.example/y"),
}  # fmt: skip

# What has to be accepted for the first to be locked.
CHECKS = {
    "ops": ("file-or-network-operators",), "custom-ops": ("custom-operators",), "remote-code": ("remote-code",),
    "templates": ("template-escape",), "external-files": ("external-files",), "native-code": ("native-code",),
    "network": ("network-addresses", "external-files", "remote-code"),
}  # fmt: skip


@pytest.fixture
def run(project: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def run(*words: str) -> tuple[int, str]:
        code = application().main(list(words), prog_name="modelguard", standalone_mode=False)
        return int(code or 0), capsys.readouterr().out

    return run


def findings(out: str) -> list[dict[str, str]]:
    return [finding for one in json.loads(out)["examinations"] for finding in one["findings"]]


@pytest.mark.parametrize("kind", KINDS)
def test_a_permission_is_shown_recorded_and_its_increase_told(
    kind: str, project: Path, run: Callable[..., tuple[int, str]]
) -> None:
    name, approved, changed, recorded, new = KINDS[kind]
    (project / "models").mkdir()
    (project / "models" / name).write_bytes(approved)

    _, out = run("scan", "models", "--format", "json")
    assert recorded.partition(":")[2] in out, "scan shows it"
    assert recorded in out or kind != "imports"

    accept = [word for check in CHECKS.get(kind, ()) for word in ("--accept", f"{check}:*")]
    code, _ = run("lock", "models", *accept, "--reason", "the test")
    text = (project / "modelguard.lock").read_text()
    assert code == 0
    assert recorded in text, "the lock records it"
    code, out = run("check", "--format", "json")
    assert code == 0
    assert "permission-increase" not in {finding["check"] for finding in findings(out)}

    (project / "models" / name).write_bytes(changed)
    code, out = run("check", "--format", "json")
    assert code == 1, "other bytes than the approved ones are refused as such"

    code, out = run("lock", "--upgrade", "models", "--format", "json")
    told = {finding["message"] for finding in findings(out) if finding["check"] == "permission-increase"}
    assert told == {f"asks for {new}, which the approved revision did not"}
    assert code == (1 if accept else 0), "what was accepted of the first revision is not accepted of the second"
    run("lock", "--upgrade", "models", *accept, "--reason", "the test")
    assert new in (project / "modelguard.lock").read_text()
    assert run("check")[0] == 0
