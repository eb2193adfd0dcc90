"""Write the pages of the reference from the code itself, into docs/reference/generated (or the directory named)."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import click

from modelguard._registry import parts
from modelguard.checks.check import Check
from modelguard.cli.command import Subcommand
from modelguard.discovery._entry_points import ENTRY_POINTS
from modelguard.discovery.rules import RULES
from modelguard.discovery.shell import COMMANDS
from modelguard.formats.format import Format
from modelguard.loaders.loader import Loader
from modelguard.lock import Entry, LockedFile
from modelguard.monitor.event import KINDS
from modelguard.picklevm.knowledge.grants_table import table
from modelguard.picklevm.knowledge.profiles import PROFILES
from modelguard.policy.template import policy_text

TARGET = Path(__file__).resolve().parent.parent / "docs" / "reference" / "generated"


def cell(text: str) -> str:
    """Return text fit for a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def rows(*heads: str) -> list[str]:
    return ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]


def row(*cells: str) -> str:
    return "| " + " | ".join(cell(one) for one in cells) + " |"


def commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every command with the words that call it."""
    for part in parts("modelguard.cli", Subcommand):
        name = str(part.command.name)
        yield name, part.command
        if isinstance(part.command, click.Group):
            yield from ((f"{name} {inner}", one) for inner, one in sorted(part.command.commands.items()))


def cli() -> list[str]:
    lines = ["# Command line", ""]
    for name, command in commands():
        help_text = command.get_help(click.Context(command, info_name=f"modelguard {name}", max_content_width=100))
        lines += [f"## modelguard {name}", "", "```text", help_text, "```", ""]
    return lines


def exit_codes() -> list[str]:
    import modelguard.cli.main as main

    known = [
        ("0", "all examined and allowed"),
        (str(main.REFUSED), "something was refused"),
        (str(main.INVALID), "usage, policy or lock is invalid"),
        (str(main.INCOMPLETE), "could not be completed: unreachable, nothing examined, internal fault"),
        ("130", "interrupted"),
    ]
    lines = ["# Exit codes", "", *rows("code", "meaning"), *(row(*one) for one in known), "", "## Errors", ""]
    lines += ["Which error of the library becomes which code:", "", *rows("error", "code", "meaning")]
    return lines + [row(f"`{kind.__name__}`", str(code), kind.__doc__ or "") for kind, code in main._CODES]


AREAS = {
    "lock": "Is it what was approved?",
    "content": "What would happen when it is loaded?",
    "provenance": "Who vouches for it?",
    "license": "May we use it?",
    "source": "Where does it come from?",
    "advisory": "What is known against it?",
    "vendor": "Who looks after it?",
}
_PARTS = ("Why it matters", "What to do")


def checks() -> list[str]:
    known = sorted(parts("modelguard.checks", Check), key=lambda one: (list(AREAS).index(one.area), one.name))
    lines = ["# Checks", "", "Each asks one question. `modelguard explain NAME` prints the same page.", ""]
    for area, question in AREAS.items():
        lines += [f"**{area}**: {question}", "", *rows("check", "reports")]
        mine = [one for one in known if one.area == area]
        lines += [row(f"[{one.name}](#{one.name})", one.page.splitlines()[0]) for one in mine] + [""]
    for one in known:
        lines += [f"## {one.name}", "", f"*Area: {one.area}.* {one.page.splitlines()[0]}", "", *sections(one.page)]
    return lines


def sections(page: str) -> list[str]:
    """Return the parts of a check's docstring below its first line: two in words, the example as it is printed."""
    text = inspect.cleandoc(page).partition("\n")[2]
    pieces = re.split(r"^(Why it matters|What to do|Example)$", text, flags=re.MULTILINE)
    lines = [pieces[0].strip(), ""] if pieces[0].strip() else []
    for title, words in zip(pieces[1::2], pieces[2::2], strict=True):
        words = inspect.cleandoc("\n" + words).strip("\n")
        if title in _PARTS:
            lines += [f"**{title}.** {' '.join(words.split())}".replace("<", "&lt;"), ""]
        else:
            lines += ["```text", words, "```", ""]
    return lines


def events() -> list[str]:
    lines = [
        "# Events",
        "",
        "What `modelguard monitor` tells, how severe it is unless the case says otherwise, what to do.",
        "",
    ]
    lines += rows("event", "severity", "what happened", "what to do")
    return lines + [
        row(f"`{one.name}`", one.severity.name.lower(), one.title, one.remedy.replace("{ref}", "NAME"))
        for one in KINDS.values()
    ]


def formats() -> list[str]:
    lines = ["# Formats", "", "Every format that accepts the bytes reads them.", ""]
    lines += rows("format", "what", "reads", "looks for", "endings")
    return lines + [
        row(f"`{one.name}`", one.title, one.reads, one.looks_for, " ".join((*one.endings, *one.whole_names)))
        for one in parts("modelguard.formats", Format)
    ]


def loaders() -> list[str]:
    lines = ["# Loaders", "", *rows("name", "package", "lowest version", "because", "what it does")]
    for one in parts("modelguard.loaders", Loader):
        about = (sys.modules[one.load.__module__].__doc__ or "").splitlines()
        first = about[0] if about and one.load.__module__.rpartition(".")[2][0] != "_" else ""
        lines.append(row(f"`{one.name}`", one.package, one.minimum or "any", one.minimum_reason, first))
    return lines


def grants() -> list[str]:
    lines = ["# Grants", "", "Profiles of exact names that a pickle may look up. No prefix is ever granted.", ""]
    lines += rows("profile", "for", "enabled by default", "why")
    lines += [row(f"`{one.name}`", one.title, "yes" if one.default else "no", one.reason) for one in PROFILES.values()]
    for profile in PROFILES.values():
        names = table(profile.name) if profile.packages else {}
        if names:
            lines += ["", f"## {profile.name}", "", *rows("name", "rule", "reason")]
            lines += [row(f"`{module}.{name}`", g.rule, g.reason) for (module, name), g in sorted(names.items())]
    return lines


def policy() -> list[str]:
    text = policy_text(in_pyproject=False)
    lines = [
        "# Policy",
        "",
        "`modelguard.toml`, or the same tables under `[tool.modelguard]` of `pyproject.toml`; the nearest",
    ]
    lines += ["file above the working directory that holds a policy counts. This is what `modelguard init` writes:", ""]
    return [*lines, "```toml", text.rstrip(), "```"]


def lock() -> list[str]:
    import modelguard.lock

    lines = ["# Lock", "", inspect.cleandoc(modelguard.lock.__doc__ or ""), ""]
    for kind in (Entry, LockedFile):
        lines += [f"## {kind.__name__}", "", *paragraphs(kind), "", *rows("field", "type")]
        lines += [row(f"`{one.name}`", f"`{one.type}`") for one in attrs.fields(kind)] + [""]
    return lines


def paragraphs(kind: type) -> list[str]:
    return [inspect.cleandoc(kind.__doc__ or "")]


def discovery() -> list[str]:
    lines = ["# Discovery", "", "## Rules", "", *rows("rule", "reports", "why and what to do")]
    lines += [row(f"`{one.name}`", one.title, one.help) for one in RULES]
    lines += ["", "## Functions", "", *rows("function", "does", "because")]
    lines += [row(f"`{one.name}`", one.kind, one.reason) for one in ENTRY_POINTS]
    lines += ["", "## Commands", "", *rows("command", "does")]
    return lines + [row(f"`{' '.join(one.words)}`", one.kind) for one in COMMANDS]


PAGES: dict[str, Callable[[], list[str]]] = {
    "cli": cli,
    "exit-codes": exit_codes,
    "policy": policy,
    "lock": lock,
    "checks": checks,
    "events": events,
    "formats": formats,
    "grants": grants,
    "loaders": loaders,
    "discovery": discovery,
}


def main(target: Path = TARGET) -> None:
    """Write every page."""
    target.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (target / f"{name}.md").write_text("\n".join(page()).rstrip() + "\n", "utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
