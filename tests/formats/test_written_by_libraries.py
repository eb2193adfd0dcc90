"""What the formats' own libraries wrote, a model each, passes the default policy with no finding above info.

The license of these files is of no concern here, so that only their contents are looked into.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from modelguard import examine
from modelguard.terms.finding import Severity
from modelguard.terms.verdict import Allowed

SNAPSHOTS = Path(__file__).parent / "samples" / "snapshots"


@pytest.mark.parametrize("name", sorted(folder.name for folder in SNAPSHOTS.iterdir()))
def test_a_model_that_a_library_wrote_passes(name: str) -> None:
    examination = examine(str(SNAPSHOTS / name), collectors=["contents"])
    # What a default profile grants (the arrays of NumPy in PaddlePaddle's pickles) is a finding for the verdict alone.
    contents = [finding for finding in examination.findings if finding.area == "content" and not finding.profiles]
    assert [finding for finding in contents if finding.severity > Severity.INFO] == []
    assert isinstance(examination.verdict, Allowed)
