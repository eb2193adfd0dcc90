"""Posts each event as a CloudEvent (https://github.com/cloudevents/spec, version 1.0, structured mode).

The body is signed as Standard Webhooks do (https://www.standardwebhooks.com): `webhook-signature: v1,` and the base64
of HMAC-SHA256 over `id.timestamp.body`. The id of the event is the same whenever it is sent again.

    [monitor.channels.webhook]
    url = "https://example.com/hooks/models"
    secret-env = "MODELGUARD_WEBHOOK_SECRET"
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from attrs import field, frozen

from modelguard.monitor.channels._posting import address, post
from modelguard.monitor.channels.channel import Channel, Surroundings, secret
from modelguard.monitor.event import Event
from modelguard.terms.section import Section


@frozen(kw_only=True)
class Webhook:
    """Posts one event at a time to `url`, signed with `key` unless that is empty."""

    url: str = field(repr=False)
    key: bytes = field(default=b"", repr=False)
    clock: Callable[[], float] = time.time
    batch: int = 1

    def send(self, events: Sequence[Event]) -> None:
        for one in events:
            body = json.dumps(cloud_event(one), sort_keys=True).encode()
            headers = {"Content-Type": "application/cloudevents+json; charset=UTF-8", "User-Agent": "modelguard"}
            post(self.url, body, headers | self._signature(one.id, body))

    def _signature(self, identity: str, body: bytes) -> dict[str, str]:
        moment = str(int(self.clock()))
        headers = {"webhook-id": identity, "webhook-timestamp": moment}
        if self.key:
            headers["webhook-signature"] = signature(self.key, identity, moment, body)
        return headers


def signature(key: bytes, identity: str, moment: str, body: bytes) -> str:
    """Return the signature over a body, as the receiver computes it too."""
    digest = hmac.new(key, f"{identity}.{moment}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def cloud_event(one: Event) -> dict[str, Any]:
    """Return an event in the JSON format of CloudEvents."""
    return {
        "specversion": "1.0",
        "type": f"io.modelguard.{one.kind}",
        "source": one.purl,
        "id": one.id,
        "time": one.at,
        "subject": one.subject or one.ref,
        "datacontenttype": "application/json",
        "data": {
            "model": one.ref,
            "kind": one.kind,
            "severity": str(one.severity),
            "message": one.message,
            "before": one.before,
            "after": one.after,
            "details": list(one.details),
            "remedy": one.remedy,
        },
    }


def _open(section: Section, surroundings: Surroundings) -> Webhook:
    text = secret(section, "secret-env", surroundings, needed=False)
    return Webhook(url=address(section, surroundings), key=_key(text))


def _key(text: str) -> bytes:
    """Return the bytes of a secret; `whsec_` marks base64, as in Standard Webhooks."""
    if text.startswith("whsec_"):
        try:
            return base64.b64decode(text.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            return text.encode()
    return text.encode()


CHANNEL = Channel(name="webhook", open=_open)
