"""An ordinary program that uses a model: the one thing it does differently is to call `guarded_load`."""

from __future__ import annotations

import sys

from modelguard import ModelRefused, guarded_load

try:
    classifier = guarded_load(sys.argv[1] if len(sys.argv) > 1 else "acme/digits", file="clf.joblib")
except ModelRefused as refused:
    sys.exit(f"refused: {refused}")

SEVEN = [
    0, 0, 8, 16, 16, 16, 6, 0,
    0, 0, 8, 12, 12, 16, 8, 0,
    0, 0, 0, 0, 4, 16, 3, 0,
    0, 0, 4, 8, 12, 14, 2, 0,
    0, 0, 12, 16, 16, 12, 4, 0,
    0, 0, 1, 14, 9, 0, 0, 0,
    0, 0, 6, 14, 1, 0, 0, 0,
    0, 0, 11, 8, 0, 0, 0, 0,
]  # fmt: skip
print("the digit is a", *classifier.predict([[pixel / 16 for pixel in SEVEN]]))
