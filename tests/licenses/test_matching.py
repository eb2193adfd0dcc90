"""Texts of licenses: the same text in another shape is found, another text never is."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import distribution
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelguard.licenses.matching import NEAR, identify, references
from modelguard.licenses.table import table

ROOT = Path(__file__).resolve().parent.parent.parent
DATA = ROOT / "src" / "modelguard" / "licenses" / "data"


def text_in(name: str, file: str) -> str:
    """Return a license text that an installed distribution carries."""
    found = next(path for path in distribution(name).files or () if path.name == file)
    return found.read_text()


APACHE = (ROOT / "LICENSE").read_text("utf-8")
MIT = text_in("attrs", "LICENSE")
BSD = text_in("click", "LICENSE.txt")
TEXTS = {"apache-2.0": APACHE, "mit": MIT, "bsd-3-clause": BSD}


def reflowed(text: str) -> str:
    return "\n\n".join(textwrap.fill(part, 50) for part in text.split("\n\n"))


def quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.splitlines())


def shouted(text: str) -> str:
    return text.upper()


def with_copyright(text: str) -> str:
    return f"Copyright (c) 2026 Acme Corporation and others. All rights reserved.\n\n{text}"


@pytest.mark.parametrize("shape", [str, reflowed, quoted, shouted, with_copyright])
@pytest.mark.parametrize("id_", TEXTS)
def test_a_text_is_found_in_any_shape(id_: str, shape: Callable[[str], str]) -> None:
    found = identify(shape(TEXTS[id_]))
    assert found.kind in {"exact", "match"}, found
    assert found.ids == (id_,)


# What is put in or taken out, each of which makes it another license.
AMENDED = {
    "a clause against commerce": lambda text: f"{text}\nThe Software may not be used commercially.\n",
    "good, not evil": lambda text: text.replace(
        "THE SOFTWARE IS PROVIDED", "The Software shall be used for Good, not Evil.\n\nTHE SOFTWARE IS PROVIDED"
    ),
    "one word in front": lambda text: text.replace("free of charge, to any person", "to any person"),
    "a word within": lambda text: text.replace("any person obtaining", "any noncommercial person obtaining"),
    "another script": lambda text: f"{text}\n不得用于商业用途\n",
    "hidden in a copyright line": lambda text: f"Copyright 2026 Acme, no commercial use.\n{text}",
    "hidden in a title": lambda text: f"MIT License for research only\n{text}",
    "cut in half": lambda text: text[: len(text) // 2],
}


@pytest.mark.parametrize("name", AMENDED)
def test_an_amended_text_is_not_the_license(name: str) -> None:
    changed = AMENDED[name](MIT)
    assert changed != MIT
    found = identify(changed)
    assert found.kind in {"modified", "unknown"}, found


def test_a_not_that_is_taken_out_is_noticed_in_a_long_text() -> None:
    assert " shall not " in APACHE
    found = identify(APACHE.replace(" shall not ", " shall ", 1))
    assert str(found) == "modified:apache-2.0"
    assert "meaning hangs" in found.detail


@pytest.mark.parametrize("at", [0, 0.3, 0.7, 1])
def test_a_clause_of_harmless_words_in_a_long_text_is_noticed(at: float) -> None:
    lines = APACHE.splitlines()
    lines.insert(int(at * len(lines)), "Licensees owe Acme ten dollars for every deployment of this model.")
    assert str(identify("\n".join(lines))) == "modified:apache-2.0"


def test_the_name_of_an_owner_makes_no_difference() -> None:
    changed = BSD.replace("the copyright holder nor", "Acme Foundation nor")
    assert changed != BSD
    assert str(identify(changed)) == "bsd-3-clause"


def test_two_licenses_in_one_file_are_not_taken_for_one_of_them() -> None:
    assert identify(f"{APACHE}\n\n{MIT}").kind == "modified"


def test_other_prose_is_unknown() -> None:
    found = identify("This model was trained on public data and works well for short texts in English. " * 20)
    assert found.kind == "unknown"
    assert found.score < NEAR


def test_a_title_alone_is_never_certain() -> None:
    text = "Mistral AI Research License\n" + "Some words about the rights that are granted to everybody here. " * 20
    assert str(identify(text)) == "modified:mrl"
    assert identify("Mistral AI Research License").kind == "unknown"


@given(st.text(max_size=400))
def test_any_text_is_answered(text: str) -> None:
    assert identify(text).kind in {"unknown", "modified", "ambiguous", "match", "exact"}


def test_every_text_belongs_to_a_row_of_the_table() -> None:
    assert references() <= table().by_id.keys()


def test_table_and_ngrams_add_less_than_300_kilobytes() -> None:
    assert sum(path.stat().st_size for path in DATA.iterdir()) < 300_000


# --- the whole corpus as an oracle ------------------------------------------------------------------------------------

# Entries of the corpus that are the same license under another key.
TWINS = {
    "bsd-2-clause-netbsd": "the text of bsd-2-clause with the name of its first user",
    "etalab-2.0-fr": "the same text as etalab-2.0 in the corpus",
    "odc-1.0": "an older key of odc-by-1.0",
    "x11-acer": "ISC with a slip of the pen",
    "x11-r75": "MIT with a remark in parentheses",
}


@pytest.fixture(scope="module")
def corpus() -> tuple[dict[str, tuple[str, str]], dict[str, str]]:
    """Return the texts of the corpus by key, and the id of the table for those that references were made of."""
    place = os.environ.get("MODELGUARD_LICENSE_CORPUS")
    if not place:
        pytest.skip("MODELGUARD_LICENSE_CORPUS names no corpus (see tools/make_license_ngrams.py)")
    sys.path.insert(0, str(ROOT / "tools"))
    tool = import_module("make_license_ngrams")
    texts = tool.corpus(Path(place))
    return texts, {key: id_ for id_, key, _ in tool.references(texts)}


# Shapes in which a text is called modified although it is not: its copyright lines run into other sentences.
TOO_STRICT = {("reflowed", "lppl-1.3c"), ("reflowed", "lgpl-2.1")}


@pytest.mark.slow
@pytest.mark.parametrize("shape", [str, reflowed, quoted, with_copyright])
def test_every_reference_is_found_and_never_as_another(
    shape: Callable[[str], str], corpus: tuple[dict[str, tuple[str, str]], dict[str, str]]
) -> None:
    texts, ids = corpus
    wrong = {}
    for key, id_ in ids.items():
        found = identify(shape(texts[key][1]))
        if found.kind not in {"exact", "match"} or found.ids != (id_,):
            wrong[key] = str(found), found.detail
    assert wrong.keys() == {key for name, key in TOO_STRICT if name == shape.__name__}
    assert all(answer.startswith("modified:") for answer, _ in wrong.values())


@pytest.mark.slow
@pytest.mark.parametrize("part", [0.5, 0.8, 0.95])
def test_a_truncated_reference_is_never_another_license(
    part: float, corpus: tuple[dict[str, tuple[str, str]], dict[str, str]]
) -> None:
    texts, ids = corpus
    for key, id_ in ids.items():
        text = texts[key][1]
        found = identify(text[: int(len(text) * part)])
        assert found.kind in {"modified", "ambiguous", "unknown"} or found.ids == (id_,), (key, found)


@pytest.mark.slow
def test_no_other_license_of_the_corpus_is_taken_for_one_of_the_table(
    corpus: tuple[dict[str, tuple[str, str]], dict[str, str]],
) -> None:
    texts, ids = corpus
    taken = {key for key, (_, text) in texts.items() if key not in ids and identify(text).kind in {"exact", "match"}}
    assert taken == TWINS.keys()


@pytest.mark.slow
def test_the_data_are_what_the_tool_makes(corpus: tuple[dict[str, tuple[str, str]], dict[str, str]]) -> None:
    tool = import_module("make_license_ngrams")
    assert (DATA / "ngrams.xz").read_bytes() == tool.build(Path(os.environ["MODELGUARD_LICENSE_CORPUS"]))
