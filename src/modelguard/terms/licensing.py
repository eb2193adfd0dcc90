"""What is known about licenses: facts of one model and its bases, and what the policy says about licenses.

Nothing here is legal advice: categories and obligations are a table's short account of long texts.
"""

from __future__ import annotations

from datetime import date
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias, get_args

from attrs import frozen

from modelguard.terms.artifact import Digest
from modelguard.terms.facts import Fact

DISCLAIMER = "license facts come from a table that people wrote by reading the texts; this is not legal advice"

Category: TypeAlias = Literal[
    "public-domain",
    "permissive",
    "data-permissive",
    "copyleft-weak",
    "copyleft-strong",
    "use-restricted",
    "proprietary-community",
    "no-derivatives",
    "non-commercial",
    "research-only",
    "unclear",
]
CATEGORIES: tuple[Category, ...] = get_args(Category)
Commercial: TypeAlias = Literal["yes", "no", "conditional", "unknown"]
Confidence: TypeAlias = Literal["clarified", "exact", "text", "declared", "none"]

OBLIGATIONS: dict[str, str] = {
    "attribution": "name the authors",
    "notice-file": "pass the notice and the license text on",
    "named-notice": "show the notice that the license words",
    "name-prefix": "begin the name of a derived model as the license says",
    "share-alike": "put derived works under the same terms",
    "network-copyleft": "offer the source to users over a network",
    "use-policy": "keep to the list of prohibited uses",
    "flow-down": "bind everybody downstream to the same restrictions",
    "user-limit": "stay below a number of users",
    "revenue-limit": "stay below a revenue",
    "territory-exclusion": "do not use it in the regions excluded",
    "no-train-other-models": "train no other models with its outputs",
    "registration": "register with the licensor",
    "production-grant": "use it in production only as the text grants",
    "no-derivatives": "pass no changed version on",
}
"""Obligations of the table, with what each asks for."""

ON_REDISTRIBUTION = frozenset({"attribution", "notice-file", "named-notice", "name-prefix", "share-alike", "flow-down"})
"""Obligations that bind only those who pass the model or a derived one on."""


@frozen(kw_only=True)
class LicenseTerms:
    """What the table says about one license id.

    `users` is the most users (monthly or daily, as the text counts), `revenue` the most US dollars a year; 0 is no
    limit. `excludes` are regions, as ISO 3166 codes or EU. `prefix` is how names of derived models begin, `notice` what
    has to be shown.
    """

    symbol: str
    row: str
    category: Category
    commercial: Commercial
    obligations: tuple[str, ...] = ()
    users: int = 0
    revenue: int = 0
    excludes: tuple[str, ...] = ()
    prefix: str = ""
    notice: str = ""


@frozen(kw_only=True)
class LicenseMeaning:
    """A license expression with what it offers: one alternative may be chosen, all ids of it apply together.

    An ambiguity (`gpl-3.0`: only, or later?) is no choice: both readings stand in one alternative.
    """

    expression: str = "NOASSERTION"
    alternatives: tuple[tuple[str, ...], ...] = ()
    terms: tuple[LicenseTerms, ...] = ()

    @property
    def known(self) -> bool:
        """Whether every id of the expression is in the table, and none of them is unclear."""
        return bool(self.alternatives) and all(self.is_known(one) for one in self.alternatives)

    def is_known(self, alternative: tuple[str, ...]) -> bool:
        found = self.of(alternative)
        return len(found) == len(alternative) and all(one.category != "unclear" for one in found)

    def of(self, alternative: tuple[str, ...]) -> tuple[LicenseTerms, ...]:
        """Return the terms of the ids of an alternative, as far as the table knows them."""
        return tuple(one for one in self.terms if one.symbol in alternative)


# --- facts -------------------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class LicenseEvidence(Fact):
    """One place that speaks of the license.

    `source` is card, tag, text, gguf, safetensors, lock or clarify. `written` is what stands there, `result` what it
    was taken for: an expression, `modified:<id>`, `ambiguous: <ids>`, or empty when nobody knows. `detail` says why.
    """

    source: str
    written: str
    result: str = ""
    detail: str = ""


@frozen(kw_only=True)
class Licensed(Fact):
    """The license of the model itself.

    `declared` and `detected` are expressions (empty: none). `trouble` says why the license is not clear, a sentence
    each. `table` is the version of the table that gave the meaning. `earlier` is the expression that the lock holds.
    """

    meaning: LicenseMeaning
    declared: str = ""
    detected: str = ""
    confidence: Confidence = "none"
    table: str = ""
    trouble: tuple[str, ...] = ()
    earlier: str = ""


@frozen(kw_only=True)
class LicenseMismatch(Fact):
    """The text in the repository is another license than the one declared."""

    declared: str
    detected: str


@frozen(kw_only=True)
class BaseModel(Fact):
    """A model that this one was made from.

    `path` leads from the model to the base, both included. `relation` is adapter, finetune, merge, quantized or base.
    `unknown` says why its license is not known; it is empty when it is.
    """

    name: str
    path: tuple[str, ...]
    relation: str
    meaning: LicenseMeaning = LicenseMeaning()
    unknown: str = ""
    source: str = ""


@frozen(kw_only=True)
class LicenseConflict(Fact):
    """Two licenses on one line of descent that do not go together.

    `rule` is the rule's short name; `path` leads from the model to the base that imposes what `detail` says.
    """

    rule: str
    path: tuple[str, ...]
    imposed: str
    detail: str


@frozen(kw_only=True)
class LicenseDuty(Fact):
    """Something that a license asks of this repository and that is not seen here: a name, a notice."""

    duty: str
    imposed: str
    detail: str


@frozen(kw_only=True)
class BaseHint(Fact):
    """Something that points at a base model which the card does not declare."""

    name: str
    detail: str


# --- the policy's word ---------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class LicenseUse:
    """What the models are used for. None means not said; `users` is a number, `revenue` US dollars a year."""

    commercial: bool | None = None
    redistribution: bool | None = None
    users: int | None = None
    revenue: int | None = None
    regions: tuple[str, ...] = ()


@frozen(kw_only=True)
class Condition:
    """A license that is allowed once its obligations are accepted by name; `*` accepts all of them."""

    license: str
    accept: tuple[str, ...] = ()
    line: str = ""


@frozen(kw_only=True)
class Clarification:
    """What a person found the license to be, for exactly these license files."""

    model: str
    expression: str
    files: tuple[tuple[str, Digest], ...]
    reason: str
    line: str = ""


@frozen(kw_only=True)
class LicenseException:
    """Licenses that one model may have, with the reason and the day it ends."""

    model: str
    allow: tuple[str, ...]
    reason: str
    until: date | None = None
    line: str = ""


@frozen(kw_only=True)
class LicenseRules:
    """The table `[licenses]`. `allow`, `deny` hold ids and `category:` names; an empty `allow` allows what is clear."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    conditional: tuple[Condition, ...] = ()
    use: LicenseUse = LicenseUse()
    clarifications: tuple[Clarification, ...] = ()
    exceptions: tuple[LicenseException, ...] = ()

    def clarification_for(self, model: str) -> Clarification | None:
        return next((one for one in self.clarifications if fnmatchcase(model, one.model)), None)


@frozen(kw_only=True)
class LicenseRuled(Fact):
    """The policy has a table `[licenses]`: its rules, and the licenses that an exception allows this model today."""

    rules: LicenseRules
    excepted: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()
