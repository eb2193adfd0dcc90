"""One interception: its mode, what it has seen, and what becomes of a call."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from threading import RLock
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias, get_args

from attrs import define, field, frozen

from modelguard.guard import Gate
from modelguard.interception import net, routing, wrapping
from modelguard.interception.entry_points import EntryPoint
from modelguard.loaders._confinement import within_load
from modelguard.terms.artifact import printable
from modelguard.terms.errors import ModelguardError, ModelRefused, PolicyError

log = logging.getLogger(__name__)

Mode: TypeAlias = Literal["guard", "enforce", "observe"]
MODES: tuple[Mode, ...] = get_args(Mode)
VARIABLE = "MODELGUARD_INTERCEPT"

_passing: ContextVar[bool] = ContextVar("modelguard_passing", default=False)
_lock = RLock()


@frozen(kw_only=True)
class Seen:
    """One load around the guard: the call or event, what it was asked to load, and why it would be refused, if so."""

    call: str
    target: str
    refusal: str = ""


@define(eq=False)
class Interception:
    """What `intercept` returns: ends with `stop()` or at the end of a `with` block. `seen` are the calls recorded."""

    mode: Mode
    gate: Gate | None = None
    granted_only: bool = False
    seen: list[Seen] = field(factory=list)
    _running: bool = field(default=False, init=False)
    _routes: routing.Routes = field(factory=routing.Routes, init=False)

    def start(self) -> Self:
        """Wrap the entry points and watch the process. Raises `PolicyError` when another interception runs."""
        with _lock:
            if wrapping.active():
                raise PolicyError("intercept: another interception is running", remedy="stop() it first")
            wrapping.start(self.call)
            profiles = self.profiles() if self.granted_only else None
            net.start(self.event, profiles, closed=self.mode != "observe")
            self._running = True
        return self

    def stop(self) -> None:
        """Put the entry points back. Functions that were imported by name meanwhile pass through from now on."""
        with _lock:
            if self._running:
                self._running = False
                net.stop()
                wrapping.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def opened(self) -> Gate:
        """Return the gate, found on first use from where the process then stands."""
        if self.gate is None:
            self.gate = Gate.open()
        return self.gate

    def profiles(self) -> frozenset[str]:
        """Return the permission profiles whose names may be unpickled anywhere in the process."""
        from modelguard.guard.examining import default_profiles  # reads the tables

        return default_profiles() | self.opened().policy.profiles

    def call(
        self, point: EntryPoint, original: Callable[..., Any], args: tuple[Any, ...], options: Mapping[str, Any]
    ) -> Any:
        """Decide about one call of an entry point."""
        __tracebackhide__ = True  # pytest shows the test's own line
        if not self._running or _passing.get() or within_load() or not point.concerns(args, options):
            return original(*args, **options)
        target = point.target(args, options)
        if self.mode == "guard":
            with passing():
                return self._routes.follow(point, original, args, options, self.opened())
        refusal = self._refusal(target, point, options)
        self.seen.append(Seen(call=point.name, target=_shown(target), refusal=refusal))
        if self.mode == "enforce":
            if point.way == "refuse":
                raise routing.runs_code(point)
            raise ModelRefused(
                f"{point.name}({_shown(target)}) loads a model around the guard",
                remedy=f"modelguard.guarded_load({_shown(target)}), or intercept it in mode guard",
            )
        log.warning("%s(%s): %s", point.name, _shown(target), f"would be refused: {refusal}" if refusal else "allowed")
        with passing():
            return original(*args, **options)

    def event(self, event: str, what: str, why: str) -> None:
        """Decide about something that the net has caught. Raises `ModelRefused`, except in mode observe."""
        if not self._running or within_load():
            return
        self.seen.append(Seen(call=event, target=printable(what), refusal=why))
        if self.mode == "observe":
            log.warning("%s(%s): would be refused: %s", event, printable(what), why)
            return
        raise ModelRefused(
            f"{event}: {printable(what)}: {why}",
            remedy="load the model with modelguard.guarded_load, which holds it to what is approved",
        )

    def _refusal(self, target: Any, point: EntryPoint, options: Mapping[str, Any]) -> str:
        try:
            with passing():
                self._routes.judge(target, point, options, self.opened())
        except ModelguardError as error:
            return error.message
        return ""


@contextmanager
def passing() -> Iterator[None]:
    """Let the calls that this thread makes inside the block pass: they belong to one that was decided about."""
    token = _passing.set(True)
    try:
        yield
    finally:
        _passing.reset(token)


def intercept(mode: Mode = "guard", *, gate: Gate | None = None, granted_only: bool = False) -> Interception:
    """Start to intercept the loader calls of this process, and return what ends it.

    `guard` answers them with the locked model, `enforce` refuses them, `observe` lets them pass and records in `seen`
    what a policy would refuse. `granted_only` also refuses to unpickle, anywhere, names that no profile in use grants;
    otherwise only names that are known to start programs, run code, or reach files and network are refused.

    Raises `PolicyError` for an unknown mode, and while another interception runs.
    """
    if mode not in MODES:
        raise PolicyError(f"intercept: expected one of {', '.join(MODES)}, found {mode!r}")
    return Interception(mode=mode, gate=gate, granted_only=granted_only).start()


def from_environment() -> Interception | None:
    """Start what MODELGUARD_INTERCEPT names (`guard`, `enforce`, `observe`), if it names anything and none runs.

    Raises `PolicyError` for an unknown mode: a slip of the pen must not leave a process unguarded.
    """
    mode = os.environ.get(VARIABLE, "")
    if not mode or wrapping.active():
        return None
    return intercept(mode)  # type: ignore[arg-type]  # checked there


def _shown(target: Any) -> str:
    if isinstance(target, str | os.PathLike):
        return repr(printable(os.fspath(target)))
    return f"<{type(target).__name__}>"
