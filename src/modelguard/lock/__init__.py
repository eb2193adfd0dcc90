"""The lock: the verified inventory of models, one entry a model, reviewed as a diff.

    lock-version = "1.0"
    created-by = "modelguard 0.1.0"

    [[model]]
    id = "acme/tiny"
    revision = "5b1c…"
    files = [
      { path = "config.json", size = 681, sha256 = "…", formats = ["json"] },
    ]
    …

It is TOML with a fixed order of keys, models by id and files by path, one file a line, LF at line ends and no volatile
data, so that writing it again without a change upstream changes no byte, and one changed file is a diff of one line.
A damaged lock is an error, never an empty lock.
"""

from modelguard.lock.document import Lock, update
from modelguard.lock.entry import (
    Accepted,
    BaseRecord,
    Decided,
    Entry,
    LicenseRecord,
    LineageRecord,
    LockedFile,
    ProvenanceRecord,
    tree_digest,
)

__all__ = [
    "Accepted",
    "BaseRecord",
    "Decided",
    "Entry",
    "LicenseRecord",
    "LineageRecord",
    "Lock",
    "LockedFile",
    "ProvenanceRecord",
    "tree_digest",
    "update",
]
