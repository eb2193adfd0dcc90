"""What a directory as published on a Hub may make its framework open beyond itself, and the checks against it.

Frameworks follow names in the JSON files of a repository: to another repository, to files by path, to classes. The
scanner reports these; here the same places are looked at once more, right before the framework reads them.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

from modelguard.loaders._entry import Forbidden, is_true
from modelguard.loaders.loader import Handover
from modelguard.terms.artifact import printable
from modelguard.terms.errors import LoaderError, ModelRefused


def leads_out(value: Any) -> bool:
    """Tell whether the path in an option leads out of the directory that it starts from."""
    if not isinstance(value, str | os.PathLike):
        return False
    path = PurePath(os.fspath(value))
    return path.is_absolute() or ".." in path.parts


def is_name(value: Any) -> bool:
    """Tell whether a part of a model is given by a name to look up: a text, a path, or a pair of one and options."""
    return isinstance(value, str | os.PathLike | tuple)


# Options that are joined to the directory of the model by the frameworks that follow names in it.
_JOINED = (
    "subfolder", "variant", "gguf_file", "weight_name", "weights_name", "tokenizer_file", "vocab_file", "merges_file",
)  # fmt: skip
OUTSIDE = tuple(
    Forbidden(option=name, reason="it leads out of the verified directory", when=leads_out) for name in _JOINED
)

_FETCHED = "the files are fetched and verified already; nothing else is opened"

# Options of `from_pretrained` and its kin that lead away from the verified files.
FORBIDDEN = (
    Forbidden(
        option="trust_remote_code",
        reason="the lock does not approve code of this model",
        when=is_true,
        unless_remote_code=True,
    ),
    Forbidden(option="local_files_only", reason=_FETCHED, when=lambda value: not value),
    Forbidden(option="use_safetensors", reason="it would prefer pickles to safetensors", when=lambda value: not value),
    Forbidden(option="weights_only", reason="weights would be unpickled without limits", when=lambda value: not value),
    Forbidden(option="revision", reason=_FETCHED),
    Forbidden(option="code_revision", reason=_FETCHED),
    Forbidden(option="token", reason=_FETCHED),
    Forbidden(option="use_auth_token", reason=_FETCHED),
    Forbidden(option="force_download", reason=_FETCHED),
    Forbidden(option="proxies", reason=_FETCHED),
    Forbidden(option="cache_dir", reason=_FETCHED),
    Forbidden(option="cache_folder", reason=_FETCHED),
    Forbidden(
        option="attn_implementation",
        reason="a name with a slash is a kernel, native code, that would be fetched from a Hub",
        when=lambda value: "/" in str(value),
    ),
    Forbidden(option="allow_all_kernels", reason="kernels are native code from a Hub", when=is_true),
    Forbidden(option="use_kernels", reason="kernels are native code from a Hub", when=is_true),
    Forbidden(option="kernel_config", reason="kernels are native code from a Hub", when=is_true),
    *OUTSIDE,
)


def weakens(value: Any) -> bool:
    """Tell whether a nested dict of options holds one that is forbidden at the top."""
    return any(row.option in value and row.when(value[row.option]) for row in FORBIDDEN) if value else False


@contextmanager
def empty_cache() -> Iterator[str]:
    """Give an empty directory to use as cache: another repository cannot be found in it."""
    with tempfile.TemporaryDirectory(prefix="modelguard-no-cache-") as directory:
        yield directory


def refuse_other_models(handover: Handover) -> None:
    """See that the directory leads to no other model and no file outside.

    Raises `ModelRefused` for an adapter without its base, and for names of weights that are not in the directory.
    """
    root = handover.root
    if (root / "adapter_config.json").is_file() and not (root / "config.json").is_file():
        base = _json(root / "adapter_config.json").get("base_model_name_or_path")
        raise ModelRefused(
            f"adapter_config.json: the base model {printable(str(base))} would be loaded from elsewhere",
            remedy="lock and load the base model, then put the adapter on it with peft",
        )
    for file in sorted(root.glob("*.index.json")):
        weights = _json(file).get("weight_map")
        for name in sorted(set(weights.values()) if isinstance(weights, dict) else ()):
            _refuse_missing(root, name, file.name)
    if (root / "config.json").is_file():
        name = _json(root / "config.json").get("transformers_weights")
        if name is not None:
            _refuse_missing(root, name, "config.json")


def _refuse_missing(root: Path, name: object, where: str) -> None:
    inside = isinstance(name, str) and ".." not in Path(name).parts and not Path(name).is_absolute()
    if not inside or not (root / str(name)).is_file():
        raise ModelRefused(
            f"{where}: names the weights {printable(str(name))}, which are not among the verified files",
            remedy="lock the model with all its files",
        )


def refuse_foreign_modules(handover: Handover) -> None:
    """See that `modules.json` names classes of sentence-transformers itself, unless the model's code is approved.

    Before 6.0 sentence-transformers imports any class named there from a local directory (CVE-2026-68770).
    """
    file = handover.root / "modules.json"
    if handover.remote_code or not file.is_file():
        return
    for row in _parsed(file) or ():
        kind = row.get("type") if isinstance(row, dict) else None
        if not isinstance(kind, str) or not kind.startswith("sentence_transformers."):
            raise ModelRefused(
                f"modules.json: asks for the class {printable(str(kind))}, which is not sentence-transformers' own",
                remedy="review the model's code and approve it with `modelguard lock`",
            )


def _json(file: Path) -> dict[str, Any]:
    parsed = _parsed(file)
    return parsed if isinstance(parsed, dict) else {}


def _parsed(file: Path) -> Any:
    try:
        return json.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise LoaderError(f"{printable(file.name)}: not JSON: {error}") from error
