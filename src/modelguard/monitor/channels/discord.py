"""Posts events to a Discord webhook (https://discord.com/developers/docs/resources/webhook#execute-webhook).

[monitor.channels.discord]
url-env = "DISCORD_WEBHOOK_URL"
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from attrs import field, frozen

from modelguard.monitor.channels._posting import address, post
from modelguard.monitor.channels._wording import lines, summary
from modelguard.monitor.channels.channel import Channel, Surroundings
from modelguard.monitor.event import Event
from modelguard.terms.finding import Severity
from modelguard.terms.section import Section

_COLOURS = {
    Severity.INFO: 0x808080,
    Severity.LOW: 0x3B82F6,
    Severity.MEDIUM: 0xD97706,
    Severity.HIGH: 0xDC2626,
    Severity.CRITICAL: 0x7F1D1D,
}
_MARKUP = re.compile(r"([\\*_~`|>\[\]()#@<:-])")


@frozen(kw_only=True)
class Discord:
    """Posts up to five events in one message; Discord takes ten embeds and 6,000 characters."""

    url: str = field(repr=False)
    batch: int = 5

    def send(self, events: Sequence[Event]) -> None:
        post(self.url, json.dumps(payload(events)).encode(), {"Content-Type": "application/json"})


def payload(events: Sequence[Event]) -> dict[str, Any]:
    """Return the message. Markup is escaped, and nobody is mentioned whatever a name says."""
    embeds = []
    for one in events:
        first, *rest = lines(one)
        embeds.append(
            {
                "title": _plain(first)[:256],
                "description": _plain("\n".join(rest))[:900],
                "color": _COLOURS[one.severity],
            }
        )
    return {"content": _plain(summary(events))[:2000], "embeds": embeds, "allowed_mentions": {"parse": []}}


def _plain(text: str) -> str:
    return _MARKUP.sub(r"\\\1", text)


def _open(section: Section, surroundings: Surroundings) -> Discord:
    return Discord(url=address(section, surroundings))


CHANNEL = Channel(name="discord", open=_open)
