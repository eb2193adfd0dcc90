"""Patterns of tokenizers: those of real models pass, those that take exponential time do not; quantization."""

from __future__ import annotations

import json
import re
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from walk_builders import asked, only, read, refused, rules

from modelguard.formats._config_tokenizers import METHODS
from modelguard.formats._patterns import LONGEST, trouble_in
from modelguard.formats.json_file import FORMAT
from modelguard.terms.errors import BudgetSpent
from modelguard.terms.facts import Asks, Noted

# The patterns of GPT-2, Llama 3, GPT-4o and others of their families.
REAL = [
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}",
    r"[一-龥぀-ゟ゠-ヿ]+",
    r" {2,}",
    r"\d(?=(?:\d{3})+\b)",
]
NEAR = [
    r"(?>a+)+", r"(?:a++)+", r"(ab|cd)*", r"(?:\p{L}{1,20})+x", r"(?:\.\d+)*", r"\p{L}+(?:['-]\p{L}+)*", r"((?=a+)b)*",
    r"(?:\r?\n)+", r"[(a+)+]", r"\(a+\)+", r"(a+){2}", r"(a+)?",
]  # fmt: skip
# A pattern, and a text on which Python's engine needs time that doubles with each further character.
EXPONENTIAL = [
    (r"(a+)+$", "a", "b"), (r"(a*)*$", "a", "b"), (r"(?:\w+\s?)*$", "a", "!"), (r"(a|a)*$", "a", "b"),
    (r"(.+)+x", "a", ""), (r"(?:a|ab|a)*c", "a", "b"), (r"((ab)+)+$", "ab", "c"), (r"(?:-?a+)*$", "a", "b"),
    (r"(?:-[^x]+)*$", "-a", "x"), (r"(?:-[-a]+)*$", "--", "b"), (r"(?:\.?\d+)*$", "1", "x"),
]  # fmt: skip


def tokenizer(pattern: object) -> bytes:
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated"}
    return json.dumps({"version": "1.0", "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split]}}).encode()


@pytest.mark.parametrize("pattern", [*REAL, *NEAR])
def test_a_pattern_of_a_real_tokenizer_passes(pattern: str) -> None:
    assert trouble_in(pattern) == ""
    assert not refused(read(FORMAT, tokenizer(pattern), "tokenizer.json"))


@pytest.mark.parametrize(("pattern", "unit", "end"), EXPONENTIAL)
def test_a_pattern_that_takes_exponential_time_is_told(pattern: str, unit: str, end: str) -> None:
    """Each is first shown to be slow, so that the test is about real patterns: four more units cost at least thrice."""
    times = []
    for count in (14, 18):
        start = process_time()
        re.search(pattern.replace(r"\p{L}", "a"), unit * count + end)
        times.append(process_time() - start)
    assert times[1] > 3 * times[0] or times[1] > 0.001
    asks = only(read(FORMAT, tokenizer(pattern), "tokenizer.json"), Asks)
    assert [(ask.permission, ask.hazard, ask.name) for ask in asks] == [
        ("configuration", "exhaustion", f"Regex {pattern}")
    ]


def test_a_pattern_that_is_too_long_is_told_and_not_judged() -> None:
    with pytest.raises(BudgetSpent):
        trouble_in("a" * (LONGEST + 1))
    with pytest.raises(BudgetSpent):
        trouble_in("(" * 200)
    assert asked(read(FORMAT, tokenizer("a" * (LONGEST + 1)), "tokenizer.json"))


@pytest.mark.parametrize("value", [7, None, ["(a+)+"], {"x": 1}])
def test_a_token_called_regex_is_no_pattern(value: object) -> None:
    assert not refused(read(FORMAT, tokenizer(value), "tokenizer.json"))


@given(st.text(alphabet="()[]{}|*+?\\.^$-,ab1:<>=!", max_size=300))
def test_any_text_is_judged_in_bounded_time(pattern: str) -> None:
    try:
        trouble_in(pattern)
    except BudgetSpent:
        assert pattern.count("(") > 99


@pytest.mark.parametrize("pattern", ["(" * 99, "[" * LONGEST, "\\" * LONGEST, "(?:" * 90 + "a+" * 5000, "{" * LONGEST])
def test_hostile_patterns_take_little_time(pattern: str) -> None:
    start = process_time()
    trouble_in(pattern)
    assert process_time() - start < 5


def test_more_added_tokens_than_any_tokenizer_has_are_told() -> None:
    data = b'{"added_tokens": [' + b"1," * 1_000_000 + b"1]}"
    assert asked(read(FORMAT, data, "tokenizer.json")) == [("configuration", "added_tokens")]


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_known_method_of_quantization_is_noted(method: str) -> None:
    facts = read(
        FORMAT, json.dumps({"quantization_config": {"quant_method": method, "bits": 4}}).encode(), "config.json"
    )
    assert not refused(facts)
    assert [fact.detail.split(";")[0] for fact in only(facts, Noted)] == [method]


@pytest.mark.parametrize("method", ["evil", 7, ["gptq"]])
def test_an_unknown_method_of_quantization_is_asked_for(method: object) -> None:
    data = json.dumps({"text_config": {"quantization_config": {"quant_method": method}}}).encode()
    assert asked(read(FORMAT, data, "config.json")) == [("configuration", f"quant_method={method}")]


def test_a_configuration_without_a_method_passes() -> None:
    facts = read(FORMAT, b'{"quantization_config": {"load_in_4bit": true}}', "config.json")
    assert not refused(facts)
    assert not rules(facts)
