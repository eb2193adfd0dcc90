"""Reads Python: every call of a function that loads or fetches models, with the model as far as the text tells it."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator

from modelguard.discovery._entry_points import GUARDS, LAST_WORDS, WRAPPERS, EntryPoint, entry_point, is_last_word
from modelguard.discovery._names import Names, Scope
from modelguard.discovery._neighbours import Neighbours
from modelguard.discovery.reader import NotReadable, Reader
from modelguard.discovery.use import Use, pinned

_REVISIONS = ("revision", "commit_id", "model_revision")


def read(path: str, text: str, neighbours: Neighbours | None = None) -> Iterator[Use]:
    """Yield the uses in a Python file; `neighbours` tell what it imports. Raises `NotReadable` when it is none."""
    names = None if neighbours is None else neighbours.seen.get(neighbours.file)
    if names is None:
        names = _names(text, neighbours)
    for call, scope in names.calls:
        try:
            yield from _of_call(path, call, scope, names)
        except RecursionError:
            raise NotReadable(f"line {call.lineno}: nested too deeply") from None


def _names(text: str, neighbours: Neighbours | None) -> Names:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes in foreign text; not this program's business
            return Names(ast.parse(text), neighbours)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NotReadable(f"not Python that this Python reads: {error}") from None


def _of_call(path: str, call: ast.Call, scope: Scope, names: Names) -> Iterator[Use]:
    if not _may_load(call.func, scope, names):
        return
    callees = names.dotted(call.func, scope)
    if any(name in GUARDS for name in callees) or _is_wrapped(call.func, scope, names):
        shown = next((name for name in callees if name in GUARDS), "modelguard.guarded")
        guard = EntryPoint(shown, "load", "guarded", keywords=("ref",))
        yield from _uses(path, call, scope, names, guard, guarded=True)
        return
    for callee in callees:
        row = entry_point(callee)
        if row is not None and _counts(row, call):
            model = _argument(call, row)
            guarded = model is not None and _comes_from_a_guard(model, scope, names)
            yield from _uses(path, call, scope, names, row, call_name=callee, guarded=guarded)
            return


def _may_load(function: ast.expr, scope: Scope, names: Names) -> bool:
    """Tell whether a callee can be an entry point: most end in no word of one, and need not be followed anywhere."""
    match function:
        case ast.Attribute(attr=word):
            return is_last_word(word)
        case ast.Name(id=word):
            targets = (one.rpartition(".")[2] for one in names.imports.get(word, ()))
            return any(map(is_last_word, (word, *targets))) or bool(names.bound(word, scope))
        case _:
            return True


def _counts(row: EntryPoint, call: ast.Call) -> bool:
    """Tell whether the call does what the row is about: some do only with an option, or only without one."""
    if row.unless and any(one.arg == row.unless for one in call.keywords):
        return False
    if not row.only_if:
        return True
    return any(
        one.arg == row.only_if and not (isinstance(one.value, ast.Constant) and not one.value.value)
        for one in call.keywords
    )


def _uses(
    path: str, call: ast.Call, scope: Scope, names: Names, row: EntryPoint, *, guarded: bool, call_name: str = ""
) -> Iterator[Use]:
    node = _argument(call, row)
    if node is None and row.position > 1:
        return  # an object made without the argument that would load something
    models: list[str] = [] if node is None else names.values(node, scope)
    if row.shorthand:
        models = [one.partition(":")[2].lstrip("/") for one in models if one.startswith(row.shorthand) and ":" in one]
        if not models:
            return
    revision, computed = _revision(call, scope, names)
    for model in models or (None,):
        use = Use(
            path=path,
            line=call.lineno,
            column=call.col_offset + 1,
            call=call_name or row.name,
            kind=row.kind,
            model=model,
            revision=revision,
            guarded=guarded,
            hub=row.hub or guarded,
        )
        yield pinned(use, computed=computed)


def _argument(call: ast.Call, row: EntryPoint) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg in row.keywords:
            return keyword.value
    starred = any(isinstance(one, ast.Starred) for one in call.args[: row.position + 1])
    return call.args[row.position] if len(call.args) > row.position and not starred else None


def _revision(call: ast.Call, scope: Scope, names: Names) -> tuple[str | None, bool]:
    """Return the revision that a call asks for, and whether it is computed at run time."""
    for keyword in call.keywords:
        if keyword.arg in _REVISIONS:
            if isinstance(keyword.value, ast.Constant) and keyword.value.value is None:
                return None, False
            values = names.values(keyword.value, scope)
            return (values[0], False) if len(values) == 1 else (None, True)
    return None, any(keyword.arg is None for keyword in call.keywords)


def _is_wrapped(function: ast.expr, scope: Scope, names: Names) -> bool:
    """Tell whether a callee is `guarded(load)`, there or by the name that it was given."""
    if isinstance(function, ast.Call):
        return any(name in WRAPPERS for name in names.dotted(function.func, scope))
    bound = names.bound(function.id, scope) if isinstance(function, ast.Name) else []
    return bool(bound) and all(isinstance(one, ast.Call) and _is_wrapped(one, scope, names) for one in bound)


def _comes_from_a_guard(node: ast.expr, scope: Scope, names: Names) -> bool:
    """Tell whether a path was handed out by `verified_snapshot`: each name in it that is bound, and at least one."""
    seen = False
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            bound = names.bound(part.id, scope)
            made = [isinstance(one, ast.Call) and _is_guard(one, scope, names) for one in bound]
            seen = seen or (bool(made) and all(made))
    return seen


def _is_guard(call: ast.Call, scope: Scope, names: Names) -> bool:
    return any(name in GUARDS for name in names.dotted(call.func, scope))


READER = Reader(
    name="python",
    claims=lambda name: name.endswith((".py", ".pyw")),
    hints=tuple(
        b"""
        torch pickle joblib dill shelve from_pretrained from_single_file load_lora transformers huggingface datasets
        vllm whisper mlx_lm timm open_clip spacy yolo fastai gensim flair fasttext mlflow stable_baselines3 keras
        tensorflow safetensors onnx openvino llama_cpp gguf xgboost lightgbm catboost coremltools numpy pandas skops
        lightning modelguard fastembed simpletransformers keybert bertopic speechbrain nemo sglang lmdeploy ctranslate2
        paddle
        """.split()
    ),
    words=LAST_WORDS,
    read=read,
)
