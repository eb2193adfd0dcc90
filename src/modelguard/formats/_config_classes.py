"""What configurations ask for by naming a class: sentence-transformers and pyannote import it and call it.

Both look names up anywhere, sentence-transformers before version 6 without asking whether the code is trusted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from modelguard.formats._config_keys import Place, called
from modelguard.terms.facts import Fact

SENTENCE_TRANSFORMERS = re.compile(r"sentence_transformers(?:\.[a-z_0-9]+)+\.[A-Z][A-Za-z0-9]*\Z")
# Modules of its tokenizers are named like their class in versions before 5.
_TOKENIZER = re.compile(r"sentence_transformers(?:\.[A-Za-z_0-9]+)+\.[A-Z][A-Za-z0-9]*\Z")
_PYANNOTE = re.compile(r"pyannote\.(?:audio|pipeline)(?:\.[a-z_0-9]+)*\.[A-Z][A-Za-z0-9]*\Z")
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+(?:@[\w.-]+)?\Z")


def router(value: Any, place: Place) -> Iterator[Fact]:
    """Read the module types of a `Router` or `Asym` of sentence-transformers."""
    types = value.get("types") if isinstance(value, dict) and "structure" in value else None
    for kind in types.values() if isinstance(types, dict) else ():
        yield from _module("types", kind, SENTENCE_TRANSFORMERS, place)


def word_embeddings(value: Any, place: Place) -> Iterator[Fact]:
    """Read the class that splits words for a `WordEmbeddings` of sentence-transformers."""
    if isinstance(value, dict):
        yield from _module("tokenizer_class", value.get("tokenizer_class"), _TOKENIZER, place)


def _module(key: str, kind: Any, own: re.Pattern[str], place: Place) -> Iterator[Fact]:
    if isinstance(kind, str) and not own.match(kind):
        detail = f"sentence-transformers imports {kind} and calls its load, before version 6 without asking"
        yield place.asks("remote-code", f"{key}={kind}", detail)


def pyannote(value: Any, place: Place) -> Iterator[Fact]:
    """Read the pipeline of pyannote.audio: its class, those of its preprocessors, and the models that it fetches."""
    pipeline = value.get("pipeline") if isinstance(value, dict) else None
    if not isinstance(pipeline, dict) or not isinstance(pipeline.get("name"), str):
        return
    yield from _pyannote_class("pipeline", pipeline["name"], place)
    preprocessors = value.get("preprocessors")
    for entry in preprocessors.values() if isinstance(preprocessors, dict) else ():
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            yield from _pyannote_class("preprocessors", entry["name"], place)
    parameters = pipeline.get("params")
    for key, model in parameters.items() if isinstance(parameters, dict) else ():
        if isinstance(model, str) and _REPOSITORY.match(model) and not model.startswith("$"):
            yield place.asks("other-models", model, f"pyannote.audio fetches this model as {key} of the pipeline")


def _pyannote_class(key: str, name: str, place: Place) -> Iterator[Fact]:
    if "." in name and not _PYANNOTE.match(name):
        hazard, why = called(name)
        detail = f"pyannote.audio imports {name} and calls it with the parameters beside it{why}"
        yield place.asks("configuration", f"{key} {name}", detail, hazard)
