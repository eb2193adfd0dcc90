"""The score of a CVSS 4.0 vector, with its threat and environment if it names them.

Specification and figures: https://www.first.org/cvss/v4.0/specification-document, section 8. A vector falls into one of
270 classes, each with the score of its worst members; how far the vector is from those, in each of five groups of
metrics, is taken off in proportion to the step down to the next class.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import floor

from attrs import frozen

# The severity levels of each metric, the worst first.
_LEVELS: dict[str, str] = {
    "AV": "NALP", "PR": "NLH", "UI": "NPA", "AC": "LH", "AT": "NP", "VC": "HLN", "VI": "HLN", "VA": "HLN",
    "SC": "SHLN", "SI": "SHLN", "SA": "SHLN", "CR": "HML", "IR": "HML", "AR": "HML", "E": "APU",
}  # fmt: skip
_BASE = ("AV", "AC", "AT", "PR", "UI", "VC", "VI", "VA", "SC", "SI", "SA")
_WORST_IF_NOT_DEFINED = ("E", "CR", "IR", "AR")


@frozen
class _Group:
    """Metrics that are judged together. For each class: the worst vectors in it, and how many steps it is deep."""

    metrics: tuple[str, ...]
    worst: Mapping[str, str]
    depth: Mapping[str, int]
    lower: Mapping[str, str]


_GROUPS = (
    _Group(
        ("AV", "PR", "UI"), {"0": "NNN", "1": "ANN NLN NNP", "2": "PNN ALP"}, {"0": 1, "1": 4, "2": 5},
        {"0": "1", "1": "2"},
    ),
    _Group(("AC", "AT"), {"0": "LN", "1": "HN LP"}, {"0": 1, "1": 2}, {"0": "1"}),
    _Group(
        ("VC", "VI", "VA", "CR", "IR", "AR"),
        {
            "00": "HHHHHH", "01": "HHLMMH HHHMMM", "10": "LHHHHH HLHHHH", "11": "LHLHMH LHHHMM HLHMHM HLLMHH LLHHHM",
            "21": "LLLHHH",
        },
        {"00": 7, "01": 6, "10": 8, "11": 8, "21": 10},
        {"00": "01 10", "01": "11", "10": "11", "11": "21"},
    ),
    _Group(("SC", "SI", "SA"), {"0": "HSS", "1": "HHH", "2": "LLL"}, {"0": 6, "1": 5, "2": 4}, {"0": "1", "1": "2"}),
    _Group(("E",), {"0": "A", "1": "P", "2": "U"}, {"0": 1, "1": 1, "2": 1}, {"0": "1", "1": "2"}),
)  # fmt: skip

# A row for the classes of the first three groups; in it, nine scores for those of the fourth and fifth.
_SCORES: dict[str, tuple[float, ...]] = {
    "0000": (10.0, 9.8, 9.5, 10.0, 9.3, 9.1, 9.3, 8.9, 8.1),
    "0001": (9.9, 9.5, 9.2, 9.6, 8.7, 8.1, 9.0, 8.0, 6.8),
    "0010": (9.8, 9.5, 9.0, 9.3, 8.9, 8.1, 8.8, 7.8, 6.9),
    "0011": (9.5, 9.2, 8.4, 9.2, 8.1, 6.5, 8.0, 7.0, 4.8),
    "0021": (9.2, 8.2, 7.2, 7.9, 6.9, 5.0, 6.9, 5.5, 2.7),
    "0100": (9.9, 9.5, 9.2, 9.5, 9.0, 8.4, 9.2, 8.2, 7.2),
    "0101": (9.7, 9.2, 8.5, 9.1, 8.3, 7.1, 8.1, 7.1, 5.3),
    "0110": (9.5, 9.2, 8.5, 9.2, 8.0, 7.0, 8.4, 7.1, 5.0),
    "0111": (9.3, 8.5, 7.3, 8.2, 7.2, 5.9, 7.0, 5.2, 3.0),
    "0121": (8.6, 7.5, 5.2, 7.1, 5.2, 2.9, 6.3, 2.9, 1.7),
    "1000": (9.8, 9.4, 9.1, 9.4, 8.6, 7.7, 8.7, 7.4, 6.3),
    "1001": (9.5, 8.7, 8.1, 8.9, 7.4, 6.4, 7.5, 6.3, 4.9),
    "1010": (9.4, 8.8, 7.6, 8.6, 7.4, 5.9, 7.2, 5.7, 5.2),
    "1011": (8.9, 7.7, 6.7, 7.6, 5.8, 5.0, 5.7, 5.2, 2.5),
    "1021": (8.3, 7.0, 5.4, 6.5, 5.8, 2.6, 5.3, 2.1, 1.3),
    "1100": (9.5, 8.8, 7.6, 9.0, 7.5, 6.1, 7.7, 6.8, 5.2),
    "1101": (9.0, 7.6, 7.0, 7.7, 6.2, 5.3, 6.6, 5.9, 3.0),
    "1110": (8.9, 7.6, 6.2, 7.4, 5.7, 4.7, 6.1, 5.7, 2.4),
    "1111": (7.8, 6.7, 5.8, 5.9, 5.7, 2.3, 5.2, 2.9, 1.6),
    "1121": (7.1, 5.9, 3.0, 5.8, 2.6, 1.5, 2.3, 1.3, 0.6),
    "2000": (9.3, 8.6, 7.5, 8.6, 7.4, 5.6, 7.0, 5.2, 4.0),
    "2001": (8.7, 7.2, 5.8, 7.4, 6.1, 3.4, 5.4, 4.0, 2.2),
    "2010": (8.5, 7.4, 6.2, 7.2, 5.5, 4.6, 5.3, 3.4, 1.9),
    "2011": (7.5, 5.5, 5.1, 5.7, 4.1, 1.9, 3.6, 1.9, 0.8),
    "2021": (6.4, 5.1, 2.0, 4.7, 2.1, 1.1, 2.4, 0.9, 0.4),
    "2100": (8.8, 7.3, 6.0, 7.3, 5.9, 4.1, 5.4, 4.5, 2.0),
    "2101": (7.5, 5.3, 5.0, 5.5, 4.0, 2.0, 4.3, 2.2, 1.1),
    "2110": (7.5, 5.8, 4.0, 6.1, 4.8, 2.0, 4.6, 1.7, 0.8),
    "2111": (5.5, 4.5, 2.1, 5.1, 1.8, 0.9, 1.8, 0.7, 0.2),
    "2121": (5.3, 2.4, 1.4, 2.4, 1.2, 0.5, 1.0, 0.3, 0.1),
}


def cvss4(vector: str) -> float | None:
    """Return the score, 0.0 to 10.0, of a CVSS 4.0 vector; None when it is not a whole one."""
    values = _values(vector)
    if values is None:
        return None
    if all(values[name] == "N" for name in ("VC", "VI", "VA", "SC", "SI", "SA")):
        return 0.0
    classes = _classes(values)
    score = _score(classes)
    less = []
    for number, group in enumerate(_GROUPS):
        mine = classes[number]
        lower = [_score((*classes[:number], one, *classes[number + 1 :])) for one in group.lower.get(mine, "").split()]
        if lower:
            less.append((score - max(lower)) * _distance(group, mine, values) / group.depth[mine])
    exact = score - (sum(less) / len(less) if less else 0.0)
    return floor((min(max(exact, 0.0), 10.0) + 1e-6) * 10 + 0.5) / 10


def _values(vector: str) -> dict[str, str] | None:
    """Return the effective value of each metric, or None for what is no whole vector."""
    version, *metrics = vector.split("/")
    given = dict(metric.partition(":")[::2] for metric in metrics)
    if version != "CVSS:4.0" or len(given) != len(metrics) or any(name not in given for name in _BASE):
        return None
    found = {}
    for name, levels in _LEVELS.items():
        base = given.get(name, "X")
        modified = given.get(f"M{name}", "X") if name in _BASE else "X"
        value = base if modified == "X" else modified
        if value == "X" and name in _WORST_IF_NOT_DEFINED:
            value = levels[0]
        if value not in tuple(levels) or (name in _BASE and base not in tuple(levels)):
            return None
        if "S" in {base, modified if name == "SC" else ""}:  # safety is a value of MSI and MSA only
            return None
        found[name] = value
    return found


def _classes(values: Mapping[str, str]) -> tuple[str, ...]:
    """Return the class of the vector in each group (tables 24 to 29 of the specification)."""
    is_ = values.__getitem__
    easy = [is_("AV") == "N", is_("PR") == "N", is_("UI") == "N"]
    first = 0 if all(easy) else 1 if any(easy) and is_("AV") != "P" else 2
    second = 0 if is_("AC") == "L" and is_("AT") == "N" else 1
    lost = [is_(name) == "H" for name in ("VC", "VI", "VA")]
    third = 0 if lost[0] and lost[1] else 1 if any(lost) else 2
    asked = any(lost[place] and is_(name) == "H" for place, name in enumerate(("CR", "IR", "AR")))
    beyond = {is_("SI"), is_("SA")}
    fourth = 0 if "S" in beyond else 1 if "H" in {is_("SC"), *beyond} else 2
    return str(first), str(second), f"{third}{0 if asked else 1}", str(fourth), str("APU".index(is_("E")))


def _score(classes: tuple[str, ...]) -> float:
    first, second, third, fourth, fifth = classes
    return _SCORES[first + second + third][int(fourth) * 3 + int(fifth)]


def _distance(group: _Group, mine: str, values: Mapping[str, str]) -> int:
    """Return how many steps a vector is below the worst vector of its class that is nowhere below it."""
    return next(sum(steps) for steps in _steps(group, mine, values) if min(steps) >= 0)


def _steps(group: _Group, mine: str, values: Mapping[str, str]) -> Iterator[list[int]]:
    for worst in group.worst[mine].split():
        yield [
            _LEVELS[name].index(values[name]) - _LEVELS[name].index(letter)
            for name, letter in zip(group.metrics, worst, strict=True)
        ]
