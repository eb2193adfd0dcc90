"""Finding and reading the policy file.

`modelguard.toml` in the directory or one above it wins over `[tool.modelguard]` in a `pyproject.toml` beside it; the
search stops at the first file that holds a policy.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from modelguard.policy.settings import Excuse, Level, Mode, Organization, Policy, SourceRules, Verify
from modelguard.terms.errors import PolicyError
from modelguard.terms.finding import Severity
from modelguard.terms.section import Section

VERSION = 1
OTHER_TABLES = ("licenses", "provenance", "advisories", "vendor", "monitor", "trust")
_MODES: tuple[Mode, ...] = get_args(Mode)
_LEVELS: tuple[Level, ...] = get_args(Level)
_VERIFY: tuple[Verify, ...] = get_args(Verify)
_DAYS = re.compile(r"(\d{1,5}) days?\Z")
_HOST = re.compile(r"(?:https?://)?(?P<name>[A-Za-z0-9.\-\[\]:]+)(?P<path>(?:/[A-Za-z0-9._~%+-]+)*/?)\Z")


def find_policy(start: Path) -> Path | None:
    """Return the nearest file above `start` that holds a policy, or None.

    Raises `PolicyError` for one that is no file, and for one that anybody could have put there.
    """
    for directory in (start.absolute(), *start.absolute().parents):
        own = directory / "modelguard.toml"
        if own.is_file():
            return _own(own)
        if own.is_symlink() or own.exists():
            raise PolicyError(f"{own}: is no file, so that no policy can be read from it", remedy="mend or remove it")
        project = directory / "pyproject.toml"
        if project.is_file() and "modelguard" in _tools(project):
            return _own(project)
    return None


def _own(path: Path) -> Path:
    fault = planted(path)
    if fault:
        raise PolicyError(
            f"{path}: {fault}", remedy="work in a directory of your own, or name the policy with --policy"
        )
    return path


def planted(path: Path) -> str:
    """Say why a file may have been put where it was found by somebody else; empty when it was not.

    In a directory that users share (everybody may write to it, and only owners may remove: /tmp), only files of the
    user and of root count. Volumes of containers are open to everybody too, but without that bit.
    """
    try:
        owner, mode = path.lstat().st_uid, path.parent.stat().st_mode
    except OSError as error:
        return str(error.strerror)
    if owner in {os.geteuid(), 0} or not (mode & stat.S_IWOTH and mode & stat.S_ISVTX):
        return ""
    return f"belongs to user {owner}, in a directory that all users share"


def load_policy(path: Path | None, environment: dict[str, str] | None = None) -> Policy:
    """Read a policy file; None gives the defaults.

    `MODELGUARD_MODE` in the environment may turn `warn` into `enforce`, never the other way round.

    Raises `PolicyError` with the key path.
    """
    environment = dict(os.environ) if environment is None else environment
    if path is None:
        return _tightened(Policy(), environment)
    data = _parse(path)
    where = ""
    if path.name == "pyproject.toml":
        data, where = _tools(path).get("modelguard", {}), "tool.modelguard"
    if not isinstance(data, dict):
        raise PolicyError(f"{path}: {where}: expected a table")
    return _tightened(read_policy(data, origin=str(path), where=where), environment)


def read_policy(data: dict[str, Any], *, origin: str = "", where: str = "") -> Policy:
    """Turn the parsed TOML of a policy into nouns. Raises `PolicyError` with the key path."""
    top = Section(data, where, PolicyError, remedy="modelguard init --print shows a complete policy with comments")
    version = top.integer("version", VERSION, least=1)
    if version != VERSION:
        raise top.fail("version", f"this modelguard reads version {VERSION}, found {version}")
    content, discovery = top.section("content"), top.section("discovery")
    tables = {name: top.section(name).plain() for name in OTHER_TABLES if name in top}
    policy = Policy(
        origin=origin,
        lockfile=top.text("lockfile", "modelguard.lock"),
        mode=top.choice("mode", _MODES, "enforce"),
        verify=top.choice("verify", _VERIFY, "always"),
        strict=top.flag("strict", default=False),
        cooldown_days=_days(top, "cooldown"),
        profiles=frozenset(content.texts("profiles")),
        threshold=_severity(content, "refuse-from"),
        remote_code=content.choice("remote-code", ("deny", "locked"), "deny"),
        levels=_levels(top),
        max_excuse_days=top.integer("max-excuse-days", 0),
        excuses=tuple(_excuse(section) for section in top.sections("excuses")),
        excused_uses=tuple(_excused_use(section) for section in discovery.sections("excuses")),
        sources=_sources(top.section("sources")),
        tables=tables,
        present=frozenset(name for name in (*OTHER_TABLES, "sources") if name in top),
    )
    content.finish()
    discovery.finish()
    for name in OTHER_TABLES:
        top.section(name)
    top.finish()
    return policy


def _parse(path: Path) -> dict[str, Any]:
    import tomllib  # only when there is a policy to read

    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PolicyError(f"{path}: {error}", remedy="mend the TOML at the place named") from error
    except OSError as error:
        raise PolicyError(f"{path}: {error.strerror}") from error


def _tools(project: Path) -> dict[str, Any]:
    """Return the tables of tools in a pyproject.toml; what is no table holds none."""
    tools = _parse(project).get("tool", {})
    return tools if isinstance(tools, dict) else {}


def _tightened(policy: Policy, environment: dict[str, str]) -> Policy:
    from attrs import evolve  # beside its only use

    asked = environment.get("MODELGUARD_MODE", "")
    if asked not in {"", *_MODES}:
        raise PolicyError(f"MODELGUARD_MODE: expected one of {', '.join(_MODES)}, found {asked!r}")
    return evolve(policy, mode="enforce") if asked == "enforce" else policy


def _days(section: Section, key: str) -> int:
    text = section.text(key, "0 days")
    match = _DAYS.match(text)
    if match is None:
        raise section.fail(key, f'expected a span such as "7 days", found {text!r}')
    return int(match[1])


def _severity(section: Section, key: str) -> Severity:
    text = section.choice(key, ("low", "medium", "high", "critical"), "medium")
    return Severity.parse(text)


def _levels(top: Section) -> dict[str, Level]:
    section = top.section("checks")
    return {name: section.choice(name, _LEVELS) for name in section.plain()}


def _excuse(section: Section) -> Excuse:
    return _with_reason(section, model=section.text("model"))


def _excused_use(section: Section) -> Excuse:
    """Read an excuse for a place in a program: whose model it is does not matter, `path` and `subject` tell it."""
    return _with_reason(section, model="*")


def _with_reason(section: Section, *, model: str) -> Excuse:
    excuse = Excuse(
        check=section.text("check"),
        model=model,
        path=section.text("path", ""),
        subject=section.text("subject", ""),
        reason=section.text("reason"),
        until=section.day("until", ""),
        line=section.path("")[:-1],
    )
    if not excuse.reason.strip():
        raise section.fail("reason", "says nothing; write why this is accepted")
    section.finish()
    return excuse


def _sources(section: Section) -> SourceRules:
    organizations = tuple(_organizations(section))
    rules = SourceRules(
        hosts=tuple(_hosts(section)),
        organizations=organizations,
        unknown_organization=section.choice(
            "unknown-organization", ("refuse", "note", "allow"), "refuse" if organizations else "allow"
        ),
        denied=tuple(_denied(part) for part in section.sections("deny")),
    )
    section.finish()
    return rules


def _hosts(section: Section) -> Iterator[str]:
    """Yield hosts as they are compared: without a scheme, the name in lower case. What is none matches nothing."""
    for index, text in enumerate(section.texts("allow-hosts")):
        match = _HOST.match(text)
        if match is None:
            raise section.fail(
                f"allow-hosts[{index}]", f"expected a host such as https://huggingface.co, found {text!r}"
            )
        yield match["name"].lower() + match["path"].rstrip("/")


def _organizations(section: Section) -> list[Organization]:
    found = []
    for index, value in enumerate(section.items("allow-organizations")):
        if isinstance(value, str):
            found.append(Organization(name=value))
        elif isinstance(value, dict):
            part = Section(value, section.path(f"allow-organizations[{index}]"), PolicyError)
            found.append(Organization(name=part.text("name"), owner_id=part.text("owner-id", "")))
            part.finish()
        else:
            raise section.fail(f"allow-organizations[{index}]", "expected a name or a table with name and owner-id")
    return found


def _denied(section: Section) -> tuple[str, str]:
    rule = section.text("model"), section.text("reason")
    section.finish()
    return rule
