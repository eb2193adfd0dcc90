"""The model comes from a host that the policy does not list.

Why it matters
    A name means another model on another host: whoever can redirect the Hub client (`HF_ENDPOINT`, a proxy, a
    configuration file) decides what a name stands for when it is locked.

What to do
    Fetch the model from a listed host, or add the host to `allow-hosts` in `[sources]`. Where the host is not known,
    `modelguard lock --upgrade REF` asks and records it.

Example
    acme/tiny: comes from hub.evil.example; the policy lists huggingface.co
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.artifact import printable
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity
from modelguard.terms.origin import Origin, SourcesRuled


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report hosts that are not listed, and a host that is not known. What lies on this machine has none."""
    for origin in dossier.all(Origin):
        for rules in dossier.all(SourcesRuled):
            if origin.kind == "local" or not rules.hosts or any(_is_at(origin.host, rule) for rule in rules.hosts):
                continue
            found = (
                f"comes from {printable(origin.host)}" if origin.host else "it is not known from which host it comes"
            )
            yield CHECK.finding(
                severity=Severity.HIGH,
                location=origin.location,
                subject=origin.host,
                message=f"{found}; the policy lists {', '.join(map(printable, rules.hosts))}",
                remedy="fetch it from a listed host, or add the host to allow-hosts in [sources]",
            )


def _is_at(host: str, rule: str) -> bool:
    """Tell whether a host is the listed one; a rule without a path covers every path of its host."""
    name, slash, path = host.partition("/")
    found = f"{name.lower()}{slash}{path}".rstrip("/")
    return found == rule or found.startswith(f"{rule}/")


CHECK = Check(name="unlisted-host", area="source", ask=ask)
