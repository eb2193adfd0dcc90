"""What YAML files of known names ask a loader for: MLmodel, conda environments, Kitfiles, bentofiles, pipelines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from posixpath import basename
from typing import Any

from modelguard.formats._config_classes import pyannote
from modelguard.formats._config_keys import Place
from modelguard.formats._requirements import asked_to_install
from modelguard.terms.facts import Fact

# Flavors whose loader reads the model with a library of its own; `mlflow.pyfunc.model` runs a pickled Python class.
_MLFLOW_LOADERS = {
    "mlflow.catboost",
    "mlflow.h2o",
    "mlflow.keras",
    "mlflow.lightgbm",
    "mlflow.onnx",
    "mlflow.paddle",
    "mlflow.prophet",
    "mlflow.pytorch",
    "mlflow.sentence_transformers",
    "mlflow.sklearn",
    "mlflow.spacy",
    "mlflow.statsmodels",
    "mlflow.tensorflow",
    "mlflow.transformers",
    "mlflow.xgboost",
}
_IMAGE = re.compile(r"[\w.-]+(?::\d+)?/[\w./-]+(?::[\w.-]+|@sha256:[0-9a-f]{64})?\Z")


def _mlmodel(value: Any, place: Place) -> Iterator[Fact]:
    flavors = value.get("flavors") if isinstance(value, dict) else None
    for name, flavor in flavors.items() if isinstance(flavors, dict) else ():
        if not isinstance(flavor, dict):
            continue
        loader = flavor.get("loader_module")
        if isinstance(loader, str) and loader not in _MLFLOW_LOADERS:
            yield place.asks(
                "remote-code", f"loader_module={loader}", f"MLflow imports {loader} to load the flavor {name}"
            )
        code = flavor.get("code")
        if isinstance(code, str) and code not in {"", "null", "~"}:
            yield place.asks("remote-code", f"code={code}", f"MLflow puts the directory {code} on Python's path")
        for key in ("python_model", "data", "model_path", "pickled_model", "code", "model_data", "model_code_path"):
            path = flavor.get(key)
            if isinstance(path, str):
                yield from place.leaves(path, f"{key} of the flavor {name}")
            elif isinstance(path, dict) and isinstance(path.get("path"), str):
                yield from place.leaves(path["path"], f"{key} of the flavor {name}")


def _conda(value: Any, place: Place) -> Iterator[Fact]:
    dependencies = value.get("dependencies") if isinstance(value, dict) else None
    lines: list[str] = []
    for entry in dependencies if isinstance(dependencies, list) else []:
        inner = entry.get("pip") if isinstance(entry, dict) else None
        lines.extend([entry] if isinstance(entry, str) else _texts(inner))
    yield from asked_to_install(lines, place.content, "conda", place.paths)


def _python_env(value: Any, place: Place) -> Iterator[Fact]:
    if isinstance(value, dict):
        for key in ("build_dependencies", "dependencies"):
            yield from asked_to_install(_texts(value.get(key)), place.content, "pip", place.paths)


def _texts(value: Any) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _kitfile(value: Any, place: Place) -> Iterator[Fact]:
    if not isinstance(value, dict) or "manifestVersion" not in value:
        return
    model = value.get("model")
    lists = [value.get("code"), value.get("datasets"), value.get("docs")]
    lists.append(model.get("parts") if isinstance(model, dict) else None)
    for section in [model, *(section for sections in lists if isinstance(sections, list) for section in sections)]:
        path = section.get("path") if isinstance(section, dict) else None
        if not isinstance(path, str):
            continue
        if section is model and _IMAGE.match(path) and "." in path.partition("/")[0] and not path.startswith("."):
            yield place.asks("other-models", path, "the ModelKit is built upon this other one")
        else:
            yield from place.leaves(path, "a part of the ModelKit")


def _bento(value: Any, place: Place) -> Iterator[Fact]:
    if isinstance(value, dict) and isinstance(value.get("service"), str):
        yield place.asks("remote-code", f"service={value['service']}", "BentoML imports the service")
    docker = value.get("docker") if isinstance(value, dict) else None
    if isinstance(docker, dict) and isinstance(docker.get("setup_script"), str):
        yield place.asks(
            "remote-code", f"setup_script={docker['setup_script']}", "BentoML runs it in the image", "process"
        )


FILES: dict[str, Callable[[Any, Place], Iterator[Fact]]] = {
    "mlmodel": _mlmodel,
    "conda.yaml": _conda,
    "conda.yml": _conda,
    "environment.yaml": _conda,
    "environment.yml": _conda,
    "python_env.yaml": _python_env,
    "kitfile": _kitfile,
    "bentofile.yaml": _bento,
    "config.yaml": pyannote,
    "config.yml": pyannote,
    "pipeline.yaml": pyannote,
    "pipeline.yml": pyannote,
}


def asked_by_yaml_file(value: Any, place: Place) -> Iterator[Fact]:
    """Yield what a YAML file asks for because of its name."""
    rule = FILES.get(basename(place.content.name).lower())
    if rule is not None:
        yield from rule(value, place)
