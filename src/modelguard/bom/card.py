"""What a model says about itself: the front matter of its card and its configuration, as far as a bill tells it.

All of it is the publisher's word and nothing was measured. Both files are read from bytes that the lock approves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from modelguard.formats._json import parse_json
from modelguard.formats._yaml import parse_yaml
from modelguard.terms.artifact import parse_ref
from modelguard.terms.errors import ReadError, RefError

LIMIT = 1 << 20
"""Bytes of a card or configuration; a larger one is passed over."""

_MOST = 50
_LENGTH = 300


@frozen(kw_only=True)
class Metric:
    """One result that the card claims: the metric's type, its value as text, and the data it was measured on."""

    type: str
    value: str
    data: str = ""


@frozen(kw_only=True)
class Card:
    """What the publisher says. `bases` and `datasets` are Hub ids; `unread` tells why a file was passed over."""

    task: str = ""
    library: str = ""
    family: str = ""
    architecture: str = ""
    relation: str = ""
    bases: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    metrics: tuple[Metric, ...] = ()
    emissions: str = ""
    has_card: bool = False
    unread: tuple[str, ...] = ()


def read_card(readme: bytes | None, config: bytes | None) -> Card:
    """Return what README.md and config.json say; either may be absent. What cannot be read is named, never guessed."""
    unread = []
    matter: Mapping[str, Any] = {}
    settings: Mapping[str, Any] = {}
    try:
        matter = _front_matter(readme or b"")
    except ReadError as error:
        unread.append(f"README.md: {error.message}")
    try:
        settings = _table(parse_json(config).value) if config else {}
    except ReadError as error:
        unread.append(f"config.json: {error.message}")
    return Card(
        task=_text(matter.get("pipeline_tag")),
        library=_text(matter.get("library_name")),
        family=_text(settings.get("model_type")),
        architecture=next(_texts(settings.get("architectures")), ""),
        relation=_text(matter.get("base_model_relation")),
        bases=_ids(matter.get("base_model")),
        datasets=_ids(matter.get("datasets")),
        languages=tuple(_texts(matter.get("language"))),
        metrics=tuple(_metrics(matter.get("model-index")))[:_MOST],
        emissions=_emissions(matter.get("co2_eq_emissions")),
        has_card=readme is not None,
        unread=tuple(unread),
    )


def _front_matter(data: bytes) -> Mapping[str, Any]:
    """Return the YAML between the first two lines `---`. Raises `ReadError`."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReadError("not UTF-8") from error
    lines = text.splitlines()
    if not lines or lines[0].strip() != "---":
        return {}
    end = next((n for n, line in enumerate(lines[1:], 1) if line.strip() == "---"), None)
    if end is None:
        raise ReadError("the front matter has no end")
    documents = parse_yaml("\n".join(lines[1:end]) + "\n").documents
    return _table(documents[0]) if documents else {}


def _metrics(index: Any) -> Iterator[Metric]:
    """Yield the results of `model-index` (https://github.com/huggingface/hub-docs, modelcard.md)."""
    for result in (row for entry in _list(index) for row in _list(_table(entry).get("results"))):
        dataset = _table(_table(result).get("dataset"))
        for metric in _list(_table(result).get("metrics")):
            name, value = _text(_table(metric).get("type")), _text(_table(metric).get("value"))
            if name and value:
                yield Metric(type=name, value=value, data=_text(dataset.get("name")) or _text(dataset.get("type")))


def _emissions(value: Any) -> str:
    return _text(_table(value).get("emissions")) if isinstance(value, dict) else _text(value)


def _ids(value: Any) -> tuple[str, ...]:
    """Return names of Hub repositories, each once; anything else that stands there is left out."""
    found: dict[str, None] = {}
    for text in _texts(value):
        try:
            ref = parse_ref(f"hf://{text}")
        except RefError:
            continue
        if text == ref.key:
            found[text] = None
    return tuple(found)


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value[:_MOST] if isinstance(value, list) else []


def _texts(value: Any) -> Iterator[str]:
    for one in [value] if isinstance(value, str) else _list(value):
        if text := _text(one):
            yield text


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).strip()[:_LENGTH]
