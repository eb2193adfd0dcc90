"""Makers of small models: repositories' files by path, made without any framework.

Each returns fresh bytes, the same on every call, so that digests can be written into tests.
"""

from __future__ import annotations

import json
import pickle
import struct
from collections import OrderedDict
from collections.abc import Mapping

_README = """---
license: {license}
library_name: transformers
---
# A tiny model for tests
"""


def tiny_safetensors(
    tensors: Mapping[str, list[float]] | None = None, metadata: Mapping[str, str] | None = None
) -> bytes:
    """Return a safetensors file of float32 vectors (shape: the length of each list).

    Source of the format: https://huggingface.co/docs/safetensors
    """
    tensors = tensors if tensors is not None else {"embedding.weight": [0.0, 0.5, 1.0, 1.5], "head.bias": [0.25]}
    header: dict[str, object] = {"__metadata__": dict(metadata or {"format": "pt"})}
    body = b""
    for name, values in sorted(tensors.items()):
        data = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": [len(values)], "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + body


def tiny_config(**more: object) -> bytes:
    """Return a `config.json` as transformers writes it, for a BERT small enough for a test."""
    config: dict[str, object] = {
        "architectures": ["BertModel"],
        "hidden_size": 8,
        "intermediate_size": 16,
        "max_position_embeddings": 16,
        "model_type": "bert",
        "num_attention_heads": 2,
        "num_hidden_layers": 1,
        "vocab_size": 16,
    }
    return json.dumps(config | more, indent=2, sort_keys=True).encode()


def tiny_pickle(protocol: int = 4) -> bytes:
    """Return a harmless pickle: an `OrderedDict` of numbers, which needs one import."""
    return pickle.dumps(OrderedDict(weight=[0.5, 1.0], bias=0.25), protocol=protocol)


def calling_pickle(module: str, name: str, argument: str) -> bytes:
    """Return a pickle that would call `module.name(argument)`, put together from opcodes; nothing is called here.

    Use a harmless argument: whoever unpickles the bytes makes the call.
    """
    text = argument.encode()
    return b"".join(
        [
            pickle.PROTO + bytes([2]),
            pickle.GLOBAL + f"{module}\n{name}\n".encode(),
            pickle.BINUNICODE + struct.pack("<I", len(text)) + text,
            pickle.TUPLE1,
            pickle.REDUCE,
            pickle.STOP,
        ]
    )


def tiny_model(license: str = "apache-2.0", **config: object) -> dict[str, bytes]:  # noqa: A002  # the card's word
    """Return a repository as transformers expects it: configuration, safetensors weights, card."""
    return {
        "README.md": _README.format(license=license).encode(),
        "config.json": tiny_config(**config),
        "model.safetensors": tiny_safetensors(),
    }


def pickled_model(protocol: int = 2) -> dict[str, bytes]:
    """Return a repository whose weights are a harmless pickle."""
    return {"README.md": _README.format(license="mit").encode(), "model.pkl": tiny_pickle(protocol)}
