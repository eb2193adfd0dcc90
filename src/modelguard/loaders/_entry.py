"""Makes loaders: what each of them does before and around the call of its framework.

Before: the package is there and of a version without a known way around its own safety; the options that the caller
passes do not weaken what was approved. Around: no network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from attrs import frozen
from packaging.version import Version

from modelguard.loaders._confinement import confined
from modelguard.loaders.loader import Handover, Loader
from modelguard.terms.errors import LoaderError

Formats = Mapping[str, tuple[str, ...]]


def _always(_value: Any) -> bool:
    return True


@frozen(kw_only=True)
class Forbidden:
    """An option that is not passed on, with the reason. `when` tells which values are meant: by default all."""

    option: str
    reason: str
    when: Callable[[Any], bool] = _always
    unless_remote_code: bool = False


def is_true(value: Any) -> bool:
    """Tell whether an option is switched on."""
    return bool(value)


def is_false(value: Any) -> bool:
    """Tell whether an option is switched off, which `None` (the default) is not."""
    return value is not None and not value


@frozen(kw_only=True)
class Package:
    """What must be installed: the distribution, the module that it brings, the extra of modelguard that asks for it.

    `minimum` is the lowest version without a known way around the framework's own safety, `reason` why.
    """

    distribution: str
    module: str
    extra: str = ""
    alternatives: tuple[str, ...] = ()
    minimum: str = ""
    reason: str = ""


def loader(
    *,
    name: str,
    package: Package,
    load: Callable[[Handover], Any],
    suits: Callable[[Formats, str | None], bool],
    offers: Callable[[Formats, str | None], tuple[str, ...]],
    forbidden: Iterable[Forbidden] = (),
    runs_nothing: bool = False,
) -> Loader:
    """Return a `Loader` that checks package and options first and then loads without the network."""
    table = tuple(forbidden)

    def prepare() -> None:
        require(name, package)
        with confined():
            import_module(package.module)

    def checked(handover: Handover) -> Any:
        require(name, package)
        refuse_options(name, handover, table)
        with confined():
            return load(handover)

    return Loader(
        name=name,
        package=package.distribution,
        load=checked,
        suits=suits,
        offers=offers,
        prepare=prepare,
        runs_nothing=runs_nothing,
        minimum=package.minimum,
        minimum_reason=package.reason,
    )


def require(name: str, package: Package) -> None:
    """See that a package is installed and recent enough, without importing it.

    Raises `LoaderError` with the command that installs it.
    """
    wanted = f"modelguard[{package.extra}]" if package.extra else package.distribution
    if find_spec(package.module) is None:
        raise LoaderError(f"loader {name} needs the package {package.distribution}", remedy=f"pip install '{wanted}'")
    if not package.minimum:
        return
    installed = _version(package)
    if installed is None or Version(installed) < Version(package.minimum):
        raise LoaderError(
            f"loader {name} needs {package.distribution} {package.minimum} or later, found {installed or 'no version'}:"
            f" {package.reason}",
            remedy=f"pip install --upgrade '{package.distribution}>={package.minimum}'",
        )


def _version(package: Package) -> str | None:
    for distribution in (package.distribution, *package.alternatives):
        try:
            return version(distribution)
        except PackageNotFoundError:
            continue
    return None


def refuse_options(name: str, handover: Handover, table: Iterable[Forbidden]) -> None:
    """See that no option of the caller weakens what was approved.

    Raises `LoaderError` that names the option and says why.
    """
    for row in table:
        if row.option not in handover.options or (row.unless_remote_code and handover.remote_code):
            continue
        value = handover.options[row.option]
        if row.when(value):
            raise LoaderError(
                f"loader {name}: the option {row.option}={value!r} is not passed on: {row.reason}",
                remedy=f"leave {row.option} out",
            )


def wrong_target(name: str, target: str, offered: Iterable[str]) -> LoaderError:
    """Return the error for a target that the loader does not have."""
    choices = ", ".join(f"{name}.{choice}" if choice else name for choice in offered)
    return LoaderError(f"loader {name} has no {target!r}", remedy=f"write one of {choices}")
