"""Jupyter notebooks: code that a person runs cell by cell, and outputs that a browser shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from modelguard.formats._json import read_json
from modelguard.formats._python_code import analyse
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Asks, Fact, Noted

LIMIT = 64 << 20
_MOST_NAMED = 4


def accepts(content: Content) -> bool:
    """Tell by the ending and the first character."""
    return content.name.lower().endswith(".ipynb") and content.head(4096).lstrip()[:1] == b"{"


def read(content: Content, walk: Walk) -> Iterable[Fact]:
    """Ask for the notebook when it has code, and tell what the code can do."""
    document = read_json(content, limit=LIMIT)
    walk.budget.spend_time()
    cells = [*_cells(document.value)]
    if not cells:
        return
    shell, python = _split(cells)
    hazard, details = "", []
    try:
        code = analyse(python.encode("utf-8", "surrogatepass"))
        hazard = code.hazard
        details = [mention.what for mention in code.mentions[:_MOST_NAMED]]
    except ReadError as error:
        yield Noted(location=content.location, format="notebook", rule="notebook-code", detail=error.message)
    if shell:
        details.append(f"{len(shell)} lines for a shell, such as {shell[0][:80]!r}")
    yield Asks(
        location=content.location,
        permission="remote-code",
        name=str(content.location),
        detail="a notebook that no loader of models runs: " + ("; ".join(details) or "nothing unusual seen"),
        hazard=f"notebook-{hazard}" if hazard else "notebook",
    )


def _cells(value: Any) -> Iterator[str]:
    sheets = value.get("worksheets") if isinstance(value, dict) else None
    holders = [value, *(sheets if isinstance(sheets, list) else [])]
    for holder in holders:
        cells = holder.get("cells") if isinstance(holder, dict) else None
        for cell in cells if isinstance(cells, list) else []:
            if isinstance(cell, dict) and cell.get("cell_type") == "code":
                source = cell.get("source", cell.get("input", ""))
                text = "".join(part for part in source if isinstance(part, str)) if isinstance(source, list) else source
                if isinstance(text, str) and text.strip():
                    yield text


def _split(cells: list[str]) -> tuple[list[str], str]:
    """Part the lines for a shell or for IPython from those of Python."""
    shell: list[str] = []
    python: list[str] = []
    for cell in cells:
        lines = cell.splitlines()
        if lines and lines[0].startswith("%%"):
            shell.extend(lines)
            continue
        for line in lines:
            bare = line.lstrip()
            if bare.startswith(("!", "%", "?")) or bare.endswith("?"):
                shell.append(bare)
                python.append(line[: len(line) - len(bare)] + "pass")
            else:
                python.append(line)
    return shell, "\n".join(python) + "\n"


FORMAT = Format(
    name="notebook",
    title="Jupyter notebook",
    reads="The code cells, as Python and as lines for a shell; outputs as text.",
    looks_for="What the code can do when a person runs it; no loader does.",
    clue=Clue(endings=(".ipynb",)),
    accepts=accepts,
    read=read,
    endings=(".ipynb",),
)
