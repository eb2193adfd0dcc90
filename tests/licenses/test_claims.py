"""What model cards and tags say: the ids of the Hub with their traps, and base models."""

from __future__ import annotations

import pytest

from modelguard.licenses.claims import Based, bases_of_card, bases_of_tags, claim_of_card, claim_of_tags, merged
from modelguard.licenses.expression import NOASSERTION, parse_expression
from modelguard.licenses.table import table

ROWS = table().rows
HUB = [id_ for row in ROWS if row.hub for id_ in row.ids]
NAMED = [row for row in ROWS if not row.hub and row.id != "busl-1.1"]


def test_the_table_has_all_ids_of_the_hub_and_the_named_ones() -> None:
    assert len(HUB) == len(set(HUB)) == 83
    assert len(NAMED) == 27


@pytest.mark.parametrize("id_", [id_ for id_ in HUB if id_ not in {"other", "unknown"}])
def test_every_id_of_the_hub_resolves(id_: str) -> None:
    claim = claim_of_card({"license": id_})
    assert claim is not None
    assert parse_expression(claim.expression).text == claim.expression
    assert table().meaning_of(claim.expression).terms


@pytest.mark.parametrize("name", [id_ for row in NAMED if row.id != "jina" for id_ in row.ids])
def test_every_named_license_resolves(name: str) -> None:
    claim = claim_of_card({"license": "other", "license_name": name, "license_link": "LICENSE"})
    assert claim is not None
    assert claim.expression.startswith("LicenseRef-hf-")
    assert table().meaning_of(claim.expression).known


@pytest.mark.parametrize("card", [{"license": "other"}, {"license": "unknown"}, {"license": "my-own"},
                                  {"license": "other", "license_name": "acme"}])  # fmt: skip
def test_what_names_no_license_leaves_it_to_the_texts(card: dict[str, object]) -> None:
    claim = claim_of_card(card)
    assert claim is not None
    assert (claim.expression, claim.defers) == (NOASSERTION, True)
    assert claim.detail


def test_bsl_is_boost_and_not_the_business_source_license() -> None:
    boost, business = claim_of_card({"license": "bsl-1.0"}), claim_of_card({"license": "BUSL-1.1"})
    assert boost is not None
    assert business is not None
    assert boost.expression == "BSL-1.0"
    assert table().meaning_of("BSL-1.0").terms[0].category == "permissive"
    assert table().meaning_of(business.expression).terms[0].commercial == "conditional"


def test_gpl_3_keeps_its_ambiguity_which_is_no_choice() -> None:
    claim = claim_of_card({"license": "gpl-3.0"})
    assert claim is not None
    assert claim.expression == "GPL-3.0-only OR GPL-3.0-or-later"
    assert table().meaning_of(claim.expression).alternatives == (("GPL-3.0-only", "GPL-3.0-or-later"),)
    assert table().meaning_of("MIT OR ISC").alternatives == (("ISC",), ("MIT",))


def test_an_ambiguity_within_a_longer_expression_stays_one() -> None:
    found = table().meaning_of("MIT AND (GPL-3.0-only OR GPL-3.0-or-later)")
    assert found.alternatives == (("GPL-3.0-only", "GPL-3.0-or-later", "MIT"),)


def test_a_list_of_licenses_is_not_a_choice() -> None:
    claim = claim_of_card({"license": ["mit", "cc-by-nc-4.0"]})
    assert claim is not None
    assert table().meaning_of(claim.expression).alternatives == (("CC-BY-NC-4.0", "MIT"),)
    assert claim_of_tags(["license:mit", "en", "license:cc-by-nc-4.0"]) == claim


def test_one_unknown_part_of_a_list_makes_it_unknown_whatever_the_texts_say() -> None:
    claim = claim_of_card({"license": ["mit", "acme"]})
    assert claim is not None
    assert (claim.expression, claim.defers) == (NOASSERTION, False)


@pytest.mark.parametrize(
    ("id_", "expression"),
    [("lgpl-lr", "LGPLLR"), ("etalab-2.0", "etalab-2.0"), ("Apache-2.0", "Apache-2.0"),
     ("openrail++", "LicenseRef-hf-openrail-plus-plus-m"), ("MIT OR Apache-2.0", "MIT OR Apache-2.0")],
)  # fmt: skip
def test_spellings_that_trip_people_up(id_: str, expression: str) -> None:
    claim = claim_of_card({"license": id_})
    assert claim is not None
    assert claim.expression == expression


def test_a_family_whose_member_is_not_told_is_no_clear_license() -> None:
    claim = claim_of_card({"license": "cc"})
    assert claim is not None
    assert not table().meaning_of(claim.expression).known


def test_a_card_that_says_nothing_claims_nothing() -> None:
    assert claim_of_card({"tags": ["x"]}) is None
    assert claim_of_tags(["en"]) is None


def test_bases_of_a_card_and_of_tags_are_put_together() -> None:
    card = bases_of_card({"base_model": ["a/b", "c/d"], "base_model_relation": "merge"})
    assert card == (Based(name="a/b", relation="merge"), Based(name="c/d", relation="merge"))
    tags = bases_of_tags(["base_model:a/b", "base_model:quantized:a/b", "license:mit"])
    assert tags == (Based(name="a/b", relation="quantized"),)
    assert merged(bases_of_card({"base_model": "a/b"}), tags) == tags


@pytest.mark.parametrize(("name", "is_one"), [("a/b", True), ("/data/b", False), ("b", False), ("../a", False)])
def test_a_path_on_its_makers_machine_is_no_repository(name: str, is_one: bool) -> None:
    assert Based(name=name).is_repository is is_one
