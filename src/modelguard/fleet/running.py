"""Examines many models over any `concurrent.futures` executor: processes by default, a Dask cluster by address.

One model that cannot be examined fails by itself. A worker that dies takes nothing along: what it had been given is
given to another one, and a model that keeps killing its worker is found by examining the rest one by one.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from attrs import frozen

from modelguard.fleet import objects
from modelguard.fleet.targets import is_stored_elsewhere
from modelguard.guard import Gate, examine, examine_snapshot
from modelguard.terms.artifact import printable
from modelguard.terms.errors import LoaderError, ModelguardError, Unreachable
from modelguard.terms.verdict import Examination

log = logging.getLogger(__name__)

AT_ONCE = 64
"""Models that are handed out at the same time; the rest wait here."""


@frozen(kw_only=True)
class Setting:
    """How each model is examined; it goes to every worker. Paths must mean the same there."""

    start: Path
    policy: Path | None = None
    lock: Path | None = None
    store: Path | None = None
    offline: bool = False
    remote: bool = True
    collectors: tuple[str, ...] | None = ("contents",)
    retries: int = 2


@frozen(kw_only=True)
class Failed:
    """Why a model could not be examined: the kind of error, its message and its remedy."""

    kind: str
    message: str
    remedy: str = ""


@frozen(kw_only=True)
class Outcome:
    """What came of one target."""

    target: str
    result: Examination | Failed


Opener: TypeAlias = Callable[[], AbstractContextManager[Executor]]


def examine_many(targets: Iterable[str], setting: Setting, opener: Opener) -> Iterator[Outcome]:
    """Yield an outcome for each target, in the order in which they come.

    `opener` gives a fresh executor, and is asked for another one when its workers have died.
    """
    left, deaths = list(dict.fromkeys(targets)), 0
    while left:
        done: set[str] = set()
        with opener() as executor:
            for outcome in _run(left, setting, executor):
                done.add(outcome.target)
                yield outcome
        left = [target for target in left if target not in done]
        if left:
            deaths += 1
            log.warning("a worker has died: %d models are still to be examined", len(left))
        if deaths > setting.retries:
            suspects, left, deaths = left[:AT_ONCE], left[AT_ONCE:], 0
            for target in suspects:
                yield _alone(target, setting, opener)


def _alone(target: str, setting: Setting, opener: Opener) -> Outcome:
    with opener() as executor:
        for outcome in _run([target], setting, executor):
            return outcome
    reason = "the worker that examined it died each time: more memory was asked for than there is, or it was killed"
    return Outcome(target=target, result=Failed(kind="WorkerDied", message=reason))


def _run(targets: list[str], setting: Setting, executor: Executor) -> Iterator[Outcome]:
    """Yield what comes of targets until all are done or the executor is broken."""
    waiting = iter(targets)
    running: dict[Future[Outcome], str] = {}
    try:
        running = {executor.submit(examine_one, target, setting): target for target in islice(waiting, AT_ONCE)}
        while running:
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                target = running.pop(future)
                yield _outcome(future, target)
                for following in islice(waiting, 1):
                    running[executor.submit(examine_one, following, setting)] = following
    except BrokenExecutor as error:
        log.warning("%s", error)
    finally:
        for future in running:
            future.cancel()


def _outcome(future: Future[Outcome], target: str) -> Outcome:
    try:
        return future.result()
    except BrokenExecutor:
        raise
    except Exception as error:  # noqa: BLE001  # a cluster has errors of its own; one model's must not stop the others
        return Outcome(target=target, result=Failed(kind=type(error).__name__, message=printable(str(error))))


def examine_one(target: str, setting: Setting) -> Outcome:
    """Examine one model, and once more when its source could not be reached. Raises nothing."""
    for left in range(setting.retries, -1, -1):
        try:
            return Outcome(target=target, result=_examine(target, setting))
        except Unreachable as error:
            failed = Failed(kind=type(error).__name__, message=error.message, remedy=error.remedy)
            if not left:
                break
        except ModelguardError as error:
            failed = Failed(kind=type(error).__name__, message=error.message, remedy=error.remedy)
            break
        except Exception as error:
            log.exception("internal fault at %s", printable(target))
            failed = Failed(kind=type(error).__name__, message=f"internal fault: {printable(str(error))}")
            break
    return Outcome(target=target, result=failed)


def _examine(target: str, setting: Setting) -> Examination:
    os.chdir(setting.start)  # relative targets and the lock's own paths start there
    gate = Gate.open(
        start=setting.start, policy=setting.policy, lock=setting.lock, store=setting.store, offline=setting.offline
    )
    if is_stored_elsewhere(target):
        return examine_snapshot(objects.fetch(target, gate), gate, collectors=setting.collectors)
    return examine(target, gate, collectors=setting.collectors, remote=setting.remote)


def processes(count: int | None = None) -> Opener:
    """Return what opens a pool of fresh processes: as many as there are processors, unless `count` says otherwise."""

    @contextmanager
    def opened() -> Iterator[Executor]:
        pool = ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)

    return opened


def threads(count: int | None = None) -> Opener:
    """Return what opens threads of this process: for models on a network, where waiting costs more than reading."""

    @contextmanager
    def opened() -> Iterator[Executor]:
        pool = ThreadPoolExecutor(count, thread_name_prefix="modelguard-fleet")
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)

    return opened


def dask(address: str, retries: int = 2) -> Opener:
    """Return what opens a Dask cluster by the address of its scheduler, `host:port`.

    The workers must have modelguard. A worker that is lost is the scheduler's to replace.
    """

    @contextmanager
    def opened() -> Iterator[Executor]:
        try:
            from distributed import Client  # an optional extra
        except ImportError as error:
            raise LoaderError("dask.distributed is not installed", remedy='pip install "modelguard[dask]"') from error
        try:
            client = Client(f"tcp://{address}", timeout="30s", set_as_default=False)
        except OSError as error:
            raise Unreachable(f"dask://{printable(address)}: {printable(str(error))}") from error
        with client:
            yield client.get_executor(pure=False, retries=retries)

    return opened
