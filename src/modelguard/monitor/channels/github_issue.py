"""Keeps one issue on GitHub up to date through the `gh` command: open while something is, closed when nothing is.

[monitor.channels.github-issue]
repo = "acme/app"                # by default the repository of the working directory
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from typing import Any

from attrs import frozen

from modelguard.monitor.channels._wording import lines
from modelguard.monitor.channels.channel import Channel, ChannelFailed, Surroundings, View
from modelguard.terms.section import Section

MARK = "<!-- modelguard: locked models -->"
TITLE = "modelguard: locked models have changed upstream"
TIMEOUT = 60.0
"""Seconds to wait for `gh`."""
SHOWN = 50
"""Events that the issue shows."""


@frozen(kw_only=True)
class GithubIssue:
    """Rewrites the issue that carries the mark; makes it when something is open and there is none."""

    repo: str = ""

    def write(self, view: View) -> None:
        ours = self._ours()
        text = body(view)
        if ours is None:
            if view.open:
                self._gh("issue", "create", "--title", TITLE, "--body-file", "-", given=text)
            return
        number = str(int(ours["number"]))
        if ours["body"].replace("\r\n", "\n").strip() != text.strip():
            self._gh("issue", "edit", number, "--body-file", "-", given=text)
        wanted = "OPEN" if view.open else "CLOSED"
        if ours["state"] != wanted:
            self._gh("issue", "reopen" if view.open else "close", number)

    def _ours(self) -> dict[str, Any] | None:
        """Return number, state and body of the issue that carries the mark."""
        listed = self._gh(
            "issue", "list", "--state", "all", "--search", f'"{TITLE}" in:title',
            "--json", "number,state,body", "--limit", "20",
        )  # fmt: skip
        try:
            found = [{name: one[name] for name in ("number", "state", "body")} for one in json.loads(listed or "[]")]
        except (ValueError, TypeError, KeyError) as error:
            raise ChannelFailed("gh issue list gave something else than issues") from error
        return next((one for one in found if MARK in str(one["body"])), None)

    def _gh(self, *words: str, given: str = "") -> str:
        where = ("--repo", self.repo) if self.repo else ()
        try:
            done = subprocess.run(  # noqa: S603  # fixed words; what comes from the Hub goes through stdin
                ["gh", *words, *where],  # noqa: S607  # the user's own gh
                input=given, capture_output=True, text=True, timeout=TIMEOUT, check=False,
            )  # fmt: skip
        except FileNotFoundError:
            raise ChannelFailed(
                "there is no gh command", remedy="install it: https://cli.github.com", may_pass=False
            ) from None
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ChannelFailed(f"gh did not end: {type(error).__name__}") from error
        if done.returncode:
            raise ChannelFailed(f"gh {words[0]} {words[1]} failed: {done.stderr.strip()[:200]}")
        return done.stdout


def body(view: View) -> str:
    """Return the text of the issue; the same open events give the same text."""
    rows = [MARK, ""]
    if not view.open:
        return "\n".join([*rows, "Nothing is open: every event has been answered by a decision in the lock.", ""])
    rows += ["These events are open until the lock has a newer decision about their model.", ""]
    for one in sorted(view.open, key=lambda one: (-one.severity, one.ref, one.id))[:SHOWN]:
        rows += [f"### {one.kind} ({one.severity})", "", *_block(lines(one)), ""]
    if len(view.open) > SHOWN:
        rows += [f"… and {len(view.open) - SHOWN} more.", ""]
    return "\n".join(rows)


def _block(text: Sequence[str]) -> list[str]:
    """Return lines as an indented block, in which GitHub knows no markup, mentions or links."""
    return [f"    {line}" for line in text]


def _open(section: Section, _: Surroundings) -> GithubIssue:
    return GithubIssue(repo=section.text("repo", ""))


CHANNEL = Channel(name="github-issue", open=_open)
