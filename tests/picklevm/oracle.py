"""Asks real unpicklers, in a child process, what they look up, and compares that with what the scanner reports."""

from __future__ import annotations

import contextlib
import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from modelguard.picklevm.scanner import scan
from modelguard.terms.artifact import Location
from modelguard.terms.content import Budget, Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact, Import, Malformed, Unread, Unresolved

CHILD = Path(__file__).with_name("recording_unpicklers.py")


def content_of(data: bytes, path: str = "model.pkl") -> Content:
    return Content.of(data, Location(path))


def facts_of(data: bytes) -> list[Fact]:
    """Return all facts about the bytes; a limit that is reached is `Unread`, as in the walk."""
    facts: list[Fact] = []
    try:
        facts.extend(scan(content_of(data), Budget(seconds=60)))
    except ReadError as error:
        facts.append(Unread(location=Location("model.pkl"), format="pickle", reason=str(error)))
    return facts


def refuses(facts: list[Fact]) -> bool:
    """Tell whether a fact says that the globals of the content are not all known."""
    return any(isinstance(fact, Malformed | Unread | Unresolved) for fact in facts)


def names_of(facts: list[Fact]) -> set[str]:
    """Return the pairs reported, as `module name`; torch's unpickler tells one path, `torch module.name`."""
    names = set()
    for fact in facts:
        if isinstance(fact, Import):
            names |= {f"{fact.module} {fact.name}", fact.written, f"torch {fact.qualified}"}
    return names


class Oracle:
    """A child process with real unpicklers; it is started again when a program kills it."""

    def __init__(self, python: str = sys.executable, frameworks: tuple[str, ...] = ()) -> None:
        self.command = [python, "-W", "ignore", str(CHILD), *frameworks]
        self.child: subprocess.Popen[bytes] | None = None
        self.deaths = 0

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {
            key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "COVERAGE_PROCESS_START"}
        }
        return subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )

    def ask(self, data: bytes) -> tuple[set[str], dict[str, str]]:
        """Return the pairs looked up, as `module name`, and how each unpickler ended."""
        if self.child is None:
            self.child = self._start()
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        try:
            self.child.stdin.write(struct.pack("<I", len(data)) + data)
            self.child.stdin.flush()
            line = self.child.stdout.readline()
        except BrokenPipeError:
            line = b""
        if not line:
            self.deaths += 1
            self.close()
            return set(), {"all": "died"}
        answer = json.loads(line)
        return {f"{module} {name}" for module, name in answer["seen"]}, answer["ended"]

    def close(self) -> None:
        if self.child is not None:
            child, self.child = self.child, None
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()


def pythons() -> Iterator[str]:
    """Yield the interpreters whose unpicklers are compared: this one, and others that are installed."""
    yield sys.executable
    for path in sorted(Path.home().glob(".pyenv/versions/3.1[1-9].*/bin/python")):
        version = path.parts[-3]
        if not version.startswith(f"{sys.version_info.major}.{sys.version_info.minor}."):
            yield str(path)


def missed(data: bytes, seen: set[str]) -> set[str]:
    """Return the pairs that an unpickler looked up and that the scanner neither names nor refuses for."""
    facts = facts_of(data)
    return set() if refuses(facts) else seen - names_of(facts)
