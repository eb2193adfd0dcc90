"""The whole command as a group: its help lists the subcommands by what they are for, without importing one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import click

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

WIDEST = 1000
"""Columns that no line of the help has: it is kept whole, and cut where it is printed."""


class Row(NamedTuple):
    """What the help says of a command: the module that binds it, its heading and its line."""

    module: str
    section: Section
    line: str


class SectionedGroup(click.Group):
    """The subcommands by name. Each is imported, by the name of its module, when it is called."""

    def __init__(self, rows: Mapping[str, Row], load: Callable[[str], click.Command], **attributes: object) -> None:
        super().__init__(**attributes)  # type: ignore[arg-type]  # whatever click takes
        self._rows, self._load = dict(rows), load

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click calls it so
        """Return the names of all subcommands."""
        return sorted(self._rows)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a subcommand, None when there is none of this name."""
        wanted = (cmd_name,) if cmd_name in self._rows else self._rows  # for another word click looks which was meant
        for name in wanted:
            if name not in self.commands:
                self.add_command(self._load(self._rows[name].module))
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # as above
        """Write a list of commands for each section; click calls this for `--help`."""
        width = max(map(len, self._rows))
        for section, (title, order) in SECTIONS.items():
            names = [name for name, row in self._rows.items() if row.section == section]
            first = [name for name in order if name in names]
            rows = [
                (name.ljust(width), click.Command(name, help=self._rows[name].line).get_short_help_str(formatter.width))
                for name in (*first, *sorted(set(names) - set(first)))
            ]
            with formatter.section(title):
                formatter.write_dl(rows)
