"""Runs the pages of the documentation: files are written, commands are run in one shell, output is compared.

In a page, a block with a title is a file (`title="models.toml"`), or is added to one (`title="models.toml (added)"`).
A `console` block holds commands, each after `$ `, and what they print. A command without output must succeed; one with
output must print it, where `…` stands for any text, and may fail, because pages show refusals too.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import field, frozen

BLOCK = re.compile(
    r'^(?P<indent> *)```(?P<language>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<body>.*?)^ *```$', re.DOTALL | re.MULTILINE
)
_ADDED = " (added)"


@frozen
class Step:
    """One command of a page, with the output that the page shows (empty when it shows none)."""

    command: str
    expected: str


@frozen(kw_only=True)
class Home:
    """An empty project directory with `modelguard` and `python` on its PATH, and stand-ins for programs not at hand."""

    directory: Path
    environment: dict[str, str] = field(factory=dict)

    @classmethod
    def make(cls, base: Path, stand_ins: Mapping[str, str] | None = None) -> Home:
        programs, directory = base / "bin", base / "search"
        programs.mkdir()
        directory.mkdir()
        scripts = {
            "modelguard": f'exec "{sys.executable}" -m modelguard "$@"', "python": f'exec "{sys.executable}" "$@"',
            **(stand_ins or {}),
        }  # fmt: skip
        for name, script in scripts.items():
            (programs / name).write_text(f"#!/bin/sh\n{script}\n")
            (programs / name).chmod(0o755)
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "MODELGUARD_"))}
        more = {
            "PATH": f"{programs}:{os.environ['PATH']}", "MODELGUARD_STORE": str(base / "store"), "COLUMNS": "100",
            "PYTHONWARNINGS": "ignore",
        }  # fmt: skip
        return cls(directory=directory, environment={**clean, **more})


def blocks(page: str) -> Iterator[re.Match[str]]:
    return BLOCK.finditer(page)


def body(block: re.Match[str]) -> str:
    """Return the lines of a block without the indentation that it has inside a list."""
    return re.sub(f"^{block['indent']}", "", block["body"], flags=re.MULTILINE)


def steps(text: str) -> Iterator[Step]:
    for one in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        lines = one.split("\n")
        end = 1
        while lines[end - 1].endswith("\\"):
            end += 1
        yield Step("\n".join(lines[:end]), "\n".join(lines[end:]).strip("\n"))


def matches(expected: str, output: str) -> bool:
    """Compare output with what a page shows, where `…` stands for any text."""
    pattern = re.escape(expected.rstrip("\n")).replace("…", ".*")
    return re.fullmatch(pattern, output.rstrip("\n"), re.DOTALL) is not None


def run_page(page: str, home: Home) -> int:
    """Do what a page says, from its top to its end; return how many commands were run."""
    todo: list[Step] = []
    script: list[str] = ["exec 3>&1"]
    for block in blocks(page):
        text = body(block)
        if block["title"]:
            script.append(_writing(block["title"], text))
        elif block["language"] == "console":
            for step in steps(text):
                mark = home.directory.parent / f"step-{len(todo)}"
                script += [f"{{ {step.command}\n}} >'{mark}.out' 2>&1", f"echo $? >'{mark}.code'"]
                todo.append(step)
    done = subprocess.run(
        ["/bin/bash", "-c", "\n".join(script)], cwd=home.directory, env=home.environment, text=True, timeout=300,
        check=False, capture_output=True,
    )  # fmt: skip
    for number, step in enumerate(todo):
        _compare(step, home.directory.parent / f"step-{number}", done.stderr)
    return len(todo)


def _writing(title: str, text: str) -> str:
    name, added = (title.removesuffix(_ADDED), ">>") if title.endswith(_ADDED) else (title, ">")
    return f"mkdir -p \"$(dirname '{name}')\" && cat {added}'{name}' <<'END-OF-BLOCK'\n{text}END-OF-BLOCK"


def _compare(step: Step, mark: Path, errors: str) -> None:
    code, output = Path(f"{mark}.code"), Path(f"{mark}.out")
    assert code.exists(), f"the shell did not come to: $ {step.command}\n{errors}"
    printed = output.read_text("utf-8")
    if step.expected:
        assert matches(step.expected, printed), f"$ {step.command}\n{printed}\n--- the page shows\n{step.expected}"
    else:
        assert int(code.read_text()) == 0, f"$ {step.command}\n{printed}"
