"""What a subcommand is: a click command, or a group of them, under its name. One file binds one."""

from __future__ import annotations

import click
from attrs import frozen

from modelguard.cli._group import SECTIONS, Section

__all__ = ["SECTIONS", "Section", "Subcommand"]


@frozen
class Subcommand:
    """One word after `modelguard`, and the heading below which `modelguard --help` lists it."""

    command: click.Command
    section: Section
