"""SPDX expressions: what is read, what a user may choose, what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelguard.licenses.expression import conjunction, parse_expression, symbols_of
from modelguard.terms.errors import LicenseError


@pytest.mark.parametrize(
    ("text", "alternatives"),
    [
        ("MIT", (("MIT",),)),
        ("MIT OR Apache-2.0", (("Apache-2.0",), ("MIT",))),
        ("MIT AND Apache-2.0", (("Apache-2.0", "MIT"),)),
        ("MIT or Apache-2.0 and ISC", (("Apache-2.0", "ISC"), ("MIT",))),
        ("(MIT OR Apache-2.0) AND ISC", (("Apache-2.0", "ISC"), ("ISC", "MIT"))),
        ("GPL-2.0-only WITH Classpath-exception-2.0", (("GPL-2.0-only WITH Classpath-exception-2.0",),)),
        ("LicenseRef-hf-llama3.1", (("LicenseRef-hf-llama3.1",),)),
        ("GPL-2.0+", (("GPL-2.0+",),)),
    ],
)
def test_an_expression_offers_its_alternatives(text: str, alternatives: object) -> None:
    assert parse_expression(text).alternatives == alternatives


@pytest.mark.parametrize(
    "text",
    ["", "MIT OR", "AND MIT", "MIT Apache-2.0", "(MIT", "MIT)", "MIT, ISC", "LicenseRef-", "LicenseRef-hf-openrail++",
     "category:permissive", "MIT WITH", "(" * 30 + "MIT" + ")" * 30,
     " AND ".join(f"(A{n} OR B{n})" for n in range(8))],
)  # fmt: skip
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(LicenseError, match="license expression"):
        parse_expression(text)


@given(st.text(alphabet="MITApche-2.0()+: ANDORWHlicensRf", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse_expression(text)
    except LicenseError:
        return
    assert parse_expression(found.text).alternatives == found.alternatives


def test_a_conjunction_keeps_choices_apart() -> None:
    assert conjunction(["MIT OR ISC", "Zlib", "Zlib"]) == "(MIT OR ISC) AND Zlib"
    assert symbols_of(conjunction(["MIT OR ISC", "Zlib"])) == {"MIT", "ISC", "Zlib"}
