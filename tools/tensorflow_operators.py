"""Writes down the operators that an installed TensorFlow registers, for comparison with the tables of this project.

    python tools/tensorflow_operators.py > tests/formats/samples/tensorflow/operators.txt

Needs TensorFlow (`tensorflow-cpu`), which nothing else in this project does. The first line tells its version. Listed
are the operators that programs can name (`tf.raw_ops`); what only its rewriting of graphs puts in, what only runs in
its own tests, and what only its own compilers name is not written into models.
"""

from __future__ import annotations

import tensorflow as tf  # type: ignore[import-not-found, import-untyped, unused-ignore]


def main() -> None:
    names = sorted(name for name in dir(tf.raw_ops) if name[:1].isupper())
    print(f"# TensorFlow {tf.__version__}: {len(names)} operators")
    print(*names, sep="\n")


if __name__ == "__main__":
    main()
