"""Loads skops files, trusting exactly the types that are approved for the file.

skops names the types of a file that it does not trust by itself; each has to be among the approved imports. Before
0.13 the names that it shows can differ from what it calls (CVE-2025-54412, CVE-2025-54413, CVE-2025-54886).
"""

from __future__ import annotations

from typing import Any

from modelguard.loaders._entry import Forbidden, Formats, Package, loader, wrong_target
from modelguard.loaders._files import grant_for, one_of, the_file
from modelguard.loaders.loader import Handover

_FORBIDDEN = (Forbidden(option="trusted", reason="the types approved for the file are trusted, and no others"),)


def _load(handover: Handover) -> Any:
    import skops.io  # imports scikit-learn

    if handover.target not in ("", "load", "io"):
        raise wrong_target("skops", handover.target, ("",))
    file = the_file(handover, "skops")
    grant = grant_for(handover, file)
    approved = {f"{module}.{name}" for module, name in grant.imports}
    asked = skops.io.get_untrusted_types(file=file)
    for name in sorted(set(asked) - approved):
        grant.refuse(name, "is not among the types approved for this file")
    return skops.io.load(file, *handover.args, trusted=asked, **handover.options)


def _offers(_formats: Formats, _file: str | None) -> tuple[str, ...]:
    return ("",)


LOADER = loader(
    name="skops",
    package=Package(
        distribution="skops",
        module="skops",
        extra="sklearn",
        minimum="0.13",
        reason="before it, the types shown can differ from those called (CVE-2025-54412)",
    ),
    load=_load,
    suits=one_of("skops"),
    offers=_offers,
    forbidden=_FORBIDDEN,
)
