"""JSON: configurations of models, tokenizers, processors and pipelines, indexes of shards, and any other JSON text.

Rules by key hold for every object of the file, rules by file name for the files that loaders know by name. Chat
templates and other templates inside are handed to the reader of templates as members of this file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from posixpath import basename
from typing import Any

from modelguard.formats._config_files import asked_by_file
from modelguard.formats._config_keys import Place, asked_by_keys
from modelguard.formats._json import LIMIT, Document, objects, parse_json, read_json
from modelguard.formats._templates import templates_in
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact, Header, Noted

_BEGINS = re.compile(rb'(?:\xef\xbb\xbf)?[ \t\r\n]*(?:\{[ \t\r\n]*["}]|\[[ \t\r\n]*(?:["{\[\]]|-?\d|true|false|null))')
_CERTAIN = (".json", ".ipynb", ".webmanifest", ".geojson")
_PROBE = 4096
_SMALL = 1 << 20

# What a configuration says about its model: shown in reports and compared between revisions.
_PROPERTIES = (
    "model_type",
    "architectures",
    "transformers_version",
    "library_name",
    "torch_dtype",
    "dtype",
    "tokenizer_class",
    "processor_class",
    "peft_type",
    "task_type",
    "base_model_name_or_path",
    "_name_or_path",
    "_class_name",
    "_diffusers_version",
    "spacy_version",
    "lang",
    "name",
    "version",
    "license",
)


def accepts(content: Content) -> bool:
    """Tell by the first characters; outside of `.json` names the whole, when small, has to parse as well."""
    if not _BEGINS.match(content.head(_PROBE)):
        return False
    if content.name.lower().endswith(_CERTAIN):
        return True
    if content.name.lower().endswith((".jsonl", ".ndjson")):
        return False
    if content.size > _SMALL:
        return content.tail(256).rstrip()[-1:] in (b"}", b"]")
    try:
        parse_json(content.all(_SMALL))
    except ReadError:
        return False
    return True


def read(content: Content, walk: Walk) -> Iterable[Fact]:
    """Read a JSON document: what it says about the model, and what it asks a loader for."""
    document = read_json(content, limit=LIMIT)
    walk.budget.spend_time()
    yield from document.remarks(content, "json")
    if properties := _properties(document.value):
        yield Header(location=content.location, format="json", properties=properties)
    seen: set[Fact] = set()
    for fact in _asked(document, content, walk):
        if fact not in seen:
            seen.add(fact)
            yield fact
    for name, text in templates_in(document.value):
        data = text.encode("utf-8", "surrogatepass")
        yield from walk.inside(Content.of(data, content.location.inside(name)))


def _asked(document: Document, content: Content, walk: Walk) -> Iterator[Fact]:
    place = Place(content=content, paths=walk.paths)
    for value in (document.value, *document.lost):
        if isinstance(value, dict | list):
            yield from asked_by_file(value, place)
            for path, entry in objects(value):
                yield from asked_by_keys(entry, Place(content=content, paths=walk.paths, path=path))
    if basename(content.name).lower() == "oci-layout":
        yield Noted(location=content.location, format="json", rule="oci-layout", detail="an OCI image layout")


def _properties(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    found = {}
    for key in _PROPERTIES:
        entry = value.get(key)
        if isinstance(entry, list) and all(isinstance(part, str) for part in entry):
            entry = ", ".join(entry)
        if isinstance(entry, str) and entry:
            found[key] = entry[:200]
    return found


FORMAT = Format(
    name="json",
    title="JSON",
    reads="JSON up to 64 MB and 200 levels: configurations, tokenizers, indexes, manifests; keys that occur twice.",
    looks_for="Code that a loader would import (`auto_map`, `modules.json`, `model_index.json`), pointers to other "
    "models and out of the snapshot, kernels, calls by name, chat templates.",
    clue=Clue(first=b"\xef \t\r\n{["),
    accepts=accepts,
    read=read,
    endings=(".json",),
    whole_names=("oci-layout",),
)
