"""Local models as commands about signatures take them: hashed where they lie, and whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelguard.terms.artifact import Snapshot


def frozen(path: Path) -> Snapshot:
    """Hash the files of a local model. Raises `SignatureMismatch` when it holds what no signature can cover."""
    from modelguard.sources.local import in_place  # only once a command runs
    from modelguard.sources.source import Options
    from modelguard.terms.artifact import LocalRef, printable
    from modelguard.terms.errors import SignatureMismatch

    snapshot = in_place(LocalRef(str(path.absolute())), Options(home=Path.cwd()))
    if snapshot.trouble:
        name, reason = snapshot.trouble[0]
        raise SignatureMismatch(
            f"{printable(name)}: {reason}; a signature cannot cover it",
            remedy="put a plain file in its place; models in the cache of the Hub client: modelguard lock ORG/NAME",
            files=tuple((name, "unsigned") for name, _ in snapshot.trouble),
        )
    return snapshot


def below(path: Path, file: Path) -> str:
    """Return the name of a file inside a model, or an empty string when it lies elsewhere."""
    top, place = path.resolve(), file.absolute().parent.resolve() / file.name
    return place.relative_to(top).as_posix() if place.is_relative_to(top) and place != top else ""
