"""Where a model comes from, and where the policy lets models come from: facts that the checks of sources compare."""

from __future__ import annotations

from typing import Literal, TypeAlias

from attrs import frozen

from modelguard.terms.facts import Fact

Kind: TypeAlias = Literal["hub", "address", "local"]
Unlisted: TypeAlias = Literal["refuse", "note", "allow"]


@frozen(kw_only=True)
class Origin(Fact):
    """Where the model at `location` (its key in the lock) comes from.

    `host` is without a scheme, with a port or path where the Hub has one. `owner` is the organization or user on a Hub
    and `owner_id` the Hub's identity of it. Empty means not known, or that this kind of source has none.
    """

    kind: Kind
    host: str = ""
    owner: str = ""
    owner_id: str = ""


@frozen(kw_only=True)
class SourcesRuled(Fact):
    """What the policy says about sources: empty `hosts` or `organizations` limit nothing.

    `organizations` are names with the Hub's identity, which may be empty; `unlisted` says what becomes of others.
    `denied` are patterns of lock keys, each with the reason.
    """

    hosts: tuple[str, ...] = ()
    organizations: tuple[tuple[str, str], ...] = ()
    unlisted: Unlisted = "allow"
    denied: tuple[tuple[str, str], ...] = ()
