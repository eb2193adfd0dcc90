"""Posts events to a Microsoft Teams workflow as an adaptive card (https://adaptivecards.io).

[monitor.channels.teams]
url-env = "TEAMS_WORKFLOW_URL"
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
class Teams:
    """Posts up to ten events in one card; a message may have 28 KB."""

    url: str = field(repr=False)
    batch: int = 10

    def send(self, events: Sequence[Event]) -> None:
        post(self.url, json.dumps(payload(events)).encode(), {"Content-Type": "application/json"})


def payload(events: Sequence[Event]) -> dict[str, Any]:
    """Return the message. Text goes into text runs, which know no markup."""
    body: list[dict[str, Any]] = [_runs(summary(events), weight="Bolder", size="Medium")]
    body += [_runs(line[:400]) for one in events for line in lines(one)]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    }
    return {
        "type": "message",
        "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}],
    }


def _runs(text: str, **style: str) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **style}]}


def _open(section: Section, surroundings: Surroundings) -> Teams:
    return Teams(url=address(section, surroundings))


CHANNEL = Channel(name="teams", open=_open)
