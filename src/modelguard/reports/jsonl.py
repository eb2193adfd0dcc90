"""The report for streams and log stores: one JSON object a line, one line an examination.

Each line is an examination of docs/reference/report.schema.json with the key `schema` beside it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from modelguard.reports.json import SCHEMA, as_object
from modelguard.reports.report import Report, Setting
from modelguard.terms.verdict import Examination


def write(examinations: Sequence[Examination], _: Setting) -> str:
    """Return the lines, each ended by a line feed."""
    return "".join(
        json.dumps({"schema": SCHEMA, **as_object(one)}, sort_keys=True, separators=(",", ":")) + "\n"
        for one in examinations
    )


REPORT = Report(name="jsonl", title="one JSON object a line", write=write)
