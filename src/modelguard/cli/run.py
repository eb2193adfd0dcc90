"""`modelguard run`: a Python program whose loads of models go through the guard."""

from __future__ import annotations

import os
import sys
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import Any

import click

from modelguard.cli._options import REFUSED, gate_options, open_gate
from modelguard.cli.command import Subcommand
from modelguard.terms.words import counted


@click.command(
    short_help="Run a Python program with its loaders guarded",
    epilog="Example: modelguard run --mode observe train.py --epochs 3",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option(
    "--mode",
    type=click.Choice(["guard", "enforce", "observe"]),
    default="guard",
    show_default=True,
    help="Route loads through the guard, refuse those around it, or only tell about them.",
)
@click.option("-m", "as_module", is_flag=True, help="PROGRAM is a module, as in python -m.")
@gate_options
@click.argument("program")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run(mode: Any, program: str, arguments: tuple[str, ...], as_module: bool, **options: Any) -> int:
    """Run a Python PROGRAM; torch.load, from_pretrained, joblib.load and others load what is locked, or nothing.

    Mode enforce refuses every load around the guard, observe lets them pass and tells what would be refused.
    """
    from modelguard.interception import intercept  # reads the whole house
    from modelguard.interception.interception import VARIABLE

    os.environ[VARIABLE] = mode  # for child processes that import modelguard
    sys.argv = [program, *arguments]
    interception = intercept(mode, gate=open_gate(options))
    try:
        failed = _execute(program, as_module)
    finally:
        interception.stop()
        refused = [one for one in interception.seen if one.refusal]
        if mode == "observe":
            for one in interception.seen:
                click.echo(f"{one.call}({one.target}): {one.refusal or 'allowed'}", err=True)
            click.echo(f"{counted(len(interception.seen), 'load')} seen, {len(refused)} would be refused", err=True)
    return REFUSED if failed or (refused and mode == "observe") else 0


def _execute(program: str, as_module: bool) -> bool:
    """Run the program as `python` would; tell whether it ended with an error of its own, whose traceback is shown."""
    import runpy  # only this command runs programs
    from importlib.util import find_spec

    from modelguard.terms.errors import ModelguardError

    place = Path.cwd() if as_module else Path(program).absolute().parent
    sys.path.insert(0, str(place))
    if (find_spec(program) is None) if as_module else not Path(program).exists():
        raise click.BadParameter(f"there is no {'module' if as_module else 'file'} {program!r}", param_hint="PROGRAM")
    try:
        if as_module:
            runpy.run_module(program, run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(program, run_name="__main__")
    except ModelguardError as error:
        _show(error, reason=False)  # the reason is told as always
        raise
    except Exception as error:  # noqa: BLE001  # whatever a program raises
        _show(error, reason=True)
        return True
    return False


def _show(error: BaseException, *, reason: bool) -> None:
    """Show where in the program an error came from, without the frames that ran it and those of modelguard."""
    import traceback  # only where something went wrong

    home = str(Path(__file__).parent.parent)
    shown = traceback.TracebackException.from_exception(error)
    frames = [*dropwhile(lambda one: one.filename.startswith((home, "<frozen runpy>")), shown.stack)]
    if reason:
        shown.stack[:] = frames
        click.echo("".join(shown.format()), err=True, nl=False)
        return
    shown.stack[:] = takewhile(lambda one: not one.filename.startswith(home), frames)
    click.echo("".join(["Traceback (most recent call last):\n", *shown.stack.format()]), err=True, nl=False)


COMMAND = Subcommand(run, "use")
