"""What the license collector reads of a snapshot: cards, texts, metadata, configurations."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from modelguard.collectors._license_files import is_about_licenses
from modelguard.collectors.collector import Case
from modelguard.collectors.license import gather
from modelguard.lock import BaseRecord, Entry, LicenseRecord
from modelguard.policy.settings import Policy
from modelguard.sources.local import in_place
from modelguard.sources.source import Options
from modelguard.terms.artifact import LocalRef, Location
from modelguard.terms.facts import Fact, Header
from modelguard.terms.licensing import BaseModel, Licensed, LicenseEvidence

APACHE = (Path(__file__).resolve().parent.parent.parent / "LICENSE").read_bytes()


def facts_of(
    directory: Path,
    files: dict[str, bytes],
    *,
    gathered: tuple[Fact, ...] = (),
    entry: Entry | None = None,
    tags: tuple[str, ...] = (),
) -> list[Fact]:
    for name, data in {"config.json": b"{}", **files}.items():
        path = directory / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    snapshot = in_place(LocalRef("model"), Options(home=directory))
    case = Case(
        snapshot=snapshot,
        policy=Policy(),
        today=date(2026, 1, 1),
        home=directory,
        entry=entry,
        tags=tags,
        gathered=list(gathered),
    )
    return list(gather(case))


def licensed(facts: list[Fact]) -> Licensed:
    [found] = [fact for fact in facts if isinstance(fact, Licensed)]
    return found


def card(text: str) -> dict[str, bytes]:
    return {"README.md": f"---\n{text}\n---\n# A model\n".encode()}


@pytest.mark.parametrize(
    "front",
    ["license: apache-2.0", "license: 'apache-2.0'", "license: [apache-2.0]", "license:\n- apache-2.0",
     "{license: apache-2.0}", "language: en\r\nlicense: apache-2.0\r"],
)  # fmt: skip
def test_front_matter_is_read_in_every_spelling_of_yaml(tmp_path: Path, front: str) -> None:
    assert licensed(facts_of(tmp_path, card(front))).meaning.expression == "Apache-2.0"


@pytest.mark.parametrize("front", ["license:", "license: null", "tags: [x]", "- license: mit", "license: {a: b}"])
def test_front_matter_without_a_license_leaves_it_unclear(tmp_path: Path, front: str) -> None:
    found = licensed(facts_of(tmp_path, card(front)))
    assert found.meaning.expression == "NOASSERTION"
    assert found.trouble


def test_a_license_further_down_in_the_card_is_no_front_matter(tmp_path: Path) -> None:
    text = {"README.md": b"# A model\n\n---\nlicense: mit\n---\n"}
    assert licensed(facts_of(tmp_path, text)).meaning.expression == "NOASSERTION"


def test_a_card_that_is_no_yaml_is_told(tmp_path: Path) -> None:
    found = licensed(facts_of(tmp_path, card("license: 'mit")))
    assert "the model card cannot be read" in found.trouble[0]


def test_the_file_that_the_card_links_to_is_read(tmp_path: Path) -> None:
    front = "license: other\nlicense_name: acme\nlicense_link: legal/terms"
    found = licensed(facts_of(tmp_path, {**card(front), "legal/terms": APACHE}))
    assert (found.meaning.expression, found.confidence) == ("Apache-2.0", "exact")


def test_two_license_texts_both_apply(tmp_path: Path) -> None:
    from importlib.metadata import distribution

    mit = next(one for one in distribution("attrs").files or () if one.name == "LICENSE").read_binary()
    found = licensed(facts_of(tmp_path, {**card("license: apache-2.0"), "LICENSE": APACHE, "LICENSE-CODE": mit}))
    assert found.meaning.expression == "Apache-2.0 AND MIT"
    assert found.trouble == ()


def test_a_few_words_are_no_license_text(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, {**card("license: mit"), "LICENSE": b"See the MIT license on the web."})
    assert licensed(facts).trouble == ()
    assert any(isinstance(fact, LicenseEvidence) and "too short" in fact.detail for fact in facts)


def test_a_license_that_is_no_text_is_told(tmp_path: Path) -> None:
    found = licensed(facts_of(tmp_path, {**card("license: mit"), "LICENSE": b"\x00\x01" * 50}))
    assert "LICENSE cannot be read" in found.trouble[0]


def test_metadata_of_gguf_files_name_license_and_base(tmp_path: Path) -> None:
    header = Header(
        location=Location("w.gguf"),
        format="gguf",
        properties={
            "general.license": "other",
            "general.license.name": "deepseek",
            "general.base_model.0.repo_url": "https://huggingface.co/acme/base",
        },
    )
    facts = facts_of(tmp_path, {}, gathered=(header,))
    assert licensed(facts).meaning.expression == "LicenseRef-hf-deepseek"
    [base] = [fact for fact in facts if isinstance(fact, BaseModel)]
    assert (base.name, base.relation) == ("acme/base", "quantized")
    assert "not been looked up" in base.unknown


def test_tags_count_where_there_is_no_card(tmp_path: Path) -> None:
    assert licensed(facts_of(tmp_path, {}, tags=("license:mit",))).meaning.expression == "MIT"


def test_what_tags_said_stands_in_the_lock(tmp_path: Path) -> None:
    record = LicenseRecord(
        expression="MIT", declared="mit", table="x", bases=(BaseRecord(id="b/b", of="m", license="ISC"),)
    )
    entry = Entry(id="file:model", license=record)
    found = licensed(facts_of(tmp_path, {}, entry=entry))
    assert (found.meaning.expression, found.earlier) == ("MIT", "MIT")


@pytest.mark.parametrize(
    ("front", "expression"),
    [("license: gpl", "GPL-3.0-only OR GPL-3.0-or-later"), ("license: mit", "MIT AND Apache-2.0")],
)
def test_a_text_makes_a_family_precise_and_nothing_else(tmp_path: Path, front: str, expression: str) -> None:
    from modelguard.collectors import _license_settling as settling
    from modelguard.licenses.claims import claim_of_card
    from modelguard.licenses.matching import Match
    from modelguard.terms.artifact import Snapshot

    found = "gpl-3.0" if "gpl" in front else "apache-2.0"
    claim = claim_of_card({"license": front.split()[1]})
    assert claim is not None
    seen = settling.Seen(claims=[("card", claim)], texts=[("LICENSE", Match(kind="exact", ids=(found,)))])
    case = Case(snapshot=Snapshot(ref=LocalRef("m")), policy=Policy(), today=date(2026, 1, 1), home=tmp_path)
    assert settling.settle(case, "m", seen, None)[-1].meaning.expression == expression


@pytest.mark.parametrize(
    ("path", "is_one"),
    [("LICENSE", True), ("LICENCE.md", True), ("License-2.0", True), ("LICENSE_MODEL.txt", True), ("COPYING", True),
     ("README.md", True), ("USE_POLICY.md", True), ("NOTICE", True), ("adapter_config.json", True),
     ("license_check.py", False), ("model.safetensors", False), ("license.json", False), ("docs/LICENSE", False)],
)  # fmt: skip
def test_which_files_speak_of_licenses(path: str, is_one: bool) -> None:
    assert is_about_licenses(path) is is_one
