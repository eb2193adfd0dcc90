"""It is not clear under which license the model is.

Why it matters
    Without a license nobody may use a work. A card that says `other` or `unknown`, a changed text, or two declarations
    that contradict each other leave open what is allowed. Not legal advice.

What to do
    Read the license files. When they leave no doubt, write down what they are, bound to exactly those files: a table
    `[[licenses.clarify]]` with model, expression, files and reason. Else ask the publisher.

Example
    acme/tiny: the license is not clear: nothing says which
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity
from modelguard.terms.licensing import Licensed, LicenseRuled


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report a license that is not known, or that something speaks against."""
    ruled = dossier.first(LicenseRuled)
    named = {*ruled.rules.allow, *ruled.excepted} if ruled else set()
    for fact in dossier.all(Licensed):
        unknown = not any(fact.meaning.is_known(one) or set(one) <= named for one in fact.meaning.alternatives)
        if fact.trouble or unknown:
            why = "; ".join(fact.trouble) or f"nobody knows what {fact.meaning.expression} asks for"
            yield CHECK.finding(
                severity=Severity.MEDIUM,
                location=fact.location,
                subject=fact.declared or fact.meaning.expression,
                message=f"the license is not clear: {why}",
                remedy="read the license files, then write [[licenses.clarify]] with the expression and their digests",
            )


CHECK = Check(name="unclear-license", area="license", ask=ask)
