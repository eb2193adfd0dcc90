"""Write what a system keeps beside a program, from the commands themselves: the manual page and shell completions.

The files are committed below share/, go into the wheel as they are, and a test compares them with what this writes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from modelguard.cli.main import application

TARGET = Path(__file__).resolve().parent.parent / "share"
COMPLETIONS = {
    "bash": "bash-completion/completions/modelguard",
    "zsh": "zsh/site-functions/_modelguard",
    "fish": "fish/vendor_completions.d/modelguard.fish",
}
EXIT_CODES = (
    ("0", "All was examined and allowed."),
    ("1", "Something was refused."),
    ("2", "Usage, policy or lock is invalid."),
    ("3", "It could not be completed: a source is unreachable, nothing was examined, or an internal fault."),
    ("130", "Interrupted. Nothing is left half-written."),
)
ENVIRONMENT = (
    ("MODELGUARD_STORE", "Directory of the private store."),
    ("MODELGUARD_MODE", "enforce makes a policy that only warns refuse."),
    ("MODELGUARD_OFFLINE, HF_HUB_OFFLINE", "1 uses no network."),
    ("HF_ENDPOINT, HF_TOKEN", "The Hub to ask, and the token to show it."),
    ("NO_COLOR", "Print no colours."),
)


def escaped(text: str) -> str:
    """Return text as troff takes it literally."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    return re.sub(r"^\.", r"\\&.", text, flags=re.MULTILINE)


def leaves() -> Iterator[tuple[str, click.Command]]:
    group = application()
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from ((f"{name} {inner}", one) for inner, one in sorted(command.commands.items()))
        else:
            yield name, command


def section(name: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=f"modelguard {name}")
    yield f".SS {escaped(f'modelguard {name}')}"
    yield f".B {escaped(' '.join((f'modelguard {name}', *command.collect_usage_pieces(context))))}"
    for paragraph in (command.help or "").split("\n\n"):
        yield ".PP"
        yield escaped(" ".join(paragraph.split()))
    for option in command.params:
        record = option.get_help_record(context) if isinstance(option, click.Option) else None
        if record is not None:
            yield ".TP"
            yield f".B {escaped(record[0])}"
            yield escaped(" ".join(record[1].split()) or "See the reference.")
    if command.epilog:
        yield ".PP"
        yield escaped(command.epilog)


def manual() -> str:
    """Return the manual page; it has no date, so that it changes only with the commands."""
    group = application()
    lines = ['.TH MODELGUARD 1 "" "modelguard" "User Commands"', ".SH NAME"]
    lines += [escaped("modelguard - ") + escaped(str(group.help).rstrip(".").lower()), ".SH SYNOPSIS"]
    lines += [".B modelguard", "[\\-q] [\\-v] COMMAND [ARGUMENT]...", ".SH COMMANDS"]
    for name, command in leaves():
        lines += section(name, command)
    for title, rows in (("EXIT STATUS", EXIT_CODES), ("ENVIRONMENT", ENVIRONMENT)):
        lines.append(f".SH {title}")
        for head, text in rows:
            lines += [".TP", f".B {escaped(head)}", escaped(text)]
    lines += [".SH FILES"]
    for head, text in (("modelguard.toml, pyproject.toml", "The policy."), ("modelguard.lock", "The approved models.")):
        lines += [".TP", f".B {escaped(head)}", escaped(text)]
    return "\n".join(lines) + "\n"


def completion(shell: str) -> str:
    chosen = get_completion_class(shell)
    assert chosen is not None
    made = chosen(click.Group(), {}, "modelguard", "_MODELGUARD_COMPLETE")
    return made.source_template % made.source_vars() + "\n"


def main(target: Path = TARGET) -> None:
    """Write all files below the target."""
    documents = {"man/man1/modelguard.1": manual()}
    documents |= {place: completion(shell) for shell, place in COMPLETIONS.items()}
    for place, text in documents.items():
        path = target / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8", newline="\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
