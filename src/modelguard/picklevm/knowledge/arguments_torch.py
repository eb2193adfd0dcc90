"""The argument rules of torch: a tensor must lie within its storage, and no hook may come with it.

`torch.load(weights_only=True)` before 2.10 did not compare a tensor's metadata with its storage (CVE-2026-24747,
GHSA-63cw-57p8-fm3p); a tensor that reaches beyond it reads and writes memory of the process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from modelguard.picklevm.knowledge.reading import (
    Use,
    called,
    is_empty_hooks,
    is_granted,
    is_plain,
    named,
    text,
    whole,
    wholes,
    words,
)
from modelguard.picklevm.values import Global, Persistent, Result, Sequence, Value

LARGEST = 2**63 - 1

# Bytes of one element, for storages whose length is given in bytes.
_ITEM_BYTES: dict[str, int] = {
    "bool": 1, "uint8": 1, "int8": 1, "float8_e4m3fn": 1, "float8_e4m3fnuz": 1, "float8_e5m2": 1,
    "float8_e5m2fnuz": 1, "float8_e8m0fnu": 1, "float4_e2m1fn_x2": 1, "bits8": 1, "bits1x8": 1, "bits2x4": 1,
    "bits4x2": 1, "float16": 2, "half": 2, "bfloat16": 2, "int16": 2, "short": 2, "uint16": 2, "bits16": 2,
    "float32": 4, "float": 4, "int32": 4, "int": 4, "uint32": 4, "complex32": 4, "chalf": 4, "float64": 8,
    "double": 8, "int64": 8, "long": 8, "uint64": 8, "complex64": 8, "cfloat": 8, "complex128": 16, "cdouble": 16,
}  # fmt: skip

_REBUILT = words(
    "_rebuild_tensor _rebuild_tensor_v2 _rebuild_tensor_v3 _rebuild_qtensor _rebuild_parameter _rebuild_sparse_tensor "
    "_rebuild_sparse_csr_tensor _rebuild_meta_tensor_no_storage _rebuild_device_tensor_from_numpy "
    "_rebuild_device_tensor_from_cpu_tensor _rebuild_nested_tensor"
)


def _storage_length(storage: Value) -> tuple[int | None, str]:
    """Return the number of elements of a storage as its persistent id tells it, or None with what is wrong."""
    if not isinstance(storage, Persistent):
        return None, f"the storage of a tensor is {named(storage)}, not a part of the file"
    items = storage.id.items if isinstance(storage.id, Sequence) else None
    if items is None or not 5 <= len(items) <= 6 or text(items[0]) != "storage":
        return None, "the storage of a tensor is not named as torch names storages"
    if not is_granted(items[1]):
        return None, f"the storage of a tensor is of type {named(items[1])}, which no profile grants"
    length = whole(items[4])
    if length is None or length < 0 or length > LARGEST:
        return None, "the storage of a tensor has no usable length"
    return length, ""


def extent(offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> int:
    """Return the index behind the last element that a tensor reaches; 0 for a tensor without elements."""
    if 0 in size:
        return 0
    return offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True)) + 1


def _layout(storage: Value, offset: Value, size: Value, stride: Value, *, item_bytes: int = 1) -> str:
    length, wrong = _storage_length(storage)
    if length is None:
        return wrong
    start, lengths, steps = whole(offset), wholes(size), wholes(stride)
    if start is None or lengths is None or steps is None or len(lengths) != len(steps):
        return "a tensor's offset, size and strides are not plain numbers that go together"
    if min((start, *lengths, *steps)) < 0 or max((start, *lengths, *steps)) > LARGEST:
        return "a tensor has a negative or too large offset, size or stride"
    reach = extent(start, lengths, steps) * item_bytes
    if reach > length:
        return f"a tensor reaches to element {reach} of a storage of {length}, beyond its memory"
    return ""


def _hooks(value: Value) -> str:
    return "" if is_empty_hooks(value) else f"a tensor comes with hooks ({named(value)}), which run with the model"


def _tensor(use: Use) -> str:
    match use.arguments:
        case (storage, offset, size, stride):
            return _layout(storage, offset, size, stride)
        case (storage, offset, size, stride, _, hooks, *rest) if len(rest) <= 1:
            return _layout(storage, offset, size, stride) or _hooks(hooks) or _metadata(rest)
    return f"{use.name} is given an unusual number of arguments"


def _metadata(rest: list[Value]) -> str:
    if all(is_plain(value) for value in rest):
        return ""
    return "a tensor's metadata holds something other than plain values"


def _tensor_v3(use: Use) -> str:
    match use.arguments:
        case (storage, offset, size, stride, _, hooks, Global(module="torch", name=dtype), *rest) if len(rest) <= 1:
            if dtype not in _ITEM_BYTES:
                return f"the element type torch.{dtype} has no known size"
            wrong = _layout(storage, offset, size, stride, item_bytes=_ITEM_BYTES[dtype])
            return wrong or _hooks(hooks) or _metadata(rest)
    return f"{use.name} is given an unusual number of arguments"


def _quantized(use: Use) -> str:
    match use.arguments:
        case (storage, offset, size, stride, quantizer, _, hooks):
            return _layout(storage, offset, size, stride) or _hooks(hooks) or _quantizer(quantizer)
    return f"{use.name} is given an unusual number of arguments"


def _quantizer(value: Value) -> str:
    items = value.items if isinstance(value, Sequence) else None
    if items is not None and all(is_plain(item) or is_granted(item) or is_tensor(item) for item in items):
        return ""
    return "a quantized tensor's parameters are not plain values and tensors"


def is_tensor(value: Value) -> bool:
    """Tell whether a value was made by one of the granted functions that rebuild tensors."""
    return called(value, *(("torch._utils", name) for name in _REBUILT)) is not None


def _parameter(use: Use) -> str:
    match use.arguments:
        case (data, _, hooks):
            if not is_tensor(data):
                return f"a parameter is made over {named(data)}, not over a tensor"
            return _hooks(hooks)
    return f"{use.name} is given an unusual number of arguments"


def _parts(value: Value) -> bool:
    """Tell whether a value is made of tensors, plain values and granted names only."""
    if isinstance(value, Sequence):
        return value.items is not None and all(_parts(item) for item in value.items)
    if isinstance(value, Result):
        named_parts = ("torch", "Size"), ("torch", "device"), ("torch.serialization", "_get_layout")
        return is_tensor(value) or called(value, *named_parts) is not None
    return is_plain(value) or is_granted(value)


def _sparse(use: Use) -> str:
    wrong = next((value for value in use.arguments if not _parts(value)), None)
    return "" if wrong is None else f"{use.name} is given {named(wrong)}, where tensors and plain values belong"


def _from_data(use: Use) -> str:
    arrays = ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct")
    wrong = next((value for value in use.arguments if not _parts(value) and called(value, *arrays) is None), None)
    return "" if wrong is None else f"{use.name} is given {named(wrong)}, where tensors, arrays and plain values belong"


def _layout_rule(use: Use) -> str:
    name = text(use.arguments[0]) if len(use.arguments) == 1 else None
    if name is not None and name.startswith("torch.") and is_granted(Global("torch", name.removeprefix("torch."))):
        return ""
    return "a memory layout is named that torch does not have"


TORCH_RULES: Mapping[str, Callable[[Use], str]] = {
    "torch-tensor": _tensor,
    "torch-tensor-v3": _tensor_v3,
    "torch-quantized": _quantized,
    "torch-parameter": _parameter,
    "torch-sparse": _sparse,
    "torch-meta": _from_data,
    "torch-layout": _layout_rule,
}
