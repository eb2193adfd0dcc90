"""What configuration files of known names ask a loader for: one row per file name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from posixpath import basename
from typing import Any

from attrs import frozen

from modelguard.formats._config_classes import SENTENCE_TRANSFORMERS, router, word_embeddings
from modelguard.formats._config_keys import Place
from modelguard.formats._references import target_of
from modelguard.terms.facts import Fact

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_MOST_NAMED = 5

# Libraries that diffusers itself looks classes up in: https://github.com/huggingface/diffusers, LOADABLE_CLASSES.
_PIPELINE_LIBRARIES = {"diffusers", "transformers", "onnxruntime.training", "stable_diffusion", "flax", "optimum"}
_PIPELINE_OWN = {"stable_diffusion", "controlnet", "pipeline_utils", "latent_diffusion", "paint_by_example"}


@frozen
class File:
    """One file name: what is read from it, and why it matters."""

    matches: re.Pattern[str]
    read: Callable[[Any, Place], Iterator[Fact]]
    reason: str


def _modules(value: Any, place: Place) -> Iterator[Fact]:
    for entry in value if isinstance(value, list) else []:
        if not isinstance(entry, dict):
            continue
        kind, path = entry.get("type"), entry.get("path")
        if isinstance(kind, str) and not SENTENCE_TRANSFORMERS.match(kind):
            yield from _module_type(kind, place)
        if isinstance(path, str):
            yield from place.leaves(path, "a module directory")


def _module_type(kind: str, place: Place) -> Iterator[Fact]:
    module = kind.rpartition(".")[0]
    file = module.replace(".", "/").replace("--", "/") + ".py"
    local = place.has(file)
    yield place.asks(
        "remote-code",
        f"modules.json {kind}",
        f"sentence-transformers imports {kind}"
        + (f" from {file} of this repository" if local else "")
        + ", before version 6 without asking when the model is a local directory (CVE-2026-68770)",
        "other-repository" if "--" in kind else "",
    )


def _pipeline(value: Any, place: Place) -> Iterator[Fact]:
    if not isinstance(value, dict):
        return
    named = value.get("_class_name")
    if isinstance(named, list):
        yield place.asks(
            "remote-code", f"_class_name={'.'.join(map(str, named))}", "diffusers imports this pipeline class"
        )
    elif isinstance(named, str) and not _IDENTIFIER.match(named):
        yield place.asks("configuration", f"_class_name={named}", "is not the name of a class of diffusers", "import")
    for component, entry in value.items():
        if component.startswith("_") or not isinstance(entry, list) or len(entry) not in (2, 3):
            continue
        library, name = entry[:2]
        if len(entry) == 3:  # modular pipelines say behind the class where the component comes from
            yield from _elsewhere(component, entry[2], place)
        if isinstance(library, str) and isinstance(name, str):
            yield from _component(component, library, name, place)


def _elsewhere(component: str, origin: Any, place: Place) -> Iterator[Fact]:
    if not isinstance(origin, dict):
        return
    hint = origin.get("type_hint")
    if isinstance(hint, list) and len(hint) == 2 and all(isinstance(part, str) for part in hint):
        yield from _component(component, hint[0], hint[1], place)
    for key in ("repo", "pretrained_model_name_or_path"):
        other = origin.get(key)
        if isinstance(other, str) and other:
            yield place.asks("other-models", other, f"diffusers fetches {component} of the pipeline from there")


def _component(component: str, library: str, name: str, place: Place) -> Iterator[Fact]:
    files = (f"{component}/{library.replace('.', '/')}.py", f"{library.replace('.', '/')}.py")
    local = next((file for file in files if place.has(file)), "")
    if local:
        yield place.asks(
            "remote-code",
            f"model_index.json {component}={library}.{name}",
            f"diffusers imports {name} from {local} of this repository (CVE-2026-44513)",
        )
    elif library not in _PIPELINE_LIBRARIES | _PIPELINE_OWN:
        yield place.asks(
            "configuration",
            f"model_index.json {component}={library}.{name}",
            f"diffusers imports the module {library} and takes {name} from it",
            "import",
        )


def _weight_map(value: Any, place: Place) -> Iterator[Fact]:
    shards = value.get("weight_map") if isinstance(value, dict) else None
    if not isinstance(shards, dict):
        return
    files = {shard for shard in shards.values() if isinstance(shard, str)}
    if any(not isinstance(shard, str) for shard in shards.values()):
        yield place.malformed("weight-map-value", "weight_map has values that are no file names")
    for shard in sorted(files):
        yield from place.leaves(shard, "a shard named by weight_map")
    missing = sorted(shard for shard in files if place.missing(shard))
    if missing:
        some = ", ".join(repr(target_of(place.content.location, shard)) for shard in missing[:_MOST_NAMED])
        more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
        yield place.noted("missing-shard", f"weight_map names files that are not in the snapshot: {some}{more}")


def _torchserve(value: Any, place: Place) -> Iterator[Fact]:
    model = value.get("model") if isinstance(value, dict) else None
    handler = model.get("handler") if isinstance(model, dict) else None
    if isinstance(handler, str) and ("." in handler or ":" in handler):
        yield place.asks("remote-code", f"handler={handler}", "TorchServe runs this handler of the archive")


def _spacy(value: Any, place: Place) -> Iterator[Fact]:
    if isinstance(value, dict) and "spacy_version" in value and isinstance(value.get("requirements"), list):
        for requirement in value["requirements"]:
            yield place.asks("install", str(requirement), "installed with the spaCy package of this model")


def _node(value: Any, place: Place) -> Iterator[Fact]:
    scripts = value.get("scripts") if isinstance(value, dict) else None
    for name in ("preinstall", "install", "postinstall", "prepare"):
        if isinstance(scripts, dict) and isinstance(scripts.get(name), str):
            yield place.asks("install", f"npm {name}", f"npm runs: {scripts[name]}", "process")


def _image_manifest(value: Any, place: Place) -> Iterator[Fact]:
    layers = value.get("layers") if isinstance(value, dict) else None
    parts = [*(layers if isinstance(layers, list) else []), value.get("config") if isinstance(value, dict) else None]
    for part in parts:
        for url in part.get("urls") or [] if isinstance(part, dict) else []:
            yield place.asks("network", str(url), "a layer of the image is fetched from this address")


FILES: tuple[File, ...] = (
    File(re.compile(r"(router_)?config\.json"), router, "sentence-transformers imports each of its `types` (H-03)"),
    File(re.compile(r"wordembedding_config\.json"), word_embeddings, "sentence-transformers imports the class (H-03)"),
    File(re.compile(r"modules\.json"), _modules, "sentence-transformers imports each `type` (H-03)"),
    File(re.compile(r"(modular_)?model_index\.json"), _pipeline, "diffusers imports each component (H-05)"),
    File(re.compile(r".*\.index(\.[\w-]+)?\.json"), _weight_map, "loaders open each shard that it names (H-07, W-09)"),
    File(re.compile(r"manifest\.json"), _torchserve, "the handler of a `.mar` archive is Python"),
    File(re.compile(r"meta\.json"), _spacy, "spaCy packages declare what pip installs"),
    File(re.compile(r"package\.json"), _node, "npm runs scripts at installation"),
    File(re.compile(r"manifest\.json|index\.json|[0-9a-f]{64}"), _image_manifest, "OCI layers may lie elsewhere"),
)


def asked_by_file(value: Any, place: Place) -> Iterator[Fact]:
    """Yield what a file asks for because of its name."""
    name = basename(place.content.name).lower()
    for file in FILES:
        if file.matches.fullmatch(name):
            yield from file.read(value, place)
