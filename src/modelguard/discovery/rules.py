"""What discovery holds against a place that uses a model: rules as rows, and the findings that they make."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from attrs import frozen

from modelguard.discovery.use import Discovered, Use
from modelguard.terms.artifact import HubRef, LocalRef, ModelRef, UrlRef, printable
from modelguard.terms.finding import Severity


@frozen(kw_only=True)
class Rule:
    """One thing that can be wrong: `help` says why it matters and what to do."""

    name: str
    title: str
    help: str


UNGUARDED = Rule(
    name="unguarded-load",
    title="A model is loaded or fetched past the guard.",
    help="Bytes that nobody compared with the lock reach a framework. Load with modelguard.guarded_load, wrap the "
    "function with modelguard.guarded, or hand programs the directory that `modelguard path` prints.",
)
UNPINNED = Rule(
    name="unpinned-revision",
    title="A model of a Hub is named without a commit.",
    help="A branch or tag can be moved to other bytes. Give revision=<40 hex digits>, or load through the guard, which "
    "takes the commit from the lock.",
)
NOT_IN_LOCK = Rule(
    name="not-in-lock",
    title="A model is used that the lock does not approve.",
    help="Nobody recorded what this model is and may do. `modelguard lock` examines it and records it.",
)
NOT_READ = Rule(
    name="not-read",
    title="A file could not be read, so what it uses is not known.",
    help="Mend the file, or leave it out by naming the directories to look into.",
)
RULES = (UNGUARDED, UNPINNED, NOT_IN_LOCK, NOT_READ)


@frozen(kw_only=True)
class Remark:
    """One finding: a rule at a place (line and column from 1), with a sentence and what to do.

    `excuse` is the reason why the policy accepts it, empty where it does not.
    """

    rule: Rule
    severity: Severity
    path: str
    line: int
    column: int
    subject: str
    message: str
    remedy: str
    excuse: str = ""


def remarks(found: Discovered, locked: Collection[str], key_of: Callable[[Use, ModelRef], str]) -> tuple[Remark, ...]:
    """Return the findings about what was discovered.

    `locked` are the ids of the lock's entries; `key_of` tells under which id the lock would file a reference.
    """
    made: list[Remark] = []
    for use in found.uses:
        made += _of_use(use, locked, key_of)
    for one in found.unreadable:
        made.append(
            Remark(
                rule=NOT_READ, severity=Severity.LOW, path=one.path, line=1, column=1, subject=one.path,
                message=f"not read: {printable(one.reason)}", remedy=NOT_READ.help,
            )
        )  # fmt: skip
    return tuple(made)


def _of_use(use: Use, locked: Collection[str], key_of: Callable[[Use, ModelRef], str]) -> Iterator[Remark]:
    ref = use.ref
    key = None if ref is None else key_of(use, ref)
    name = printable(key or use.model or "a model that is computed at run time")
    if not use.guarded and use.kind in {"load", "fetch", "unpickle"}:
        weak = use.kind == "unpickle"
        yield _remark(
            UNGUARDED,
            use,
            Severity.LOW if weak else Severity.MEDIUM,
            f"{use.call} takes {'a pickle, perhaps no model,' if weak else name} past the guard",
            _how_to_guard(use, key),
        )
    if not use.guarded and use.pinning in {"missing", "named", "computed"} and (ref is None or isinstance(ref, HubRef)):
        yield _unpinned(use, key, name)
    # A file of this machine that is only named in a configuration may be an output: naming it is not using it.
    concerns = use.kind not in {"dataset", "unpickle"} and not (use.kind == "mention" and isinstance(ref, LocalRef))
    if key is not None and concerns and key not in locked and _lockable(ref):
        yield _remark(NOT_IN_LOCK, use, Severity.MEDIUM, f"the lock has no entry for {name}", _lock_command(use, ref))


def _lockable(ref: ModelRef | None) -> bool:
    return isinstance(ref, LocalRef | UrlRef) or (isinstance(ref, HubRef) and bool(ref.org))


def _unpinned(use: Use, key: str | None, name: str) -> Remark:
    known = {
        "missing": f"{name} is named without a revision: it is whatever the Hub serves today",
        "named": f"{name} is named by {use.revision!r}, which can be moved to another commit",
        "computed": f"the revision of {name} is computed at run time: it cannot be seen to be a commit",
    }
    severity = Severity.LOW if use.pinning == "computed" or use.kind == "mention" else Severity.MEDIUM
    what = "revision=<commit>; the Hub page of the repository lists commits"
    return _remark(UNPINNED, use, severity, known[use.pinning], f"modelguard lock {key}" if key else what)


def _how_to_guard(use: Use, key: str | None) -> str:
    if use.path.endswith((".py", ".ipynb", ".pyw")):
        shown = f'"{key.removeprefix("file:")}"' if key else "…"
        return f"modelguard.guarded_load({shown})"
    return f'"$(modelguard path {key or "MODEL"})"'


def _lock_command(use: Use, ref: ModelRef | None) -> str:
    return f"modelguard lock {target(use, ref)}" if ref is not None else "modelguard lock MODEL"


def target(use: Use, ref: ModelRef) -> str:
    """Return the word after `modelguard lock` for a use: with the revision that the code asks for, if it is one."""
    if isinstance(ref, HubRef):
        return f"{ref.repo}@{use.revision}" if use.revision else ref.repo
    return ref.path if isinstance(ref, LocalRef) else ref.url


def _remark(rule: Rule, use: Use, severity: Severity, message: str, remedy: str) -> Remark:
    return Remark(
        rule=rule,
        severity=severity,
        path=use.path,
        line=use.line,
        column=use.column,
        subject=printable(use.model or use.call),
        message=printable(message),
        remedy=printable(remedy),
    )
