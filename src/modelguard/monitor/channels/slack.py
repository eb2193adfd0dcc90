"""Posts events to a Slack incoming webhook (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks).

[monitor.channels.slack]
url-env = "SLACK_WEBHOOK_URL"
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from attrs import field, frozen

from modelguard.monitor.channels._posting import address, post
from modelguard.monitor.channels._wording import lines, summary
from modelguard.monitor.channels.channel import Channel, Surroundings
from modelguard.monitor.event import Event
from modelguard.terms.section import Section


@frozen(kw_only=True)
class Slack:
    """Posts up to twenty events in one message; Slack takes fifty blocks."""

    url: str = field(repr=False)
    batch: int = 20

    def send(self, events: Sequence[Event]) -> None:
        post(self.url, json.dumps(payload(events)).encode(), {"Content-Type": "application/json"})


def payload(events: Sequence[Event]) -> dict[str, Any]:
    """Return the message. Text is sent as plain text, in which Slack knows no links, mentions or markup."""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": summary(events)[:150], "emoji": False}}
    ]
    for one in events:
        text = "\n".join(lines(one))[:3000]
        blocks.append({"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}})
    return {"text": _escaped(summary(events)), "blocks": blocks}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _open(section: Section, surroundings: Surroundings) -> Slack:
    return Slack(url=address(section, surroundings))


CHANNEL = Channel(name="slack", open=_open)
