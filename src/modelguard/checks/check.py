"""What a check is.

A check asks one question of a dossier and answers with findings. It opens nothing and knows no policy. Its module's
docstring is its documentation, printed by `modelguard explain`: the first line says what it reports, then follow the
parts *Why it matters*, *What to do* and *Example*.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from attrs import frozen

from modelguard.terms.artifact import Location
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Area, Confidence, Finding, Severity


@frozen(kw_only=True)
class Check:
    """One question. `name` says what it reports, as `digest-mismatch`; `area` is what the policy groups it by."""

    name: str
    area: Area
    ask: Callable[[Dossier], Iterator[Finding]]

    @property
    def page(self) -> str:
        """The documentation page of this check: the docstring of the module that binds it."""
        return sys.modules[self.ask.__module__].__doc__ or ""

    def finding(
        self,
        *,
        severity: Severity,
        location: Location,
        message: str,
        remedy: str = "",
        subject: str = "",
        confidence: Confidence = "certain",
        profiles: tuple[str, ...] = (),
    ) -> Finding:
        """Return a finding of this check; the arguments are those of `Finding`."""
        return Finding(
            check=self.name,
            area=self.area,
            severity=severity,
            location=location,
            message=message,
            remedy=remedy,
            subject=subject,
            confidence=confidence,
            profiles=profiles,
        )
