"""Takes one rule out at a time and looks whether a test notices.

    python tools/mutation_check.py [--only checks|profiles|headings|arguments|states|rules|opcodes|dangers] [--list]

Each mutation is made in a child process: one check that finds nothing, one profile without its table, one heading of a
grant table without its rows, one rule about arguments or state that accepts everything, one rule of the machine that is
not written down, one opcode that the machine does not know, one class of danger that is no danger. Then the tests that
are about it run until one fails. A mutation that none of them notices has survived: exit code 1.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("src", "tests", "tests/picklevm", "tests/formats")
sys.path[:0] = [str(ROOT / folder) for folder in FOLDERS]
os.environ["PYTHONPATH"] = str(ROOT / "src")
os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"

import hypothesis  # noqa: E402, F401  # here once, so that no child has to
import pytest  # noqa: E402

from modelguard._registry import parts  # noqa: E402
from modelguard.checks.check import Check  # noqa: E402
from modelguard.picklevm import machine, recorder, steps  # noqa: E402
from modelguard.picklevm.knowledge import arguments, grants_table, hazards, lookup, states  # noqa: E402
from modelguard.picklevm.knowledge.profiles import PROFILES  # noqa: E402

Mutation = Callable[[], None]

# The tests that are about a kind of mutation, the quickest first; each is tried until one fails.
TESTS: dict[str, tuple[str, ...]] = {
    "checks": ("tests/checks", "tests/licenses", "tests/bom", "tests/advisories", "tests/vendors", "tests/guard"),
    "profiles": ("tests/picklevm/test_grant_rules.py",),
    "headings": ("tests/picklevm/test_grant_headings.py",),
    "arguments": ("tests/picklevm/test_grant_rules.py",),
    "states": ("tests/picklevm/test_grant_rules.py",),
    "rules": ("tests/picklevm/test_machine_rules.py", "tests/picklevm/test_bypass_classes.py",
              "tests/picklevm/test_carriers.py",
              "tests/picklevm/test_advisories.py", "tests/picklevm/test_ordinary_pickles.py"),
    "opcodes": ("tests/picklevm/test_machine_rules.py", "tests/picklevm/test_bypass_classes.py",
                "tests/picklevm/test_trace.py",
                "tests/picklevm/test_ordinary_pickles.py"),
    "dangers": ("tests/picklevm/test_gadgets.py",),
}  # fmt: skip


def _checks() -> Iterator[tuple[str, Mutation]]:
    for check in parts("modelguard.checks", Check):

        def silence(check: Check = check) -> None:
            def nothing(*_: Any, **__: Any) -> Iterator[Any]:
                return iter(())

            module = sys.modules[check.ask.__module__]
            object.__setattr__(check, "ask", nothing)
            module.ask = nothing  # type: ignore[attr-defined]

        yield check.name, silence


def _profiles() -> Iterator[tuple[str, Mutation]]:
    for name, profile in PROFILES.items():
        if profile.packages:
            yield name, lambda name=name: _without(lambda grant: grant.profile == name)


def _headings() -> Iterator[tuple[str, Mutation]]:
    for name, profile in PROFILES.items():
        rows = grants_table.table(name).values() if profile.packages else ()
        for heading in sorted({row.reason for row in rows}):
            yield f"{name}: {heading}", partial(_without, partial(_is_under, name, heading))


def _is_under(profile: str, heading: str, row: grants_table.Grant) -> bool:
    return (row.profile, row.reason) == (profile, heading)


def _without(taken: Callable[[Any], bool]) -> None:
    real = grants_table.table
    rows = {name: {key: row for key, row in real(name).items() if not taken(row)}
            for name, profile in PROFILES.items() if profile.packages}  # fmt: skip
    grants_table.table = lambda profile: rows[profile]  # type: ignore[assignment]
    grants_table.grants.cache_clear()


def _accept(_: object) -> str:
    """Stand in for a rule that finds nothing wrong."""
    return ""


def _arguments() -> Iterator[tuple[str, Mutation]]:
    for name in arguments.RULES:
        yield name, lambda name=name: arguments.RULES.__setitem__(name, _accept)  # type: ignore[attr-defined]


def _states() -> Iterator[tuple[str, Mutation]]:
    for name in states.RULES:
        yield name, lambda name=name: states.RULES.__setitem__(name, _accept)  # type: ignore[attr-defined]


def _rules() -> Iterator[tuple[str, Mutation]]:
    """Let the recorder not write down one thing that the machine tells it."""
    source = "\n".join(path.read_text("utf-8") for path in (ROOT / "src/modelguard/picklevm").glob("*.py"))
    for rule in sorted(set(re.findall(r'(?:malformed|Fault|noted)\(\s*"(pickle-[a-z0-9-]+)"', source))):
        yield rule, lambda rule=rule: _unless(("malformed", "noted"), lambda words: words[0] == rule)
    for what in sorted(set(re.findall(r'unresolved\(\s*"([a-z-]+)"', source))):
        yield what, lambda what=what: _unless(("unresolved",), lambda words: words[0] == what)
    for manner in ("on-class", "on-function", *sorted(set(re.findall(r'_build\(\s*target, "([a-z-]+)"', source)))):
        yield manner, lambda manner=manner: _unless(("_build",), lambda words: words[1] == manner)
    for told in ("dropped", "_write_call", "_call_of_no_global"):
        yield told, lambda told=told: _unless((told,), lambda _: True)


def _unless(methods: tuple[str, ...], taken: Callable[[tuple[Any, ...]], bool]) -> None:
    for method in methods:
        real = getattr(recorder.Recorder, method)

        def told(self: Any, *words: Any, _real: Any = real) -> Any:
            return None if taken(words) else _real(self, *words)

        setattr(recorder.Recorder, method, told)


def _opcodes() -> Iterator[tuple[str, Mutation]]:
    for name, step in steps._STEPS.items():

        def forget(step: Any = step) -> None:
            machine.SLOW = tuple(  # type: ignore[attr-defined]
                steps.Steps._unknown if one is step else one for one in machine.SLOW
            )

        yield name, forget


def _dangers() -> Iterator[tuple[str, Mutation]]:
    for danger in sorted(hazards.DANGERS):

        def harmless(danger: str = danger) -> None:
            real = hazards.danger_of

            def danger_of(module: str, name: str) -> Any:
                found = real(module, name)
                return None if found is not None and found.danger == danger else found

            lookup.danger_of = danger_of  # type: ignore[attr-defined]
            hazards.danger_of = danger_of  # type: ignore[assignment]

        yield danger, harmless


KINDS: dict[str, Callable[[], Iterator[tuple[str, Mutation]]]] = {
    "checks": _checks,
    "profiles": _profiles,
    "headings": _headings,
    "arguments": _arguments,
    "states": _states,
    "rules": _rules,
    "opcodes": _opcodes,
    "dangers": _dangers,
}


def noticed_by(kind: str, name: str, mutation: Mutation) -> str:
    """Return the tests that fail under the mutation, "" when all pass. Each file runs in a process of its own."""
    chosen = ["-k", name] if kind in ("arguments", "states", "profiles") else []
    for tests in TESTS[kind]:
        child = os.fork()
        if child == 0:
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1), os.dup2(quiet, 2)
            try:
                mutation()
                code = pytest.main(
                    ["-x", "-q", "-p", "no:cacheprovider", "-m", "not heavy and not slow", *chosen, tests]
                )
            except BaseException:  # noqa: BLE001  # a mutation that cannot even be imported is noticed
                code = 1
            os._exit(int(code))
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        if code in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED):
            raise SystemExit(f"{tests}: there are no such tests")
        if code:
            return tests
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=sorted(KINDS))
    parser.add_argument("--list", action="store_true", help="only print the mutations")
    options = parser.parse_args()
    os.chdir(ROOT)
    began, made, survived = time.monotonic(), 0, []
    for kind in options.only or KINDS:
        for name, mutation in KINDS[kind]():
            made += 1
            if options.list:
                print(f"{kind}: {name}")
                continue
            tests = noticed_by(kind, name, mutation)
            print(f"{kind}: {name}: {f'noticed by {tests}' if tests else 'SURVIVED'}", flush=True)
            if not tests:
                survived.append(f"{kind}: {name}")
    print(f"{made} mutations, {len(survived)} survived, {time.monotonic() - began:.0f} seconds")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
