"""What a subcommand is: a click command, or a group of them, under its name. One file binds one."""

from __future__ import annotations

import click
from attrs import frozen


@frozen
class Subcommand:
    """One word after `modelguard`."""

    command: click.Command
