"""`modelguard run`: a Python program whose loads of models go through the guard."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from modelguard.cli._options import REFUSED, gate_options, open_gate
from modelguard.cli.command import Subcommand


@click.command(
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
    import runpy  # only this command runs programs

    from modelguard.interception import intercept  # reads the whole house
    from modelguard.interception.interception import VARIABLE

    os.environ[VARIABLE] = mode  # for child processes that import modelguard
    sys.argv = [program, *arguments]
    interception = intercept(mode, gate=open_gate(options))
    try:
        if as_module:
            sys.path.insert(0, str(Path.cwd()))
            runpy.run_module(program, run_name="__main__", alter_sys=True)
        else:
            sys.path.insert(0, str(Path(program).absolute().parent))
            runpy.run_path(program, run_name="__main__")
    finally:
        interception.stop()
        refused = [one for one in interception.seen if one.refusal]
        if mode == "observe":
            for one in interception.seen:
                click.echo(f"{one.call}({one.target}): {one.refusal or 'allowed'}", err=True)
            click.echo(f"{len(interception.seen)} loads seen, {len(refused)} would be refused", err=True)
    return REFUSED if refused and mode == "observe" else 0


COMMAND = Subcommand(run)
