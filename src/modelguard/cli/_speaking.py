"""How loud the command is: `--quiet` and `--verbose`, before or after the name of a command."""

from __future__ import annotations

import codecs
import io
import json
import logging
import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])
_QUIET = "modelguard.quiet"


def loudness() -> list[click.Option]:
    """Return the options for one command. Each sets the loudness of the whole run and reaches no function."""
    return [
        click.Option(
            ["-q", "--quiet"], is_flag=True, expose_value=False, callback=_hush,
            help="On stderr only what went wrong: no progress, no word on what was done.",
        ),
        click.Option(
            ["-v", "--verbose"], is_flag=True, expose_value=False, callback=_explain,
            help="Tell on stderr what is being done.",
        ),
    ]  # fmt: skip


def _hush(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted:
        context.meta[_QUIET] = True


def _explain(_context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    logging.basicConfig(level=logging.ERROR, format="%(message)s", stream=sys.stderr)
    if wanted:
        logging.getLogger().setLevel(logging.INFO)


def is_quiet() -> bool:
    """Tell whether this run is to be quiet."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(_QUIET))


def is_dumb() -> bool:
    """Tell whether the terminal says that it only prints: no colours, no lines drawn over."""
    return os.environ.get("TERM") == "dumb"


_PLAIN = str.maketrans({"·": "-", "→": "->", "…": "...", "»": ">", "─": "-", "–": "-", "└": "`", "“": '"', "”": '"'})
_ERRORS = "modelguard-plain"


def speak_in_any_encoding() -> None:
    """Let what a terminal's encoding lacks (LC_ALL=POSIX, an old code page) be printed in other signs.

    The signs of our own reports have plain ones in their place, all others are escaped. Without this, a report would
    end in an error of encoding, and a refusal would not be seen.
    """
    codecs.register_error(_ERRORS, _plainly)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors=_ERRORS)


def _plainly(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_PLAIN)
    return text.encode(error.encoding, "backslashreplace"), error.end


def note(message: str) -> None:
    """Tell on stderr what was done, which nobody needs to know who asked for quiet."""
    if not is_quiet():
        click.echo(message, err=True)


def say(line: str, indent: int = 5, *, err: bool = False) -> None:
    """Print a line; where somebody looks it is broken between words, and goes on `indent` columns to the right."""
    if (sys.stderr if err else sys.stdout).isatty():
        from shutil import get_terminal_size  # only here
        from textwrap import fill

        width = max(60, get_terminal_size((100, 24)).columns)
        line = fill(line, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)
    click.echo(line, err=err)


def json_option(command: Command) -> Command:
    """Add `--json` to a command whose answer a script may want."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")(command)


def tell_json(kind: str, document: dict[str, Any]) -> None:
    """Print a JSON object; its key `schema` says what it is and in which version."""
    click.echo(json.dumps({"schema": f"modelguard/{kind}/1", **document}, indent=2))
