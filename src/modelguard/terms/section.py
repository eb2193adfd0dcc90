"""Typed getters over parsed TOML, with the key path in every error.

lock = Section(tomllib.loads(text), "", LockError)
for model in lock.sections("model"):
    size = model.integer("size", least=0)
    model.finish()                 # an unknown key is an error that suggests the nearest known one
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, TypeVar

from modelguard.terms.artifact import printable
from modelguard.terms.errors import ModelguardError

Choice = TypeVar("Choice", bound=str)

_REQUIRED: Any = object()
_NAMES = {str: "text", int: "a whole number", bool: "true or false", list: "a list", dict: "a table", date: "a date"}


class Section:
    """One table of a TOML document: every getter checks the type, and remembers that the key is known.

    `error` is the class raised, `LockError` or `PolicyError`; `where` the key path of this table.
    """

    def __init__(self, data: Mapping[str, Any], where: str, error: type[ModelguardError], remedy: str = "") -> None:
        self._data = data
        self._where = where
        self._error = error
        self._remedy = remedy
        self._known: set[str] = set()

    def fail(self, key: str, message: str) -> ModelguardError:
        """Make the error for a key: `model[2].file[0].sha256: expected …`."""
        return self._error(f"{self.path(key)}: {message}", remedy=self._remedy)

    def path(self, key: str) -> str:
        return f"{self._where}.{key}" if self._where else key

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def _get(self, key: str, kind: type, default: Any) -> Any:
        self._known.add(key)
        if key not in self._data:
            if default is _REQUIRED:
                raise self.fail(key, "is missing")
            return default
        value = self._data[key]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.fail(key, f"expected {_NAMES[kind]}, found {_shown(value)}")
        return value

    def raw(self, key: str) -> Any:
        """Return the value as TOML gave it, or None."""
        self._known.add(key)
        return self._data.get(key)

    def text(self, key: str, default: str = _REQUIRED) -> str:
        return str(self._get(key, str, default))

    def integer(self, key: str, default: int = _REQUIRED, *, least: int = 0) -> int:
        value = int(self._get(key, int, default))
        if value < least:
            raise self.fail(key, f"expected a whole number of at least {least}, found {value}")
        return value

    def number(self, key: str, default: float) -> float:
        self._known.add(key)
        value = self._data.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fail(key, f"expected a number, found {_shown(value)}")
        return float(value)

    def flag(self, key: str, default: bool = _REQUIRED) -> bool:  # noqa: FBT001  # reads as the other getters do
        return bool(self._get(key, bool, default))

    def choice(self, key: str, options: tuple[Choice, ...], default: Choice = _REQUIRED) -> Choice:
        value = self.text(key, default)
        for option in options:
            if value == option:
                return option
        raise self.fail(key, f"expected one of {', '.join(options)}, found {_shown(value)}{_nearest(value, options)}")

    def texts(self, key: str) -> tuple[str, ...]:
        values = self._get(key, list, [])
        for index, value in enumerate(values):
            if not isinstance(value, str):
                raise self.fail(f"{key}[{index}]", f"expected text, found {_shown(value)}")
        return tuple(values)

    def items(self, key: str) -> list[Any]:
        """Return a list whose members may be of several kinds; an absent one is empty."""
        return [*self._get(key, list, [])]

    def day(self, key: str, default: str = _REQUIRED) -> str:
        """Return a TOML date (or the date of a TOML date-time) as ISO 8601 text."""
        value = self._get(key, date, default)
        if isinstance(value, datetime):
            value = value.date()
        return value.isoformat() if isinstance(value, date) else str(value)

    def moment(self, key: str, default: str = _REQUIRED) -> str:
        """Return a TOML date-time as ISO 8601 text in UTC, with a `Z`."""
        value = self._get(key, date, default)
        if not isinstance(value, datetime):
            if value == default:
                return str(value)
            raise self.fail(key, f"expected a date and a time, found {_shown(value)}")
        if value.tzinfo is None or value.utcoffset():
            raise self.fail(key, "expected a time in UTC, written with a Z")
        return value.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"

    def section(self, key: str) -> Section:
        """Return a table; an absent one is empty."""
        return Section(self._get(key, dict, {}), self.path(key), self._error, self._remedy)

    def sections(self, key: str) -> Iterator[Section]:
        """Yield the tables of an array of tables."""
        for index, value in enumerate(self._get(key, list, [])):
            if not isinstance(value, dict):
                raise self.fail(f"{key}[{index}]", f"expected a table, found {_shown(value)}")
            yield Section(value, f"{self.path(key)}[{index}]", self._error, self._remedy)

    def plain(self) -> dict[str, Any]:
        """Return the whole table as TOML gave it; every key of it counts as known."""
        self._known.update(self._data)
        return dict(self._data)

    def finish(self) -> None:
        """Refuse keys that no getter asked for."""
        for key in self._data:
            if key not in self._known:
                raise self.fail(printable(key), f"unknown key{_nearest(key, tuple(sorted(self._known)))}")


def _shown(value: object) -> str:
    text = printable(repr(value))
    return text if len(text) <= 60 else f"{text[:57]}…"


def _nearest(word: str, options: tuple[str, ...]) -> str:
    from difflib import get_close_matches  # only on the way to an error

    close = get_close_matches(word, options, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
