"""What checks make of facts."""

from __future__ import annotations

from enum import IntEnum
from typing import Literal, Self, TypeAlias

from attrs import field, frozen

from modelguard.terms.artifact import Location
from modelguard.terms.errors import PolicyError

Area: TypeAlias = Literal["lock", "content", "provenance", "license", "source", "vendor", "advisory", "policy"]
Confidence: TypeAlias = Literal["certain", "likely", "possible"]


class Severity(IntEnum):
    """How bad it would be if nobody looked."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @classmethod
    def parse(cls, text: str) -> Self:
        try:
            return cls[text.upper()]
        except KeyError:
            raise PolicyError(f"severity: expected one of info, low, medium, high, critical, found {text!r}") from None

    def __str__(self) -> str:
        return self.name.lower()


@frozen(kw_only=True)
class Finding:
    """One answer of one check.

    `subject` is the exact thing found (a global, an operator, a license id): excuses and approvals name it.
    `profiles` are permission profiles that would grant the subject; when the policy enables one of them, the
    finding is not held against the model. `message` is one sentence that says why it matters here; `remedy` is
    what to do, with the command where there is one.
    """

    check: str
    area: Area
    severity: Severity
    location: Location
    message: str
    remedy: str = ""
    subject: str = ""
    confidence: Confidence = "certain"
    profiles: tuple[str, ...] = field(default=(), hash=False)
