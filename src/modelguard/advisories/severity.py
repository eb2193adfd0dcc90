"""How bad an advisory is, from what its record says: the database's own word, else its CVSS vectors.

A record with neither has no rating, and so has one whose vectors are broken: never low, a check takes it as high.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from modelguard.advisories.cvss4 import cvss4
from modelguard.advisories.record import Affected, Record
from modelguard.terms.advisory import Rating

# The words of GitHub (GHSA), RustSec and others in `database_specific.severity`.
_WORDS: dict[str, Rating] = {
    "LOW": "low",
    "MODERATE": "medium",
    "MEDIUM": "medium",
    "IMPORTANT": "high",
    "HIGH": "high",
    "CRITICAL": "critical",
}

# Weights and formula: https://www.first.org/cvss/v3.1/specification-document (sections 7.1 and 7.4).
_WEIGHTS: dict[str, dict[str, float]] = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "UI": {"N": 0.85, "R": 0.62},
    "C": {"H": 0.56, "L": 0.22, "N": 0.0},
    "I": {"H": 0.56, "L": 0.22, "N": 0.0},
    "A": {"H": 0.56, "L": 0.22, "N": 0.0},
}
_PRIVILEGES = {"U": {"N": 0.85, "L": 0.62, "H": 0.27}, "C": {"N": 0.85, "L": 0.68, "H": 0.5}}
_STEPS: tuple[tuple[float, Rating], ...] = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.0, "low"))

# Weights and formula: https://www.first.org/cvss/v2/guide (section 3.2.1). Its scores have no step above high; the
# words are those of the National Vulnerability Database, https://nvd.nist.gov/vuln-metrics/cvss.
_WEIGHTS_2: dict[str, dict[str, float]] = {
    "AV": {"L": 0.395, "A": 0.646, "N": 1.0},
    "AC": {"H": 0.35, "M": 0.61, "L": 0.71},
    "Au": {"M": 0.45, "S": 0.56, "N": 0.704},
    "C": {"N": 0.0, "P": 0.275, "C": 0.660},
    "I": {"N": 0.0, "P": 0.275, "C": 0.660},
    "A": {"N": 0.0, "P": 0.275, "C": 0.660},
}
_STEPS_2: tuple[tuple[float, Rating], ...] = ((7.0, "high"), (4.0, "medium"), (0.0, "low"))


def rating(record: Record, affected: Affected | None = None) -> Rating | None:
    """Return how bad it is, or None when the record does not say it in a way that is understood."""
    if record.word in _WORDS:
        return _WORDS[record.word]
    vectors = (*(affected.severity if affected else ()), *record.severity)
    scores = {kind: [read(vector) for one, vector in vectors if one == kind] for kind, read in _READERS.items()}
    return _word(scores["CVSS_V4"] + scores["CVSS_V3"], _STEPS) or _word(scores["CVSS_V2"], _STEPS_2)


def _word(scores: Iterable[float | None], steps: tuple[tuple[float, Rating], ...]) -> Rating | None:
    """Return the word for the highest score that is known."""
    highest = max((score for score in scores if score is not None), default=None)
    return None if highest is None else next(name for least, name in steps if highest >= least)


def cvss2(vector: str) -> float | None:
    """Return the base score, 0.0 to 10.0, of a CVSS 2 vector; None when it is not a whole one."""
    metrics = vector.split("/")
    values = dict(metric.partition(":")[::2] for metric in metrics)
    if len(values) != len(metrics):
        return None
    try:
        weights = {name: table[values[name]] for name, table in _WEIGHTS_2.items()}
    except KeyError:
        return None
    impact = 10.41 * (1 - (1 - weights["C"]) * (1 - weights["I"]) * (1 - weights["A"]))
    if impact == 0:
        return 0.0
    exploitability = 20 * weights["AV"] * weights["AC"] * weights["Au"]
    return round((0.6 * impact + 0.4 * exploitability - 1.5) * 1.176, 1)


def cvss3(vector: str) -> float | None:
    """Return the base score, 0.0 to 10.0, of a CVSS 3.0 or 3.1 vector; None when it is not a whole one."""
    version, *metrics = vector.split("/")
    values = dict(metric.partition(":")[::2] for metric in metrics)
    if version not in {"CVSS:3.0", "CVSS:3.1"} or len(values) != len(metrics):
        return None
    try:
        weights = {name: table[values[name]] for name, table in _WEIGHTS.items()}
        privileges = _PRIVILEGES[values["S"]][values["PR"]]
    except KeyError:
        return None
    changed = values["S"] == "C"
    lost = 1 - (1 - weights["C"]) * (1 - weights["I"]) * (1 - weights["A"])
    impact = 7.52 * (lost - 0.029) - 3.25 * (lost - 0.02) ** 15 if changed else 6.42 * lost
    if impact <= 0:
        return 0.0
    exploitability = 8.22 * weights["AV"] * weights["AC"] * privileges * weights["UI"]
    total = (impact + exploitability) * (1.08 if changed else 1.0)
    return _rounded_up(min(total, 10.0))


def _rounded_up(value: float) -> float:
    """Round up to one decimal in whole numbers, as appendix A of the specification does."""
    whole = round(value * 100_000)
    return whole / 100_000 if whole % 10_000 == 0 else (whole // 10_000 + 1) / 10


_READERS: dict[str, Callable[[str], float | None]] = {"CVSS_V4": cvss4, "CVSS_V3": cvss3, "CVSS_V2": cvss2}
