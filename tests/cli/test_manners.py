"""The manners of the command line: loudness, interruption, completion, the manual page, JSON for programs."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import runpy
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import click
import pytest

from modelguard.testing import LocalHub, tiny_model
from modelguard.testing.models import calling_pickle, tiny_pickle, tiny_safetensors

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "modelguard"]


def environment(home: Path, **more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "MODELGUARD_"))}
    return {**clean, "MODELGUARD_STORE": str(home.parent / "store"), **more}


def run(home: Path, *words: str, code: int = 0, **more: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*COMMAND, *words], cwd=home, capture_output=True, text=True, timeout=300, check=False,
        env=environment(home, **more),
    )  # fmt: skip
    assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "project"
    made.mkdir()
    (made / "w.safetensors").write_bytes(tiny_safetensors())
    (made / "good.pkl").write_bytes(tiny_pickle())
    return made


def test_quiet_tells_what_went_wrong_and_nothing_else(home: Path) -> None:
    assert "locked: file:w.safetensors" in run(home, "lock", "w.safetensors").stderr
    assert run(home, "-q", "lock", "good.pkl").stderr == ""
    assert run(home, "lock", "--remove", "good.pkl", "--quiet").stderr == ""
    assert "no such file" in run(home, "scan", "-q", "missing.pkl", code=3).stderr


def test_verbose_may_stand_before_and_after_the_command(home: Path) -> None:
    assert run(home, "-v", "scan", "good.pkl").stdout == run(home, "scan", "good.pkl", "-v").stdout


# A suite that runs in the background ignores SIGINT, and what it starts would too.
INTERRUPTIBLE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from modelguard.cli.main import main
main()
"""


def large_safetensors() -> bytes:
    """Return a file of several pieces as the Hub on loopback sends them."""
    header = json.dumps({"w": {"dtype": "F32", "shape": [65536], "data_offsets": [0, 262144]}}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(262144)


def begun(hub: LocalHub, seconds: float = 240) -> None:
    """Wait until the body of the large file is under way."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if any("resolve" in one.path and one.path.endswith("model.safetensors") for one in hub.requests):
            time.sleep(1)
            return
        time.sleep(0.05)
    pytest.fail(f"nothing was fetched: {hub.requests}")


def test_progress_is_drawn_on_stderr_alone(home: Path) -> None:
    """With a terminal for stderr and a file for stdout, as in `modelguard lock … > report.json`."""
    header = json.dumps({"w": {"dtype": "U8", "shape": [48 << 20], "data_offsets": [0, 48 << 20]}}).encode()
    (home / "large.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(48 << 20))
    parent, child = pty.openpty()
    with (home / "report.json").open("wb") as report:
        process = subprocess.Popen(
            [*COMMAND, "lock", "large.safetensors", "--format", "json"], cwd=home, stdout=report, stderr=child,
            env=environment(home, TERM="xterm-256color", COLUMNS="100"),
        )  # fmt: skip
        os.close(child)
        shown = b""
        with contextlib.suppress(OSError):  # the terminal was closed by its last program
            while piece := os.read(parent, 65536):
                shown += piece
        os.close(parent)
        assert process.wait(timeout=300) == 0
    assert json.loads((home / "report.json").read_text())["examinations"]
    assert b"large.safetensors" in shown
    assert b"MB" in shown


@pytest.mark.parametrize(
    "words",
    [("lock", "acme/tiny"), ("scan", "acme/tiny", "--whole"), ("path", "acme/tiny"), ("check",)],
    ids=lambda words: words[0],
)
def test_an_interrupted_command_leaves_nothing_half_written(home: Path, words: tuple[str, ...]) -> None:
    """SIGINT in the middle of a body: exit code 130, the lock as it was, no file in the store but whole ones."""
    with LocalHub() as hub:
        hub.repository("acme/tiny").commit({**tiny_model(), "model.safetensors": large_safetensors()})
        address = {"HF_ENDPOINT": hub.url}
        if words[0] in {"path", "check"}:
            run(home, "lock", "acme/tiny", **address)
            shutil.rmtree(home.parent / "store")
        before = {path.name: path.read_bytes() for path in home.iterdir()}
        hub.requests.clear()
        hub.pause = 2.5
        process = subprocess.Popen(
            [sys.executable, "-c", INTERRUPTIBLE, *words], cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env=environment(home, **address),
        )  # fmt: skip
        begun(hub)
        process.send_signal(signal.SIGINT)
        interrupted = time.monotonic()
        _, errors = process.communicate(timeout=120)
        assert time.monotonic() - interrupted < 4, "who interrupts does not wait for the rest of the body"
        hub.mend()
        assert (process.returncode, "interrupted" in errors) == (130, True), errors
        assert "Traceback" not in errors
        assert {path.name: path.read_bytes() for path in home.iterdir()} == before
        assert "0 damaged" in run(home, "store", "verify").stdout
        run(home, "lock", "acme/tiny", **address)
        run(home, "check", **address)


def files(top: Path) -> dict[str, bytes]:
    return {file.relative_to(top).as_posix(): file.read_bytes() for file in top.rglob("*") if file.is_file()}


def test_the_manual_page_and_the_completions_are_those_of_the_commands(tmp_path: Path) -> None:
    runpy.run_path(str(ROOT / "tools" / "make_share.py"))["main"](tmp_path)
    made = {file.relative_to(tmp_path): file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    kept = {
        file.relative_to(ROOT / "share"): file.read_bytes() for file in (ROOT / "share").rglob("*") if file.is_file()
    }
    assert made == kept, "the commands have changed: run `make share`"


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff, which draws manual pages, is not on this machine")
def test_the_manual_page_is_drawn_without_a_warning() -> None:
    page = ROOT / "share" / "man" / "man1" / "modelguard.1"
    done = subprocess.run(["groff", "-ww", "-man", "-Tutf8", page], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "modelguard discover" in re.sub(".\x08", "", done.stdout)  # bold is a letter struck twice


def test_every_command_has_an_example_in_its_help() -> None:
    leaves = runpy.run_path(str(ROOT / "tools" / "make_share.py"))["leaves"]
    for name, command in leaves():
        assert (command.epilog or "").startswith("Example: modelguard") or '"$(modelguard' in command.epilog, name


@pytest.mark.skipif(shutil.which("bash") is None, reason="the script is one for bash")
def test_bash_completes_with_the_script_that_the_command_prints(home: Path, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    program = "import sys; sys.argv[0] = 'modelguard'; from modelguard.cli.main import main; main()"
    (programs / "modelguard").write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{program}" "$@"\n')
    (programs / "modelguard").chmod(0o755)
    script = (
        'eval "$(modelguard completion bash)"; COMP_WORDS=(modelguard disc); COMP_CWORD=1;'
        ' _modelguard_completion modelguard disc modelguard; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", script], cwd=home, capture_output=True, text=True, timeout=120, check=True,
        env=environment(home, PATH=f"{programs}:{os.environ['PATH']}"),
    )  # fmt: skip
    assert done.stdout.strip() == "discover"


@pytest.mark.parametrize(
    ("shell", "begin", "answer"),
    [
        ("zsh", "#compdef modelguard", "plain\ndiscover\n"),
        ("fish", "function _modelguard_completion", "plain,discover"),
    ],
)
def test_zsh_and_fish_get_a_script_and_answers_to_it(home: Path, shell: str, begin: str, answer: str) -> None:
    assert run(home, "completion", shell).stdout.startswith(begin)
    words = {"COMP_WORDS": "modelguard disc", "COMP_CWORD": "disc" if shell == "fish" else "1"}
    program = "import sys; sys.argv[0] = 'modelguard'; from modelguard.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=home, capture_output=True, text=True, timeout=120, check=False,
        env=environment(home, _MODELGUARD_COMPLETE=f"{shell}_complete", **words),
    )  # fmt: skip
    assert done.stdout.startswith(answer)


@pytest.mark.parametrize(
    ("words", "schema", "key"),
    [
        (("doctor", "--offline", "--json"), "modelguard/doctor/1", "answers"),
        (("suggest", "--json"), "modelguard/excuses/1", "excuses"),
        (("explain", "--json"), "modelguard/checks/1", "checks"),
        (("explain", "wrong-signer", "--json"), "modelguard/check/1", "page"),
        (("history", "w.safetensors", "--json"), "modelguard/history/1", "rows"),
        (("compare", "w.safetensors", "w.safetensors", "--json"), "modelguard/comparison/1", "equal"),
        (("store", "verify", "--json"), "modelguard/store/1", "looked_at"),
        (("store", "gc", "--dry-run", "--json"), "modelguard/store/1", "freed"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_program_can_ask_for_json(home: Path, words: tuple[str, ...], schema: str, key: str) -> None:
    run(home, "lock", "w.safetensors")
    document = json.loads(run(home, *words).stdout)
    assert document["schema"] == schema
    assert key in document


def test_colours_are_for_terminals_that_want_them(home: Path) -> None:
    script = shutil.which("script")
    if script is None:
        pytest.skip("script, which gives a program a terminal, is not on this machine")
    line = f"{sys.executable} -m modelguard scan good.pkl"
    shown = {}
    for wanted in ("", "1"):
        more = {"NO_COLOR": wanted} if wanted else {}
        done = subprocess.run(
            [script, "-qec", line, "/dev/null"], cwd=home, capture_output=True, text=True, timeout=120, check=True,
            env={**{k: v for k, v in environment(home, **more).items() if wanted or k != "NO_COLOR"}, "TERM": "xterm"},
        )  # fmt: skip
        shown[wanted] = "\x1b[" in done.stdout
    assert shown == {"": True, "1": False}


@pytest.mark.parametrize("width", [80, 120])
def test_no_help_is_wider_than_the_terminal(width: int) -> None:
    leaves = runpy.run_path(str(ROOT / "tools" / "make_share.py"))["leaves"]
    for name, command in leaves():
        context = click.Context(command, info_name=f"modelguard {name}", terminal_width=width)
        assert max(map(len, command.get_help(context).splitlines())) <= width, name


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "utf-8"])
def test_a_refusal_is_seen_in_any_encoding(home: Path, encoding: str) -> None:
    (home / "bad\u20ac.pkl").write_bytes(calling_pickle("os", "system", "echo pwned"))
    done = subprocess.run(
        [*COMMAND, "scan", "bad\u20ac.pkl"], cwd=home, capture_output=True, timeout=120, check=False,
        env=environment(home, PYTHONIOENCODING=encoding, PYTHONUTF8="0"),
    )  # fmt: skip
    assert done.returncode == 1
    shown = done.stdout.decode(encoding)
    assert "os.system" in shown
    assert ("1 examined - 0 allowed" if encoding == "ascii" else "1 examined \u00b7 0 allowed") in shown
    assert ("     \u2192 " if encoding == "utf-8" else "     -> ") in shown
    assert b"fault" not in done.stderr


def test_a_dumb_terminal_gets_no_colours(home: Path) -> None:
    primary, secondary = pty.openpty()
    try:
        subprocess.run(
            [*COMMAND, "scan", "good.pkl"], cwd=home, stdout=secondary, stderr=secondary, timeout=120, check=True,
            env={**environment(home), "TERM": "dumb"},
        )  # fmt: skip
        shown = os.read(primary, 65536)
    finally:
        os.close(primary)
        os.close(secondary)
    assert b"ALLOWED" in shown
    assert b"\x1b" not in shown


def test_a_page_fits_a_terminal_and_keeps_its_words(home: Path) -> None:
    whole = run(home, "explain", "dangerous-call").stdout
    primary, secondary = pty.openpty()
    fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 70, 0, 0))
    try:
        clean = {name: value for name, value in environment(home).items() if name not in {"COLUMNS", "LINES"}}
        subprocess.run(
            [*COMMAND, "explain", "dangerous-call"], cwd=home, stdout=secondary, timeout=120, check=True, env=clean
        )
        shown = os.read(primary, 65536).decode()
    finally:
        os.close(primary)
        os.close(secondary)
    assert shown.split() == whole.split()
    told = shown.partition("Example")[0].splitlines()
    assert max(map(len, told)) <= 70
    assert all(len(line) > 50 for line in told if line.startswith("    ") and not line.endswith("."))
