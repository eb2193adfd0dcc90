"""`modelguard completion`: the script that lets a shell complete commands, options and their values."""

from __future__ import annotations

import click

from modelguard.cli.command import Subcommand

SHELLS = ("bash", "zsh", "fish")


@click.command(
    short_help="Print the completion script of a shell", epilog='Example: eval "$(modelguard completion bash)"'
)
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> int:
    """Print the script that makes SHELL complete what is typed after `modelguard`.

    In bash and zsh put `eval "$(modelguard completion SHELL)"` into the shell's start file; for fish write the output
    to ~/.config/fish/completions/modelguard.fish.
    """
    from click.shell_completion import get_completion_class  # only here

    chosen = get_completion_class(shell)
    assert chosen is not None, "click knows these shells"
    made = chosen(click.Group(), {}, "modelguard", "_MODELGUARD_COMPLETE")
    click.echo(made.source_template % made.source_vars())
    return 0


COMMAND = Subcommand(completion, "machine")
