"""A file that a graph names as plain numbers is neither unknown nor of the wrong format; any other is."""

from __future__ import annotations

import pytest

from modelguard.checks import malformed_file, unknown_bytes
from modelguard.terms.artifact import LocalRef, Location, Snapshot
from modelguard.terms.facts import Dossier, Fact, Malformed, Opaque, RawNumbers

GRAPH = Location("m.xml")


def findings(*facts: Fact) -> list[str]:
    dossier = Dossier(snapshot=Snapshot(ref=LocalRef("m")), facts=facts)
    return [finding.check for check in (unknown_bytes.CHECK, malformed_file.CHECK) for finding in check.ask(dossier)]


def opaque(location: Location) -> Opaque:
    return Opaque(location=location, size=8, head="01")


def malformed(location: Location, rule: str = "wrong-format") -> Malformed:
    return Malformed(location=location, format="torch-zip", rule=rule, detail="x")


NAMED = RawNumbers(location=GRAPH, path="m.bin")


def test_numbers_that_a_graph_names_are_not_reported() -> None:
    assert findings(NAMED, opaque(Location("m.bin")), malformed(Location("m.bin"))) == []


@pytest.mark.parametrize(
    "facts",
    [
        (opaque(Location("m.bin")),),
        (NAMED, opaque(Location("other.bin"))),
        (NAMED, opaque(Location("m.bin", ("inner",)))),
        (malformed(Location("m.bin")),),
        (NAMED, malformed(Location("other.bin"))),
        (NAMED, malformed(Location("m.bin", ("inner",)))),
        (NAMED, malformed(Location("m.bin"), "zip-name-differs")),
    ],
)
def test_anything_else_is_reported(facts: tuple[Fact, ...]) -> None:
    assert len(findings(*facts)) == 1
