"""Reads Jupyter notebooks: each code cell as Python, its `!` and `%` lines as commands; lines are those of the file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from attrs import evolve

from modelguard.discovery import python, shell
from modelguard.discovery._neighbours import Neighbours
from modelguard.discovery.reader import NotReadable, Reader
from modelguard.discovery.use import Use

_COMMAND = re.compile(r"^(\s*)[!%?].*$", re.MULTILINE)


def read(path: str, text: str, neighbours: Neighbours | None = None) -> Iterator[Use]:
    """Yield the uses in a notebook. Raises `NotReadable` when it is none."""
    try:
        cells = json.loads(text)["cells"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NotReadable(f"no notebook of version 4: {error!r}") from None
    sources = [_source(cell) for cell in cells] if isinstance(cells, list) else []
    # One program: a name from an earlier cell means the same in a later one.
    program, lines, position = "", [], 0
    for source in sources:
        for line in source.split("\n"):
            found = _place(text, line, position)
            position = found if found >= 0 else position
            lines.append(text.count("\n", 0, position) + 1)
        program += source + "\n"
    cleaned = _COMMAND.sub(r"\1pass", program)
    for use in (*python.read(path, cleaned, neighbours), *shell.commands(path, _commands(program))):
        yield evolve(use, line=lines[use.line - 1])


def _source(cell: Any) -> str:
    if not isinstance(cell, dict) or cell.get("cell_type") != "code":
        return ""
    source = cell.get("source", "")
    text = "".join(map(str, source)) if isinstance(source, list) else str(source)
    # The magic of a cell makes all of it another language: `%%bash` is read as commands.
    if text.startswith(("%%bash", "%%sh", "%%script")):
        return "\n".join(f"!{line}" for line in text.split("\n"))
    return text


def _place(text: str, line: str, start: int) -> int:
    """Return where a line of a cell stands in the file, or -1."""
    for ascii_only in (False, True):
        found = text.find(json.dumps(line.lstrip("!"), ensure_ascii=ascii_only)[1:-1], start)
        if found >= 0:
            return found
    return -1


def _commands(program: str) -> str:
    return "\n".join(line.strip()[1:] if re.match(r"\s*!", line) else "" for line in program.split("\n"))


READER = Reader(name="notebook", claims=lambda name: name.endswith(".ipynb"), hints=python.READER.hints, read=read)
