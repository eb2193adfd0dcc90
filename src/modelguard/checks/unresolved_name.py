"""Reports a pickle in which something is looked up that the bytes alone do not name.

Why it matters
    The guarantee of modelguard is the full list of what a file can do. A name that is computed while the file
    loads, an extension number that only a running program can translate, an object that the loader has to bring, or
    a function that another call returns: each is a hole in that list, and what might come through it cannot be
    judged.

What to do
    Ordinary libraries write none of these outside their own containers. Ask the author for safetensors or for a
    file saved anew with a current version of the library.

Example
    unresolved-name  critical  model.pkl @52
      The file computes the name of what it looks up while it loads: the module is the result of builtins.str.
      remedy: do not load this file; ask its author for safetensors
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.artifact import printable
from modelguard.terms.facts import Dossier, Unresolved
from modelguard.terms.finding import Finding, Severity

# what, how bad, and what to say of it. An unknown kind is as bad as the worst.
_KINDS: dict[str, tuple[Severity, str]] = {
    "computed-global": (Severity.CRITICAL, "The file computes the name of what it looks up while it loads"),
    "computed-callable": (Severity.CRITICAL, "The file calls something that another call returns"),
    "extension-code": (
        Severity.HIGH,
        "The file names a function by a number that only a running program can translate",
    ),
    "persistent-id": (Severity.HIGH, "The file asks its loader for an object of its own naming"),
    "out-of-band-buffer": (Severity.MEDIUM, "The file needs bytes that are kept somewhere else"),
    "unknown-memo": (Severity.HIGH, "The file refers to an object that it has not made"),
}
_WORST = (Severity.CRITICAL, "The file looks up something that its bytes do not name")


def ask(dossier: Dossier) -> Iterator[Finding]:
    for fact in dossier.all(Unresolved):
        severity, said = _KINDS.get(fact.what, _WORST)
        yield CHECK.finding(
            severity=severity,
            location=fact.location,
            message=f"{said}: {printable(fact.detail)}.",
            remedy="do not load this file; ask its author for safetensors",
            subject=f"{fact.what}: {fact.detail}",
        )


CHECK = Check(name="unresolved-name", area="content", ask=ask)
