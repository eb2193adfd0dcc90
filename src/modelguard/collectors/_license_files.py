"""The files of a snapshot that speak of its license: model card, license texts, configurations that name a base."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from modelguard.collectors.contents import opened
from modelguard.formats._json import parse_json
from modelguard.formats._text import text_of
from modelguard.formats._yaml import parse_yaml
from modelguard.licenses.claims import Based
from modelguard.terms.artifact import Artifact, Snapshot
from modelguard.terms.errors import ReadError

CARD = "README.md"
LARGEST = 1 << 20
"""Bytes of a file that are read: the largest license texts have a tenth of it."""
MOST_TEXTS = 16

_FRONT = re.compile(r"\s*---[ \t]*\r?\n(.*?)(?:\r?\n)---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_TEXT = re.compile(r"[\w .-]*(?:licen[cs]e|copying|eula|terms[-_ ]of[-_ ]use)[\w .-]*\Z", re.IGNORECASE)
_BESIDE = re.compile(r"(?:notice|(?:acceptable[-_ ]?)?use[-_ ]?policy|third[-_ ]?party)[\w .-]*\Z", re.IGNORECASE)
_ENDINGS = {"", ".md", ".txt", ".rst", ".text", ".license"}


def card_of(snapshot: Snapshot) -> tuple[dict[str, Any], str]:
    """Return the front matter of the model card and the card's whole text; both are empty without a card.

    Raises `ReadError` for a card that cannot be read, or that says something twice.
    """
    artifact = snapshot.artifact(CARD)
    if artifact is None:
        return {}, ""
    text = text_at(artifact)
    front = _FRONT.match(text.removeprefix("\ufeff"))
    if front is None:
        return {}, text
    found = parse_yaml(front[1])
    twice = sorted({"license", "license_name", "base_model"} & found.twice.keys())
    if twice:
        raise ReadError(f"{twice[0]} stands in the front matter more than once")
    first = found.documents[0] if found.documents else {}
    if not isinstance(first, dict):
        return {}, text
    return {key: value for key, value in first.items() if value not in ("", "null", "~", None)}, text


def text_at(artifact: Artifact) -> str:
    """Return a file as text. Raises `ReadError` when it is too large or no text."""
    try:
        with opened(artifact) as content:
            return text_of(content, LARGEST)
    except OSError as error:
        raise ReadError(f"cannot be opened: {error.strerror}") from error


def license_texts(snapshot: Snapshot, link: object = None) -> tuple[Artifact, ...]:
    """Return the files of the top directory that hold a license by their name, and the one that the card links to."""
    return _named_texts(snapshot, link)[:MOST_TEXTS]


def texts_left_out(snapshot: Snapshot, link: object = None) -> int:
    """Return how many of the files with a license are too many to be read."""
    return max(0, len(_named_texts(snapshot, link)) - MOST_TEXTS)


def _named_texts(snapshot: Snapshot, link: object) -> tuple[Artifact, ...]:
    named = [one for one in snapshot.artifacts if _is_text(one.path) or one.path == link]
    return tuple(sorted(named, key=lambda one: one.path))


def texts_beside(snapshot: Snapshot) -> tuple[Artifact, ...]:
    """Return the notices and use policies of the top directory."""
    return tuple(one for one in snapshot.artifacts if _BESIDE.match(one.path))[:MOST_TEXTS]


def is_about_licenses(path: str) -> bool:
    """Tell whether a file is needed to find out about the license, without the weights."""
    return _is_text(path) or path in {CARD, "config.json", "adapter_config.json"} or bool(_BESIDE.match(path))


def _is_text(path: str) -> bool:
    ending = PurePosixPath(path).suffix.lower()
    return bool(_TEXT.match(path)) and (ending in _ENDINGS or not ending[1:].isalpha())


def configured_bases(snapshot: Snapshot) -> Iterator[tuple[str, Based | str]]:
    """Yield, with the file, the base models that configurations name: an adapter's for certain, others as a hint.

    Raises `ReadError` for a configuration of an adapter that cannot be read.
    """
    adapter = snapshot.artifact("adapter_config.json")
    if adapter is not None:
        name = _entries(adapter).get("base_model_name_or_path")
        if isinstance(name, str) and name.strip():
            yield adapter.path, Based(name=name.strip(), relation="adapter")
    config = snapshot.artifact("config.json")
    if config is not None:
        try:
            name = _entries(config).get("_name_or_path")
        except ReadError:
            return  # other parts report a configuration that is no JSON; it is a weak hint in any case
        if isinstance(name, str) and name.strip():
            yield config.path, name.strip()


def _entries(artifact: Artifact) -> Mapping[str, Any]:
    try:
        with opened(artifact) as content:
            value = parse_json(content.all(LARGEST)).value
    except OSError as error:
        raise ReadError(f"cannot be opened: {error.strerror}") from error
    return value if isinstance(value, dict) else {}
