"""Bills of materials and inventories: valid by their schemas, the same each time, and honest about what is unknown."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from bom_builders import HOSTILE, REVISION, base, hostile, stocked, told
from hypothesis import given
from hypothesis import strategies as st

from modelguard.bom import cyclonedx, spdx
from modelguard.bom.card import Card, read_card
from modelguard.bom.coverage import ELEMENTS, as_json, as_text, coverage
from modelguard.bom.inventory import Row, rows
from modelguard.bom.inventory import as_csv as inventory_csv
from modelguard.bom.inventory import as_json as inventory_json
from modelguard.bom.inventory import as_table as inventory_table
from modelguard.bom.material import Bill, bill_of
from modelguard.lock import Lock
from modelguard.sources.store import Store
from modelguard.terms.errors import ModelguardError


@pytest.fixture
def bill(tmp_path: Path) -> Bill:
    lock, store = stocked(tmp_path)
    return bill_of(lock, store, name="search", author="Acme", environment={})


def component(bill: Bill, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in cyclonedx.as_object(bill)["components"] if one["bom-ref"] == name)
    return found


# --- official schemas -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["1.6", "1.7"])
def test_cyclonedx_is_valid_by_the_official_schema(bill: Bill, version: Any) -> None:
    pytest.importorskip("cyclonedx", reason="the schemas come with cyclonedx-python-lib[json-validation]")
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    validator = JsonStrictValidator(SchemaVersion.from_version(version))
    assert validator.validate_str(cyclonedx.write(bill, version)) is None
    broken = cyclonedx.as_object(bill, version)
    broken["components"][0]["modelCard"] = {"nonsense": 1}
    assert validator.validate_str(json.dumps(broken)) is not None


def test_spdx_is_read_by_the_official_model(bill: Bill) -> None:
    model = pytest.importorskip("spdx_python_model", reason="the model of SPDX comes with spdx-python-model").v3_0_1
    objects = model.SHACLObjectSet()
    model.JSONLDDeserializer().read(io.BytesIO(spdx.write(bill).encode()), objects)
    model.JSONLDSerializer().write(objects, io.BytesIO())  # raises for a property that is missing or of the wrong kind
    packages = {one.name: one for one in objects.foreach_type(model.ai_AIPackage)}
    assert set(packages) == {"acme/tiny", "acme/base", "file:models/=cmd|x <b>", "acme/odd", "7"}
    assert packages["acme/tiny"].ai_domain == ["text-classification"]
    assert {one.name for one in objects.foreach_type(model.dataset_DatasetPackage)} == {
        "acme/reviews",
        "stanfordnlp/imdb",
    }
    assert not [*objects.missing_ids] or {str(one) for one in objects.missing_ids} <= {
        "https://spdx.org/rdf/3.0.1/terms/ExpandedLicensing/NoAssertionLicense"
    }
    without_time = spdx.as_object(bill)
    del without_time["@graph"][0]["created"]
    objects = model.SHACLObjectSet()
    model.JSONLDDeserializer().read(io.BytesIO(json.dumps(without_time).encode()), objects)
    with pytest.raises(ValueError, match="created"):
        model.JSONLDSerializer().write(objects, io.BytesIO())
    broken = spdx.as_object(bill)
    next(one for one in broken["@graph"] if one["type"] == "ai_AIPackage")["ai_nonsense"] = 1
    with pytest.raises(Exception, match="nonsense"):
        model.JSONLDDeserializer().read(io.BytesIO(json.dumps(broken).encode()), model.SHACLObjectSet())


# --- the same each time -----------------------------------------------------------------------------------------------


def test_equal_locks_give_equal_bytes(tmp_path: Path) -> None:
    documents = []
    for place in ("one", "two"):
        lock, store = stocked(tmp_path / place)
        turned = Lock(entries=dict(reversed(lock.entries.items())), created_by=lock.created_by)
        made = bill_of(turned if place == "two" else lock, store, name="search", environment={})
        documents.append(
            (cyclonedx.write(made), cyclonedx.write(made, "1.7"), spdx.write(made), as_text(coverage(made)))
        )
    assert documents[0] == documents[1]


def test_another_lock_has_another_serial_number(tmp_path: Path, bill: Bill) -> None:
    lock, store = stocked(tmp_path)
    other = bill_of(lock.without("acme/base"), store, name="search", author="Acme", environment={})
    assert other.serial != bill.serial


def test_the_time_of_a_bill_is_the_newest_of_the_lock_or_the_epoch_given(tmp_path: Path, bill: Bill) -> None:
    lock, store = stocked(tmp_path)
    assert bill.made == "2026-02-01T09:30:00Z"
    given_time = bill_of(lock, store, name="x", environment={"SOURCE_DATE_EPOCH": "1700000000"})
    assert given_time.made == "2023-11-14T22:13:20Z"
    with pytest.raises(ModelguardError, match="SOURCE_DATE_EPOCH: expected seconds"):
        bill_of(lock, store, name="x", environment={"SOURCE_DATE_EPOCH": "yesterday"})


def test_documents_are_plain_ascii(bill: Bill) -> None:
    for document in (cyclonedx.write(bill), spdx.write(bill)):
        assert document.isascii()
        assert not [one for one in document if one < " " and one != "\n"]


# --- what a bill says -------------------------------------------------------------------------------------------------


def test_a_model_has_its_names_license_files_and_card(bill: Bill) -> None:
    model = component(bill, "model:acme/tiny")
    assert (model["type"], model["group"], model["name"]) == ("machine-learning-model", "acme", "tiny")
    assert model["purl"] == f"pkg:huggingface/acme/tiny@{REVISION}"
    assert model["licenses"] == [{"expression": "Apache-2.0", "acknowledgement": "concluded"}]
    assert [file["name"] for file in model["components"]] == [
        "README.md",
        "config.json",
        "model.safetensors",
        "model.sig",
    ]
    assert model["modelCard"]["modelParameters"] == {
        "task": "text-classification",
        "architectureFamily": "bert",
        "modelArchitecture": "BertForSequenceClassification",
        "datasets": [{"ref": "dataset:acme/reviews"}, {"ref": "dataset:stanfordnlp/imdb"}],
    }
    metrics = model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert metrics == [{"type": "accuracy", "value": "0.91", "slice": "IMDB"}]
    assert model["pedigree"]["ancestors"][0]["purl"] == "pkg:huggingface/acme/base"
    assert {one["type"] for one in model["externalReferences"]} == {"distribution", "vcs", "model-card", "attestation"}


def test_an_unknown_license_is_left_out_and_not_guessed(bill: Bill) -> None:
    model = component(bill, "model:acme/base")
    assert "licenses" not in model
    assert {"name": "modelguard:license:expression", "value": "NOASSERTION"} in model["properties"]
    assert "modelCard" not in model


def test_dependencies_lead_to_the_locked_base_the_data_and_the_library(bill: Bill) -> None:
    edges = {one["ref"]: one.get("dependsOn", []) for one in cyclonedx.as_object(bill)["dependencies"]}
    assert edges["model:acme/tiny"] == [
        "dataset:acme/reviews",
        "dataset:stanfordnlp/imdb",
        "library:transformers",
        "model:acme/base",
    ]
    known = {"bill"} | {one["bom-ref"] for one in cyclonedx.as_object(bill)["components"]}
    assert {target for targets in edges.values() for target in targets} <= known


def test_every_reference_is_unique(bill: Bill) -> None:
    found: list[str] = []

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            found.extend([part["bom-ref"]] if "bom-ref" in part else [])
            [walk(value) for value in part.values()]
        elif isinstance(part, list):
            [walk(value) for value in part]

    walk(cyclonedx.as_object(bill))
    assert len(found) == len(set(found))


def test_an_accepted_finding_is_said_with_its_reason_and_not_called_harmless(bill: Bill) -> None:
    rows_ = cyclonedx.as_object(bill)["vulnerabilities"]
    row = next(one for one in rows_ if one["affects"] == [{"ref": "file:acme/tiny#config.json"}])
    assert row["id"] == "modelguard:unknown-bytes"
    assert row["analysis"] == {
        "state": "exploitable",
        "response": ["will_not_fix"],
        "detail": "accepted: reviewed (until 2027-01-31)",
    }


def test_only_what_holds_is_attested(bill: Bill) -> None:
    declared = cyclonedx.as_object(bill)["declarations"]
    scores = {row["requirement"]: row["conformance"]["rationale"] for row in declared["attestations"][0]["map"]}
    assert scores == {
        "requirement:pinned": "3 of 3 models",
        "requirement:approved": "2 of 3 models",
        "requirement:examined": "2 of 3 models",
        "requirement:signed": "1 of 3 models",
        "requirement:licensed": "1 of 3 models",
    }


def test_a_file_without_a_known_format_is_not_attested_as_examined(tmp_path: Path) -> None:
    store = Store(tmp_path)
    entry = told(store)
    opaque = evolve(entry, files=(*entry.files[1:], evolve(entry.files[0], formats=())))
    lock = Lock(entries={opaque.id: opaque})
    made = bill_of(lock, store, name="x", environment={})
    claims = {claim["predicate"] for claim in cyclonedx.as_object(made)["declarations"]["claims"]}
    assert claims == {"pinned", "approved", "signed", "licensed"}


def test_a_card_whose_bytes_changed_in_the_store_is_not_believed(tmp_path: Path) -> None:
    lock, store = stocked(tmp_path)
    file = lock.entries["acme/tiny"].file("README.md")
    place = store.path_of(file.digest) if file else None
    assert place is not None
    place.chmod(0o644)
    place.write_text("---\npipeline_tag: lies\n---\n")
    made = bill_of(lock, store, name="x", environment={})
    tiny = next(one for one in made.materials if one.entry.id == "acme/tiny")
    assert tiny.card.task == ""
    assert not tiny.card.has_card


# --- cards ------------------------------------------------------------------------------------------------------------


def test_what_a_card_says_oddly_is_left_out() -> None:
    card = read_card(
        b"---\nbase_model: ['../x', 7, acme/a, acme/a, gpt2, 'a b/c']\ndatasets: {a: 1}\nmodel-index: 3\n---\n", None
    )
    assert card == Card(bases=("7", "acme/a", "gpt2"), has_card=True)


@pytest.mark.parametrize(
    ("readme", "config", "reason"),
    [
        (b"---\na: [\n---\n", None, "README.md: YAML cannot be parsed"),
        (b"---\na: 1\n", None, "README.md: the front matter has no end"),
        (b"---\n\xff\n---\n", None, "README.md: not UTF-8"),
        (None, b"{", "config.json: "),
    ],
)
def test_what_cannot_be_read_is_named(readme: bytes | None, config: bytes | None, reason: str) -> None:
    (found,) = read_card(readme, config).unread
    assert found.startswith(reason)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_no_card_breaks_the_bill(readme: bytes, config: bytes) -> None:
    assert isinstance(read_card(b"---\n" + readme + b"\n---\n", config), Card)


# --- coverage ---------------------------------------------------------------------------------------------------------


def test_coverage_tells_all_fifty_elements_of_each_model(bill: Bill) -> None:
    assert len(ELEMENTS) == 50
    told_ = coverage(bill)
    assert len(told_) == 150
    known = {row.element for row in told_ if row.known and row.model == "acme/tiny"}
    assert {"model license", "model timestamp", "dataset name", "operational performance KPIs", "SBOM author"} <= known
    unknown = {row.element for row in told_ if not row.known and row.model == "acme/base"}
    assert {"model license", "dataset name", "model properties", "infrastructure hardware"} <= unknown
    assert "acme/tiny: " in as_text(told_)
    assert json.loads(as_json(told_))["schema"] == "modelguard/coverage/1"


# --- inventory --------------------------------------------------------------------------------------------------------


@pytest.fixture
def found(tmp_path: Path) -> list[Row]:
    lock, _ = stocked(tmp_path)
    return rows([("a/modelguard.lock", lock), ("b/modelguard.lock", lock.without("acme/base"))])


def test_the_inventory_has_a_row_for_each_model_of_each_lock(found: list[Row]) -> None:
    assert [(row.lock[0], row.model) for row in found] == [
        ("a", "acme/base"),
        ("a", "acme/tiny"),
        ("a", "file:models/=cmd|x <b>"),
        ("b", "acme/tiny"),
        ("b", "file:models/=cmd|x <b>"),
    ]
    tiny = found[1]
    assert (tiny.license, tiny.signed_by, tiny.files, tiny.accepted) == ("Apache-2.0", "release@acme.example", 4, 1)


def test_no_cell_of_the_csv_is_a_formula_or_a_second_line(tmp_path: Path) -> None:
    store = Store(tmp_path)
    entry = evolve(hostile(store), license=evolve(hostile(store).license, expression='=HYPERLINK("x")'))
    table = [*csv.reader(io.StringIO(inventory_csv(rows([("-lock", Lock(entries={entry.id: entry}))]))))]
    assert [len(row) for row in table] == [len(table[0])] * 2
    assert not [cell for cell in table[1] if cell.startswith(("=", "+", "-", "@"))]
    assert not [cell for cell in table[1] if not cell.isprintable()]


def test_the_table_fits_and_shows_nothing_that_does_not_print(found: list[Row]) -> None:
    table = inventory_table(found, 80)
    assert max(map(len, table.splitlines())) <= 80
    assert all(line.isprintable() for line in table.splitlines())
    assert table.endswith("5 models\n")
    assert table.splitlines()[0].endswith("lock")


def test_the_inventory_as_json_is_exact(found: list[Row]) -> None:
    document = json.loads(inventory_json(found))
    assert document["schema"] == "modelguard/inventory/1"
    assert document["models"][2]["approved_by"] == HOSTILE


def test_an_entry_without_anything_is_told_too(tmp_path: Path) -> None:
    lock = Lock(entries={"acme/base": evolve(base(Store(tmp_path)), files=())})
    made = bill_of(lock, Store(tmp_path), name="x", environment={})
    assert cyclonedx.as_object(made)["components"][0]["components"] == []
    assert not [one for one in cyclonedx.as_object(made)["declarations"]["claims"] if one["predicate"] == "pinned"]
