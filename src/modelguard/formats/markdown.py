"""Markdown: model cards and other prose. Its front matter is read by the part that knows licenses."""

from __future__ import annotations

import re
from collections.abc import Iterable

from modelguard.formats._text import is_text, text_of
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.facts import Fact, Noted

_MOST_SHOWN = 5

# Instructions by which a reader would run or install something: prose asks people, not loaders.
_INSTRUCTIONS = (
    ("pipe a download into a shell", re.compile(r"(?:curl|wget)[^\n|]{0,300}\|\s*(?:sudo\s+)?(?:ba|z)?sh\b")),
    (
        "downloads and runs in PowerShell",
        re.compile(r"(?:iex|invoke-expression)[^\n]{0,200}https?://[^\n]{0,200}", re.I),
    ),
    ("install from an address", re.compile(r"pip3? install [^\n]{0,100}(?:git\+|https?://)\S+")),
    ("install from another index", re.compile(r"pip3? install [^\n]{0,200}--(?:extra-)?index-url[ =]\S+")),
    (
        "run a file of the repository",
        re.compile(r"^[ \t]*(?:\$ )?python3? (?:loader|start|run|install)\w*\.py\b", re.M),
    ),
)


def accepts(content: Content) -> bool:
    """Tell by the ending: Markdown is text, and most text is Markdown."""
    return content.name.lower().endswith((".md", ".markdown", ".mdx")) and is_text(content)


def read(content: Content, walk: Walk) -> Iterable[Fact]:
    """Note instructions in a model card that would run something."""
    text = text_of(content)
    walk.budget.spend_time()
    for what, pattern in _INSTRUCTIONS:
        for number, match in enumerate(pattern.finditer(text)):
            if number == _MOST_SHOWN:
                break
            shown = " ".join(match.group(0).split())[:160]
            detail = f"tells people to: {what}: {shown}"
            yield Noted(location=content.location, format="markdown", rule="instruction", detail=detail)


FORMAT = Format(
    name="markdown",
    title="Markdown",
    reads="Text up to 16 MB.",
    looks_for="Instructions that would have a person run or install something from elsewhere (noted only).",
    clue=Clue(endings=(".md", ".markdown", ".mdx")),
    accepts=accepts,
    read=read,
    endings=(".md", ".markdown"),
)
