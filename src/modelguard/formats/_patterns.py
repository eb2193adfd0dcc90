"""Judges by its form whether a regular expression of a tokenizer could take exponential or high polynomial time.

Nothing is matched. A pattern is read into groups and repetitions, and two shapes are told: a repetition without bound
of something that itself repeats without bound (`(a+)+`), and of alternatives that begin alike (`(a|ab)*`). Engines that
backtrack (Oniguruma, which the tokenizers library uses, and Python's) take exponential time for the first on texts that
almost match. Possessive repetitions and atomic groups give nothing back and are not told.
Source: CWE-1333 (https://cwe.mitre.org/data/definitions/1333.html).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from attrs import define, field

from modelguard.terms.errors import BudgetSpent

LONGEST = 1 << 16
DEEPEST = 100
UNBOUNDED = 1 << 30
MANY = 1000
"""Repetitions with a bound as high as this count as if they had none."""

_TOKEN = re.compile(
    r"""(?P<escape>\\(?:[pPx]\{[^}]{0,64}\}|[xu][0-9A-Fa-f]{2,4}|.|\Z))
    |(?P<set>\[)
    |(?P<open>\((?:\?(?:[:>=!|]|<[=!]|P?<[A-Za-z_]\w{0,64}>|[a-zA-Z-]{0,16}:|[a-zA-Z-]{1,16}(?=\))))?)
    |(?P<close>\))
    |(?P<bar>\|)
    |(?P<repeat>(?:[*+?]|\{\d{0,9}(?:,\d{0,9})?\})[?+]?)
    |(?P<one>.)""",
    re.VERBOSE | re.DOTALL,
)
_BOUNDS = re.compile(r"\{(\d*)(,?)(\d*)\}")


_WIDE = re.compile(r"\[\^|\.\Z|\\[SWDPX]")
_LITERAL_SET = re.compile(r"\[(?:\\[^\w]|[^\w\s\\^\[\]])+\]\Z")


@define
class _Group:
    """A group that is open: how it was opened, what repeats in it without bound, what its alternatives begin with.

    `atoms` counts what stands in the alternative that is being read; `last` is the latest of it.
    """

    opened: str
    repeated: list[str] = field(factory=list)
    firsts: list[str] = field(factory=lambda: [""])
    atoms: int = 0
    last: str = ""


def trouble_in(pattern: str) -> str:
    """Return which dangerous shape a pattern has, or an empty string. Raises `BudgetSpent` for very long patterns."""
    if len(pattern) > LONGEST:
        raise BudgetSpent(f"a pattern of {len(pattern)} characters is more than the {LONGEST} that are judged")
    groups = [_Group("")]
    closed: _Group | None = None
    for kind, text in _tokens(pattern):
        before, closed = closed, None
        if kind == "open":
            if len(groups) > DEEPEST:
                raise BudgetSpent(f"a pattern of more than {DEEPEST} groups within one another")
            groups.append(_Group(text))
        elif kind == "close" and len(groups) > 1:
            closed = groups.pop()
            _stands(groups[-1], "(")
            if not closed.opened.startswith(_APART):
                groups[-1].repeated.extend(closed.repeated)
        elif kind == "bar":
            groups[-1].firsts.append("")
            groups[-1].atoms = 0
        elif kind == "repeat":
            if trouble := _repeated(groups[-1], before, text):
                return trouble
        else:
            _stands(groups[-1], text)
    return ""


def _tokens(pattern: str) -> Iterator[tuple[str, str]]:
    """Yield kind and text of each part, in one pass: a set is one part, however deep sets lie in it."""
    at = 0
    while at < len(pattern):
        match = _TOKEN.match(pattern, at)
        kind, end = (match.lastgroup or "one", match.end()) if match else ("one", at + 1)
        if kind == "set":
            end = _end_of_set(pattern, at)
        yield kind, pattern[at:end]
        at = end


def _end_of_set(pattern: str, at: int) -> int:
    """Return where the set that begins at `at` ends; one that is never closed reaches to the end."""
    depth, here = 0, at
    while here < len(pattern):
        character = pattern[here]
        if character == "\\":
            here += 1
        elif character == "[":
            depth += 1
            here += pattern.startswith("^", here + 1)
            here += pattern.startswith("]", here + 1)  # a bracket that stands first is meant as itself
        elif character == "]":
            depth -= 1
            if not depth:
                return here + 1
        here += 1
    return len(pattern)


_APART = ("(?>", "(?=", "(?!", "(?<=", "(?<!")  # what gives nothing back, or takes nothing


def _stands(group: _Group, text: str) -> None:
    group.atoms += 1
    group.last = text
    if group.atoms == 1:
        group.firsts[-1] = text


def _repeated(group: _Group, closed: _Group | None, text: str) -> str:
    """Take up a repetition of what stands before it; return a dangerous shape when it makes one."""
    least, most = _bounds(text)
    if not least and group.atoms == 1:
        group.firsts[-1] = "("  # it may be absent, so that nothing is known of how the alternative begins
    if most < MANY or (text.endswith("+") and len(text) > 1):
        return ""
    if closed is not None and not closed.opened.startswith(_APART):
        if closed.repeated and not _is_kept_apart(closed):
            return "a repetition without bound within another one"
        firsts = [first for first in closed.firsts if first not in ("", "(")]
        if len(firsts) > len(set(firsts)):
            return "a repetition without bound of alternatives that begin alike"
    group.repeated.append(group.last)
    return ""


def _is_kept_apart(closed: _Group) -> bool:
    """Tell whether every turn of a group begins with a mark that nothing which repeats within the turn can match."""
    if any(_WIDE.match(atom) for atom in closed.repeated):
        return False
    marks: set[str] = set()
    for first in closed.firsts:
        if _LITERAL_SET.match(first):
            marks.update(first[1:-1].replace("\\", ""))
        elif len(first) == 1 and not first.isalnum() and first not in "(.^$" and not first.isspace():
            marks.add(first)
        elif len(first) == 2 and first[0] == "\\" and not first[1].isalnum():
            marks.add(first[1])
        else:
            return False
    return not any(mark in atom for mark in marks for atom in closed.repeated)


def _bounds(text: str) -> tuple[int, int]:
    bounds = _BOUNDS.match(text)
    if bounds is None:
        return (1 if text[0] == "+" else 0), (1 if text[0] == "?" else UNBOUNDED)
    least = int(bounds[1][:9] or 0)
    if not bounds[2]:
        return least, least
    return least, int(bounds[3][:9]) if bounds[3] else UNBOUNDED
