"""The page about vendors lists exactly the questions that are asked, with their weights and formulas."""

from __future__ import annotations

from pathlib import Path

from modelguard.vendors.questions import QUESTIONS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "vendors.md"


def test_the_page_holds_every_question_as_it_is_asked() -> None:
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    assert rows == [f"| `{one.id}` | {one.weight:g} | {one.asks} | {one.formula} |" for one in QUESTIONS]
