"""What reports say, in every format, also about models whose names were written to break them."""

from __future__ import annotations

import json
import re
import unicodedata
from html.parser import HTMLParser
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from pkgutil import iter_modules
from typing import Any
from xml.etree import ElementTree as Tree

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from reports_builders import (
    EVERY,
    HOSTILE,
    REVISION,
    SETTING,
    clean,
    decided,
    empty,
    examination,
    finding,
    hostile,
    mixed,
)

from modelguard import terms
from modelguard._registry import parts
from modelguard.cli._options import FORMATS
from modelguard.reports._html_style import STYLE
from modelguard.reports._telling import _AREAS_OF_MODULE, fingerprint, standings, summary, told
from modelguard.reports.report import Report, Setting
from modelguard.terms.artifact import HubRef, LocalRef, Location
from modelguard.terms.facts import Fact
from modelguard.terms.licensing import Licensed, LicenseMeaning, LicenseTerms
from modelguard.terms.verdict import Examination

REPORTS = {one.name: one for one in parts("modelguard.reports", Report)}
SCHEMA = json.loads((Path(__file__).parents[2] / "docs/reference/report.schema.json").read_text("utf-8"))


def written(name: str, *examinations: Examination, setting: Setting = SETTING) -> str:
    return REPORTS[name].write(examinations or EVERY, setting)


def is_harmless(character: str) -> bool:
    """Tell whether a character cannot move, hide, reorder or break lines of text. Word joiners are our own."""
    return character in "\n\u2060" or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn"}


def test_the_command_line_offers_exactly_the_reports_that_there_are() -> None:
    assert sorted(REPORTS) == sorted(FORMATS)


@pytest.mark.parametrize("name", FORMATS)
def test_two_runs_write_the_same_bytes(name: str) -> None:
    assert written(name).encode("utf-8") == written(name).encode("utf-8")


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_that_a_stranger_wrote_controls_the_document(name: str) -> None:
    document = written(name)
    assert {character for character in document if not is_harmless(character)} == set()
    assert "\x1b" not in document


@pytest.mark.parametrize("name", FORMATS)
def test_every_report_ends_with_one_line_feed_and_names_what_was_refused(name: str) -> None:
    document = written(name, mixed())
    assert document.endswith("\n")
    assert not document.endswith("\n\n")
    assert "dangerous-call" in document
    assert "critical" in document


# --- what all of them tell --------------------------------------------------------------------------------------------


def test_the_summary_names_each_area_that_was_looked_at() -> None:
    assert summary(mixed()) == "lock ok · content FAILED (2) · provenance ok (1 noted)"


def test_an_area_that_nobody_looked_at_is_not_called_ok() -> None:
    assert summary(clean()) == "content ok"
    assert summary(empty()) == "nothing was looked at"
    assert [one.area for one in standings(mixed())] == ["lock", "content", "provenance"]


def test_facts_of_every_module_belong_to_an_area() -> None:
    """Otherwise an area that was looked at would be missing from the summaries."""
    with_facts = {
        entry.name
        for entry in iter_modules(terms.__path__)
        for value in vars(import_module(f"modelguard.terms.{entry.name}")).values()
        if isinstance(value, type) and issubclass(value, Fact) and value.__module__.endswith(f".{entry.name}")
    }
    assert with_facts == set(_AREAS_OF_MODULE)


def test_findings_come_worst_first_and_the_refusing_ones_before_the_others() -> None:
    rows = [(one.sort, str(one.finding.severity)) for one in told(mixed())]
    assert rows == [
        ("refused", "critical"),
        ("refused", "medium"),
        ("noted", "medium"),
        ("noted", "info"),
        ("excused", "medium"),
    ]


def test_the_fingerprint_survives_a_new_revision_offset_and_wording() -> None:
    one, other = clean(), examination(HubRef("acme", "clean", "f" * 40), revision="f" * 40)
    assert fingerprint(one, finding()) == fingerprint(other, finding(message="other words", severity="high"))
    moved = finding(location=Location("model.bin", ("archive/data.pkl",), 99))
    assert fingerprint(one, finding()) == fingerprint(one, moved)


@pytest.mark.parametrize(
    "changed",
    [
        finding("other-check"),
        finding(subject="else"),
        finding(location=Location("else.bin", ("archive/data.pkl",))),
        finding(location=Location("model.bin", ("archive", "data.pkl"))),
    ],
)
def test_another_finding_has_another_fingerprint(changed: Any) -> None:
    assert fingerprint(clean(), finding()) != fingerprint(clean(), changed)
    assert fingerprint(clean(), finding()) != fingerprint(mixed(), finding())


# --- text -------------------------------------------------------------------------------------------------------------


def test_a_finding_in_text_has_code_severity_model_place_reason_remedy_and_line() -> None:
    text = written("text", mixed())
    assert "critical[dangerous-call] acme/mixed@0123456: model.bin » archive/data.pkl @12" in text
    assert "     Loading it would call os.system." in text
    assert "     → modelguard convert model.bin" in text
    assert "     refused by default: content findings refuse" in text
    assert "  lock ok · content FAILED (2) · provenance ok (1 noted)" in text


def test_text_of_many_models_ends_with_a_table_that_fits_the_terminal() -> None:
    text = written("text", clean(), mixed())
    table = text.split("model ")[-1]
    assert "acme/clean@0123456" in table
    assert max(map(len, text.splitlines())) <= 80
    assert text.endswith("2 examined · 1 allowed · 1 refused\n")


def test_excused_findings_are_counted_and_shown_on_request() -> None:
    assert "1 excused finding, shown by --show-excused" in written("text", mixed())
    shown = written("text", mixed(), setting=evolve(SETTING, show_excused=True))
    assert "excused by excuses[0]: calibration data" in shown
    assert "--show-excused" not in shown


def test_colour_comes_only_when_it_is_asked_for() -> None:
    assert "\x1b" not in written("text")
    assert "\x1b[31;1m" in written("text", clean(), mixed(), setting=evolve(SETTING, colour=True))


# --- json and jsonl ---------------------------------------------------------------------------------------------------


def test_json_keeps_to_the_published_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    Draft202012Validator(SCHEMA).validate(json.loads(written("json")))


def test_the_schema_refuses_what_no_report_says() -> None:
    document = json.loads(written("json", mixed()))
    document["examinations"][0]["findings"][0]["severity"] = "dreadful"
    assert not Draft202012Validator(SCHEMA).is_valid(document)


def test_json_gives_names_exactly() -> None:
    (one,) = json.loads(written("json", hostile()))["examinations"]
    assert [artifact["path"] for artifact in one["artifacts"]] == [*HOSTILE.values()]
    assert {found["subject"] for found in one["findings"]} == set(HOSTILE.values())


def test_jsonl_is_one_line_for_each_examination() -> None:
    lines = written("jsonl").splitlines()
    assert len(lines) == len(EVERY)
    validator = Draft202012Validator({**SCHEMA["$defs"]["examination"], "$defs": SCHEMA["$defs"]})
    for line in lines:
        validator.validate(json.loads(line))


# --- sarif ------------------------------------------------------------------------------------------------------------


def results(*examinations: Examination, setting: Setting = SETTING) -> list[dict[str, Any]]:
    (run,) = json.loads(written("sarif", *examinations, setting=setting))["runs"]
    found: list[dict[str, Any]] = run["results"]
    return found


def test_sarif_points_at_the_line_of_the_lock() -> None:
    place = results(mixed())[0]["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "conf/modelguard.lock"}, "region": {"startLine": 31}}


def test_sarif_points_at_the_file_of_a_local_model_that_is_not_locked() -> None:
    one = examination(
        LocalRef("models/a b.pt"), refused=(decided(finding(location=Location("a b.pt"))),), paths=("a b.pt",)
    )
    two = examination(LocalRef("models"), refused=(decided(finding()),), paths=("model.bin", "b"))
    uris = [row["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for row in results(one, two)]
    assert uris == ["models/a%20b.pt", "models/model.bin"]


def test_sarif_levels_follow_the_verdict_and_excuses_are_suppressions() -> None:
    rows = results(mixed())
    assert [row["level"] for row in rows] == ["error", "error", "warning", "warning"]
    assert [row["ruleId"] for row in rows] == ["dangerous-call", "unknown-bytes", "unsigned-model", "unknown-bytes"]
    assert [len(row.get("suppressions", ())) for row in rows] == [0, 0, 0, 1]
    assert rows[3]["suppressions"][0]["justification"] == "excuses[0]: calibration data"


def test_sarif_rules_carry_the_page_of_the_check() -> None:
    (run,) = json.loads(written("sarif", mixed()))["runs"]
    rules = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    assert rules["unknown-bytes"]["shortDescription"]["text"] == "Reports bytes that no format accepts."
    assert rules["dangerous-call"]["properties"]["security-severity"] == "9.5"
    assert all(run["tool"]["driver"]["rules"][row["ruleIndex"]]["id"] == row["ruleId"] for row in run["results"])


def test_sarif_messages_hold_no_placeholder_and_no_link() -> None:
    for row in results(hostile()):
        message = row["message"]["text"]
        assert not re.search(r"(?<!\{)\{[0-9]+\}(?!\})", message)
        assert "](" not in message


# --- github -----------------------------------------------------------------------------------------------------------


def test_github_commands_stand_at_the_line_of_the_lock() -> None:
    lines = written("github", mixed()).splitlines()
    assert lines[0].startswith(
        "::error file=conf/modelguard.lock,line=31,title=critical[dangerous-call] acme/mixed@0123456::"
    )
    assert [line.split(" ")[0] for line in lines] == ["::error", "::error", "::warning", "::notice"]


def test_no_line_of_the_github_report_is_a_command_of_somebody_else() -> None:
    for line in written("github", hostile()).splitlines():
        command, properties, _ = re.fullmatch(r"::(error|warning|notice) ([^:]*)::([^\r\n]*)", line).groups()  # type: ignore[union-attr]
        assert command in {"error", "notice"}
        assert {pair.split("=")[0] for pair in properties.split(",")} <= {"file", "line", "title"}


def test_github_findings_over_the_limit_are_counted() -> None:
    many = tuple(decided(finding(subject=str(number))) for number in range(13))
    lines = written("github", examination(HubRef("acme", "mixed"), refused=many)).splitlines()
    assert sum(line.startswith("::error") for line in lines) == 10
    assert "::notice title=modelguard::3 findings more, in the step summary" in lines


# --- junit ------------------------------------------------------------------------------------------------------------


def test_junit_has_a_suite_for_each_model_and_a_case_for_each_area() -> None:
    top = Tree.fromstring(written("junit", clean(), mixed()))
    assert [suite.get("name") for suite in top] == ["acme/clean@0123456", "acme/mixed@0123456"]
    assert [case.get("name") for case in top[1]] == ["lock", "content", "provenance"]
    assert (top[1].get("tests"), top[1].get("failures")) == ("3", "1")
    failure = top[1].find("testcase/failure")
    assert failure is not None
    assert failure.get("type") == "dangerous-call"
    assert "dangerous-call" in (failure.text or "")
    assert "refused by default: content findings refuse" in (failure.text or "")


def test_junit_of_a_model_of_which_nothing_was_looked_at_is_an_error() -> None:
    top = Tree.fromstring(written("junit", empty()))
    assert (top[0].get("tests"), top[0].get("errors")) == ("1", "1")
    assert top.find("testsuite/testcase/error") is not None


def test_junit_elements_are_ours_alone() -> None:
    names = {element.tag for element in Tree.fromstring(written("junit", hostile())).iter()}
    assert names == {"testsuites", "testsuite", "testcase", "failure", "system-out"}


# --- markdown ---------------------------------------------------------------------------------------------------------


def test_markdown_has_a_row_for_each_model_and_opens_what_was_refused() -> None:
    text = written("markdown", clean(), mixed())
    assert text.startswith("### ❌ modelguard: 2 examined · 1 allowed · 1 refused\n")
    assert "| <code>acme/mixed&#64;0123456</code> | ❌ **refused** | 1.2 MB | <code>Apache-2&#46;0</code> |" in text
    assert "<details open><summary><code>acme/mixed&#64;0123456</code>: lock ok · content FAILED (2)" in text
    assert "✅ modelguard: 1 examined" in written("markdown", clean())


def test_nothing_that_a_stranger_wrote_is_markdown_or_markup() -> None:
    text = written("markdown", hostile())
    own = re.compile(r"</?(?:code|details(?: open)?|summary|sub|br)>")
    assert not re.search(r"[<>]", own.sub("", text))
    assert not re.search(r"(?<!&)#1", text)
    for piece in ("@everyone", "](", "![", "**b**", "https://", "www.", "javascript:"):
        assert piece not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {6}


def test_markdown_fits_into_a_comment() -> None:
    many = tuple(decided(finding(subject=str(number), message="word " * 400)) for number in range(60))
    text = written("markdown", *(examination(HubRef("acme", f"m{n}"), refused=many) for n in range(3)))
    assert len(text) < 65_536
    assert text.count("<details") == text.count("</details>")
    assert "shortened" in text


# --- html -------------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """Collects the elements of a page with their attributes, and its words."""

    EMPTY = frozenset({"meta", "wbr", "br", "rect", "circle", "line"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_page_is_well_formed_and_loads_nothing() -> None:
    page = Page(written("html"))
    assert page.open == []
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "img", "iframe", "link", "object", "embed", "form", "base", "evil"}
    assert not {
        name for _, attributes in page.elements for name in attributes if name.startswith("on") or name == "src"
    }
    assert all(
        str(value).startswith("#")
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name == "href"
    )
    policy = next(attributes for tag, attributes in page.elements if attributes.get("http-equiv"))
    assert str(policy["content"]).startswith("default-src 'none'")


def test_the_page_can_be_used_without_seeing_it() -> None:
    page = Page(written("html"))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.elements:
        assert attributes.get("aria-labelledby") in {None, *ids}
        assert str(attributes.get("href", "#")).removeprefix("#") in {"", *ids}
    assert all("aria-label" in attributes for tag, attributes in page.elements if tag == "svg")
    assert all("scope" in attributes for tag, attributes in page.elements if tag == "th")
    assert page.elements[0] == ("html", {"lang": "en"})
    headings = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(headings))


def test_the_page_tells_verdict_permissions_license_and_timeline() -> None:
    words = Page(written("html", mixed())).words
    for piece in (
        "refused",
        "os.system",
        "granted by core",
        "Apache-2.0",
        "2026-02-01",
        "approval ends",
        "ada@acme.example",
    ):
        assert piece in words


def licensed() -> Examination:
    meaning = LicenseMeaning(
        expression="LicenseRef-hf-llama3",
        alternatives=(("LicenseRef-hf-llama3",),),
        terms=(
            LicenseTerms(
                symbol="LicenseRef-hf-llama3",
                row="llama3",
                category="proprietary-community",
                commercial="conditional",
                obligations=("named-notice", "use-policy"),
            ),
        ),
    )
    return examination(
        HubRef("acme", "mixed", REVISION), facts=(Licensed(location=Location("acme/mixed"), meaning=meaning),)
    )


def test_the_license_found_just_now_comes_before_the_one_in_the_lock() -> None:
    words = Page(written("html", licensed())).words
    assert "LicenseRef-hf-llama3" in words
    assert "Apache-2.0" not in words
    assert "show the notice that the license words; keep to the list of prohibited uses (not legal advice)" in words
    assert "<code>LicenseRef-hf-llama3</code>" in written("markdown", licensed())


def test_a_license_that_offers_a_choice_shows_no_duties() -> None:
    one = licensed()
    fact = next(one.dossier.all(Licensed))
    twofold = evolve(fact, meaning=evolve(fact.meaning, alternatives=(("LicenseRef-hf-llama3",), ("MIT",))))
    assert "legal advice" not in written("html", examination(HubRef("acme", "mixed"), facts=(twofold,)))


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours `#rrggbb` or `#rgb` (WCAG 2.2, relative luminance)."""

    def luminance(colour: str) -> float:
        digits = colour if len(colour) == 6 else "".join(digit * 2 for digit in colour)
        parts_ = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts_]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_word_of_the_page_stands_out_from_what_is_behind_it(scheme: int) -> None:
    blocks = [dict(re.findall(r"--(\w+):#([0-9a-f]+)", block)) for block in STYLE.split("@media (prefers")[:2]]
    colours = blocks[scheme]
    assert set(colours) == {"back", "card", "text", "soft", "line", "link", "bad", "warn", "good", "info"}
    for name in ("text", "soft", "link", "bad", "warn", "good", "info"):
        for behind in ("back", "card"):
            assert contrast(colours[name], colours[behind]) >= 4.5, (name, behind)
    assert "opacity" not in STYLE


# --- any text ---------------------------------------------------------------------------------------------------------


@given(st.text(max_size=60))
def test_any_name_is_told_by_every_format_without_harm(name: str) -> None:
    one = examination(
        HubRef("acme", "any", REVISION),
        refused=(decided(finding(location=Location(name, (name,)), message=name, remedy=name, subject=name), name),),
        paths=(name,),
    )
    for report in REPORTS.values():
        document = report.write((one,), SETTING)
        assert all(map(is_harmless, document)), report.name
    Tree.fromstring(written("junit", one))
    json.loads(written("sarif", one))
    assert not Page(written("html", one)).open
    assert len(written("github", one).splitlines()) == 2
