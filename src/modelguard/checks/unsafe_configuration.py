"""A configuration names functions or classes that a loader looks up and calls.

Why it matters
    `_target_` of Hydra, tags of YAML, classes of Keras configurations and registries of spaCy are calls written as
    data. A loader that follows them imports and calls whatever is named (CVE-2025-23304, CVE-2025-1550).

What to do
    Load the configuration with a library that has a fixed list of classes, or accept the exact name when you know it
    and its arguments.

Example
    model_config.yaml: The configuration has a loader look up _target_=os.system: Hydra calls os.system with the
    keys beside it as arguments; it starts another program
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks._asked import Judgement, findings_of
from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity

# How bad a class of danger is, and why it is rated so. A class without a row is critical.
_SEVERITIES = {
    "call-by-name": Severity.HIGH,  # any function may be named; this one is not known to be dangerous
    "import": Severity.HIGH,  # importing a module runs it
    "environment": Severity.MEDIUM,  # it puts secrets of the environment where the model can use them
    "exhaustion": Severity.MEDIUM,  # it can use up memory or time
    "disclosure": Severity.HIGH,  # it tells about the machine
}

_JUDGEMENT = Judgement(
    check="unsafe-configuration",
    permission="configuration",
    sentence="The configuration has a loader look up",
    advice="use a model whose configuration names no code",
    otherwise=Severity.MEDIUM,
    severities=_SEVERITIES,
)


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report every one of them."""
    yield from findings_of(dossier, _JUDGEMENT)


CHECK = Check(name=_JUDGEMENT.check, area="content", ask=ask)
