"""Remedies hold commands that can be pasted: the model is named in them, quoted, and never stands as a placeholder."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import modelguard.checks
from modelguard._registry import parts
from modelguard.checks.check import Check
from modelguard.terms.artifact import Digest, LocalRef, Location, Snapshot
from modelguard.terms.facts import Asks, Digested, Dossier, Fact, Import, Opaque, Pinned, Substituted, Unread
from modelguard.terms.finding import Finding

ROOM = Path(modelguard.checks.__file__).parent
REF = LocalRef("my models/x; rm.pkl")
QUOTED = "'file:my models/x; rm.pkl'"
X, Y = Location("x.pkl"), Location("y.pkl")
OLD, NEW = Digest.sha256("0" * 64), Digest.sha256("1" * 64)


def found(check: str, *facts: Fact) -> Finding:
    (asked,) = [one for one in parts("modelguard.checks", Check) if one.name == check]
    (finding,) = asked.ask(Dossier(snapshot=Snapshot(ref=REF), facts=facts))
    return finding


def pinned(location: Location) -> Pinned:
    return Pinned(location=location, size=1, digest=OLD)


def test_what_was_locked_and_differs_names_the_command_that_records_it_anew() -> None:
    upgrade = f"modelguard lock --upgrade {QUOTED}"
    digested = Digested(location=X, size=1, digest=NEW)
    for finding in (
        found("digest-mismatch", pinned(X), digested),
        found("digest-mismatch", Substituted(location=X, expected="a", found="b")),
        found("file-set-differs", pinned(X), pinned(Y), digested),
        found("permission-increase", pinned(X), Import(location=X, module="os", name="system")),
    ):
        assert finding.remedy.endswith(upgrade), finding


def test_what_can_be_accepted_names_the_command_for_this_model() -> None:
    for finding in (
        found("unknown-bytes", Opaque(location=X, size=1, head="00")),
        found("ungranted-import", Import(location=X, module="acme", name="thing")),
        found("remote-code", Asks(location=X, permission="remote-code", name="x.py")),
    ):
        command = re.search(r"modelguard lock .* --reason TEXT", finding.remedy)
        assert command is not None, finding
        words = shlex.split(command[0])
        assert words[2] == REF.key
        assert words[4].startswith(f"{finding.check}:")


def test_no_remedy_leaves_a_placeholder_for_the_model() -> None:
    for file in ROOM.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value:
                assert not re.search(r"\bREF\b", node.value), (file.name, node.value)


def test_a_source_that_could_not_be_had_tells_its_own_remedy_and_others_a_general_one() -> None:
    gone = Unread(location=Location(REF.key), format="source", reason="no such file", remedy="name another")
    assert found("unread-bytes", gone).message == "could not be had: no such file"
    assert found("unread-bytes", gone).remedy == "name another"
    assert found("not-examined", gone).remedy == ""
    broken = Unread(location=X, format="zip", reason="it is cut off")
    assert found("unread-bytes", broken).message == "not read to the end as zip: it is cut off"
    assert "plainer format" in found("unread-bytes", broken).remedy
    assert found("not-examined", broken).remedy == "name a file or directory that holds a model"
    assert found("unread-bytes", Unread(location=X, format="", reason="too deep")).message == (
        "not read to the end: too deep"
    )
