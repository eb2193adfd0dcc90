"""Chooses the loader: the one that the caller names, or the only one that is natural for the files."""

from __future__ import annotations

from collections.abc import Mapping

from modelguard._registry import parts
from modelguard.loaders.loader import Loader
from modelguard.terms.artifact import printable
from modelguard.terms.errors import LoaderError


def choose(formats: Mapping[str, tuple[str, ...]], file: str | None, wanted: str | None) -> tuple[Loader, str]:
    """Return the loader and the target for the files of a model (path -> formats) and the one file asked for.

    `wanted` is what the user wrote, such as `transformers.AutoModelForCausalLM`, `safetensors.numpy` or `torch`; None
    leaves the choice to the files.

    Raises `LoaderError` when there is no such loader, when none suits, and when several do: then its remedy lists the
    choices as they can be written.
    """
    if wanted:
        return _named(wanted)
    choices = [
        (loader, target)
        for loader in parts("modelguard.loaders", Loader)
        if loader.suits(formats, file)
        for target in loader.offers(formats, file)
    ]
    if len(choices) == 1:
        return choices[0]
    what = printable(file) if file else _listed(formats)
    if not choices:
        raise LoaderError(f"no loader is natural for {what}", remedy=f"name one: {_written(_all())}")
    raise LoaderError(f"several loaders could be meant for {what}", remedy=f"name one: {_written(choices)}")


def written(loader: Loader, target: str) -> str:
    """Return a choice as users write it: `torch`, `transformers.AutoModel`."""
    return f"{loader.name}.{target}" if target else loader.name


def _named(wanted: str) -> tuple[Loader, str]:
    name, _, target = wanted.partition(".")
    loaders = {loader.name: loader for loader in parts("modelguard.loaders", Loader)}
    if name in loaders:
        return loaders[name], target
    from difflib import get_close_matches  # only for who mistyped

    close = get_close_matches(name, loaders, n=1)
    remedy = f"did you mean {close[0]}?" if close else f"write one of {', '.join(sorted(loaders))}"
    raise LoaderError(f"there is no loader {printable(wanted)!r}", remedy=remedy)


def _all() -> list[tuple[Loader, str]]:
    return [(loader, "") for loader in parts("modelguard.loaders", Loader)]


def _written(choices: list[tuple[Loader, str]]) -> str:
    return ", ".join(f'loader="{written(loader, target)}"' for loader, target in choices)


def _listed(formats: Mapping[str, tuple[str, ...]]) -> str:
    shown = [f"{printable(path)} ({', '.join(names) or 'unknown'})" for path, names in sorted(formats.items())]
    return "; ".join(shown[:5]) + ("; …" if len(shown) > 5 else "") if shown else "a model without files"
