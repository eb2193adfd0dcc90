"""Reads a Keras configuration: which classes, functions, files and code it names, at any depth.

Keras builds objects from every table that holds `class_name` and `config`, wherever it stands: layers, wrappers,
nested models, activations, losses, metrics, dead nodes. So the whole configuration is gone through, and what a
name stands for is decided by exact tables.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Iterator
from typing import Any

from attrs import define, field

from modelguard.formats import _keras_names as names
from modelguard.formats._carriers import carried
from modelguard.formats._references import trouble_with
from modelguard.formats.format import Walk
from modelguard.terms.artifact import Location, printable
from modelguard.terms.facts import Asks, Fact, Malformed, Noted, Permission

NAME = "keras"
LONG_TEXT = 32
MOST_DEEP = 10_000

_OWN_MODULE = re.compile(r"(?:tensorflow\.|tensorflow\.python\.)?(?:tf_)?keras(?:\.[A-Za-z_]\w*)*")
_EXTENSION_MODULE = re.compile(r"keras_(?:hub|nlp|cv)(?:\.[A-Za-z_]\w*)*")
_IDENTIFIER = re.compile(rb"[A-Za-z_][A-Za-z0-9_]{2,}")


@define
class _Asked:
    """What a configuration asks for, each name once, with the first place and the number of places."""

    rows: dict[tuple[str, str], tuple[str, str, str, int, tuple[str, ...]]] = field(factory=dict)

    def add(
        self, permission: str, name: str, detail: str, where: str, hazard: str = "", profiles: tuple[str, ...] = ()
    ) -> None:
        known = self.rows.get((permission, name))
        if known:
            self.rows[permission, name] = (*known[:3], known[3] + 1, known[4])
        else:
            self.rows[permission, name] = (detail, hazard, where, 1, profiles)

    def facts(self, at: Location, *, revived: bool) -> Iterator[Fact]:
        for (permission, name), (detail, hazard, where, count, profiles) in self.rows.items():
            if revived and permission == "configuration" and not hazard:
                noted = f"{name}: {detail}, remade from the graph"
                yield Noted(location=at, format=NAME, rule="keras-own-class", detail=noted)
                continue
            more = f" and {count - 1} more" if count > 1 else ""
            kind: Permission = permission  # type: ignore[assignment]  # rows of the tables hold permissions
            yield Asks(
                location=at, permission=kind, name=name, detail=f"{detail} (at {where or 'the top'}{more})",
                hazard=hazard, profiles=profiles,
            )  # fmt: skip


def describes_an_object(value: object) -> bool:
    """Tell whether Keras would build an object from `value`."""
    return isinstance(value, dict) and isinstance(value.get("class_name"), str) and (
        "config" in value or "items" in value or "spec_name" in value
    )  # fmt: skip


def keras_facts(configuration: object, at: Location, walk: Walk, *, revived: bool = False) -> Iterator[Fact]:
    """Yield what a parsed configuration asks for, and the programs that its texts carry.

    `revived` tells that the configuration belongs to a SavedModel: classes that are not Keras's own are then remade
    from the graph, so that a name alone asks for nothing.
    """
    asked = _Asked()
    pending: list[tuple[Any, str]] = [(configuration, "")]
    while pending:
        value, where = pending.pop()
        if isinstance(value, dict):
            walk.budget.spend_time()
            if describes_an_object(value):
                _object(value, where, asked)
                yield from _names_of(value, where, at)
            for key, inner in reversed(value.items()):
                if isinstance(inner, dict | list):
                    pending.append((inner, f"{where}.{key}".lstrip(".")[:300]))
                elif isinstance(inner, str) and len(inner) >= LONG_TEXT:
                    yield from carried(inner, at, f"{where}.{key}".lstrip(".")[:300], walk)
        elif isinstance(value, list):
            for number, inner in enumerate(value):
                if isinstance(inner, dict | list):
                    pending.append((inner, f"{where}[{number}]"[:300]))
    yield from asked.facts(at, revived=revived)


def _object(value: dict[str, Any], where: str, asked: _Asked) -> None:
    """Write down what one table with a class name asks for."""
    module, written, config = value.get("module"), value["class_name"], value.get("config")
    registered = value.get("registered_name")
    if written == "function":
        _function(module, config, registered, where, asked)
        return
    full = f"{module}.{written}" if module else written
    if written == "__typespec__":
        _type_spec(value, where, asked)
    elif not _reaching(written, full, value, where, asked) and written not in names.PLAIN_FORMS:
        _class(written, module, full, where, asked)
    if registered not in (None, "", written):
        _registered(registered, where, asked)
    _paths(written, config, where, asked)


def _reaching(written: str, full: str, value: dict[str, Any], where: str, asked: _Asked) -> bool:
    last = written.strip().rpartition(".")[2].lower()
    if last not in names.REACHING:
        return False
    permission, hazard, detail = names.REACHING[last]
    config = value.get("config")
    if permission == "ops":
        called = _called(config)
        if _only_computes(called):
            return True
        full, hazard = f"tf.{called}", "" if called else "code-execution"
    elif hazard == "code-execution":
        detail += _names_in_bytecode(config)
    asked.add(permission, printable(full), detail, where, hazard)
    return True


def _called(config: object) -> str:
    """Return the TensorFlow function that one of the operator layers of Keras 2 calls."""
    if not isinstance(config, dict):
        return ""
    function = config.get("function") or config.get("cls_symbol") or config.get("cls_ref") or config.get("attr_name")
    definition = config.get("node_def")
    if isinstance(definition, str):
        match = re.search(r"""\bop"?:\s*"([^"]+)\"""", definition)
        return f"raw_ops.{match[1]}" if match else ""
    return function if isinstance(function, str) else ""


def _only_computes(called: str) -> bool:
    return called in names.SAFE_TENSORFLOW_NAMES or called.startswith(names.SAFE_TENSORFLOW)


def _class(written: str, module: object, full: str, where: str, asked: _Asked) -> None:
    if module is not None and not isinstance(module, str):
        asked.add("configuration", printable(str(full))[:200], "a module that is no text", where, "code-execution")
    elif module and _EXTENSION_MODULE.fullmatch(module):
        asked.add("configuration", printable(full), "a class of a Keras extension", where, "", ("keras-hub",))
    elif module and not _OWN_MODULE.fullmatch(module):
        detail = "a class outside Keras, which loaders before 3.9 import and call (CVE-2025-1550)"
        asked.add("configuration", printable(full), detail, where, "code-execution")
    elif written not in names.CLASSES:
        hazard = "code-execution" if module and not written[:1].isupper() else ""
        asked.add("configuration", printable(full), "a class that is not one of Keras's own", where, hazard)


def _function(module: object, config: object, registered: object, where: str, asked: _Asked) -> None:
    name = config if isinstance(config, str) else ""
    full = printable(f"{module}.{name}" if module else name)
    known = module in (None, "builtins") or (isinstance(module, str) and _OWN_MODULE.fullmatch(module) is not None)
    reaching = names.REACHING.get(name.rpartition(".")[2].lower())
    if reaching:
        asked.add(reaching[0], full, reaching[2], where, reaching[1])
    elif not known:
        detail = "a function outside Keras, which loaders before 3.9 import and call (CVE-2025-1550)"
        asked.add("configuration", full, detail, where, "code-execution")
    elif name not in names.FUNCTIONS:
        hazard = "code-execution" if module not in (None, "builtins") else ""
        asked.add("configuration", full, "a function that is not one of Keras's own", where, hazard)
    if registered not in (None, "", name, "function"):
        _registered(registered, where, asked)


def _registered(registered: object, where: str, asked: _Asked) -> None:
    """Ask for the name under which a program would have to register a class of its own."""
    name = registered if isinstance(registered, str) else repr(registered)
    last = name.rpartition(">")[2]
    if last.lower() in names.REACHING:
        permission, hazard, detail = names.REACHING[last.lower()]
        asked.add(permission, printable(name)[:200], detail, where, hazard)
    elif last not in names.CLASSES and last not in names.FUNCTIONS:
        asked.add("configuration", printable(name)[:200], "a class registered by the program that loads", where)


def _type_spec(value: dict[str, Any], where: str, asked: _Asked) -> None:
    spec, module = value.get("spec_name"), value.get("module")
    own = isinstance(module, str) and module.startswith(("tensorflow.python.framework.", "tensorflow.python.ops."))
    if not isinstance(spec, str) or spec not in names.TYPE_SPECS or not own:
        full = printable(f"{module}.{spec}")[:200]
        asked.add("configuration", full, "a type that is not one of TensorFlow's own", where, "code-execution")


def _paths(written: str, config: object, where: str, asked: _Asked) -> None:
    if not isinstance(config, dict):
        return
    for key in sorted(names.PATH_KEYS & set(config)):
        path = config[key]
        if isinstance(path, str) and path and (written in names.LOOKUPS or key in ("filepath", "vocabulary")):
            network = trouble_with(path) == "is an address"
            asked.add(
                "network" if network else "external-files", path, f"{written} reads its {key} from there",
                where, "network" if network else "file-read",
            )  # fmt: skip


def _names_in_bytecode(config: object) -> str:
    """Return the identifiers in marshalled code, for the reader of the report; the code is not unmarshalled."""
    texts: list[str] = []
    pending: list[object] = [config]
    while pending and len(texts) < 16:
        value = pending.pop()
        if isinstance(value, str) and len(value) > LONG_TEXT:
            texts.append(value)
        elif isinstance(value, dict):
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value[:16])
    found: list[str] = []
    for text in texts:
        try:
            found.extend(match.decode() for match in _IDENTIFIER.findall(b64decode(text[:100_000])))
        except (Error, ValueError):
            continue
    return f"; it names {', '.join(dict.fromkeys(found[:12]))}" if found else ""


def _names_of(value: dict[str, Any], where: str, at: Location) -> Iterator[Fact]:
    """Report names of layers that become paths outside the archive when a model is saved (CVE-2026-12479)."""
    config = value.get("config")
    inner = config.get("name") if isinstance(config, dict) else None
    found = {name for name in (value.get("name"), inner) if isinstance(name, str)}
    for name in sorted(found):
        if "\0" in name or name.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", name):
            detail = f"{printable(name[:200])!r} at {where} leaves the directory it is saved in"
            yield Malformed(location=at, format=NAME, rule="keras-layer-name", detail=detail)
