"""The program of the confined process: read a torch file, write its tensors or their table, and end.

It is started as `python -m modelguard.conversion._child`, reads one JSON object from stdin and writes one to the file
that the object names. Nothing that the model says leaves it in another way.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelguard.conversion import _limits
from modelguard.conversion.weights import SHARED
from modelguard.loaders import _inert
from modelguard.loaders._confinement import confined
from modelguard.terms.artifact import printable
from modelguard.terms.errors import LoaderError, ModelguardError

if TYPE_CHECKING:
    from torch import Tensor

# torch's names for element types, and those of safetensors.
_DTYPES: dict[str, str] = {
    "bool": "BOOL", "uint8": "U8", "int8": "I8", "int16": "I16", "uint16": "U16", "int32": "I32", "uint32": "U32",
    "int64": "I64", "uint64": "U64", "float16": "F16", "bfloat16": "BF16", "float32": "F32", "float64": "F64",
    "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2", "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2fnuz": "F8_E5M2FNUZ", "float8_e8m0fnu": "F8_E8M0", "complex64": "C64",
}  # fmt: skip
_NAMES_SHOWN = 12


def main() -> None:
    """Do what the request on stdin asks, and write the reply."""
    request = json.load(sys.stdin)
    reply = Path(request["reply"])
    try:
        import torch  # noqa: F401  # before the kernel refuses what its import asks for

        _limits.limit_resources(**request["limits"])
        kernel = _limits.refuse_system_calls()
        with confined():
            answer = _answer(request)
        answer["network"] = "refused by the kernel" if kernel else "refused by the interpreter"
    except ModelguardError as error:
        answer = {"error": type(error).__name__, "message": error.message, "remedy": error.remedy}
    except MemoryError:
        answer = {"error": "LoaderError", "message": "more memory was asked for than is allowed", "remedy": ""}
    except Exception as error:  # noqa: BLE001  # whatever a hostile file provokes has to be told, not raised
        message = f"{type(error).__name__}: {printable(str(error))[:500]}"
        answer = {"error": "LoaderError", "message": message, "remedy": ""}
    reply.write_text(json.dumps(answer))


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    imports = frozenset((module, name) for module, name in request["imports"])
    value, replaced = _inert.read(Path(request["source"]), request["name"], imports)
    chosen, key = _chosen(value, request["key"])
    tensors = _plain(_inert.tensors_in(chosen))
    everything = sum(1 for _ in _inert.tensors_in(value))
    groups = _shared(tensors)
    total = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    if total > request["largest"]:
        raise LoaderError(f"its tensors have {total} bytes, more than the {request['largest']} that are allowed")
    if request["output"]:
        _write(Path(request["output"]), tensors, groups)
    return {
        "rows": [[name, _dtype(tensor), list(tensor.shape), _digest(tensor)] for name, tensor in tensors.items()],
        "shared": groups,
        "key": key,
        "others": everything - len(tensors),
        "replaced": sorted(replaced),
    }


def _chosen(value: Any, key: str) -> tuple[Any, str]:
    """Return the part of a checkpoint that holds the weights; without a key it must be the only one with tensors."""
    if key == ".":
        return value, key
    if key:
        for name in key.split("."):
            value = dict(_inert.children(value)).get(name)
        if not any(True for _ in _inert.tensors_in(value)):
            raise LoaderError(f"there are no tensors under {printable(key)!r}")
        return value, key
    path: list[str] = []
    while True:
        holding = {name: part for name, part in _inert.children(value) if any(True for _ in _inert.tensors_in(part))}
        if not holding:
            raise LoaderError("it holds no tensors that can be taken out")
        if isinstance(value, _inert.Inert) or any(_is_tensor(part) for part in holding.values()):
            return value, ".".join(path)
        if len(holding) > 1:
            names = ", ".join(printable(name) for name in list(holding)[:_NAMES_SHOWN])
            raise LoaderError(f"several parts hold tensors: {names}", remedy="name one with --key, or all with --key .")
        ((name, value),) = holding.items()
        path.append(name)


def _is_tensor(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor)


def _plain(found: Any) -> dict[str, Tensor]:
    """Return the tensors by name. Raises `LoaderError` for one that safetensors cannot hold, or a name used twice."""
    import torch

    tensors: dict[str, Tensor] = {}
    for name, tensor in found:
        if name in tensors or name == "__metadata__":
            raise LoaderError(f"two tensors would be called {printable(name)!r}")
        if tensor.layout is not torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
            raise LoaderError(f"{printable(name)}: a {tensor.layout} tensor on {tensor.device} has no plain elements")
        _dtype(tensor)
        tensors[name] = tensor.detach()
    return dict(sorted(tensors.items()))


def _dtype(tensor: Tensor) -> str:
    word = str(tensor.dtype).removeprefix("torch.")
    if word not in _DTYPES:
        raise LoaderError(f"safetensors has no element type {word}")
    return _DTYPES[word]


def _shared(tensors: dict[str, Tensor]) -> list[list[str]]:
    """Return the groups of names whose tensors lie in one storage."""
    groups: dict[int, list[str]] = {}
    for name, tensor in tensors.items():
        storage = tensor.untyped_storage()
        if storage.nbytes():
            groups.setdefault(storage.data_ptr(), []).append(name)
    return sorted(group for group in groups.values() if len(group) > 1)


def _bytes(tensor: Tensor) -> bytes | memoryview:
    """Return the elements in C order; only one tensor at a time is copied."""
    whole = tensor.resolve_conj().resolve_neg().contiguous()
    count = whole.numel() * whole.element_size()
    if not count:
        return b""
    memory = (ctypes.c_char * count).from_address(whole.data_ptr())
    memory._owner = whole  # keeps the memory as long as the view of it
    return memoryview(memory)


def _digest(tensor: Tensor) -> str:
    return hashlib.sha256(_bytes(tensor)).hexdigest()


def _write(output: Path, tensors: dict[str, Tensor], groups: list[list[str]]) -> None:
    from modelguard.conversion import safetensors_file

    rows = [
        (name, _dtype(tensor), tuple(tensor.shape), lambda tensor=tensor: _bytes(tensor))
        for name, tensor in tensors.items()
    ]
    metadata = {"format": "pt", SHARED: json.dumps(groups)}
    with output.open("xb") as file:
        safetensors_file.write(file, rows, metadata)


if __name__ == "__main__":
    main()
