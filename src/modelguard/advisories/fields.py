"""Typed getters over one parsed OSV record, with the key path in every fault.

OSV lets readers ignore keys that they do not know, so unknown keys are no fault here, unlike in a policy or a lock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from modelguard.terms.artifact import printable
from modelguard.terms.errors import ReadError

Choice = TypeVar("Choice", bound=str)
_REQUIRED: Any = object()
_NAMES: dict[type, str] = {str: "text", list: "a list", dict: "an object"}


class RecordFault(ReadError):
    """A record breaks a rule of OSV; the message starts with the key path."""


class Fields:
    """One object of a record. In OSV, null stands for an absent list."""

    def __init__(self, data: Mapping[str, Any], where: str = "") -> None:
        self._data = data
        self._where = where

    def fault(self, key: str, message: str) -> RecordFault:
        path = ".".join(part for part in (self._where, key) if part)
        return RecordFault(printable(f"{path}: {message}"))

    def keys(self) -> list[str]:
        return list(self._data)

    def has(self, key: str) -> bool:
        return self._data.get(key) is not None

    def _get(self, key: str, kind: type, default: Any) -> Any:
        value = self._data.get(key)
        if value is None:
            if default is _REQUIRED:
                raise self.fault(key, "is missing")
            return default
        if not isinstance(value, kind):
            raise self.fault(key, f"expected {_NAMES[kind]}, found {type(value).__name__}")
        return value

    def text(self, key: str, default: str = _REQUIRED) -> str:
        return str(self._get(key, str, default))

    def text_if_any(self, key: str) -> str:
        """Return the text of a key that other databases may use for something else."""
        value = self._data.get(key)
        return value if isinstance(value, str) else ""

    def matching(self, key: str, pattern: re.Pattern[str], expected: str) -> str:
        text = self.text(key)
        if not pattern.match(text):
            raise self.fault(key, f"expected {expected}, found {text[:60]!r}")
        return text

    def choice(self, key: str, options: tuple[Choice, ...]) -> Choice:
        text = self.text(key)
        for option in options:
            if text == option:
                return option
        raise self.fault(key, f"expected one of {', '.join(options)}, found {text[:60]!r}")

    def texts(self, key: str) -> tuple[str, ...]:
        values = self._get(key, list, [])
        for index, value in enumerate(values):
            if not isinstance(value, str):
                raise self.fault(f"{key}[{index}]", f"expected text, found {type(value).__name__}")
        return tuple(values)

    def object(self, key: str) -> Fields:
        return Fields(self._get(key, dict, {}), self._path(key))

    def objects(self, key: str) -> Iterator[Fields]:
        for index, value in enumerate(self._get(key, list, [])):
            if not isinstance(value, dict):
                raise self.fault(f"{key}[{index}]", f"expected an object, found {type(value).__name__}")
            yield Fields(value, self._path(f"{key}[{index}]"))

    def objects_if_any(self, key: str) -> Iterator[Fields]:
        """Yield the objects of a list that other databases may use for something else."""
        values = self._data.get(key)
        for index, value in enumerate(values if isinstance(values, list) else []):
            if isinstance(value, dict):
                yield Fields(value, self._path(f"{key}[{index}]"))

    def _path(self, key: str) -> str:
        return f"{self._where}.{key}" if self._where else key
