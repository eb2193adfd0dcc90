"""Jinja templates: chat templates of tokenizers and processors, in files of their own or inside a configuration.

The template is parsed with Jinja's own parser and never rendered. Brackets, blocks and prefix operators are counted
first, since parsers of templates in other languages recurse without a bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from modelguard.formats._template_nodes import asked_by_template
from modelguard.formats._text import is_text, text_of
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact, Malformed

LIMIT = 1 << 20
"""Bytes of one template; the longest of well-known models has about 20 kB."""

DEPTH = 64
"""Brackets, blocks and prefix operators inside one another; templates of well-known models stay below 20."""

_OPENS = {"if", "for", "macro", "call", "filter", "block", "with", "generation", "autoescape", "raw"}
_PREFIXES = {"not", "-", "+"}


def accepts(content: Content) -> bool:
    """Tell by the name: text has no magic number, and braces in prose are no template."""
    return content.name.lower().endswith((".jinja", ".jinja2", ".j2")) and is_text(content)


def read(content: Content, walk: Walk) -> Iterable[Fact]:
    """Parse a template and tell what reaches beyond rendering."""
    source = text_of(content, LIMIT)
    walk.budget.spend_time()
    environment = _environment()
    deepest = _nesting(environment, source)
    if deepest > DEPTH:
        yield Malformed(
            location=content.location,
            format="jinja",
            rule="template-nesting",
            detail=f"{deepest} brackets, blocks or prefix operators inside one another; {DEPTH} are read",
        )
        return
    yield from asked_by_template(_parsed(environment, source), content.location)


def _parsed(environment: Any, source: str) -> Any:
    from jinja2 import TemplateError  # costs 30 ms; only repositories with templates need it

    try:
        return environment.parse(source)
    except TemplateError as error:
        raise ReadError(
            f"template cannot be parsed: {error.message} in line {getattr(error, 'lineno', '?')}"
        ) from error
    except (RecursionError, MemoryError, ValueError, OverflowError) as error:
        raise ReadError(f"template cannot be parsed: {type(error).__name__}") from error


def _nesting(environment: Any, source: str) -> int:
    """Return how deep the template nests, from its tokens alone."""
    return max(_depths(_tokens(environment, source)), default=0)


def _depths(tokens: Iterator[tuple[str, str]]) -> Iterator[int]:
    brackets = blocks = prefixes = choices = 0
    first = False
    for kind, value in tokens:
        if kind == "whitespace":
            continue
        if kind == "block_begin":
            first, brackets, choices = True, 0, 0
            continue
        if kind == "variable_begin":
            brackets = choices = 0
        prefixes = prefixes + 1 if value in _PREFIXES else 0
        if kind == "operator":
            brackets += (value in {"(", "[", "{"}) - (value in {")", "]", "}"})
        elif kind == "name" and first:
            blocks += (value in _OPENS) - value.startswith("end")
        elif kind == "name" and value == "else":
            choices += 1
        first = False
        yield brackets + max(blocks, 0) + prefixes + choices


def _tokens(environment: Any, source: str) -> Iterator[tuple[str, str]]:
    from jinja2 import TemplateError  # as above

    try:
        for _line, kind, value in environment.lex(source):
            yield kind, value
    except (TemplateError, ValueError, OverflowError) as error:
        raise ReadError(f"template cannot be split into tokens: {error}") from error


@cache
def _environment() -> Any:
    """Return the environment that transformers parses chat templates with: two extensions, blocks trimmed."""
    try:
        from jinja2 import nodes  # as above
        from jinja2.ext import Extension
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError as error:
        raise ReadError(
            "templates are read with jinja2, which is not installed", remedy="pip install jinja2"
        ) from error

    class Generation(Extension):  # type: ignore[misc]  # jinja2 is not typed here
        """The `generation` block, with which transformers marks what the assistant says."""

        tags = {"generation"}  # noqa: RUF012  # the name and type are jinja2's

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.Scope(body, lineno=line)

    return ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[Generation, "jinja2.ext.loopcontrols", "jinja2.ext.do"],
    )


FORMAT = Format(
    name="jinja",
    title="Jinja template",
    reads="Templates up to 1 MB with Jinja's own parser, in files and inside configurations; nothing is rendered.",
    looks_for="Ways out of the sandbox (dunder names, `attr` with a computed name, frames, format strings), inclusion "
    "of files, work without bound, text that reacts to what a user writes.",
    clue=Clue(endings=(".jinja", ".jinja2", ".j2")),
    accepts=accepts,
    read=read,
    endings=(".jinja", ".jinja2", ".j2"),
)
