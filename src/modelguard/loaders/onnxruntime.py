"""Opens ONNX models as onnxruntime sessions. External data is found beside the model, in the verified directory.

A library of custom operators is native code: it is registered on the `SessionOptions` that the caller passes, by the
caller's own choice, never by the model.
"""

from __future__ import annotations

from typing import Any

from modelguard.loaders._entry import Forbidden, Formats, Package, loader, wrong_target
from modelguard.loaders._files import one_of, the_file
from modelguard.loaders.loader import Handover

_TARGETS = ("", "InferenceSession")
_FORBIDDEN = (Forbidden(option="path_or_bytes", reason="the model is the verified one"),)


def _load(handover: Handover) -> Any:
    import onnxruntime  # native library

    if handover.target not in _TARGETS:
        raise wrong_target("onnxruntime", handover.target, _TARGETS)
    return onnxruntime.InferenceSession(str(the_file(handover, "onnxruntime")), *handover.args, **handover.options)


def _offers(_formats: Formats, _file: str | None) -> tuple[str, ...]:
    return ("",)


LOADER = loader(
    name="onnxruntime",
    package=Package(
        distribution="onnxruntime",
        module="onnxruntime",
        extra="onnx",
        alternatives=("onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino"),
    ),
    load=_load,
    suits=one_of("onnxruntime"),
    offers=_offers,
    forbidden=_FORBIDDEN,
)
