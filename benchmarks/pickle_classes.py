"""Makes the classes of files that are measured: what models, vocabularies, arrays and data look like as pickles.

Frameworks are not needed: stand-ins of the same names write the same opcodes. Each class is made from a fixed seed.
"""

from __future__ import annotations

import io
import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from random import Random


def _stand_in(module: str, name: str, made: object) -> None:
    for end in [index for index, letter in enumerate(module) if letter == "."] + [len(module)]:
        sys.modules.setdefault(module[:end], types.ModuleType(module[:end]))
    setattr(sys.modules[module], name, made)


def rebuild(*arguments: object) -> object:
    return arguments


rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"


class Storage:
    """Stands in for a class of storage; a persistent id names it."""


Storage.__module__, Storage.__qualname__ = "torch", "FloatStorage"


class Tensor:
    def __init__(self, key: int, shape: tuple[int, ...]) -> None:
        self.key, self.shape = key, shape

    def __reduce__(self) -> tuple[object, ...]:
        size = 1
        for length in self.shape:
            size *= length
        held = Held(("storage", Storage, str(self.key), "cpu", size))
        stride = (self.shape[-1], 1) if len(self.shape) > 1 else (1,)
        return rebuild, (held, 0, self.shape, stride, False, OrderedDict())


class Held:
    def __init__(self, identifier: tuple[object, ...]) -> None:
        self.identifier = identifier


class Module:
    """Stands in for a layer of a network."""

    def __init__(self, depth: int, key: list[int]) -> None:
        self.training = False
        self._parameters: OrderedDict[str, object] = OrderedDict()
        for name in (
            "_buffers",
            "_non_persistent_buffers_set",
            "_forward_hooks",
            "_backward_hooks",
            "_load_state_hooks",
        ):
            setattr(self, name, OrderedDict())
        self._modules: OrderedDict[str, object] = OrderedDict()
        if depth:
            for number in range(4):
                self._modules[str(number)] = Module(depth - 1, key)
        else:
            self.in_features, self.out_features = 64, 64
            for name in ("weight", "bias"):
                key[0] += 1
                self._parameters[name] = Tensor(key[0], (64, 64) if name == "weight" else (64,))


Module.__module__, Module.__qualname__ = "torch.nn.modules.container", "Sequential"


def stand_in_for_torch() -> None:
    """Let the names that the files hold be found, by the pickler and by `pickle.loads` as the yardstick."""
    _stand_in("torch._utils", "_rebuild_tensor_v2", rebuild)
    _stand_in("torch", "FloatStorage", Storage)
    _stand_in("torch.nn.modules.container", "Sequential", Module)


class Pickler(pickle.Pickler):
    def persistent_id(self, value: object) -> object:
        return value.identifier if isinstance(value, Held) else None


class Unpickler(pickle.Unpickler):
    def persistent_load(self, identifier: object) -> object:
        return identifier


def load_pickle(path: Path) -> None:
    """Unpickle a file as `pickle.loads` does, persistent ids answered."""
    Unpickler(io.BytesIO(path.read_bytes())).load()


def load(path: Path) -> None:
    """Load a file as its framework does, the yardstick for a scan of it."""
    from container_classes import load_joblib, load_torch_legacy, load_torch_zip

    {".pt": load_torch_zip, ".pth": load_torch_legacy, ".joblib": load_joblib}.get(path.suffix, load_pickle)(path)


def torch_pickle(value: object) -> bytes:
    buffer = io.BytesIO()
    Pickler(buffer, 2).dump(value)
    return buffer.getvalue()


def state_dict() -> bytes:
    names = ["q_proj", "k_proj", "v_proj", "o_proj", "gate", "up", "down", "norm1", "norm2"]
    tensors = [(layer, name) for layer in range(32) for name in names]
    return torch_pickle(
        OrderedDict(
            (f"model.layers.{layer}.{name}.weight", Tensor(number, (4096, 11008)))
            for number, (layer, name) in enumerate(tensors)
        )
    )


def forest() -> bytes:
    random = Random(1)
    return pickle.dumps(
        [
            {
                "nodes": random.randbytes(240_000),
                "values": random.randbytes(3000),
                "depth": d,
                "rows": [(i, 0.5) for i in range(40)],
            }
            for d in range(100)
        ]
    )


def json_like() -> bytes:
    random = Random(2)
    rows = [
        {
            "id": number,
            "name": f"item {number}",
            "tags": ["a", "b", f"t{number % 50}"],
            "score": random.random(),
            "ok": True,
            "note": None,
            "where": {"x": number % 300, "y": number % 70_000},
        }
        for number in range(250_000)
    ]
    return pickle.dumps(rows)


def vocabulary(protocol: int) -> Callable[[], bytes]:
    return lambda: pickle.dumps({f"word{number:07}": number for number in range(1_000_000)}, protocol)


CLASSES: dict[str, Callable[[], bytes]] = {
    "small dict 1 KB": lambda: pickle.dumps({"weights": list(range(200)), "name": "x", "scores": [0.5] * 40}),
    "state_dict": state_dict,
    "torch module": lambda: torch_pickle(Module(4, [0])),
    "forest": forest,
    "vocabulary, protocol 2": vocabulary(2),
    "vocabulary, protocol 4": vocabulary(4),
    "array 200 MB": lambda: pickle.dumps({"coef": Random(3).randbytes(1 << 20) * 200, "n": 1}),
    "5 M integers": lambda: pickle.dumps(list(range(5_000_000))),
    "5 M floats": lambda: pickle.dumps([0.1 * number for number in range(5_000_000)]),
    "rows as from JSON": json_like,
}


def make(folder: Path) -> dict[str, Path]:
    """Write each class to a file of the folder, unless it is there, and return the paths."""
    from container_classes import CONTAINERS

    stand_in_for_torch()
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, maker in {**{f"{name}.pkl": maker for name, maker in CLASSES.items()}, **CONTAINERS}.items():
        label, _, ending = name.rpartition(".")
        path = folder / f"{''.join(letter if letter.isalnum() else '_' for letter in label)}.{ending}"
        if not path.exists():
            path.write_bytes(maker())
        paths[label] = path
    return paths
