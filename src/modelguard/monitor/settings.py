"""Reads the `[monitor]` table of the policy.

[monitor]
state = ".modelguard/state.sqlite"       # beside the lock
inactive-days = 365                      # without a change upstream
closely-every-hours = 24                 # refs and history of models that seem to stand still
ancestors = true                         # also watch what the locked models were made from
[monitor.channels.atom]
path = "public/models.xml"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from modelguard.monitor.scene import INACTIVE_DAYS
from modelguard.policy.settings import Policy
from modelguard.sources.upstream import CLOSELY_EVERY
from modelguard.terms.errors import PolicyError
from modelguard.terms.section import Section


@frozen(kw_only=True)
class Settings:
    """How to watch. `channels` is the table of each alert channel, read when the channel is opened."""

    state: str = ".modelguard/state.sqlite"
    inactive_days: int = INACTIVE_DAYS
    closely_every: float = CLOSELY_EVERY
    ancestors: bool = True
    channels: Mapping[str, Any] = field(factory=dict, hash=False)


def read_settings(policy: Policy) -> Settings:
    """Return the settings of a policy. Raises `PolicyError` with the key path."""
    section = Section(policy.tables.get("monitor", {}), "monitor", PolicyError)
    settings = Settings(
        state=section.text("state", Settings().state),
        inactive_days=section.integer("inactive-days", INACTIVE_DAYS, least=1),
        closely_every=section.number("closely-every-hours", CLOSELY_EVERY),
        ancestors=section.flag("ancestors", default=True),
        channels=section.section("channels").plain(),
    )
    section.finish()
    return settings
