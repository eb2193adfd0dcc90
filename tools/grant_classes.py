"""Writes the grant tables of whole-program profiles from a library's source, without importing it.

    python tools/grant_classes.py ultralytics ultralytics-8.4.0-py3-none-any.whl
    python tools/grant_classes.py torch-modules …/site-packages/torch

A path is a wheel or the folder of an installed package. `ROWS` says which classes and functions of which modules a
profile grants and under which rule; the names are those that the source defines. Like `make_grants.py` it adds to the
table, so that versions can be read one after another.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from zipfile import ZipFile

sys.path[:0] = [str(Path(__file__).resolve().parent)]

import make_grants

MODULE = "a part of a model: made without its constructor, filled with weights and parts, without hooks"
SETTINGS = "settings: made without its constructor and filled with values"
MEMBER = "a member of an enumeration, named by its value"
FUNCTION = "a function of tensors that a part of a model names; granted as a name, not as a call"

# profile, modules, names, rule, reason. `class` rows take classes, `def` rows functions.
ROWS: tuple[tuple[str, str, str, str, str, str], ...] = (
    ("torch-modules", "torch.nn.modules.*", "class", "[A-Z]*", "new, hookless", MODULE),
    ("torch-modules", "torch.nn.parameter", "class", "ParameterList", "new, hookless", MODULE),
    ("torch-modules", "torch.nn.functional", "def", "*", "name", FUNCTION),
    ("torch-modules", "torch.optim.*", "class", "[A-Z]*", "new, hookless", "an optimizer or scheduler, filled with its state"),
    ("torch-modules", "torchvision.models.*", "class", "*", "new, hookless", MODULE),
    ("torch-modules", "torchvision.ops.*", "class", "*", "new, hookless", MODULE),
    ("torch-modules", "torchvision.transforms.transforms", "class", "*", "new, hookless", "a transformation of images"),
    ("ultralytics", "ultralytics.nn.tasks", "class", "[A-Z]*", "new, hookless", MODULE),
    ("ultralytics", "ultralytics.nn.modules", "class", "*", "new, hookless", MODULE),
    ("ultralytics", "ultralytics.nn.modules.*", "class", "*", "new, hookless", MODULE),
    ("ultralytics", "ultralytics.yolo.utils", "class", "IterableSimpleNamespace", "bare, attributes", SETTINGS),
    ("ultralytics", "ultralytics.utils", "class", "IterableSimpleNamespace", "bare, attributes", SETTINGS),
    ("ultralytics", "ultralytics.utils.loss", "class", "*", "new, hookless", MODULE),
    ("ultralytics", "ultralytics.utils.tal", "class", "*", "new, hookless", MODULE),
    ("ultralytics", "ultralytics.yolo.utils.loss", "class", "*", "new, hookless", MODULE),
    ("ultralytics", "ultralytics.yolo.utils.tal", "class", "*", "new, hookless", MODULE),
    ("flair", "flair.data", "class", "Dictionary", "new, hookless", "the tags or words that a model knows"),
    ("flair", "flair.data", "class", "MultiCorpus", "new, hookless", "texts with their tags"),
    ("flair", "flair.embeddings", "class", "*Embeddings", "new, hookless", MODULE),
    ("flair", "flair.embeddings.*", "class", "*Embeddings", "new, hookless", MODULE),
    ("flair", "flair.models.*", "class", "[A-Z]*", "new, hookless", MODULE),
    ("flair", "flair.nn.*", "class", "[A-Z]*", "new, hookless", MODULE),
    ("flair", "flair.optim", "class", "*", "new, hookless", "a schedule of training"),
    ("flair", "flair.training_utils", "class", "AnnealOnPlateau", "new, hookless", "a schedule of training"),
    ("lightning", "omegaconf.dictconfig", "class", "DictConfig", "new, fields", SETTINGS),
    ("lightning", "omegaconf.listconfig", "class", "ListConfig", "new, fields", SETTINGS),
    ("lightning", "omegaconf.base", "class", "[A-Z]*", "new, fields", SETTINGS),
    ("lightning", "omegaconf.nodes", "class", "*Node", "new, fields", SETTINGS),
    ("lightning", "pytorch_lightning.callbacks.*", "class", "[A-Z]*", "name", "a callback of training, named as a key"),
    ("lightning", "lightning.pytorch.callbacks.*", "class", "[A-Z]*", "name", "a callback of training, named as a key"),
    ("lightning", "pytorch_lightning.utilities.parsing", "class", "AttributeDict", "bare", SETTINGS),
    ("lightning", "lightning.fabric.utilities.data", "class", "AttributeDict", "bare", SETTINGS),
    ("lightning", "pyannote.audio.core.task", "class", "Specifications", "new, fields", SETTINGS),
    ("lightning", "pyannote.audio.core.task", "class", "Problem", "constant-arguments", MEMBER),
    ("lightning", "pyannote.audio.core.task", "class", "Resolution", "constant-arguments", MEMBER),
    ("hf-trainer", "transformers.training_args", "class", "TrainingArguments", "new, fields", SETTINGS),
    ("hf-trainer", "transformers.training_args", "class", "OptimizerNames", "constant-arguments", MEMBER),
    ("hf-trainer", "transformers.training_args", "class", "ParallelMode", "constant-arguments", MEMBER),
    ("hf-trainer", "transformers.training_args_seq2seq", "class", "*", "new, fields", SETTINGS),
    ("hf-trainer", "transformers.trainer_utils", "class", "*Strategy", "constant-arguments", MEMBER),
    ("hf-trainer", "transformers.trainer_utils", "class", "*Type", "constant-arguments", MEMBER),
    ("hf-trainer", "transformers.trainer_utils", "class", "*Option", "constant-arguments", MEMBER),
    ("hf-trainer", "transformers.trainer_pt_utils", "class", "AcceleratorConfig", "new, fields", SETTINGS),
    ("hf-trainer", "transformers.integrations.deepspeed", "class", "Hf*Config", "new, fields", SETTINGS),
    ("hf-trainer", "transformers.deepspeed", "class", "Hf*Config", "new, fields", SETTINGS),
    ("hf-trainer", "transformers.generation.configuration_utils", "class", "GenerationConfig", "new, fields", SETTINGS),
    ("hf-trainer", "accelerate.state", "class", "PartialState", "new, fields", SETTINGS),
    ("hf-trainer", "accelerate.utils.dataclasses", "class", "DistributedType", "constant-arguments", MEMBER),
    ("hf-trainer", "accelerate.utils.dataclasses", "class", "*Plugin", "new, fields", SETTINGS),
    ("hf-trainer", "accelerate.utils.deepspeed", "class", "HfDeepSpeedConfig", "new, fields", SETTINGS),
    ("hf-trainer", "trl.trainer.*", "class", "*Config", "new, fields", SETTINGS),
    ("hf-trainer", "sentence_transformers.*", "class", "*Samplers", "constant-arguments", MEMBER),
    ("hf-trainer", "sentence_transformers.*", "class", "*TrainingArguments", "new, fields", SETTINGS),
)  # fmt: skip

# Classes that run code of their own choice when they are made or used, whatever their module.
NEVER = (
    "*Lazy*", "*DataParallel*", "*Hook*", "Lambda", "LambdaLR", "MultiplicativeLR", "*_Weights", "Weights*",
    "_ModelURLs", "Safe*", "_Safe*",
)  # fmt: skip
# Functions among those of `torch.nn.functional` that are no functions of tensors.
NEVER_FUNCTIONS = ("handle_torch_function", "has_torch_function*", "boolean_dispatch", "assert_int_or_pair", "_*")


def sources(path: Path) -> Iterator[tuple[str, str]]:
    """Yield module name and text of each Python file of a wheel or an installed package."""
    if path.is_dir():
        for file in sorted(path.rglob("*.py")):
            yield module_name(str(file.relative_to(path.parent))), file.read_text("utf-8", "replace")
        return
    with ZipFile(path) as wheel:
        for name in sorted(wheel.namelist()):
            if name.endswith(".py"):
                yield module_name(name), wheel.read(name).decode("utf-8", "replace")


def module_name(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def defined(module: str, text: str, rows: list[tuple[str, ...]]) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield heading and name of each definition at the top of a module that a row takes."""
    tree = ast.parse(text)
    for node in tree.body:
        kind = {ast.ClassDef: "class", ast.FunctionDef: "def"}.get(type(node), "")
        name = getattr(node, "name", "")
        never = NEVER if kind == "class" else NEVER_FUNCTIONS
        if not kind or any(fnmatchcase(name, pattern) for pattern in never):
            continue
        for _, modules, wanted, names, rule, reason in rows:
            if wanted == kind and fnmatchcase(module, modules) and fnmatchcase(name, names):
                yield (rule, reason), name
                break


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("profile")
    parser.add_argument("paths", nargs="+", type=Path)
    options = parser.parse_args()
    rows = [row for row in ROWS if row[0] == options.profile]
    table = make_grants.read(options.profile)
    known = {(module, name) for modules in table.values() for module, names in modules.items() for name in names}
    for path in options.paths:
        for module, text in sources(path):
            if any(fnmatchcase(module, row[1]) for row in rows):
                for heading, name in defined(module, text, rows):
                    if (module, name) not in known:
                        table.setdefault(heading, {}).setdefault(module, set()).add(name)
    make_grants.write(options.profile, table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
