"""`modelguard doctor`: whether this machine can do what modelguard promises, one line a question."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import click

from modelguard.cli._options import REFUSED, gate_options, open_gate
from modelguard.cli._speaking import json_option, say, tell_json
from modelguard.cli.command import Subcommand
from modelguard.terms.words import counted

if TYPE_CHECKING:
    from modelguard.guard import Gate

Answer: TypeAlias = tuple[Literal["ok", "note", "bad"], str]


@click.command(short_help="Look for what is wrong on this machine", epilog="Example: modelguard doctor --offline")
@json_option
@gate_options
def doctor(as_json: bool, **options: Any) -> int:
    """Look at versions, policy, lock, store, Hub, trusted roots, feeds and kernel, and tell what is amiss.

    Exit code 1 when something is bad; a note never is.
    """
    from modelguard.terms.errors import ModelguardError  # only once the command runs

    told: list[dict[str, str]] = []
    for name, question in _QUESTIONS:
        try:
            answers = list(question(open_gate(options)))
        except ModelguardError as error:
            answers = [("bad", str(error))]
        told += [{"state": state, "question": name, "answer": text} for state, text in answers]
        for state, text in () if as_json else answers:
            say(f"{state:4}  {name:13}  {text}", indent=21)
    if as_json:
        tell_json("doctor", {"answers": told})
    return REFUSED if any(one["state"] == "bad" for one in told) else 0


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
        yield "ok", f"{gate.lock_path}: {counted(len(lock.entries), 'model')}"


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


def _roots(gate: Gate) -> Iterator[Answer]:
    from modelguard.policy.provenance import read_provenance
    from modelguard.signatures.roots import digest_of
    from modelguard.signatures.trust import read_trusted

    provenance = read_provenance(gate.policy)
    if not provenance.roots:
        yield "note", "no [trust.NAME]: nothing signed through Sigstore is verified; modelguard trust add writes one"
    for root in provenance.roots:
        data, _ = read_trusted(gate.home / root.file, root.file)
        days = (gate.today - root.updated).days if root.updated else None
        age = "of unknown age" if days is None else f"{days} days old"
        if digest_of(data) != root.sha256:
            yield "bad", f"{root.name}: {root.file} is not the one that the policy pins: {root.sha256}"
        elif days is None or days > provenance.root_days:
            yield "note", f"{root.name}: {root.file} is {age}: modelguard trust update {root.name}"
        else:
            yield "ok", f"{root.name}: {root.file}, {age}"


def _feeds(gate: Gate) -> Iterator[Answer]:
    from contextlib import ExitStack

    from modelguard.collectors.asking_feeds import open_feed
    from modelguard.collectors.collector import Case
    from modelguard.policy.advisories import read_advisories
    from modelguard.terms.artifact import LocalRef, Snapshot
    from modelguard.terms.errors import ModelguardError

    rules = read_advisories(gate.policy)
    if not rules.feeds:
        yield "note", "no [[advisories.feeds]]: known vulnerabilities of models are not looked up"
    case = Case(snapshot=Snapshot(ref=LocalRef(".")), policy=gate.policy, today=gate.today, home=gate.home)
    for feed in rules.feeds:
        try:
            with ExitStack() as stack:
                opened = open_feed(feed, case, stack)
        except ModelguardError as error:
            yield "bad", f"{feed.name}: {error}; modelguard feed update {feed.name} fetches it"
            continue
        old = bool(feed.url) and (opened.age_days is None or opened.age_days > rules.max_age_days)
        age = "own" if not feed.url else "of unknown age" if opened.age_days is None else f"{opened.age_days} days old"
        word = f": modelguard feed update {feed.name}" if old else ""
        yield ("note" if old else "ok"), f"{feed.name}: {opened.extent.records} records, {age}{word}"


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
    yield from _system_calls()


def _system_calls() -> Iterator[Answer]:
    """Ask a process of its own whether the kernel would refuse it sockets and programs."""
    import subprocess

    code = "import sys; from modelguard.conversion._limits import refuse_system_calls as r; sys.exit(0 if r() else 9)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)
    refuses = done.returncode == 0
    instead = "" if refuses else ": modelguard convert reads with limits alone"
    yield ("ok" if refuses else "note"), f"system call filters: {'yes' if refuses else 'not on this system'}{instead}"


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
    ("trusted roots", _roots),
    ("feeds", _feeds),
    ("kernel", _kernel),
    ("interception", _interception),
)

COMMAND = Subcommand(doctor, "machine")
