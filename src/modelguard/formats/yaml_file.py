"""YAML: NeMo and Hydra configurations, MLmodel, conda environments, Kitfiles, hyperparameters.

Read from the event stream: tags construct nothing here. The rules by key are those of JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from posixpath import basename
from typing import Any

from modelguard.formats._config_keys import Place, asked_by_keys, called
from modelguard.formats._config_yaml import asked_by_yaml_file
from modelguard.formats._json import objects
from modelguard.formats._templates import templates_in
from modelguard.formats._text import is_text, text_of
from modelguard.formats._yaml import Yaml, parse_yaml
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.facts import Asks, Fact, Malformed, Permission

LIMIT = 16 << 20
GROWN = 1_000_000
"""Nodes after copying each alias; configurations use aliases for a few lines."""

_ENDINGS = (".yaml", ".yml")
_WHOLE_NAMES = ("mlmodel", "kitfile")

# Tags of loaders that extend YAML: the way they are written, what they do, and the class of danger.
_TAGS: tuple[tuple[re.Pattern[str], Permission, str, str], ...] = (
    (re.compile(r"tag:yaml\.org,2002:python/.*", re.S), "configuration", "PyYAML makes objects", "code-execution"),
    (re.compile(r"!(new|name|apply|module):.*", re.S), "configuration", "HyperPyYAML calls it", "call-by-name"),
    (re.compile(r"!include.*", re.S), "external-files", "another file is read in its place", "file-read"),
    (re.compile(r"!ruby/.*|!java.*", re.S), "configuration", "objects of another language", "code-execution"),
    (re.compile(r".*", re.S), "configuration", "what this tag makes is up to the loader", ""),
)
_INERT_TAGS = {"!ref", "!copy", "!tuple", "!PLACEHOLDER"}

# OmegaConf's `${resolver:argument}`; `${VAR:-default}` is a shell's.
_RESOLVER = re.compile(r"\$\{\s*([A-Za-z_][\w.]*)\s*:(?![-=?+])")
_RESOLVERS: dict[str, str] = {
    "oc.env": "environment",
    "env": "environment",
    "oc.create": "",
    "oc.select": "",
    "oc.decode": "",
    "oc.dict.keys": "",
    "oc.dict.values": "",
    "now": "",
    "hydra": "",
}


def accepts(content: Content) -> bool:
    """Tell by the name, or by a `%YAML` directive at the beginning: most text is YAML to a YAML parser."""
    named = content.name.lower().endswith(_ENDINGS) or basename(content.name).lower() in _WHOLE_NAMES
    return (named or content.head(6) == b"%YAML ") and is_text(content)


def read(content: Content, walk: Walk) -> Iterable[Fact]:
    """Read every document of a YAML stream."""
    stream = parse_yaml(text_of(content, LIMIT), walk.budget.spend_time)
    yield from _malformed(stream, content)
    yield from _tags(stream, content)
    yield from _resolvers(stream, content)
    for document in stream.documents:
        if isinstance(document, dict | list):
            yield from dict.fromkeys(_asked(document, content, walk))
            for name, text in templates_in(document):
                data = text.encode("utf-8", "surrogatepass")
                yield from walk.inside(Content.of(data, content.location.inside(name)))


def _asked(document: Any, content: Content, walk: Walk) -> Iterator[Fact]:
    yield from asked_by_yaml_file(document, Place(content=content, paths=walk.paths))
    for path, entry in objects(document):
        yield from asked_by_keys(entry, Place(content=content, paths=walk.paths, path=path))


def _malformed(stream: Yaml, content: Content) -> Iterator[Malformed]:
    found = []
    if stream.twice:
        found.append(("yaml-duplicate-key", "occurs more than once: " + ", ".join(map(repr, list(stream.twice)[:8]))))
    if stream.recursive:
        found.append(("yaml-recursive-alias", "an alias lies within its own anchor"))
    if stream.grown > GROWN and stream.grown > 10 * stream.written:
        grown = "more than a million million" if stream.grown > 10**12 else str(stream.grown)
        found.append(("yaml-alias-bomb", f"{stream.written} nodes become {grown} when aliases are copied"))
    for rule, detail in found:
        yield Malformed(location=content.location, format="yaml", rule=rule, detail=detail)


def _tags(stream: Yaml, content: Content) -> Iterator[Fact]:
    for tag, value in stream.tags:
        if tag in _INERT_TAGS:
            continue
        name = tag.replace("tag:yaml.org,2002:", "!!")
        permission, detail, hazard = next(row[1:] for row in _TAGS if row[0].fullmatch(tag))
        if hazard == "call-by-name":
            hazard, why = called(tag.partition(":")[2])
            detail += why
        yield Asks(
            location=content.location,
            permission=permission,
            name=f"{name} {value}".strip() if permission == "external-files" else name,
            detail=f"{detail}: {name} {value}".strip(),
            hazard=hazard,
        )


def _resolvers(stream: Yaml, content: Content) -> Iterator[Asks]:
    seen: set[str] = set()
    for scalar in stream.scalars:
        for match in _RESOLVER.finditer(scalar) if "${" in scalar else ():
            resolver = match[1]
            hazard = _RESOLVERS.get(resolver, "code-execution")
            if hazard and resolver not in seen:
                seen.add(resolver)
                yield Asks(
                    location=content.location,
                    permission="configuration",
                    name=f"${{{resolver}:…}}",
                    detail=f"OmegaConf calls the resolver {resolver} when the value is read: {scalar[:120]}",
                    hazard=hazard,
                )


FORMAT = Format(
    name="yaml",
    title="YAML",
    reads="YAML up to 16 MB and 100 levels from its event stream, without constructing what tags name.",
    looks_for="Tags and `_target_` that call Python, resolvers of OmegaConf, loader modules of MLflow, packages to "
    "install, bombs of aliases, keys that occur twice.",
    clue=Clue(first=b"%", endings=_ENDINGS, names=_WHOLE_NAMES),
    accepts=accepts,
    read=read,
    endings=_ENDINGS,
    whole_names=_WHOLE_NAMES,
)
