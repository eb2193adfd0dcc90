"""Path configuration files of Python: text named `.pth`, whose lines that begin with `import` run at every start.

PyTorch uses the same ending for weights. Only text is meant here; weights are binary.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from modelguard.formats._text import is_text, text_of
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.facts import Asks, Fact

# https://docs.python.org/3/library/site.html
_RUNS = re.compile(r"^import[ \t].*", re.MULTILINE)


def accepts(content: Content) -> bool:
    """Tell by the ending; the bytes have to be text."""
    return content.name.lower().endswith(".pth") and content.size > 0 and is_text(content)


def read(content: Content, _walk: Walk) -> Iterable[Fact]:
    """Ask for every line that Python would run, or else for the paths that it would search."""
    text = text_of(content, 1 << 20)
    lines = _RUNS.findall(text)
    what = f"runs at every start of Python: {lines[0][:160]}" if lines else "adds directories to the path of Python"
    yield Asks(
        location=content.location,
        permission="remote-code",
        name=str(content.location),
        detail=what,
        hazard="persistence" if lines else "",
    )


FORMAT = Format(
    name="path-configuration",
    title="Python path configuration",
    reads="Text named `.pth`, up to 1 MB.",
    looks_for="Lines that Python runs whenever it starts.",
    clue=Clue(endings=(".pth",)),
    accepts=accepts,
    read=read,
)
