"""What `modelguard --help` shows: every command under a heading, each in words that are not cut off."""

from __future__ import annotations

import click
import pytest

from modelguard._registry import parts
from modelguard.cli.command import SECTIONS, Subcommand
from modelguard.cli.main import application

MEMBERS = parts("modelguard.cli", Subcommand)


def listed(group: click.Group, width: int) -> str:
    return group.get_help(click.Context(group, info_name=str(group.name), terminal_width=width))


@pytest.mark.parametrize("width", [80, 100, 120])
def test_every_command_stands_once_below_its_heading_on_one_line_of_whole_words(width: int) -> None:
    lines = listed(application(), width).splitlines()
    for member in MEMBERS:
        name = str(member.command.name)
        (row,) = [line for line in lines if line.split()[:1] == [name]]
        assert row.split(maxsplit=1)[1] == member.command.short_help
        above = [line for line in lines[: lines.index(row)] if line.endswith(":") and not line.startswith(" ")]
        assert above[-1] == f"{SECTIONS[member.section][0]}:"


@pytest.mark.parametrize(
    "group",
    [member.command for member in MEMBERS if isinstance(member.command, click.Group)],
    ids=lambda group: str(group.name),
)
def test_the_commands_of_a_group_are_not_cut_off_either(group: click.Group) -> None:
    shown = listed(group, 80)
    assert "..." not in shown.partition("Commands:")[2]
    assert all(inner.short_help and inner.short_help in shown for inner in group.commands.values())


def test_the_commands_that_a_heading_puts_first_exist() -> None:
    known = {(str(member.command.name), member.section) for member in MEMBERS}
    assert {(name, section) for section, (_, first) in SECTIONS.items() for name in first} <= known


def test_words_have_no_comma_at_which_the_fish_shell_would_cut_them_off() -> None:
    inner = [one for member in MEMBERS for one in getattr(member.command, "commands", {}).values()]
    for command in (*(member.command for member in MEMBERS), *inner):
        assert command.short_help
        assert "," not in command.short_help, command.name
