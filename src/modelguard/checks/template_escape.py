"""A template reaches beyond rendering text.

Why it matters
    Chat templates are programs in Jinja. Rendered outside a sandbox they run any code, which has happened in several
    servers (CVE-2024-34359, CVE-2026-5760); inside one they can still take all memory or time.

What to do
    Do not use the template. The author's earlier revision, or the template of the base model, may do.

Example
    chat_template.jinja: The template reaches beyond rendering, __class__: `__class__` belongs to Python's insides
    (line 1)
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks._asked import Judgement, findings_of
from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity

# How bad a class of danger is, and why it is rated so. A class without a row is critical.
_SEVERITIES = {
    "sandbox-escape": Severity.CRITICAL,  # there is no honest use of it in a chat template
    "private-name": Severity.HIGH,  # the sandbox forbids it, other renderers may not
    "format-string": Severity.MEDIUM,  # only what is put into the text decides whether it walks attributes
    "file-read": Severity.HIGH,  # it reads a file next to whoever renders it
    "denial-of-service": Severity.MEDIUM,  # it can use up memory or time
    "information": Severity.MEDIUM,  # it shows the insides of objects
}

_JUDGEMENT = Judgement(
    check="template-escape",
    permission="templates",
    sentence="The template reaches beyond rendering,",
    advice="do not use this template; take the one of an earlier revision or of the base model",
    otherwise=Severity.MEDIUM,
    severities=_SEVERITIES,
)


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report every one of them."""
    yield from findings_of(dossier, _JUDGEMENT)


CHECK = Check(name=_JUDGEMENT.check, area="content", ask=ask)
