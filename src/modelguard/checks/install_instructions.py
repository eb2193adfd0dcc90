"""The model comes with a list of packages that something would install.

Why it matters
    Installing a package runs it. A list next to a model is followed by serving platforms and by people in a hurry; a
    line that names another index, an address or a directory takes the package from where nobody looks.

What to do
    Install from your own reviewed lock of packages. Leave the list out when the model does not need it:
    `modelguard lock REF --exclude requirements.txt`.

Example
    requirements.txt: The model asks for packages, git+https://x.example/y: pip takes it from
    git+https://x.example/y, not from the package index
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks._asked import Judgement, findings_of
from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity

# How bad a class of danger is, and why it is rated so. A class without a row is critical.
_SEVERITIES = {
    "other-index": Severity.MEDIUM,  # what is installed comes from where nobody looks
    "code-execution": Severity.MEDIUM,  # building the package runs code of this repository
    "process": Severity.MEDIUM,  # installing runs a command of this repository
}

_JUDGEMENT = Judgement(
    check="install-instructions",
    permission="install",
    sentence="The model asks for packages,",
    advice="install from your own lock of packages",
    otherwise=Severity.INFO,  # ordinary packages by name: recorded, and shown when they become more
    severities=_SEVERITIES,
)


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report every one of them."""
    yield from findings_of(dossier, _JUDGEMENT)


CHECK = Check(name=_JUDGEMENT.check, area="content", ask=ask)
