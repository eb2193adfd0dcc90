"""The parts of ONNX's messages that are read, and what is known about its operator domains and element types.

Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

from modelguard.formats._protobuf import BYTES, VARINT, Schema

MODEL_SHAPE = {
    1: VARINT, 2: BYTES, 3: BYTES, 4: BYTES, 5: VARINT, 6: BYTES, 7: BYTES, 8: BYTES, 14: BYTES, 20: BYTES, 25: BYTES,
    26: BYTES,
}  # fmt: skip
"""Top-level fields of a model, by number, with their wire types."""

SCHEMA: Schema = {
    "model": {7: "graph", 8: "opset", 14: "metadata", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 11: "value", 12: "value", 13: "value", 15: "sparse", 16: "metadata"},
    "function": {7: "node", 9: "opset", 11: "attribute", 12: "value", 14: "metadata"},
    "node": {5: "attribute", 9: "metadata"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "external", 16: "metadata"},
    "value": {4: "metadata"},
}

# Fields by what they are called; the number is the one in onnx.proto.
MODEL = {"ir": 1, "producer": 2, "producer_version": 3, "domain": 4, "version": 5}
OPSET = {"domain": 1, "version": 2}
ENTRY = {"key": 1, "value": 2}
NODE = {"name": 3, "operator": 4, "domain": 7}
ATTRIBUTE = {"name": 1, "number": 3, "text": 4}
FUNCTION = {"name": 1, "domain": 10}
TENSOR = {"dims": 1, "type": 2, "strings": 6, "name": 8, "raw": 9, "place": 14}
EXTERNAL_PLACE = 1

BITS: dict[int, tuple[str, int]] = {
    1: ("FLOAT", 32), 2: ("UINT8", 8), 3: ("INT8", 8), 4: ("UINT16", 16), 5: ("INT16", 16), 6: ("INT32", 32),
    7: ("INT64", 64), 9: ("BOOL", 8), 10: ("FLOAT16", 16), 11: ("DOUBLE", 64), 12: ("UINT32", 32), 13: ("UINT64", 64),
    14: ("COMPLEX64", 64), 15: ("COMPLEX128", 128), 16: ("BFLOAT16", 16), 17: ("FLOAT8E4M3FN", 8),
    18: ("FLOAT8E4M3FNUZ", 8), 19: ("FLOAT8E5M2", 8), 20: ("FLOAT8E5M2FNUZ", 8), 21: ("UINT4", 4), 22: ("INT4", 4),
    23: ("FLOAT4E2M1", 4), 24: ("FLOAT8E8M0", 8), 25: ("UINT2", 2), 26: ("INT2", 2), 27: ("FLOAT6E2M3", 6),
    28: ("FLOAT6E3M2", 6),
}  # fmt: skip
"""Element types: name and bits of one element. Type 8, STRING, has no raw form."""

STANDARD_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
"""Domains whose operators a model's own functions must not take over."""

KNOWN_DOMAINS: dict[str, str] = {
    "": "the ONNX standard",
    "ai.onnx": "the ONNX standard",
    "ai.onnx.ml": "the ONNX standard for classical models",
    "ai.onnx.training": "the ONNX standard for training",
    "ai.onnx.preview": "the ONNX standard, not yet final",
    "ai.onnx.preview.training": "the ONNX standard, not yet final",
    "com.microsoft": "built into onnxruntime",
    "com.microsoft.nchwc": "built into onnxruntime, written by its optimizer",
    "com.microsoft.dml": "built into onnxruntime, for DirectML",
    "com.ms.internal.nhwc": "built into onnxruntime, written by its optimizer",
}
"""Domains whose operators the reference runtimes implement themselves, with the reason why they need no permission."""

REACHING_OPERATORS: dict[tuple[str, str], tuple[str, str, str]] = {
    ("com.microsoft", "EPContext"): (
        "native-code", "", "a compiled program for one accelerator, which its driver runs as it is"),
    ("com.microsoft", "PythonOp"): ("ops", "code-execution", "calls a Python function by name"),
    ("com.microsoft", "PythonOpGrad"): ("ops", "code-execution", "calls a Python function by name"),
    ("com.microsoft", "ExternalStream"): ("ops", "network", "talks to another service"),
    ("com.microsoft.azure", "OpenAIChat"): ("ops", "network", "sends its input to another service"),
    ("com.microsoft.extensions", "OpenAIAudioToText"): ("ops", "network", "sends its input to another service"),
    ("com.microsoft.extensions", "AzureTextToText"): ("ops", "network", "sends its input to another service"),
    ("com.microsoft.extensions", "AzureTritonInvoker"): ("ops", "network", "sends its input to another service"),
}  # fmt: skip
"""Operators that do more than compute: permission, class of danger, and what they do."""

PYTHON_OPERATORS = ("PyOp", "PyCustomOp", "PythonOp", "PyFunc")
"""Beginnings of operator names that call Python, in whatever domain they are registered."""
