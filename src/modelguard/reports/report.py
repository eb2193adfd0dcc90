"""What a report is: a pure function from examinations to the text of one document."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import frozen

from modelguard.terms.verdict import Examination


@frozen(kw_only=True)
class Setting:
    """What a report may want to know beyond the examinations: the lock's path, and how wide and colourful to be."""

    lock_path: str = ""
    lock_lines: tuple[tuple[str, int], ...] = ()
    width: int = 100
    colour: bool = False
    show_excused: bool = False


@frozen(kw_only=True)
class Report:
    """One format of report: `name` is the word after `--format`."""

    name: str
    title: str
    write: Callable[[Sequence[Examination], Setting], str]
