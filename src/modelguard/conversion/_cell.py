"""Starts the confined process, waits for it, and brings its answer back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import frozen

from modelguard.terms.artifact import printable
from modelguard.terms.errors import LoaderError, ModelguardError, ModelRefused

_BASE_MEMORY = 12 << 30
"""Bytes of address space for the interpreter and torch with all libraries mapped."""
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "SYSTEMROOT")
_LARGEST_REPLY = 256 << 20


@frozen(kw_only=True)
class Limits:
    """What one reading may take. `seconds` of wall and of processor time; memory and output follow the file's size."""

    seconds: int = 3600


@frozen(kw_only=True)
class Task:
    """One torch file to read: `imports` are the names that may be looked up, `output` is where to write, if at all."""

    source: Path
    name: str
    imports: frozenset[tuple[str, str]]
    key: str = ""
    output: Path | None = None


def run(task: Task, limits: Limits) -> dict[str, Any]:
    """Read a torch file in a process that has neither network nor much else; return its answer.

    Raises `LoaderError` when the file cannot be converted, `ModelRefused` when it asked for what it must not.
    """
    size = task.source.stat().st_size
    with TemporaryDirectory(prefix="modelguard-") as directory:
        reply = Path(directory, "reply.json")
        largest = 4 * size + (1 << 20)
        request = {
            "source": str(task.source.absolute()),
            "name": task.name,
            "imports": sorted(task.imports),
            "key": task.key,
            "output": str(task.output.absolute()) if task.output else "",
            "reply": str(reply),
            "largest": largest,
            "limits": {
                "memory": _BASE_MEMORY + 6 * size,
                "seconds": limits.seconds,
                "written": largest + _LARGEST_REPLY,
            },
        }
        code = _start(json.dumps(request), directory, limits.seconds)
        return _answer(reply, code, task.name)


def _start(request: str, directory: str, seconds: int) -> int:
    places = [str(Path(place).absolute()) for place in sys.path if place]
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment |= {"PYTHONPATH": os.pathsep.join(places), "HOME": directory, "TMPDIR": directory}
    command = [sys.executable, "-P", "-s", "-m", "modelguard.conversion._child"]
    with subprocess.Popen(  # noqa: S603  # our own program
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=directory,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            process.communicate(request.encode(), timeout=seconds)
        except subprocess.TimeoutExpired:
            raise LoaderError(f"reading took longer than {seconds} seconds") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    return process.returncode


def _answer(reply: Path, code: int, name: str) -> dict[str, Any]:
    """Return the answer. Raises what the process told of, or `LoaderError` when it ended without telling."""
    if not reply.is_file() or not 0 < reply.stat().st_size <= _LARGEST_REPLY:
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with code {code}"
        raise LoaderError(
            f"{printable(name)}: the confined process ended {how} and without an answer",
            remedy='check that torch is installed: pip install "modelguard[torch]"',
        )
    answer: dict[str, Any] = json.loads(reply.read_text())
    if "error" in answer:
        kinds: dict[str, type[ModelguardError]] = {"ModelRefused": ModelRefused}
        kind = kinds.get(answer["error"], LoaderError)
        raise kind(f"{printable(name)}: {answer['message']}", remedy=answer["remedy"])
    return answer
