"""The model brings code that a loader, an installer or a person would run.

Why it matters
    A file of Python beside the weights runs with all rights of the process as soon as a loader trusts it. It can read
    your files and keys, and it may differ in the next revision. Configurations can also point to code of another
    repository, at its default branch, which nobody has pinned.

What to do
    Prefer a model whose architecture your library already has: then leave the file out with `modelguard lock REF
    --exclude '*.py'`. Otherwise read the code, write `remote-code = "locked"` into the policy and accept this very
    file: the lock records its digest, and a changed file needs a new look.

Example
    modeling_x.py: The model brings or names code, modeling_x.py: imports os, torch; line 2: os.system (starts a
    process)
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks._asked import Judgement, findings_of
from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity

# How bad a class of danger is, and why it is rated so. A class without a row is critical.
_SEVERITIES = {
    "script": Severity.LOW,  # no loader runs it; a person has to start it
    "browser-script": Severity.LOW,  # only a browser that shows the file runs it
    "script-code-execution": Severity.HIGH,  # a person who starts it runs what nobody has seen
    "script-obfuscation": Severity.HIGH,  # it hides what it does from the person who reads it
    "script-persistence": Severity.HIGH,  # it outlives the session in which it is started
    "script-network": Severity.MEDIUM,  # installers fetch things; it should be read before it is started
    "script-file-write": Severity.MEDIUM,  # it may delete what is not its own
    "notebook": Severity.LOW,  # no loader runs it; a person has to
    "notebook-code-execution": Severity.MEDIUM,  # as above, and it runs text as code
    "notebook-process": Severity.MEDIUM,  # as above, and it starts processes
    "notebook-network": Severity.MEDIUM,  # as above, and it opens connections
    "notebook-unpickling": Severity.LOW,  # loading the model itself mostly takes it
    "notebook-file-write": Severity.LOW,  # examples save their results
    "notebook-hub-access": Severity.LOW,  # examples fetch their model
    "notebook-native-code": Severity.MEDIUM,  # it loads libraries that nobody has looked at
    "notebook-obfuscation": Severity.HIGH,  # it hides what it does from the person who reads it
    "notebook-persistence": Severity.HIGH,  # it outlives the session in which it is run
    "notebook-scanner-evasion": Severity.HIGH,  # nothing in an example needs to touch a scanner
    "hub-access": Severity.HIGH,  # it fetches files that no lock names
    "file-write": Severity.HIGH,  # it can damage files of whoever loads it
    "unpickling": Severity.HIGH,  # it unpickles files that it chooses itself
    "trust-from-model": Severity.HIGH,  # trust is for the user to give, not for the model to claim
    "unknown-form": Severity.HIGH,  # a loader may understand what this reader does not
}

_JUDGEMENT = Judgement(
    check="remote-code",
    permission="remote-code",
    sentence="The model brings or names code,",
    advice="read the code, or use a model that needs none",
    otherwise=Severity.HIGH,
    severities=_SEVERITIES,
)


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report every one of them."""
    yield from findings_of(dossier, _JUDGEMENT)


CHECK = Check(name=_JUDGEMENT.check, area="content", ask=ask)
