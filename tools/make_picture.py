"""Record `make demo` in a terminal and write what it showed as a picture, docs/assets/demo.svg.

The demonstration runs in a pseudo-terminal, so that it prints the colours that people see; rich draws the picture from
exactly those bytes. Steps are left out only whole, from one heading to the next, and the picture says where.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "assets" / "demo.svg"
WIDTH, LINES = 100, 400
LEFT_OUT = ("Refusal 1", "Refusal 3", "And the approved")
"""Headings of steps that the picture leaves out, to stay readable; `make demo` shows them all."""
_HEADING = re.compile(r"^(?:\x1b\[1m)(?P<text>.*?)\x1b\[0m\s*$")


def record() -> str:
    """Run the demonstration in a terminal of its own and return everything that it printed."""
    parent, child = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(WIDTH), "LINES": str(LINES), "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    command = [sys.executable, str(ROOT / "demo" / "demo.py")]
    with subprocess.Popen(command, stdout=child, stderr=child, cwd=ROOT, env=environment) as process:
        os.close(child)
        pieces = []
        while True:
            try:
                piece = os.read(parent, 65536)
            except OSError:  # the terminal was closed by its last program
                break
            if not piece:
                break
            pieces.append(piece)
    os.close(parent)
    if process.returncode:
        sys.exit(f"the demonstration ended with exit code {process.returncode}")
    return b"".join(pieces).decode("utf-8").replace("\r\n", "\n")


def chosen(transcript: str) -> str:
    """Return the transcript without the steps that the picture leaves out."""
    kept: list[str] = []
    leaving = False
    for line in transcript.strip("\n").split("\n"):
        heading = _HEADING.match(line)
        if heading:
            was, leaving = leaving, heading["text"].startswith(LEFT_OUT)
            if leaving and not was:
                kept += ["\x1b[2m[…]\x1b[0m", ""]
        if line.startswith("Done:"):
            leaving = False
        if not leaving:
            kept.append(line)
    return "\n".join(kept)


def picture(transcript: str) -> str:
    """Return the transcript as SVG."""
    from rich.console import Console
    from rich.text import Text

    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True, color_system="truecolor")
        console.print("[bold green]$[/] make demo")
        console.print(Text.from_ansi(transcript))
        drawn = console.export_svg(title="modelguard", unique_id="modelguard-demo")
    # The picture asks nobody for a font: whoever looks at it has one.
    return re.sub(r"\s*@font-face \{.*?\}", "", drawn, flags=re.DOTALL)


def main() -> None:
    """Record, choose, draw."""
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(picture(chosen(record())), "utf-8")
    print(f"wrote {TARGET.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
