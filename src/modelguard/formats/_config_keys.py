"""What single keys of a configuration ask a loader for: one row per key, wherever in the file it stands.

Loaders pass whole objects on to constructors, so a key that is harmless at the top level may be followed three levels
down (`text_config.auto_map`). The rows therefore look at every object of a file and tell by the form of the value
whether the key means what its name says: a vocabulary may well have a token called `auto_map`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from attrs import frozen

from modelguard.formats._config_tokenizers import added_tokens, pattern, quantization
from modelguard.formats._references import target_of, trouble_with
from modelguard.picklevm.knowledge.hazards import danger_of
from modelguard.terms.content import Content
from modelguard.terms.facts import Asks, Fact, Malformed, Noted

_CLASS = re.compile(r"(?:(?P<repo>[^\s]+?)--)?(?P<module>[A-Za-z_][\w.]*)\.(?P<name>[A-Za-z_]\w*)\Z")
_KERNEL = re.compile(r"(?:[\w.-]+\|)?[\w.-]+/[\w.-]+(?:[@:].*)?\Z")
# A name without a dot is looked up in a table; sentence-transformers 6.2 imports and calls any other below `torch.`.
_ACTIVATION = re.compile(r"torch\.nn\.(?:modules\.(?:activation|linear)\.)?[A-Z][A-Za-z0-9]*\Z")
_PYTHON_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\Z")


@frozen(kw_only=True)
class Place:
    """Where in which file a value stands: `path` is the way of keys down to it."""

    content: Content
    paths: frozenset[str]
    path: str = ""

    def asks(self, permission: Any, name: str, detail: str, hazard: str = "") -> Asks:
        return Asks(location=self.content.location, permission=permission, name=name, detail=detail, hazard=hazard)

    def noted(self, rule: str, detail: str) -> Noted:
        return Noted(location=self.content.location, format="json", rule=rule, detail=detail)

    def malformed(self, rule: str, detail: str) -> Malformed:
        return Malformed(location=self.content.location, format="json", rule=rule, detail=detail)

    def missing(self, path: str) -> str:
        """Return the snapshot path of a file that is named beside this one but is not there; else an empty string."""
        location = self.content.location
        if location.members:
            return ""
        whole = target_of(location, path)
        return "" if whole in self.paths else whole

    def has(self, path: str) -> bool:
        """Tell whether the snapshot has a file of this name beside this one."""
        location = self.content.location
        return not location.members and target_of(location, path) in self.paths

    def leaves(self, path: str, what: str) -> Iterator[Fact]:
        """Ask for a path that leads out of the snapshot."""
        if path and (reason := trouble_with(path)):
            yield self.asks("external-files", path, f"{what} {reason}", "path-escape")


@frozen
class Key:
    """One key: what is read from its value, and why it matters."""

    name: str
    read: Callable[[Any, Place], Iterator[Fact]]
    reason: str


def _auto_map(value: Any, place: Place) -> Iterator[Fact]:
    named = value.items() if isinstance(value, dict) else [("", value)]
    for auto_class, classes in named:
        for reference in classes if isinstance(classes, list | tuple) else [classes]:
            if isinstance(reference, str) and reference:
                yield from _remote_class(f"auto_map {auto_class}".strip(), reference, place)


def _remote_class(key: str, reference: str, place: Place) -> Iterator[Fact]:
    name = f"{key}={reference}"
    match = _CLASS.match(reference)
    if match is None:
        yield place.asks("remote-code", name, "names code in a form that loaders do not document", "unknown-form")
    elif match["repo"]:
        yield place.asks(
            "remote-code",
            name,
            f"class {match['name']} comes from the repository {match['repo']}, from its default branch",
            "other-repository",
        )
    else:
        file = match["module"].replace(".", "/") + ".py"
        gone = place.missing(file)
        where = f"{file}, which is not in the snapshot" if gone else file
        yield place.asks("remote-code", name, f"class {match['name']} from {where} runs when remote code is trusted")


def _custom_pipelines(value: Any, place: Place) -> Iterator[Fact]:
    if not isinstance(value, dict):
        return
    for task, entry in value.items():
        implementation = entry.get("impl") if isinstance(entry, dict) else None
        if isinstance(implementation, str):
            yield from _remote_class(f"custom_pipelines {task}", implementation, place)


def _code_reference(key: str) -> Callable[[Any, Place], Iterator[Fact]]:
    def read(value: Any, place: Place) -> Iterator[Fact]:
        if isinstance(value, str) and value:
            other = "/" in value and not value.startswith(".")
            yield place.asks(
                "remote-code",
                f"{key}={value}",
                f"{key} names code that the library runs" + (" from another repository" if other else ""),
                "other-repository" if other else "",
            )
        elif isinstance(value, dict | list) and value:
            yield place.asks("remote-code", f"{key}=…", f"{key} holds a structure that names code to run")

    return read


def _trust(value: Any, place: Place) -> Iterator[Fact]:
    if value is True or (isinstance(value, str) and value.lower() in {"true", "1", "yes"}):
        at = f"{place.path}.trust_remote_code" if place.path else "trust_remote_code"
        yield place.asks(
            "remote-code",
            at,
            "the model itself asks that its code be trusted; some classes obey (CVE-2026-5241)",
            "trust-from-model",
        )


def _attention(key: str) -> Callable[[Any, Place], Iterator[Fact]]:
    def read(value: Any, place: Place) -> Iterator[Fact]:
        for kernel in value.values() if isinstance(value, dict) else [value]:
            if isinstance(kernel, str) and _KERNEL.match(kernel):
                yield place.asks(
                    "native-code",
                    f"{key}={kernel}",
                    "a kernel repository from which compiled code is downloaded and loaded",
                    "other-repository",
                )

    return read


def _base_model(value: Any, place: Place) -> Iterator[Fact]:
    if isinstance(value, str) and value:
        reason = trouble_with(value)
        detail = "the adapter is put onto this model, which the loader fetches" + (
            f"; the path {reason}" if reason else ""
        )
        yield place.asks("other-models", value, detail, "path-escape" if reason else "")


def _auto_mapping(value: Any, place: Place) -> Iterator[Fact]:
    if not isinstance(value, dict):
        return
    library, name = value.get("parent_library"), value.get("base_model_class")
    if not isinstance(library, str) or not library:
        return
    known = library.split(".")[0] in {"transformers", "diffusers", "sentence_transformers"}
    yield place.asks(
        "configuration",
        f"auto_mapping {library}.{name}",
        f"PEFT imports the module {library} and takes {name} from it",
        "" if known and _PYTHON_NAME.match(library) else "import",
    )


# Classes of NeMo that its published models name in their own configuration: exact names, as everywhere.
_NEMO = frozenset(
    f"nemo.collections.asr.modules.{name}"
    for name in (
        "AudioToMelSpectrogramPreprocessor",
        "SpectrogramAugmentation",
        "ConformerEncoder",
        "ConvASREncoder",
        "ConvASRDecoder",
        "ConvASRDecoderClassification",
        "RNNTDecoder",
        "RNNTJoint",
        "SpeakerDecoder",
        "SqueezeformerEncoder",
    )
)


def _target(value: Any, place: Place) -> Iterator[Fact]:
    if isinstance(value, str) and value:
        known = value in _NEMO
        hazard, why = called(value)
        yield Asks(
            location=place.content.location,
            permission="configuration",
            name=f"_target_={value}",
            detail=f"Hydra calls {value} with the keys beside it as arguments{why}",
            hazard="" if known else hazard,
            profiles=("nemo",) if known else (),
        )


def called(name: str) -> tuple[str, str]:
    """Return the class of danger of calling a dotted name, and a clause that says why when it is a known gadget."""
    danger = danger_of(*name.rpartition(".")[::2])
    return (danger.danger, f"; {danger.why}") if danger else ("call-by-name", "")


def _came_from(value: Any, place: Place) -> Iterator[Fact]:
    if isinstance(value, str) and value:
        yield place.noted("name-or-path", value)


def _weights(value: Any, place: Place) -> Iterator[Fact]:
    if isinstance(value, str) and value:
        yield from place.leaves(value, "the weights file named by transformers_weights")


def _activation(key: str) -> Callable[[Any, Place], Iterator[Fact]]:
    def read(value: Any, place: Place) -> Iterator[Fact]:
        if isinstance(value, str) and "." in value and not _ACTIVATION.match(value):
            hazard, why = called(value)
            detail = f"sentence-transformers imports {value} and calls it when the model is loaded{why}"
            yield place.asks("configuration", f"{key}={value}", detail, hazard)

    return read


KEYS: tuple[Key, ...] = (
    Key("auto_map", _auto_map, "transformers imports the class from a file of this or another repository (H-01)"),
    Key("trust_remote_code", _trust, "CVE-2026-5241: honoured from the repository's own configuration (H-06)"),
    Key("custom_pipelines", _custom_pipelines, "transformers imports `impl` when a pipeline is built (H-06)"),
    Key("custom_pipeline", _code_reference("custom_pipeline"), "diffusers runs a pipeline from elsewhere (H-05)"),
    Key("custom_generate", _code_reference("custom_generate"), "transformers runs generate.py of a repository (H-02)"),
    Key("_attn_implementation", _attention("_attn_implementation"), "Hub kernels are compiled code (H-06)"),
    Key("_attn_implementation_internal", _attention("_attn_implementation_internal"), "as above"),
    Key("attn_implementation", _attention("attn_implementation"), "as above"),
    Key("_experts_implementation", _attention("_experts_implementation"), "as above"),
    Key("experts_implementation", _attention("experts_implementation"), "as above"),
    Key("base_model_name_or_path", _base_model, "PEFT follows it to a second repository (H-04)"),
    Key("auto_mapping", _auto_mapping, "PEFT imports the named library (H-04)"),
    Key(
        "activation_fn",
        _activation("activation_fn"),
        "sentence-transformers imports it and calls it without arguments (H-03)",
    ),
    Key("activation_function", _activation("activation_function"), "as above"),
    Key("sbert_ce_default_activation_function", _activation("sbert_ce_default_activation_function"), "as above"),
    Key("_target_", _target, "Hydra calls any importable name (CVE-2025-23304)"),
    Key("transformers_weights", _weights, "transformers prefers it over model.safetensors"),
    Key("Regex", pattern, "tokenizers match it against every text (CWE-1333)"),
    Key("added_tokens", added_tokens, "tokenizers search every text for each of them"),
    Key("quantization_config", quantization, "transformers imports the packages of the method"),
    Key("_name_or_path", _came_from, "where the model was loaded from when it was saved; not followed"),
)

_BY_NAME = {key.name: key for key in KEYS}


def asked_by_keys(value: dict[str, Any], place: Place) -> Iterator[Fact]:
    """Yield what the keys of one object ask for."""
    for name in _BY_NAME.keys() & value.keys():
        yield from _BY_NAME[name].read(value[name], place)
