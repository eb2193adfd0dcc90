"""Sections and keys: config.cfg of spaCy, setup.cfg, and other `.cfg` and `.ini` files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from posixpath import basename

from modelguard.formats._requirements import asked_to_install
from modelguard.formats._text import is_text, text_of
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.facts import Asks, Fact

LIMIT = 4 << 20
_ENDINGS = (".cfg", ".ini", ".conf")
_SECTION = re.compile(r"\[([^\]]*)\]")
_INLINE = re.compile(r'"(@\w+)"\s*:\s*"([^"]*)"')  # a function named within a value: {"@scorers": "x.v1"}

# Functions that spaCy, thinc and their own companions register: https://spacy.io/api/top-level#registry. Whatever else
# a config.cfg names has to be registered by another package, or by code beside the model.
_OWN = re.compile(r"(?:spacy|spacy-(?:transformers|curated-transformers|legacy|loggers)|thinc|confection)\.[\w.-]+\Z")
_OWN_PLAIN = {
    "Adam.v1",
    "RAdam.v1",
    "SGD.v1",
    "compounding.v1",
    "constant.v1",
    "constant_then.v1",
    "cosine_anneal.v1",
    "cyclic_triangular.v1",
    "decaying.v1",
    "slanted_triangular.v1",
    "warmup_linear.v1",
    "plateau.v1",
    "Softmax.v1",
    "Maxout.v1",
    "chain.v1",
    "with_array.v1",
    "list2ragged.v1",
    "reduce_mean.v1",
    "reduce_max.v1",
    "reduce_first.v1",
    "reduce_last.v1",
}
_CALLBACKS = {"before_creation", "after_creation", "after_pipeline_creation", "before_init", "after_init"}
_CALLBACKS |= {"before_to_disk", "before_update"}


def accepts(content: Content) -> bool:
    """Tell by the ending: sections in brackets are found in much other text."""
    return content.name.lower().endswith(_ENDINGS) and is_text(content)


def read(content: Content, walk: Walk) -> Iterable[Fact]:
    """Read sections and keys without filling in variables."""
    lines = [*_entries(text_of(content, LIMIT))]
    walk.budget.spend_time()
    yield from dict.fromkeys(_registered(lines, content))
    if basename(content.name).lower() == "setup.cfg":
        required = "\n".join(value for *where, value in lines if where == ["options", "install_requires"])
        yield from asked_to_install(required.splitlines(), content, "pip")


def _entries(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield section, key and value in order, sections and keys that occur again included (darknet repeats sections)."""
    section = key = ""
    value: list[str] = []
    for line in text.splitlines():
        bare = line.strip()
        if not bare or bare.startswith(("#", ";")):
            continue
        if line[0].isspace() and key:
            value.append(bare)
            continue
        if key:
            yield section, key, "\n".join(value)
            key = ""
        if match := _SECTION.match(bare):
            section = match[1]
        else:
            key, first = _pair(bare)
            value = [first]
    if key:
        yield section, key, "\n".join(value)


def _pair(line: str) -> tuple[str, str]:
    at = next((index for index, character in enumerate(line) if character in "=:"), len(line))
    return line[:at].rstrip(), line[at + 1 :].lstrip()


def _registered(lines: list[tuple[str, str, str]], content: Content) -> Iterator[Fact]:
    for section, key, value in lines:
        name = value.strip().strip('"')
        if key.startswith("@") and name:
            yield from _function(section, key, name, content)
        elif section == "nlp" and key in _CALLBACKS and name not in {"", "null", "None"}:
            yield _asks(content, f"{key} = {name}", "spaCy calls it while it loads the pipeline", "code-execution")
        for inner_key, inner_name in _INLINE.findall(value):
            yield from _function(section, inner_key, inner_name, content)


def _function(section: str, key: str, name: str, content: Content) -> Iterator[Asks]:
    callback = key == "@callbacks" or section.rpartition(".")[2] in _CALLBACKS
    if not callback and (name in _OWN_PLAIN or _OWN.match(name)):
        return
    what = "a callback that spaCy calls" if callback else f"a function of the registry {key[1:]} of another package"
    yield _asks(content, f"{key} = {name}", f"[{section}] names {what}", "code-execution" if callback else "")


def _asks(content: Content, name: str, detail: str, hazard: str) -> Asks:
    return Asks(location=content.location, permission="configuration", name=name, detail=detail, hazard=hazard)


FORMAT = Format(
    name="ini",
    title="Sections and keys",
    reads="`.cfg` and `.ini` files up to 4 MB, without filling in variables.",
    looks_for="Functions and callbacks that spaCy looks up by name, packages that setup.cfg installs.",
    clue=Clue(endings=_ENDINGS),
    accepts=accepts,
    read=read,
    endings=(".cfg", ".ini"),
)
