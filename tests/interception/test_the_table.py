"""The tables of docs/why/interception.md say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from modelguard.interception import net
from modelguard.interception.entry_points import ENTRY_POINTS

PAGE = (Path(__file__).parents[2] / "docs/why/interception.md").read_text("utf-8")


def rows(first: str) -> list[list[str]]:
    """Return the rows of the table whose first heading is this one, without its back-quotes."""
    lines = PAGE[PAGE.index(f"\n| {first} |") + 1 :].splitlines()
    table = lines[: next(number for number, line in enumerate(lines) if not line.startswith("|"))]
    return [[cell.strip().replace("`", "") for cell in line.split("|")[1:-1]] for line in table[2:]]


def test_every_entry_point_is_in_the_table_as_it_is_answered() -> None:
    told = [(name, way, loader) for name, way, loader, _ in rows("entry point")]
    assert told == [(point.name, point.way, point.loader) for point in ENTRY_POINTS]


def test_an_entry_point_that_is_not_always_answered_says_when() -> None:
    when = {name: text for name, _, _, text in rows("entry point")}
    always = ENTRY_POINTS[0].concerns
    for point in ENTRY_POINTS:
        if point.concerns is not always:
            assert when[point.name], point.name


def test_every_event_of_the_net_is_in_the_table() -> None:
    told = {name for cell, _ in rows("event") for name in re.split(r",\s*", cell)}
    assert told == {"pickle.find_class", *net._LOOKS}


def test_every_mode_is_in_the_table() -> None:
    from modelguard.interception.interception import MODES

    assert [mode for mode, _, _ in rows("mode")] == list(MODES)
