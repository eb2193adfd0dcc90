"""Observes repositories on a Hub, at the price of one request for a model that has not moved.

The description of a repository is asked for each time; its refs, its commits and the locked commit only when the
repository is new here, has moved, or was not looked at closely for `CLOSELY_EVERY` hours; its owner once a pass.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from attrs import define, evolve, field

from modelguard.sources.answers import account, committed, observation, siblings, tips
from modelguard.sources.asking import Asker
from modelguard.sources.hub_client import open_client
from modelguard.sources.source import Options
from modelguard.terms.artifact import HubRef, is_commit, printable
from modelguard.terms.errors import Disabled, NoAccess, NotFound, RevisionGone, SourceError
from modelguard.terms.upstream import (
    Absence,
    Account,
    Committed,
    History,
    LockedRevision,
    NotKnown,
    Observation,
    Sighting,
    Tip,
)

log = logging.getLogger(__name__)

CLOSELY_EVERY = 24.0
"""Hours after which refs and history are asked for again although nothing seems to have moved."""
COMMIT_PAGES = 20
"""Pages of commits that are read of one branch."""
TIPS = 10
"""Branches and tags besides the default branch through whose history the locked commit is looked for."""


@define(kw_only=True)
class Observer:
    """One pass over repositories of one Hub. `now` gives the time at which things are seen."""

    asker: Asker
    closely_every: float = CLOSELY_EVERY
    now: Callable[[], datetime] = field(factory=lambda: lambda: datetime.now(UTC))
    _owners: dict[str, Account | None] = field(factory=dict, init=False)

    def observe(self, ref: HubRef, *, locked: str = "", before: Observation | None = None) -> Sighting:
        """Return what the Hub says about a repository now.

        `locked` is the commit whose whereabouts matter, `before` the last observation, which saves requests. Never
        raises `SourceError`: a clear no is an `Absence`, everything else that goes wrong is `NotKnown`.
        """
        repo, host, at = ref.repo, self.asker.host, _iso(self.now())
        try:
            about = self.asker.one(f"/api/models/{repo}?blobs=true&securityStatus=true", repo)
        except NotFound as error:
            return Absence(repo=repo, host=host, at=at, kind="hidden", reason=error.message)
        except NoAccess as error:
            return Absence(repo=repo, host=host, at=at, kind="refused", reason=error.message)
        except Disabled as error:
            return Absence(repo=repo, host=host, at=at, kind="disabled", reason=error.message)
        except SourceError as error:
            return NotKnown(repo=repo, host=host, at=at, reason=error.message)
        seen = observation(about, repo=repo, host=host, at=at)
        if self._is_due(seen, before, locked):
            try:
                seen = self._closely(seen, locked)
            except SourceError as error:  # half an answer would hide what happened before the next one
                return NotKnown(repo=repo, host=host, at=at, reason=error.message)
        owner = (seen.name or repo).partition("/")[0] if "/" in (seen.name or repo) else ""
        kind = before.owner.kind if before is not None and before.owner is not None else None
        return evolve(seen, owner=self.owner(owner, kind) if owner else None)

    def owner(self, name: str, kind: str | None = None) -> Account | None:
        """Return the organization or user of this name, asked for once; None when it could not be found out."""
        if name not in self._owners:
            try:
                self._owners[name] = self._account(name, kind)
            except SourceError as error:
                log.info("%s: the owner is not known: %s", printable(name), error.message)
                self._owners[name] = None
        return self._owners[name]

    def _account(self, name: str, kind: str | None) -> Account:
        kinds = ["org", "user"] if kind != "user" else ["user", "org"]
        for one in kinds:
            word = {"org": "organizations", "user": "users"}[one]
            try:
                about = self.asker.one(f"/api/{word}/{quote(name, safe='')}/overview", name)
            except NotFound:
                continue
            return account(name, one, about, self._members(name) if one == "org" else None)
        raise NotFound(f"{printable(name)}: neither an organization nor a user of the Hub")

    def _members(self, name: str) -> list[Any] | None:
        try:
            pages = self.asker.pages(f"/api/organizations/{quote(name, safe='')}/members", name)
            return [one for page in pages for one in page]
        except SourceError as error:
            log.info("%s: the members are not known: %s", printable(name), error.message)
            return None

    # --- looking closely ---------------------------------------------------------------------------------------

    def _is_due(self, seen: Observation, before: Observation | None, locked: str) -> bool:
        if before is None or before.refs_at is None or before.id != seen.id:
            return True
        if (before.sha, before.last_modified) != (seen.sha, seen.last_modified):
            return True
        if locked and (before.locked is None or before.locked.commit != locked):
            return True
        looked = datetime.fromisoformat(before.refs_at)
        return self.now() - looked >= timedelta(hours=self.closely_every)

    def _closely(self, seen: Observation, locked: str) -> Observation:
        """Add refs, history and the locked commit. Raises `SourceError` when the Hub does not answer."""
        repo = seen.name or seen.repo
        refs = self._refs(repo)
        # by commit and not by name, so that the list fits the description even if somebody pushes meanwhile
        seen = evolve(seen, refs=refs, history=self.history(repo, seen.sha or "main"), refs_at=seen.at)
        if not is_commit(locked):
            return seen
        return evolve(seen, locked=self._locked(repo, locked, seen, refs or ()))

    def _refs(self, repo: str) -> tuple[Tip, ...] | None:
        try:
            return tips(self.asker.one(f"/api/models/{repo}/refs", repo))
        except NoAccess as error:
            log.info("%s: no refs: %s", printable(repo), error.message)
            return None

    def history(self, repo: str, revision: str) -> History | None:
        """Return the commits that lead to a revision; None where access has to be requested first.

        Raises `SourceError` when the Hub does not answer.
        """
        found: list[Committed] = []
        try:
            pages = self.asker.pages(f"/api/models/{repo}/commits/{quote(revision, safe='')}", repo)
            for number, page in enumerate(pages, 1):
                found.extend(committed(one) for one in page if isinstance(one, dict))
                if number == COMMIT_PAGES:
                    return History(commits=tuple(found), complete=False)
        except (NoAccess, RevisionGone) as error:
            log.info("%s: no history: %s", printable(repo), error.message)
            return None
        return History(commits=tuple(found), complete=True)

    def _locked(self, repo: str, commit: str, seen: Observation, refs: Iterable[Tip]) -> LockedRevision:
        if commit == seen.sha:
            return LockedRevision(commit=commit, answers=True, reachable=True, siblings=seen.siblings)
        try:
            about = self.asker.one(f"/api/models/{repo}/revision/{commit}?blobs=true", repo)
        except (RevisionGone, NotFound):
            return LockedRevision(commit=commit, answers=False, reachable=False)
        except NoAccess:
            return LockedRevision(commit=commit)
        reachable = self._reachable(repo, commit, seen.history, refs)
        return LockedRevision(
            commit=commit, answers=True, reachable=reachable, siblings=siblings(about.get("siblings"))
        )

    def _reachable(self, repo: str, commit: str, main: History | None, refs: Iterable[Tip]) -> bool | None:
        """Tell whether a branch or tag leads to a commit; None when that cannot be told."""
        named = list(dict.fromkeys(tip.commit for tip in refs))
        if commit in named or (main is not None and commit in main):
            return True
        whole = main is not None and main.complete and len(named) <= TIPS
        known = {main.commits[0].id} if main is not None and main.commits else set()
        for tip in [tip for tip in named if tip not in known][:TIPS]:
            history = self.history(repo, tip)
            if history is not None and commit in history:
                return True
            whole = whole and history is not None and history.complete
        return False if whole else None


def open_observer(options: Options, *, budget: int | None = None, **more: Any) -> Observer:
    """Return an observer of the Hub that the options, or else the environment, name.

    Raises `Offline` when offline mode is on.
    """
    return Observer(asker=Asker(api=open_client(options, "observing"), budget=budget), **more)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(microsecond=0).isoformat()
