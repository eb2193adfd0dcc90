"""Reports a pickle that puts state into an object, a class or a module in a way that can run or replace code.

Why it matters
    A pickle can fill objects with values. Filled into a class or module, the values replace its methods for the
    whole program; under special keys they replace how an object loads, is copied or is destroyed; in an element
    type of NumPy wrong flags turn bytes of the file into memory addresses. All of this needs no dangerous name at
    all.

What to do
    Do not load the file. No library writes such state; one that keeps a special key of its own is worth a report to
    modelguard.

Example
    state-injection  critical  model.pkl @40
      The file sets attributes of the class sklearn.svm._classes.SVC itself, for every later use of it: 'fit'.
      remedy: do not load this file; ask its author for safetensors
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.artifact import printable
from modelguard.terms.facts import Build, Dossier
from modelguard.terms.finding import Finding, Severity

# manner, how bad, and what to say; {target} and {detail} are filled in. An unknown manner is as bad as the worst.
_MANNERS: dict[str, tuple[Severity, str]] = {
    "on-class": (Severity.CRITICAL, "The file sets attributes of the class {target} itself, for every later use of it"),
    "on-module": (Severity.CRITICAL, "The file sets attributes of the module {target}, for the whole program"),
    "on-function": (Severity.CRITICAL, "The file changes the function {target} itself"),
    "on-unknown": (Severity.HIGH, "The file sets attributes of something that its bytes do not name ({target})"),
    "item-on-class": (Severity.CRITICAL, "The file sets items of {target}, which belongs to the program"),
    "item-on-unknown": (Severity.HIGH, "The file sets items of something that its bytes do not name ({target})"),
    "item-on-tensor": (Severity.HIGH, "The file writes into a tensor while it loads, as no library does ({target})"),
    "item-on-object": (Severity.HIGH, "The file sets items of an object that libraries only restore ({target})"),
    "kept-function": (
        Severity.HIGH,
        "The file keeps {target} for something else to call, where nothing checks what it is called with",
    ),
    "setstate-key": (Severity.CRITICAL, "The file replaces how {target} loads or behaves"),
    "computed-state": (Severity.HIGH, "The file computes the state of {target} while it loads"),
    "computed-key": (Severity.HIGH, "The file computes names of attributes of {target} while it loads"),
    "slot-state": (Severity.HIGH, "The file sets special attributes of {target} one by one"),
    "dunder-key": (Severity.HIGH, "The file sets special attributes of {target}"),
    "broken-state": (Severity.HIGH, "The file fills {target} as its library never does"),
}
_WORST = (Severity.CRITICAL, "The file changes {target} in an unusual way")


def ask(dossier: Dossier) -> Iterator[Finding]:
    for fact in dossier.all(Build):
        severity, said = _MANNERS.get(fact.manner, _WORST)
        detail = f": {printable(fact.detail)}" if fact.detail else ""
        yield CHECK.finding(
            severity=severity,
            location=fact.location,
            message=f"{said.format(target=printable(fact.target))}{detail}.",
            remedy="do not load this file; ask its author for safetensors",
            subject=f"{fact.target} {fact.manner}",
        )


CHECK = Check(name="state-injection", area="content", ask=ask)
