"""The model brings machine code, or has a loader fetch some.

Why it matters
    A shared library runs when it is opened, before any function in it is called. What it does cannot be read from its
    bytes. Kernels of a Hub repository are compiled code as well, fetched at the moment of loading.

What to do
    Ask the author for a model without it, or build the library yourself from source that you have read. Leave files
    out that the model does not need: `modelguard lock REF --exclude '*.so'`.

Example
    config.json: The model asks for machine code, _attn_implementation=org/kernel: a kernel repository from which
    compiled code is downloaded and loaded
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks._asked import Judgement, findings_of
from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity

# How bad a class of danger is, and why it is rated so. A class without a row is critical.
_SEVERITIES = {
    "native-code": Severity.HIGH,  # it runs only when something opens it
    "other-repository": Severity.CRITICAL,  # it is fetched at load from where nobody has pinned it
}

_JUDGEMENT = Judgement(
    check="native-code",
    permission="native-code",
    sentence="The model asks for machine code,",
    advice="leave it out, or build it from source that you have read",
    otherwise=Severity.HIGH,
    severities=_SEVERITIES,
)


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report every one of them."""
    yield from findings_of(dossier, _JUDGEMENT)


CHECK = Check(name=_JUDGEMENT.check, area="content", ask=ask)
