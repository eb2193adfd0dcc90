"""What a subcommand is: a click command, or a group of them, under its name. One file binds one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import click
from attrs import frozen

Section = Literal["begin", "look", "use", "decide", "watch", "sign", "report", "machine"]

SECTIONS: dict[Section, tuple[str, tuple[str, ...]]] = {
    "begin": ("Day by day", ("init", "lock", "check", "discover", "suggest")),
    "look": ("Look into models", ("scan", "explain")),
    "use": ("Use what is approved", ("path",)),
    "decide": ("Decide", ("diff", "update", "approve", "revoke")),
    "watch": ("Watch", ("monitor",)),
    "sign": ("Signatures", ("sign", "verify")),
    "report": ("Reports", ()),
    "machine": ("This machine", ()),
}
"""The headings of `modelguard --help`, in order, each with the commands that come first below it."""


@frozen
class Subcommand:
    """One word after `modelguard`, and the heading below which `modelguard --help` lists it."""

    command: click.Command
    section: Section


class SectionedGroup(click.Group):
    """The whole command: its help lists the subcommands by what they are for."""

    def __init__(self, members: Iterable[Subcommand], **attributes: object) -> None:
        super().__init__(**attributes)  # type: ignore[arg-type]  # whatever click takes
        self._members = tuple(members)
        for member in self._members:
            self.add_command(member.command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click calls it so
        """Write a list of commands for each section; click calls this for `--help`."""
        width = max(len(str(member.command.name)) for member in self._members)
        for section, (title, order) in SECTIONS.items():
            names = [str(member.command.name) for member in self._members if member.section == section]
            first = [name for name in order if name in names]
            rows = [
                (name.ljust(width), self.commands[name].get_short_help_str(limit=formatter.width))
                for name in (*first, *sorted(set(names) - set(first)))
            ]
            with formatter.section(title):
                formatter.write_dl(rows)
