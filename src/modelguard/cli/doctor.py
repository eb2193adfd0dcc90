"""`modelguard doctor`: whether this machine can do what modelguard promises, one line a question."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import click

from modelguard.cli._options import REFUSED, gate_options, open_gate
from modelguard.cli.command import Subcommand

if TYPE_CHECKING:
    from modelguard.guard import Gate

Answer: TypeAlias = tuple[Literal["ok", "note", "bad"], str]


@click.command(epilog="Example: modelguard doctor --offline")
@gate_options
def doctor(**options: Any) -> int:
    """Look at versions, policy, lock, store, Hub, trust roots and kernel, and tell what is amiss.

    Exit code 1 when something is bad; a note never is.
    """
    from modelguard.terms.errors import ModelguardError  # only once the command runs

    worst = 0
    for name, question in _QUESTIONS:
        try:
            answers = list(question(open_gate(options)))
        except ModelguardError as error:
            answers = [("bad", str(error))]
        for state, text in answers:
            click.echo(f"{state:4}  {name:13}  {text}")
            worst = max(worst, REFUSED if state == "bad" else 0)
    return worst


def _python(_gate: Gate) -> Iterator[Answer]:
    from modelguard import __version__

    yield "ok", f"modelguard {__version__} on Python {sys.version.split()[0]}"
    others = sorted(set(_distributions_of("modelguard")) - {"modelguard"})
    for other in others:
        yield "bad", f"the distribution {other!r} installs a package named modelguard too: pip uninstall {other}"


def _distributions_of(package: str) -> Iterator[str]:
    """Yield the distributions that put files into a package of this name, by their records."""
    from importlib.metadata import distributions  # reads every record of the environment

    for one in distributions():
        files = one.files or []
        if any(file.parts[0] == package and file.suffix == ".py" for file in files if file.parts):
            yield str(one.metadata["Name"])


def _loaders(_gate: Gate) -> Iterator[Answer]:
    from importlib.metadata import PackageNotFoundError, version

    from packaging.version import Version

    from modelguard._registry import parts
    from modelguard.loaders.loader import Loader

    for loader in parts("modelguard.loaders", Loader):
        if not loader.package or not loader.minimum:
            continue
        try:
            found = version(loader.package)
        except PackageNotFoundError:
            continue
        if Version(found) < Version(loader.minimum):
            yield "bad", f"{loader.package} {found} is older than {loader.minimum}: {loader.minimum_reason}"
        else:
            yield "ok", f"{loader.package} {found}"


def _policy(gate: Gate) -> Iterator[Answer]:
    if not gate.policy.origin:
        yield "note", "no policy: the defaults count; modelguard init writes one"
    elif gate.policy.mode == "warn":
        yield "note", f'{gate.policy.origin}: mode = "warn" refuses nothing'
    else:
        yield "ok", gate.policy.origin


def _lock(gate: Gate) -> Iterator[Answer]:
    lock = gate.read_vouched_lock()
    if lock is None:
        yield "note", f"no lock at {gate.lock_path}; modelguard lock ORG/NAME writes one"
    else:
        yield "ok", f"{gate.lock_path}: {len(lock.entries)} models"


def _store(gate: Gate) -> Iterator[Answer]:
    from shutil import disk_usage

    root = Path(gate.store.root)
    place = next(one for one in (root, *root.parents) if one.exists())
    if not os.access(place, os.W_OK):
        yield "bad", f"{root}: cannot be written"
    elif place == root and root.stat().st_mode & 0o022:
        yield "bad", f"{root}: others may write here: chmod go-w {root}"
    else:
        yield "ok", f"{root}: {disk_usage(place).free / 1e9:.1f} GB free"


def _hub(gate: Gate) -> Iterator[Answer]:
    from urllib.error import URLError
    from urllib.request import Request, urlopen

    endpoint = gate.options.endpoint or "https://huggingface.co"
    if gate.options.offline:
        yield "note", f"{endpoint}: not asked, offline"
        return
    if not endpoint.startswith(("https://", "http://")):
        yield "bad", f"HF_ENDPOINT: expected an https address, found {endpoint!r}"
        return
    try:
        with urlopen(Request(f"{endpoint}/api/models?limit=1"), timeout=5):  # noqa: S310  # https or http, see above
            yield "ok", f"{endpoint}: answers{', with a token' if gate.options.token else ''}"
    except (URLError, OSError) as error:
        yield "note", f"{endpoint}: not reached: {error}"


def _kernel(gate: Gate) -> Iterator[Answer]:
    from modelguard.sources.stamps import can_seal

    sealed = hasattr(os, "memfd_create")
    yield ("ok" if sealed else "note"), f"sealed memory files: {'yes' if sealed else 'not on this system'}"
    root = Path(gate.store.root)
    place = next(one for one in (root, *root.parents) if one.exists())
    why = can_seal(place)
    if why:
        yield "note", f'fs-verity at {place}: {why}; verify = "sealed" hashes every byte before each load, as "always"'
    else:
        yield "ok", f"fs-verity at {place}: yes"


def _interception(_gate: Gate) -> Iterator[Answer]:
    from modelguard.auditing import COMPILED

    if COMPILED:
        yield "ok", "the audit hook is compiled"
    else:
        yield "note", "the audit hook is in Python: unpickling much takes longer while intercept() is on"


_QUESTIONS: tuple[tuple[str, Callable[[Gate], Iterator[Answer]]], ...] = (
    ("installation", _python),
    ("loaders", _loaders),
    ("policy", _policy),
    ("lock", _lock),
    ("store", _store),
    ("hub", _hub),
    ("kernel", _kernel),
    ("interception", _interception),
)

COMMAND = Subcommand(doctor)
