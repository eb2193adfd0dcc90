"""Writes tiny models with the libraries of formats that are too large for the project's own environments.

    python tools/write_samples.py tests/formats/samples/written [NAME]...

Each function writes one directory, named after itself, with what its library writes for a user. It runs in an
environment of its own (tests/formats/samples/README.md names the packages); a library that is not there is left out
and told. Nothing here is loaded again.
"""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

MAKERS: dict[str, Callable[[Path], None]] = {}


def maker(function: Callable[[Path], None]) -> Callable[[Path], None]:
    MAKERS[function.__name__] = function
    return function


def _network(tf: Any) -> Any:
    tf.keras.utils.set_random_seed(1)
    return tf.keras.Sequential(
        [tf.keras.layers.Input((3,)), tf.keras.layers.Dense(2, activation="relu"), tf.keras.layers.Dense(1)]
    )


@maker
def savedmodel(here: Path) -> None:
    import tensorflow as tf

    _network(tf).export(here / "exported", verbose=False)

    class Words(tf.Module):
        def __init__(self) -> None:
            Path("words.txt").write_text("a\nb\n")  # relative, as it is written into the model
            start = tf.lookup.TextFileInitializer(
                "words.txt", tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            )  # fmt: skip
            self.table = tf.lookup.StaticHashTable(start, -1)
            self.scale = tf.Variable(2.0)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def __call__(self, words: Any) -> Any:
            return tf.cast(self.table.lookup(words), tf.float32) * self.scale

    tf.saved_model.save(Words(), str(here / "with-an-asset"))
    (here / "words.txt").unlink()


@maker
def tensorflow_checkpoint(here: Path) -> None:
    import tensorflow as tf

    tf.train.Checkpoint(w=tf.Variable([1.0, 2.0]), step=tf.Variable(3)).write(str(here / "ckpt"))


@maker
def tensorflow_graph(here: Path) -> None:
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    network = _network(tf)
    called = tf.function(network).get_concrete_function(tf.TensorSpec((1, 3), tf.float32))
    frozen = convert_variables_to_constants_v2(called).graph.as_graph_def()
    (here / "frozen.pb").write_bytes(frozen.SerializeToString())
    tf.io.write_graph(frozen, str(here), "frozen.pbtxt", as_text=True)


@maker
def tflite(here: Path) -> None:
    import tensorflow as tf

    called = tf.function(_network(tf)).get_concrete_function(tf.TensorSpec((1, 3), tf.float32))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([called])
    (here / "m.tflite").write_bytes(converter.convert())
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    (here / "smaller.tflite").write_bytes(converter.convert())


@maker
def event_log(here: Path) -> None:
    import tensorflow as tf

    writer = tf.summary.create_file_writer(str(here), filename_suffix=".sample")
    with writer.as_default():
        tf.summary.write("loss", 0.5, step=1)
    writer.close()
    for file in here.glob("events*"):
        file.rename(here / "events.out.tfevents.1.sample")
    with tf.io.TFRecordWriter(str(here / "data.tfrecord")) as records:
        records.write(b"one")
        records.write(b"two")


@maker
def openvino(here: Path) -> None:
    import numpy as np
    import openvino as ov
    from openvino import opset13 as ops

    given = ops.parameter([1, 3], np.float32)
    weights = ops.constant(np.arange(6, dtype=np.float32).reshape(3, 2))
    ov.save_model(
        ov.Model([ops.relu(ops.matmul(given, weights, transpose_a=False, transpose_b=False))], [given]), here / "m.xml"
    )


@maker
def coreml(here: Path) -> None:
    import coremltools as ct
    import numpy as np
    from coremltools.converters.mil import Builder as mb  # noqa: N813

    @mb.program(input_specs=[mb.TensorSpec(shape=(1, 3))])
    def program(x: Any) -> Any:
        weights = np.random.default_rng(1).random((64, 3), dtype=np.float32)
        return mb.relu(x=mb.linear(x=x, weight=weights, bias=np.zeros(64, np.float32)))

    for target, name in (("mlprogram", "m.mlpackage"), ("neuralnetwork", "m.mlmodel")):
        ct.convert(program, convert_to=target, minimum_deployment_target=None).save(str(here / name))


@maker
def catboost(here: Path) -> None:
    from catboost import CatBoostClassifier

    model = CatBoostClassifier(iterations=3, depth=2, verbose=False, allow_writing_files=False)
    model.fit([[0, "a"], [1, "b"], [2, "a"], [3, "c"]] * 5, [0, 1, 0, 1] * 5, cat_features=[1])
    model.save_model(str(here / "m.cbm"))


@maker
def xgboost(here: Path) -> None:
    import numpy as np
    import xgboost as xgb

    numbers = np.random.default_rng(0).random((40, 3))
    booster = xgb.train({"max_depth": 2}, xgb.DMatrix(numbers, numbers[:, 0]), 2)
    for name in ("m.json", "m.ubj"):
        booster.save_model(here / name)


@maker
def pmml(here: Path) -> None:
    import pandas as pd
    from nyoka import skl_to_pmml
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    rows = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})
    pipeline = Pipeline([("scale", StandardScaler()), ("model", LogisticRegression())]).fit(rows, [0, 0, 1, 1])
    skl_to_pmml(pipeline, ["a", "b"], "y", str(here / "m.pmml"))


@maker
def flax(here: Path) -> None:
    import numpy as np
    from flax import serialization

    state = {"params": {"dense": {"kernel": np.ones((3, 2), np.float32), "bias": np.zeros(2, np.float16)}}, "step": 3}
    (here / "flax_model.msgpack").write_bytes(serialization.msgpack_serialize(state))


@maker
def spacy(here: Path) -> None:
    import spacy as library

    pipeline = library.blank("xx")  # the language with the smallest tokenizer
    pipeline.add_pipe("sentencizer")
    ruler = pipeline.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "ORG", "pattern": "Example"}])
    words = {"@architectures": "spacy.TextCatBOW.v3", "exclusive_classes": True, "ngram_size": 1, "length": 64}
    categories = pipeline.add_pipe("textcat", config={"model": {**words, "no_output_layer": False}})
    categories.add_label("x")
    categories.add_label("y")
    pipeline.initialize()
    pipeline.to_disk(here / "pipeline")


@maker
def fasttext(here: Path) -> None:
    import fasttext as library

    (here / "words.txt").write_text("__label__a one two three\n__label__b four five six\n" * 9)
    model = library.train_supervised(str(here / "words.txt"), dim=2, bucket=300, wordNgrams=2, epoch=1, verbose=0)
    model.save_model(str(here / "m.bin"))
    model.quantize(input=str(here / "words.txt"), retrain=False)
    model.save_model(str(here / "m.ftz"))
    (here / "words.txt").unlink()


@maker
def mlflow(here: Path) -> None:
    import numpy as np
    import xgboost as xgb
    from mlflow.xgboost import save_model

    numbers = np.random.default_rng(0).random((40, 3))
    booster = xgb.train({"max_depth": 2}, xgb.DMatrix(numbers, numbers[:, 0]), 2)
    save_model(booster, str(here / "model"), model_format="ubj")


@maker
def sentencepiece(here: Path) -> None:
    import sentencepiece as library

    (here / "text.txt").write_text("\n".join(f"the quick brown fox number {n} jumps" for n in range(300)))
    for kind in ("unigram", "bpe"):
        library.SentencePieceTrainer.train(
            input="text.txt", model_prefix=kind, vocab_size=60, model_type=kind,
            minloglevel=2, hard_vocab_limit=False, normalization_rule_name="identity",
        )  # fmt: skip
        (here / f"{kind}.vocab").unlink()
    (here / "text.txt").unlink()


@maker
def onnx_with_data(here: Path) -> None:
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 300]) for name in ("x", "y")]
    weights = numpy_helper.from_array(np.arange(300, dtype=np.float32), "w")
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", ends[:1], ends[1:], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, here / "m.onnx", save_as_external_data=True, location="m.onnx_data")


def main() -> int:
    target, *wanted = sys.argv[1:]
    warnings.simplefilter("ignore")
    for name, make in MAKERS.items():
        if wanted and name not in wanted:
            continue
        here = Path(target).resolve() / name
        here.mkdir(parents=True, exist_ok=True)
        os.chdir(here)
        try:
            make(here)
        except Exception:  # noqa: BLE001  # one library that is not there must not stop the others
            print(f"{name}: not written\n{traceback.format_exc(limit=-3)}", file=sys.stderr)
            continue
        print(name, sum(file.stat().st_size for file in here.rglob("*") if file.is_file()), "bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
