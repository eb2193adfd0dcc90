"""The shared JSON reader: limits, keys that occur twice, and what is not JSON at all."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelguard.formats._json import DEPTH, nesting, objects, parse_json, read_json
from modelguard.terms.artifact import Location
from modelguard.terms.content import Content
from modelguard.terms.errors import BudgetSpent, ReadError

HERE = Location("config.json")


def test_a_key_that_occurs_twice_is_named_and_its_lost_value_is_kept() -> None:
    document = parse_json(b'{"a": {"x": 1}, "a": {"x": 2}}')
    assert document.value == {"a": {"x": 2}}
    assert document.twice == ("a",)
    assert document.lost == ({"x": 1},)


def test_the_same_key_in_two_objects_is_no_duplicate() -> None:
    assert parse_json(b'[{"a": 1}, {"a": 2}]').twice == ()


def test_constants_and_a_byte_order_mark_are_told() -> None:
    document = parse_json(b'\xef\xbb\xbf{"time_step_limit": [0.0, Infinity]}')
    assert document.constants == ("Infinity",)
    assert document.marked
    rules = [fact.rule for fact in document.remarks(Content.of(b"", HERE), "json")]
    assert rules == ["json-byte-order-mark", "json-constant"]


def test_a_document_without_oddities_has_no_remarks() -> None:
    assert not list(parse_json(b'{"a": [1, 2]}').remarks(Content.of(b"", HERE), "json"))


def test_nesting_at_the_limit_is_read_and_one_more_is_refused() -> None:
    assert parse_json(b"[" * DEPTH + b"]" * DEPTH).value
    with pytest.raises(ReadError, match="nested"):
        parse_json(b"[" * (DEPTH + 1) + b"]" * (DEPTH + 1))


def test_brackets_within_strings_do_not_nest() -> None:
    assert nesting(json.dumps({"a": "[[[[" * 1000, 'b\\"[[[': '\\"[[[\\'}).encode()) == 1


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b'{"a"}', b"[1,]", b"{} {}", b"\xff\xfe{", b"9" * 5000, b'{"a": 1} trailing'],
    ids=["nothing", "open", "no value", "comma", "two documents", "not utf-8", "too many digits", "trailing"],
)
def test_what_is_not_json_is_a_read_error(data: bytes) -> None:
    with pytest.raises(ReadError):
        parse_json(data)


def test_a_document_over_the_limit_is_not_read() -> None:
    with pytest.raises(BudgetSpent):
        read_json(Content.of(b"[" + b"1," * 100 + b"1]", HERE), limit=100)


def test_objects_are_found_at_any_depth_with_their_path() -> None:
    found = dict(objects({"a": [{"b": {"c": 1}}], "d": 2}))
    assert sorted(found) == ["", "a[0]", "a[0].b"]


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(deadline=5000)
@given(_values)
def test_what_json_writes_is_read_back(value: object) -> None:
    assert parse_json(json.dumps(value).encode()).value == value


@settings(deadline=5000)
@given(_values)
def test_the_measured_nesting_is_the_true_one(value: object) -> None:
    def depth(part: object) -> int:
        if isinstance(part, dict):
            return 1 + max(map(depth, part.values()), default=0)
        return 1 + max(map(depth, part), default=0) if isinstance(part, list) else 0

    assert nesting(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")) == depth(value)


@settings(deadline=5000)
@given(st.binary() | st.text(alphabet='{}[]",:\\u0d81e 1-.').map(str.encode))
def test_any_bytes_give_a_document_or_a_read_error(data: bytes) -> None:
    try:
        parse_json(data)
    except ReadError:
        return
