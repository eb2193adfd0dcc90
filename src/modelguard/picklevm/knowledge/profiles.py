"""The permission profiles: what each is for, whether it is enabled unless the policy says otherwise, and why."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen


@frozen(kw_only=True)
class Profile:
    """A named set of globals that a policy can enable.

    `default` profiles hold only names that build data. The others hold classes of program objects: their instances
    can carry functions or have state that their library acts on, so the policy must name them. `packages` are the
    top-level packages whose names the profile grants; a lookup opens only the tables of the package asked for. A
    profile without packages has no table: readers of other formats say of what they find that it is enabled by it.
    """

    name: str
    title: str
    default: bool
    reason: str
    packages: tuple[str, ...]


_STANDARD = (
    "builtins collections _codecs copyreg datetime decimal fractions uuid ipaddress pathlib argparse types io _io "
    "random re enum zoneinfo"
)

# name, title, enabled by default, why, packages
# There is none for spacy: its Vocab and Doc are rebuilt from bytes that are unpickled (docs/why/pickle-machine.md).
_ROWS: tuple[tuple[str, str, bool, str, str], ...] = (
    ("core", "Containers and plain values of Python", True, "they only build data", _STANDARD),
    (
        "torch-weights",
        "Tensors and state dicts of PyTorch",
        True,
        "what torch's own weights-only unpickler accepts, less the functions that call their arguments",
        "torch",
    ),
    ("numpy", "Arrays, dtypes, scalars and random states of NumPy", True, "they only build data", "numpy"),
    ("joblib", "Arrays as joblib stores them", True, "the array's bytes follow in the file and are read", "joblib"),
    ("scipy", "Sparse matrices and fitted curves of SciPy", True, "they only build data", "scipy"),
    ("pandas", "Frames, series and indexes of pandas", True, "they only build data", "pandas pytz"),
    ("arrow", "Columns of PyArrow in frames of pandas", True, "they only build data", "pyarrow pandas"),
    ("sklearn", "Fitted estimators of scikit-learn", True, "objects of parameters and fitted arrays", "sklearn _loss"),
    ("xgboost", "Boosters of XGBoost", True, "a model as bytes, read by xgboost's own parser", "xgboost"),
    ("lightgbm", "Boosters of LightGBM", True, "a model as text, read by lightgbm's own parser", "lightgbm"),
    (
        "torch-modules",
        "Whole modules, optimizers and schedulers of PyTorch",
        False,
        "modules carry hooks and attributes that run when the model is called",
        "torch torchvision",
    ),
    (
        "torchscript",
        "Programs of TorchScript",
        False,
        "the classes are in the file itself, as a program that runs when the model is called",
        "__torch__ torch",
    ),
    (
        "tflite-flex",
        "TensorFlow operators inside TensorFlow Lite models",
        False,
        "the model needs TensorFlow's own operators, some of which reach files",
        "",
    ),
    (
        "keras-hub",
        "Classes of keras-hub that Keras models name",
        False,
        "the model makes objects of an installed package, by name",
        "",
    ),
    ("catboost", "Models of CatBoost", True, "a model as bytes, read by catboost's own parser", "catboost"),
    (
        "hf-trainer",
        "Training arguments saved by the Hugging Face Trainer",
        False,
        "the file is not needed to run a model, and its objects configure programs",
        "transformers accelerate trl sentence_transformers",
    ),
    (
        "ultralytics",
        "YOLO checkpoints of Ultralytics",
        False,
        "whole modules whose code is the installed ultralytics package",
        "ultralytics",
    ),
    (
        "flair",
        "Models of Flair",
        False,
        "whole modules; some of them fetch other models by the names in their state",
        "flair",
    ),
    (
        "lightning",
        "Checkpoints of PyTorch Lightning with OmegaConf settings",
        False,
        "settings may hold resolvers that run when they are read",
        "pytorch_lightning lightning lightning_fabric omegaconf pyannote typing torchmetrics",
    ),
    (
        "nemo",
        "Classes that the settings of a NeMo archive name",
        False,
        "NeMo looks the names up and calls them",
        "",
    ),
)

PROFILES: Mapping[str, Profile] = {
    name: Profile(name=name, title=title, default=default, reason=reason, packages=tuple(packages.split()))
    for name, title, default, reason, packages in _ROWS
}

BY_PACKAGE: Mapping[str, tuple[str, ...]] = {
    package: tuple(profile.name for profile in PROFILES.values() if package in profile.packages)
    for package in sorted({package for profile in PROFILES.values() for package in profile.packages})
}
"""For each top-level package the profiles that may grant names of it."""
