"""Finds text templates inside configurations, and names each so that the reader of templates takes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from modelguard.formats._json import objects

_KEY = re.compile(r"(?:.*[_.])?(?:chat|prompt|rerank|query|document|system|generation)_template(?:[_.].*)?\Z")
_LONGEST_KEY = 200
_MARKUP = re.compile(r"\{[{%#]")


def templates_in(value: Any) -> Iterator[tuple[str, str]]:
    """Yield name and text of every Jinja template in a configuration.

    A template is a string with Jinja markup under a key such as `chat_template`; a list of `{name, template}` and a
    mapping of names to templates are the other forms that tokenizers write.
    """
    for path, entry in objects(value):
        for key, part in entry.items():
            if isinstance(part, str | list | dict) and _is_template(key, entry):
                for name, text in _texts(part):
                    if _MARKUP.search(text):
                        yield f"{path}.{key}{name}.jinja" if path else f"{key}{name}.jinja", text


def _is_template(key: str, entry: dict[str, Any]) -> bool:
    if len(key) > _LONGEST_KEY:
        return False
    # LangChain writes `template` beside the name of its language; only jinja2 can do more than fill in blanks.
    return bool(_KEY.match(key)) or (key == "template" and entry.get("template_format") == "jinja2")


def _texts(part: Any) -> Iterator[tuple[str, str]]:
    if isinstance(part, str):
        yield "", part
    elif isinstance(part, dict):
        yield from ((f"[{name}]", text) for name, text in part.items() if isinstance(text, str))
    elif isinstance(part, list):
        yield from ((f"[{index}]", text) for index, text in enumerate(part) if isinstance(text, str))
        for index, named in enumerate(part):
            if isinstance(named, dict) and isinstance(named.get("template"), str):
                yield f"[{named.get('name', index)}]", named["template"]
