"""Reports a pickle that looks up a function or class which the policy has not granted.

Why it matters
    A pickle is not data but a list of instructions, and it can do what the functions do that it names. A name that
    only builds numbers and containers is granted by a profile. Every other name is reported here: as critical when
    it is known to run programs, touch files or use the network, as medium when nobody has said that it is safe.

What to do
    For a known danger: do not load the file. For a name of a library that you use and trust, enable the profile
    that the finding names, or record the exact name: `modelguard lock REF --accept ungranted-import:NAME --reason …`.
    Better: `modelguard convert FILE` writes the same weights as safetensors, which cannot name anything.

Example
    ungranted-import  critical  model.pkl @13
      The file looks up os.system: it starts another program.
      remedy: do not load this file; ask its author for safetensors
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks._remedies import acceptance
from modelguard.checks.check import Check
from modelguard.terms.artifact import printable
from modelguard.terms.facts import Dossier, Import
from modelguard.terms.finding import Finding, Severity

# How bad it is that a file names a global of this class. What is not here is unknown: medium.
_SEVERITY: dict[str, Severity] = {
    "exhaustion": Severity.MEDIUM,
    "disclosure": Severity.HIGH,
    "disguised-name": Severity.HIGH,
    "callable-combinator": Severity.HIGH,
    "deferred-call": Severity.HIGH,
    "import-side-effect": Severity.HIGH,
}

_DANGEROUS = (
    "do not load this file; ask its author for safetensors, or look at what it does with `modelguard scan --trace`"
)
_UNKNOWN = (
    "if you know and trust this name, run `{command}`; otherwise ask for safetensors or run `modelguard convert FILE`"
)
_PROFILE = "enable the profile with `profiles = [{profiles}]` if you load such files, or run `modelguard convert FILE`"


def ask(dossier: Dossier) -> Iterator[Finding]:
    for fact in dossier.all(Import):
        name = printable(fact.qualified)
        yield CHECK.finding(
            severity=_severity(fact),
            location=fact.location,
            message=_message(fact, name),
            remedy=_remedy(dossier, fact),
            subject=fact.qualified,
            profiles=fact.profiles,
        )


def _severity(fact: Import) -> Severity:
    if not fact.hazard:
        return Severity.MEDIUM
    return _SEVERITY.get(fact.hazard, Severity.CRITICAL)


def _message(fact: Import, name: str) -> str:
    if fact.hazard:
        return f"The file looks up {name}: {fact.why or fact.hazard}."
    if fact.profiles:
        return f"The file looks up {name}, which is known as safe in the profile {fact.profiles[0]}."
    return f"The file looks up {name}, and nobody has said that this name only builds data."


def _remedy(dossier: Dossier, fact: Import) -> str:
    if fact.hazard:
        return _DANGEROUS
    if fact.profiles:
        return _PROFILE.format(profiles=", ".join(f'"{profile}"' for profile in fact.profiles))
    return _UNKNOWN.format(command=acceptance(dossier, CHECK.name, fact.qualified))


CHECK = Check(name="ungranted-import", area="content", ask=ask)
