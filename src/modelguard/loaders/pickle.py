"""Loads plain pickles with an unpickler that is restricted to the imports approved for the file."""

from __future__ import annotations

from typing import Any

from modelguard.loaders import _restricted
from modelguard.loaders._entry import Forbidden, Formats, Package, loader, wrong_target
from modelguard.loaders._files import grant_for, one_of, the_file
from modelguard.loaders.loader import Handover
from modelguard.terms.artifact import printable
from modelguard.terms.errors import LoaderError

_FORBIDDEN = (
    Forbidden(option="fix_imports", reason="imports are approved by their names after Python 2 names are mapped"),
)


def _load(handover: Handover) -> Any:
    if handover.target not in ("", "load"):
        raise wrong_target("pickle", handover.target, ("",))
    file = the_file(handover, "pickle")
    grant = grant_for(handover, file)
    if ("joblib.numpy_pickle", "NumpyArrayWrapper") in grant.imports:
        raise LoaderError(
            f"{printable(grant.path)}: written by joblib, with arrays between the opcodes of the pickle",
            remedy='load it with loader="joblib"',
        )
    with file.open("rb") as opened:
        return _restricted.load(grant, opened, *handover.args, **handover.options)


def _offers(_formats: Formats, _file: str | None) -> tuple[str, ...]:
    return ("",)


LOADER = loader(
    name="pickle",
    package=Package(distribution="the standard library", module="pickle"),
    load=_load,
    suits=one_of("pickle"),
    offers=_offers,
    forbidden=_FORBIDDEN,
)
