"""The `modelguard` command: collects the commands of this folder and turns errors into exit codes.

Exit codes: 0 all examined and allowed, 1 something refused, 2 usage, policy or lock invalid, 3 could not be completed,
130 interrupted.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from modelguard import __version__
from modelguard._registry import index, modules, part, parts
from modelguard.cli._group import WIDEST, Row, SectionedGroup
from modelguard.cli._speaking import loudness, say, speak_in_any_encoding
from modelguard.terms.errors import (
    LoaderError,
    LockError,
    ModelguardError,
    ModelRefused,
    PolicyError,
    RefError,
    SignatureError,
)

REFUSED, INVALID, INCOMPLETE = 1, 2, 3
_ROOM = "modelguard.cli"

_CODES: list[tuple[type[ModelguardError], int]] = [
    (ModelRefused, REFUSED),
    (SignatureError, REFUSED),
    (RefError, INVALID),
    (PolicyError, INVALID),
    (LockError, INVALID),
    (LoaderError, INVALID),
    (ModelguardError, INCOMPLETE),
]


def application() -> click.Group:
    """Return the command with every subcommand that this folder holds."""
    group = SectionedGroup(
        _rows(),
        _command,
        name="modelguard",
        help="One gate in front of every machine-learning model load.",
        epilog="Begin with: modelguard init, then modelguard lock ORG/NAME. Each command has its own --help.",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        params=[*loudness()],
    )
    return click.version_option(__version__, prog_name="modelguard")(group)


def _rows() -> dict[str, Row]:
    """Return what the help says of each command, by its name."""
    rows = index(_ROOM)
    if rows is not None:
        return {name: Row(module, section, line) for module, name, section, line in rows}
    from modelguard.cli.command import Subcommand

    return {
        str(one.command.name): Row(module, one.section, one.command.get_short_help_str(WIDEST))
        for module in modules(_ROOM)
        for one in parts(_ROOM, Subcommand, only=frozenset({module}))
    }


def _command(module: str) -> click.Command:
    from modelguard.cli.command import Subcommand  # attrs: not for the help

    return _with_loudness(part(_ROOM, Subcommand, module).command)


def _with_loudness(command: click.Command) -> click.Command:
    """Let `--quiet` and `--verbose` stand behind the name of a command as well."""
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            _with_loudness(inner)
    elif not any("--quiet" in one.opts for one in command.params):
        command.params += loudness()
    return command


def _leave_threads(code: int) -> NoReturn:
    """Exit without waiting for threads that are still fetching: whatever they hold is not in the store yet."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command and exit with its code."""
    speak_in_any_encoding()
    try:
        code = application().main(arguments, prog_name="modelguard", standalone_mode=False)
    except ModelguardError as error:
        for line in f"error: {error}".split("\n"):
            say(line, err=True)
        code = next(code for kind, code in _CODES if isinstance(error, kind))
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        _leave_threads(130)
    except click.ClickException as error:
        error.show()
        code = INVALID
    except BrokenPipeError:
        code = INCOMPLETE
    except Exception:
        logging.getLogger(__name__).exception("internal fault; please report it")
        code = INCOMPLETE
    gc.freeze()  # or the interpreter looks through all that is there once more before it ends: a tenth of a small scan
    sys.exit(code if isinstance(code, int) else 0)
