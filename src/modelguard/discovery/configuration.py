"""Reads YAML, TOML, JSON and environment files: keys that name models.

The files are not parsed: templates (Helm, Jinja, compose) are no valid YAML and name models all the same.
A value counts only if it can be a model: `org/name`, an address of the Hub, or a file with a model's ending.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from modelguard.discovery._neighbours import Neighbours
from modelguard.discovery.reader import Reader
from modelguard.discovery.shell import commands
from modelguard.discovery.use import MODEL_ENDINGS, Use, pinned

_ENDINGS = (
    ".yaml",
    ".yml",
    ".toml",
    ".json",
    ".json5",
    ".jsonc",
    ".env",
    ".cfg",
    ".ini",
    ".tf",
    ".tpl",
    ".pbtxt",
    ".jsonl",
    ".properties",
)
_SKIPPED = ("package-lock.json", "tokenizer.json", "vocab.json", "poetry.lock", "uv.lock")

# Keys under which frameworks, servers and charts write a model; compared without case, `-` and `_` alike.
_KEYS = (
    "model", "models", "model_id", "model_name", "model_name_or_path", "model_path", "model_repo",
    "model_uri", "model_file", "pretrained_model_name_or_path", "pretrained_model", "base_model",
    "embedding_model", "embedding_model_name", "embedder", "reranker", "rerank_model", "reranker_model",
    "reranking_model", "draft_model", "llm_model", "hf_model_id", "hf_model", "hf_repo", "hf_repo_id",
    "huggingface_model", "repo_id", "repository_id", "checkpoint", "checkpoint_path", "ckpt_path", "weights",
    "tokenizer", "tokenizer_name_or_path", "adapter", "adapter_name", "adapter_path", "adapter_model",
    "adapter_name_or_path", "lora_path", "storage_uri", "vae", "encoder_model", "teacher_model",
    "default_model",
)  # fmt: skip
_KEY = "|".join(key.replace("_", "[-_]?") for key in sorted(_KEYS, key=len, reverse=True))
_PAIR = re.compile(
    rf"""(?P<comment>^[ \t]*(?:\#|//).*$)
      | (?P<quote>["']?)\b(?P<key>(?:[\w.-]*[-_.])?(?:{_KEY}))(?P=quote)\s*[:=]\s*
        (?P<open>["']?)(?P<value>[^\s"'#,;\[\]{{}}]+)(?P=open)""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
_ITEM = re.compile(r"""^[ \t]*-[ \t]+["']?(?P<value>[\w./:-]+)["']?[ \t]*(?:\#.*)?$""", re.MULTILINE)
_LIST_KEY = re.compile(
    r"""["']?\b(?:models|embedding_models|preload|model_ids|repo_ids)["']?\s*:\s*$""", re.MULTILINE | re.IGNORECASE
)
_REVISION = re.compile(
    r"""["']?\b(?:model[-_]?)?(?:revision|commit(?:[-_]?(?:id|sha|hash))?)["']?\s*[:=]\s*["']?(?P<revision>[\w./-]+)""",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"(?:hf://|https?://(?:huggingface\.co|hf\.co)/(?!api/|docs/|blog/|spaces/|datasets/|papers/))[\w.-]+/[^\s\"'<>)\],]+"
)
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(?:@[\w.-]+)?\Z")
_OWN_TABLES = re.compile(r"^\[\[?tool\.modelguard\b[^\n]*\n(?:(?!\[)[^\n]*\n?)*", re.MULTILINE)
_NEAR = 400
"""Characters around a model in which a revision belongs to it, if no other model stands between."""


def read(path: str, text: str, _neighbours: Neighbours | None = None) -> Iterator[Use]:
    """Yield the uses in a configuration file. What modelguard's own policy says about models uses none."""
    if path.endswith("modelguard.toml"):
        return
    if path.endswith("pyproject.toml"):
        text = _OWN_TABLES.sub(lambda match: "\n" * match[0].count("\n"), text)
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    found: dict[int, tuple[str, str]] = {}
    for match in _PAIR.finditer(text):
        if match["key"] and is_model(match["value"]):
            found.setdefault(match.start("value"), (match["key"], match["value"]))
    for match in _ADDRESS.finditer(text):
        if not text[text.rfind("\n", 0, match.start()) + 1 : match.start()].lstrip().startswith(("#", "//")):
            found.setdefault(match.start(), ("address", match[0]))
    for offset, value in _items(text):
        found.setdefault(offset, ("models", value))
    places = sorted(found)
    for index, offset in enumerate(places):
        key, value = found[offset]
        end = min(places[index + 1] if index + 1 < len(places) else len(text), offset + _NEAR)
        begin = max(places[index - 1] + len(found[places[index - 1]][1]) if index else 0, offset - _NEAR)
        after = _REVISION.search(text, offset + len(value), end)
        before = None if after or index else _REVISION.search(text, begin, offset)
        revision = after or before
        line = bisect_right(starts, offset)
        yield pinned(
            Use(
                path=path,
                line=line,
                column=offset - starts[line - 1] + 1,
                call=key,
                kind="mention",
                model=value,
                revision=revision["revision"] if revision else None,
            )
        )
    yield from (use for use in commands(path, _as_commands(text)) if use.model not in {v for _, v in found.values()})


def is_model(value: str) -> bool:
    """Tell whether the value of a key that may name a model can be one."""
    lower = value.lower()
    if "${" in value or "{{" in value or "$(" in value:
        return False
    if lower.startswith(("hf://", "https://huggingface.co/", "https://hf.co/")) or lower.endswith(MODEL_ENDINGS):
        return True
    return bool(_HUB_NAME.match(value)) and "." not in value.partition("/")[0]


def _items(text: str) -> Iterator[tuple[int, str]]:
    """Yield the members of YAML lists under a key such as `models:`."""
    for key in _LIST_KEY.finditer(text):
        position = key.end()
        while (item := _ITEM.match(text, position + 1)) is not None:
            if is_model(item["value"]):
                yield item.start("value"), item["value"]
            position = item.end()


_WORD = re.compile(
    r"""^[ \t]*-?[ \t]*["']?(--[\w-]*model[\w-]*|--revision)["']?,?[ \t]*$\n"""
    r"""[ \t]*-?[ \t]*["']?([^\s"',]+)["']?,?""",
    re.MULTILINE,
)


def _as_commands(text: str) -> str:
    """Join lists of arguments as charts write them, one word a line, so that they read as one command per line."""
    return _WORD.sub(lambda match: f"run {match[1]} {match[2]}\n", text)


READER = Reader(
    name="configuration",
    claims=lambda name: (name.endswith(_ENDINGS) or name.startswith(".env")) and name not in _SKIPPED,
    hints=(
        b"model", b"repo", b"hf://", b"huggingface.co", b"hf.co", b"checkpoint", b"ckpt", b"weights", b"tokenizer",
        b"adapter", b"lora", b"embedder", b"storage", b"vae",
    ),
    read=read,
)  # fmt: skip
