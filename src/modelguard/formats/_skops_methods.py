"""Finds the methods that a skops schema has scikit-learn look up on objects of the file and call.

skops makes an object once for each `__id__`, so that what a node says counts only if no other node has its number.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from modelguard.formats._json import objects
from modelguard.picklevm.attributes import METHODS, NAMING

_LISTS = frozenset({"ListNode", "TupleNode", "SetNode"})
_SAID = frozenset({"null", *(json.dumps(name.decode()) for name in METHODS)})
_KEYS = frozenset(name.decode() for name in NAMING)


def method_faults(schema: Any) -> Iterator[str]:
    """Yield what is wrong with each attribute that names methods, one clause each."""
    nodes = [(path, node) for path, node in objects(schema)]
    naming = [(f"{path}.{key}", node[key]) for path, node in nodes for key in node.keys() & _KEYS]
    if not naming:
        return
    made: dict[object, list[dict[str, Any]]] = {}
    for _, node in nodes:
        if isinstance(number := node.get("__id__"), int | float | str):  # 1, 1.0 and true are the same to skops
            made.setdefault(number, []).append(node)
    for place, value in sorted(naming, key=lambda found: found[0]):
        for node in _leaves(value):
            if not _is_method(node) or any(twin != node for twin in made.get(node.get("__id__"), [])):
                yield f"{place} would have something looked up and called that is not a method of estimators"
                break


def _is_method(node: Any) -> bool:
    if not isinstance(node, dict):
        return False
    if node.get("__loader__") in _LISTS:
        return True
    content = node.get("content")
    return node.get("__loader__") == "JsonNode" and isinstance(content, str) and content in _SAID


def _leaves(value: Any) -> Iterator[Any]:
    """Yield the node and, of a list, those in it; a list may hold no further lists."""
    yield value
    if isinstance(value, dict) and value.get("__loader__") in _LISTS:
        content = value.get("content")
        for item in content if isinstance(content, list) else [content]:
            nested = isinstance(item, dict) and item.get("__loader__") in _LISTS
            yield None if nested else item
