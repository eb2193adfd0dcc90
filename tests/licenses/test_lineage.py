"""Following base models, and the rules by which licenses on one line of descent do not go together."""

from __future__ import annotations

import pytest

from modelguard.licenses.claims import Based
from modelguard.licenses.lineage import DEPTH, MOST, WAYS, Known, follow
from modelguard.licenses.rules import conflicts, duties, joined_bases
from modelguard.licenses.table import table
from modelguard.terms.licensing import BaseModel, LicenseMeaning


def meaning(id_: str) -> LicenseMeaning:
    row = table().row(id_)
    assert row is not None
    return row.meaning


def line(*steps: tuple[str, str], relation: str = "finetune") -> tuple[BaseModel, ...]:
    """Return the bases of `a/model`, each made from the next, given as (name, license)."""
    rows = dict(steps)
    names = [name for name, _ in steps]

    def ask(name: str) -> Known:
        above = names[names.index(name) + 1 :][:1]
        return Known(meaning=meaning(rows[name]), bases=tuple(Based(name=one, relation=relation) for one in above))

    return follow("a/model", [Based(name=names[0], relation=relation)], ask)


def rules_broken(own: str, *steps: tuple[str, str], relation: str = "finetune") -> set[str]:
    bases = line(*steps, relation=relation)
    return {one.rule for one in (*conflicts(meaning(own), bases), *joined_bases(bases))}


def test_bases_are_followed_with_the_way_to_each() -> None:
    bases = line(("b/one", "apache-2.0"), ("c/two", "llama3.1"))
    assert [base.path for base in bases] == [("a/model", "b/one"), ("a/model", "b/one", "c/two")]


def test_a_circle_ends_and_is_told() -> None:
    bases = follow("a/a", [Based(name="b/b")], lambda _: Known(meaning=meaning("mit"), bases=(Based(name="a/a"),)))
    assert [base.name for base in bases] == ["b/b", "a/a"]
    assert "circle" in bases[-1].unknown


def test_a_line_without_end_is_cut_and_told() -> None:
    asked: list[str] = []

    def ask(name: str) -> Known:
        asked.append(name)
        return Known(meaning=meaning("mit"), bases=(Based(name=f"a/m{len(asked)}"),))

    bases = follow("a/model", [Based(name="a/m0")], ask)
    assert len(asked) == DEPTH
    assert f"more than {DEPTH} steps" in bases[-1].unknown


def test_a_merge_of_very_many_asks_for_a_bounded_number() -> None:
    asked: list[str] = []

    def ask(name: str) -> Known:
        asked.append(name)
        return Known(meaning=meaning("mit"))

    bases = follow("a/model", [Based(name=f"b/m{n}") for n in range(MOST + 5)], ask)
    assert len(asked) == MOST
    assert sum(bool(base.unknown) for base in bases) == 5


def test_a_graph_with_ways_beyond_number_ends_and_is_told() -> None:
    names = [f"b/m{n}" for n in range(40)]
    everybody = tuple(Based(name=name) for name in names)
    bases = follow("a/model", everybody, lambda _: Known(meaning=meaning("mit"), bases=everybody))
    assert len(bases) == WAYS + 1
    assert f"more than {WAYS} ways" in bases[-1].unknown


def test_each_base_is_asked_for_once() -> None:
    asked: list[str] = []

    def ask(name: str) -> Known:
        asked.append(name)
        return Known(meaning=meaning("mit"), bases=() if name == "c/c" else (Based(name="c/c"),))

    follow("a/model", [Based(name="b/one"), Based(name="b/two")], ask)
    assert asked == ["b/one", "c/c", "b/two"]


@pytest.mark.parametrize(
    ("own", "base", "rule"),
    [
        ("apache-2.0", "llama3.1", "restriction-dropped"),
        ("mit", "gemma", "restriction-dropped"),
        ("mit", "creativeml-openrail-m", "restriction-dropped"),
        ("apache-2.0", "gpl-3.0", "restriction-dropped"),
        ("mit", "cc-by-sa-4.0", "restriction-dropped"),
        ("apache-2.0", "cc-by-nc-4.0", "commercial-use-claimed"),
        ("llama3.1", "fair-noncommercial-research-license", "commercial-use-claimed"),
        ("cc-by-4.0", "cc-by-nd-4.0", "no-derivatives"),
        ("agpl-3.0", "llama3.1", "licenses-cannot-be-joined"),
        ("gemma", "gpl-3.0", "licenses-cannot-be-joined"),
    ],
)
def test_licenses_that_do_not_go_together(own: str, base: str, rule: str) -> None:
    assert rule in rules_broken(own, ("b/base", base))


@pytest.mark.parametrize(
    ("own", "base"),
    [
        ("apache-2.0", "mit"),
        ("apache-2.0", "cc-by-4.0"),
        ("llama3.1", "llama3.1"),
        ("llama3.3", "llama3.1"),
        ("llama3.1", "apache-2.0"),
        ("cc-by-nc-4.0", "mit"),
        ("cc-by-nc-4.0", "cc-by-nc-4.0"),
        ("gpl-3.0", "mit"),
        ("gpl-3.0", "gpl-3.0"),
        ("agpl-3.0", "apache-2.0"),
    ],
)
def test_licenses_that_go_together(own: str, base: str) -> None:
    assert rules_broken(own, ("b/base", base)) == set()


def test_a_distant_base_counts_and_the_way_to_it_is_told() -> None:
    bases = line(("b/one", "apache-2.0"), ("c/two", "apache-2.0"), ("d/three", "llama3.1"))
    [conflict] = conflicts(meaning("apache-2.0"), bases)
    assert conflict.path == ("a/model", "b/one", "c/two", "d/three")
    assert conflict.imposed == "LicenseRef-hf-llama3.1"


@pytest.mark.parametrize(("relation", "broken"), [("finetune", True), ("quantized", True), ("base", False)])
def test_only_a_changed_version_breaks_a_rule_about_changed_versions(relation: str, broken: bool) -> None:
    found = rules_broken("cc-by-nd-4.0", ("b/base", "cc-by-nd-4.0"), relation=relation)
    assert ("no-derivatives" in found) is broken


def test_a_merge_joins_the_licenses_of_its_bases() -> None:
    licenses = {"b/gpl": "gpl-3.0", "c/nc": "cc-by-nc-4.0", "d/mit": "mit"}

    def merge(*names: str) -> list[str]:
        bases = follow(
            "a/model",
            [Based(name=one, relation="merge") for one in names],
            lambda name: Known(meaning=meaning(licenses[name])),
        )
        return [one.rule for one in joined_bases(bases)]

    assert "licenses-cannot-be-joined" in merge("b/gpl", "c/nc")
    assert merge("d/mit", "c/nc") == []


def test_an_unknown_base_is_no_conflict_but_told_as_unknown() -> None:
    bases = follow("a/model", [Based(name="b/gone")], lambda _: Known(unknown="no such repository"))
    assert list(conflicts(meaning("mit"), bases)) == []
    assert bases[0].unknown == "no such repository"


@pytest.mark.parametrize(
    ("name", "card", "unmet"),
    [
        ("acme/chat", "", {"name-prefix", "named-notice"}),
        ("acme/Llama-chat", "Built with Llama.", set()),
        ("acme/llama-chat", "built with  llama", set()),
        ("acme/chat-llama", "Built with Llama", {"name-prefix"}),
    ],
)
def test_names_and_notices_that_a_base_asks_for(name: str, card: str, unmet: set[str]) -> None:
    terms = meaning("llama3.1").terms
    assert {one.duty for one in duties(name, card, terms, derived=True)} == unmet
    assert list(duties(name, card, terms, derived=False)) == []
