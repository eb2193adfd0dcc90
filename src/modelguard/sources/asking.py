"""Asks a Hub politely: counts requests against a budget, slows down when the Hub says so, gives up when it is down.

It honours `RateLimit: "api";r=0;t=55` (https://huggingface.co/docs/hub/rate-limits) before the limit is hit as well as
`Retry-After` afterwards. The Hub client's own session and headers are used, so that its environment is honoured.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from attrs import define, field

from modelguard.sources.hub_client import TIMEOUT, host_of
from modelguard.sources.hub_errors import told
from modelguard.terms.errors import Offline, RateLimited, SourceError, Unreachable

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_LIMIT = re.compile(r'"api"\s*;\s*r=(\d{1,9})\s*;\s*t=(\d{1,6})')
_NEXT = re.compile(r'<([^>]+)>\s*;\s*rel="next"')
_FAILURES = 5
"""Requests in a row that may fail before the Hub counts as down for the rest of the pass."""


@define(kw_only=True)
class Asker:
    """Asks one Hub during one pass.

    `budget` is the number of requests that may be sent, None without a limit; `patience` the seconds that may be spent
    waiting for the Hub in all. `spent` and `waited` say what was used.
    """

    api: HfApi
    budget: int | None = None
    patience: float = 300.0
    sleep: Callable[[float], None] = time.sleep
    spent: int = field(default=0, init=False)
    waited: float = field(default=0.0, init=False)
    _failures: int = field(default=0, init=False)
    _pause: float = field(default=0.0, init=False)

    @property
    def host(self) -> str:
        return host_of(self.api)

    def one(self, path: str, what: str) -> dict[str, Any]:
        """Return the object at an address of the Hub's API.

        Raises `SourceError`: `RateLimited` when the budget is spent or the Hub wants more patience than there is.
        """
        answer, _ = self._get(f"{self.api.endpoint}{path}", what)
        if not isinstance(answer, dict):
            raise SourceError(f"{what}: the Hub's answer is not an object")
        return answer

    def pages(self, path: str, what: str) -> Iterator[list[Any]]:
        """Yield the pages of a list. Raises as `one` does."""
        address: str | None = f"{self.api.endpoint}{path}"
        while address is not None:
            answer, address = self._get(address, what)
            if not isinstance(answer, list):
                raise SourceError(f"{what}: the Hub's answer is not a list")
            yield answer

    def _get(self, address: str, what: str) -> tuple[Any, str | None]:
        """Return the answer, and the address of the next page; one fault of the server or network is forgiven."""
        if self._failures >= _FAILURES:
            raise Unreachable(f"{what}: not asked, since the Hub has not answered {_FAILURES} times in a row")
        for last in (False, True):
            try:
                answer = self._once(address, what)
            except (RateLimited, Offline):
                raise
            except Unreachable:
                if last:
                    self._failures += 1
                    raise
                self.sleep(0.5)
            else:
                self._failures = 0
                return answer
        raise AssertionError("the loop returns or raises")

    def _once(self, address: str, what: str) -> tuple[Any, str | None]:
        from huggingface_hub.utils import (  # type: ignore[attr-defined]  # documented there, but without __all__
            build_hf_headers,
            get_session,
            hf_raise_for_status,
        )

        api = self.api
        headers = build_hf_headers(token=api.token, library_name=api.library_name, library_version=api.library_version)
        while True:
            self._take_turn(what)
            with told(what):
                response = get_session().get(address, headers=headers, timeout=TIMEOUT)
                self._heed(response.headers, limited=response.status_code == 429)
                if response.status_code == 429:
                    continue
                hf_raise_for_status(response)
                return response.json(), self._next(response.headers)

    def _take_turn(self, what: str) -> None:
        """Count a request, after the wait that the Hub asked for.

        Raises `RateLimited` when there is no budget or no patience left.
        """
        if self.budget is not None and self.spent >= self.budget:
            raise RateLimited(f"{what}: not asked: the budget of {self.budget} requests is spent")
        if self._pause:
            if self.waited + self._pause > self.patience:
                raise RateLimited(
                    f"{what}: the Hub asks to wait {self._pause:.0f} seconds", remedy="run again later, or set HF_TOKEN"
                )
            self.sleep(self._pause)
            self.waited += self._pause
            self._pause = 0.0
        self.spent += 1

    def _heed(self, headers: Any, *, limited: bool) -> None:
        """Note how long to wait before the next request."""
        remaining = _LIMIT.search(str(headers.get("RateLimit", "")))
        if remaining and (limited or remaining[1] == "0"):
            self._pause = float(remaining[2]) or 1.0
        elif limited:
            after = str(headers.get("Retry-After", ""))
            self._pause = float(after) if after.isdigit() and int(after) else 5.0

    def _next(self, headers: Any) -> str | None:
        found = _NEXT.search(str(headers.get("Link", "")))
        if found is None:
            return None
        if not found[1].startswith(f"{self.api.endpoint}/"):
            raise SourceError("the Hub's next page lies on another host", remedy="check HF_ENDPOINT and proxies")
        return found[1]
