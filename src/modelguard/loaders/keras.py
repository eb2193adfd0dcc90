"""Loads Keras models, `.keras` and `.h5`, with its safe mode on.

Safe mode refuses layers that carry Python code. It could be led around in every version before 3.13.2: by the name of a
class (CVE-2025-1550, CVE-2025-8747, CVE-2025-9906), an HDF5 file (CVE-2025-9905), a torch module (CVE-2025-49655), a
vocabulary path (CVE-2025-12058), a path to a SavedModel (CVE-2026-1462).
"""

from __future__ import annotations

from typing import Any

from modelguard.loaders._entry import Forbidden, Formats, Package, loader, wrong_target
from modelguard.loaders._files import one_of, the_file
from modelguard.loaders.loader import Handover
from modelguard.terms.artifact import file_type, printable
from modelguard.terms.errors import LoaderError

_ENDINGS = (".keras", ".h5", ".hdf5")
_FORBIDDEN = (
    Forbidden(option="safe_mode", reason="without it Python code in the model is run", when=lambda value: not value),
    Forbidden(option="filepath", reason="the model is the verified one"),
)


def _load(handover: Handover) -> Any:
    import keras  # costs seconds: imports a backend
    from keras.src.saving import serialization_lib  # private; without it nothing is loaded

    if handover.target not in ("", "load_model"):
        raise wrong_target("keras", handover.target, ("",))
    file = the_file(handover, "keras")
    if file_type(file.name) not in _ENDINGS:
        raise LoaderError(
            f"{printable(file.name)}: Keras chooses its reader by the file's ending",
            remedy=f"save the model under a name that ends in {' or '.join(_ENDINGS)}",
        )
    # A process that has called keras.config.enable_unsafe_deserialization() would otherwise win over the argument.
    with serialization_lib.SafeModeScope(safe_mode=True):
        return keras.saving.load_model(str(file), *_by_position(handover), **{**handover.options, "safe_mode": True})


def _by_position(handover: Handover) -> tuple[Any, ...]:
    """Return the positional arguments: custom_objects and compile, of which a third would be the safe mode."""
    if len(handover.args) > 2:
        raise LoaderError("loader keras takes custom_objects and compile, and nothing more by position")
    return handover.args


def _offers(_formats: Formats, _file: str | None) -> tuple[str, ...]:
    return ("",)


LOADER = loader(
    name="keras",
    package=Package(
        distribution="keras",
        module="keras",
        extra="keras",
        minimum="3.13.2",
        reason="before it, safe mode can be led around (CVE-2026-1462 and earlier)",
    ),
    load=_load,
    suits=one_of("keras"),
    offers=_offers,
    forbidden=_FORBIDDEN,
)
