"""Write the indexes of the rooms with many parts: what a command has to know of a part before it imports it.

Each is `_index.py` in the folder of its room, committed; a test compares it with the parts. See `_registry.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import wrap
from typing import Any

from modelguard._registry import modules, parts
from modelguard.checks.check import Check
from modelguard.cli._group import WIDEST
from modelguard.cli.command import Subcommand
from modelguard.formats.format import Format
from modelguard.guard.asking import wants

TARGET = Path(__file__).resolve().parent.parent / "src"
Row = tuple[Any, ...]


def format_rows() -> Iterator[Row]:
    """Module, name, endings, whole names, and the clue: first bytes, endings, names, beginning, question."""
    for module, one in each("modelguard.formats", Format):
        clue = one.clue and (
            one.clue.first, one.clue.endings, one.clue.names, one.clue.begins, place_of(one.clue.when)
        )  # fmt: skip
        yield module, one.name, one.endings, one.whole_names, clue


def check_rows() -> Iterator[Row]:
    """Module, name, and the kinds of facts without which the check says nothing; None when it is asked always."""
    for module, one in each("modelguard.checks", Check):
        kinds = wants(one)
        yield module, one.name, kinds and tuple(sorted(f"{kind.__module__}:{kind.__qualname__}" for kind in kinds))


def command_rows() -> Iterator[Row]:
    """Module, name of the command, its heading in the help, and its line there."""
    for module, one in each("modelguard.cli", Subcommand):
        assert not one.command.hidden
        assert not one.command.deprecated
        yield module, one.command.name, one.section, one.command.get_short_help_str(WIDEST)


def each(room: str, contract: type[Any]) -> Iterator[tuple[str, Any]]:
    for module in modules(room):
        for one in parts(room, contract, only=frozenset({module})):
            yield module, one


def place_of(question: Callable[..., Any] | None) -> str:
    if question is None:
        return ""
    assert "<" not in question.__qualname__, f"{question} has no name by which it could be found again"
    return f"{question.__module__}:{question.__qualname__}"


ROOMS: dict[str, tuple[str, Callable[[], Iterator[Row]]]] = {
    "modelguard.checks": ("which facts each check looks for", check_rows),
    "modelguard.cli": ("the name of each command and its line in the help", command_rows),
    "modelguard.formats": ("by which clues each format is picked", format_rows),
}


def literal(value: object, indent: int = 0) -> str:
    """Write a value so that no line becomes too long."""
    pad = " " * indent
    if len(pad + repr(value)) <= 118 or not isinstance(value, tuple | bytes):
        return pad + repr(value) + ","
    if isinstance(value, bytes):
        pieces = [f"{pad}    {value[at : at + 24]!r}" for at in range(0, len(value), 24)]
        return "\n".join([f"{pad}(", *pieces, f"{pad}),"])
    return "\n".join([f"{pad}(", *(literal(one, indent + 4) for one in value), f"{pad}),"])


def document(room: str) -> str:
    what, rows = ROOMS[room]
    return "\n".join(
        [
            f'"""Says {what}, without importing them. Made by tools/make_index.py."""',
            "",
            'MODULES = tuple("""',
            *wrap(" ".join(modules(room)), 116, initial_indent="    ", subsequent_indent="    "),
            '""".split())',
            "",
            f"# {rows.__doc__}",
            "ROWS = (",
            *(literal(row, 4) for row in rows()),
            ")",
            "",
        ]
    )


def main(target: Path = TARGET) -> None:
    for room in ROOMS:
        Path(target, *room.split("."), "_index.py").write_text(document(room), "utf-8", newline="\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
