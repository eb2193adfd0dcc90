"""Posts JSON to an address: https only, no redirects, and an answer that is not 2xx is a failure."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any

from modelguard.monitor.channels.channel import ChannelFailed, Surroundings, secret
from modelguard.terms.artifact import printable
from modelguard.terms.section import Section

TIMEOUT = 15.0
"""Seconds to wait for an answer."""
_ADDRESS = re.compile(r"https://[^/\s]+/\S*|http://(?:127\.0\.0\.1|localhost)(?::\d{1,5})?/\S*")


def address(section: Section, surroundings: Surroundings) -> str:
    """Return the address from `url`, or from the environment variable that `url-env` names.

    Raises `PolicyError` unless it is https (or loopback).
    """
    found = section.text("url", "") or secret(section, "url-env", surroundings)
    if not _ADDRESS.fullmatch(found):
        raise section.fail("url", "expected an https address")
    return found


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would send the alert, and what signs it, to somebody whom the policy does not name."""

    def redirect_request(self, *_: Any) -> None:
        return None


def post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Post a body. Raises `ChannelFailed`, whose message never holds the address: it may be a secret."""
    request = urllib.request.Request(url, data=body, headers=dict(headers), method="POST")  # noqa: S310  # checked above
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT) as answer:
            status = answer.status
    except urllib.error.HTTPError as error:
        error.close()
        status = error.code
    except (OSError, HTTPException, ValueError) as error:
        reason = printable(type(getattr(error, "reason", error)).__name__)
        raise ChannelFailed(f"the address cannot be reached: {reason}") from None
    if not 200 <= status < 300:
        passes = status == 429 or status >= 500
        raise ChannelFailed(f"the address answers with status {status}", may_pass=passes)
