"""Opens the Hub client in the same way for everything that asks a Hub, and asks what the client cannot.

The environment of the client is honoured: HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE. Options win over it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from modelguard.sources.hub_errors import told
from modelguard.sources.source import Options
from modelguard.terms.artifact import printable
from modelguard.terms.errors import NotFound, Offline, SourceError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

TIMEOUT = 30.0
"""Seconds to wait for an answer about a repository or an account."""


def open_client(options: Options, what: str) -> HfApi:
    """Return the client for the Hub that the options, or else the environment, name.

    Raises `Offline` when offline mode is on; `what` says in the message what was to be asked.
    """
    if options.offline:
        raise Offline(
            f"{printable(what)}: offline mode was asked for, and the answer is not in the store",
            remedy="fetch the model once while online",
        )
    _import_without_telemetry()
    from huggingface_hub import HfApi, constants  # 0.25 s: only who asks a Hub pays for it

    from modelguard import __version__

    with told(what):
        _refuse_when_offline(constants)
    # Read here as well, because the client reads its environment once, when it is first imported.
    endpoint = options.endpoint or os.environ.get("HF_ENDPOINT") or constants.ENDPOINT
    return HfApi(
        endpoint=endpoint.rstrip("/"), token=options.token, library_name="modelguard", library_version=__version__
    )


def _refuse_when_offline(constants: Any) -> None:
    from huggingface_hub.errors import OfflineModeIsEnabled

    if constants.HF_HUB_OFFLINE or os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        raise OfflineModeIsEnabled("HF_HUB_OFFLINE is set")


def _import_without_telemetry() -> None:
    """Import the client with its telemetry switched off; it reads the switch when it is first imported."""
    before = os.environ.get("HF_HUB_DISABLE_TELEMETRY")
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    try:
        import huggingface_hub.constants  # noqa: F401
    finally:
        if before is None:
            del os.environ["HF_HUB_DISABLE_TELEMETRY"]
        else:
            os.environ["HF_HUB_DISABLE_TELEMETRY"] = before


def host_of(api: HfApi) -> str:
    """Return the host, with its port if it has one, that the client asks."""
    return str(api.endpoint).partition("://")[2]


def account(api: HfApi, owner: str) -> Mapping[str, Any]:
    """Return what the Hub says about an organization or user; `type` is "org" or "user", `_id` its identity.

    The client's own methods for this ask huggingface.co whatever the endpoint is, up to generation 1.x.

    Raises `NotFound` when it is neither, and `SourceError` as every question to the Hub.
    """
    for kind, word in (("org", "organizations"), ("user", "users")):
        try:
            return {"type": kind, **_ask(api, f"/api/{word}/{quote(owner, safe='')}/overview")}
        except NotFound:
            continue
    raise NotFound(f"{printable(owner)}: neither an organization nor a user of the Hub")


def _ask(api: HfApi, path: str) -> dict[str, Any]:
    from huggingface_hub.utils import (  # type: ignore[attr-defined]  # documented there, but without __all__
        build_hf_headers,
        get_session,
        hf_raise_for_status,
    )

    headers = build_hf_headers(token=api.token, library_name=api.library_name, library_version=api.library_version)
    with told(path.rpartition("/overview")[0].rpartition("/")[2]):
        response = get_session().get(f"{api.endpoint}{path}", headers=headers, timeout=TIMEOUT)
        hf_raise_for_status(response)
        answer = response.json()
    if not isinstance(answer, dict):
        raise SourceError(f"{path}: the Hub's answer is not an object")
    return answer
