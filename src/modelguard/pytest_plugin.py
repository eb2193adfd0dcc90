"""The pytest plugin: every locked model is a test, and tests can ask for approved models.

modelguard.lock::org/name           one item a model: its bytes against the lock and the policy
@pytest.mark.model("org/name")      fails the test when the model is not approved
guarded_load, approved_models, local_hub                     fixtures
--modelguard, --modelguard-lock, --modelguard-offline        options
--modelguard-enforce                                         every load around the guard fails its test
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from modelguard.guard import Gate
    from modelguard.lock import Entry
    from modelguard.terms.verdict import Examination
    from modelguard.testing import LocalHub

LOCK_NAME = "modelguard.lock"
_GATE = pytest.StashKey["Gate"]()
_SEEN = pytest.StashKey[dict[str, str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the plugin."""
    group = parser.getgroup("modelguard", "machine-learning models in use are approved")
    group.addoption("--modelguard", action="store_true", help="check the locked models even when test paths are given")
    group.addoption("--modelguard-lock", metavar="PATH", default=None, help="the lock file to check")
    group.addoption("--modelguard-enforce", action="store_true", help="refuse every load of a model around the guard")
    group.addoption("--modelguard-offline", action="store_true", help="use no network, only the store")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, and see to it that the lock is collected."""
    if config.getoption("modelguard_enforce"):
        from modelguard.interception import intercept  # plugins must cost nothing where they are not asked for

        config.add_cleanup(intercept("enforce").stop)
        _tell_children(config)
    config.addinivalue_line("markers", "model(*refs): the test needs these models to be approved in modelguard.lock")
    lock = _lock_path(config)
    named = config.getoption("modelguard") or config.getoption("modelguard_lock")
    if not lock.is_file():
        if named:
            raise pytest.UsageError(f"modelguard: there is no lock at {lock}; modelguard lock ORG/NAME writes one")
        return
    if (named or config.args_source != pytest.Config.ArgsSource.ARGS) and not _within(lock, config.args):
        config.args.append(str(lock))


def _tell_children(config: pytest.Config) -> None:
    """Let processes that tests start, and that import modelguard, refuse loads as well."""
    from modelguard.interception.interception import VARIABLE  # as above

    patch = pytest.MonkeyPatch()
    patch.setenv(VARIABLE, "enforce")
    config.add_cleanup(patch.undo)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the lock file as one item per model."""
    if file_path == _lock_path(parent.config) or (file_path.name == LOCK_NAME and parent.session.isinitpath(file_path)):
        return LockFile.from_parent(parent, path=file_path)
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Fail a test whose marker names a model that is not approved, before its body runs."""
    for marker in item.iter_markers("model"):
        if marker.kwargs or not marker.args:
            pytest.fail('modelguard: the marker names no model; write @pytest.mark.model("org/name")', pytrace=False)
        for ref in marker.args:
            trouble = _trouble(item.config, ref)
            if trouble:
                pytest.fail(trouble, pytrace=False)


class LockFile(pytest.File):
    """The lock, as a collection of models."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield one item a model. A damaged lock, or one without the signature it needs, is a collection error."""
        from modelguard.terms.errors import (
            LockError,
            SignatureError,
        )  # plugins must cost nothing where there is no lock

        try:
            lock = _gate(self.config, self.path).require_lock()
        except (LockError, SignatureError) as error:
            raise self.CollectError(str(error)) from error
        for entry in lock.entries.values():
            yield LockedModel.from_parent(self, name=entry.id, entry=entry, line=lock.line_of(entry.id))


class LockedModel(pytest.Item):
    """One locked model, examined as `modelguard check` does."""

    def __init__(self, *, entry: Entry, line: int, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.entry = entry
        self.line = line

    def runtest(self) -> None:
        """Examine the model; fail with the report when it is refused."""
        from modelguard.guard.standing import examine_locked  # as above

        trouble = _report_of(examine_locked(self.entry, _gate(self.config, self.path)))
        if trouble:
            pytest.fail(trouble, pytrace=False)

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """Return where the item comes from: the line of its entry when it was collected."""
        return self.path, self.line - 1, f"model {self.entry.id}"


@pytest.fixture
def guarded_load(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """`modelguard.guarded_load`, with the lock and the network setting of this test run."""
    from functools import partial  # beside its only use

    from modelguard.guard import guarded_load as load

    return partial(load, gate=_gate(request.config))


@pytest.fixture
def approved_models(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The ids of all models in the lock, sorted; empty when there is no lock."""
    lock = _gate(request.config).read_vouched_lock()
    return tuple(sorted(lock.entries)) if lock else ()


@pytest.fixture
def local_hub() -> Iterator[LocalHub]:
    """A Hub on loopback that serves what the test publishes on it."""
    from modelguard.testing import LocalHub  # as above

    with LocalHub() as hub:
        yield hub


def assert_approved(ref: str | os.PathLike[str], *, gate: Gate | None = None) -> None:
    """Assert that a model is in the lock and that its bytes are what was approved.

    Raises `AssertionError` with the report.
    """
    from modelguard.guard import Gate as AnyGate  # as above
    from modelguard.guard.standing import admitted
    from modelguard.terms.errors import ModelRefused

    try:
        with admitted(ref, gate or AnyGate.open()):
            return
    except ModelRefused as refused:
        raise AssertionError(_told(refused)) from refused


def _trouble(config: pytest.Config, ref: str) -> str:
    """Return why a model is not approved, empty when it is; each model is looked at once a run."""
    seen = config.stash.setdefault(_SEEN, {})
    if ref not in seen:
        try:
            assert_approved(ref, gate=_gate(config))
            seen[ref] = ""
        except AssertionError as error:
            seen[ref] = str(error)
    return seen[ref]


def _report_of(examination: Examination) -> str:
    from modelguard.reports.report import Setting  # as above
    from modelguard.reports.text import REPORT

    return "" if examination.allowed else REPORT.write([examination], Setting())


def _told(refused: Any) -> str:
    examination = refused.examination
    return str(refused) if examination is None else _report_of(examination) or str(refused)


def _lock_path(config: pytest.Config) -> Path:
    named = config.getoption("modelguard_lock")
    return Path(config.invocation_params.dir, named) if named else config.rootpath / LOCK_NAME


def _gate(config: pytest.Config, lock: Path | None = None) -> Gate:
    """Return the gate of this run; the one for the configured lock is made once."""
    from modelguard.guard import Gate  # as above

    wanted = lock or _lock_path(config)
    if _GATE not in config.stash or config.stash[_GATE].lock_path != wanted:
        offline = config.getoption("modelguard_offline")
        config.stash[_GATE] = Gate.open(start=wanted.parent, lock=wanted, offline=offline)
    return config.stash[_GATE]


def _within(lock: Path, arguments: list[str]) -> bool:
    return any(lock.is_relative_to(Path(argument.split("::")[0]).absolute()) for argument in arguments)
