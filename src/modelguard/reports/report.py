"""What a report is: a pure function from examinations to the text of one document."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import frozen

from modelguard.terms.verdict import Examination


@frozen(kw_only=True)
class Background:
    """What the lock tells about a model beside its bytes; `key` is the lock's name for it, other fields may be empty.

    `license` is an SPDX expression, `state`, `by` and `reason` are the approval's. `moments` are pairs of an ISO 8601
    date or time and what happened then.
    """

    key: str
    license: str = ""
    declared: str = ""
    signer: str = ""
    state: str = ""
    by: str = ""
    reason: str = ""
    moments: tuple[tuple[str, str], ...] = ()


@frozen(kw_only=True)
class Setting:
    """What a report may want to know beyond the examinations.

    `lock_path` and `lock_lines` (lock key, line counted from 1) say where the lock is and where its entries begin;
    `background` is what it tells about each model; `width` and `colour` are the terminal's; `pages` are the
    documentation pages of the checks by name.
    """

    lock_path: str = ""
    lock_lines: tuple[tuple[str, int], ...] = ()
    background: tuple[Background, ...] = ()
    pages: tuple[tuple[str, str], ...] = ()
    width: int = 100
    colour: bool = False
    show_excused: bool = False


@frozen(kw_only=True)
class Report:
    """One format of report: `name` is the word after `--format`."""

    name: str
    title: str
    write: Callable[[Sequence[Examination], Setting], str]
