"""Walks the syntax tree of a Jinja template and tells what reaches beyond rendering.

The tree is Jinja's own, taken apart by class name, so that this file can be imported without jinja2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from modelguard.formats._template_rules import (
    ATTRIBUTES,
    DUNDER,
    FILTERS,
    FORMAT_WALK,
    LARGEST,
    OBJECTS,
    ORDINARY,
    REPEATERS,
    SUSPICIOUS_TEXT,
    UNDERSCORES,
)
from modelguard.terms.artifact import Location
from modelguard.terms.facts import Asks, Fact, Noted

_BIG = 1 << 62


def asked_by_template(tree: Any, location: Location) -> Iterator[Fact]:
    """Yield each different thing that a template asks for beyond rendering, then remarks about its text."""
    seen: set[tuple[str, str]] = set()
    reacts: set[str] = set()
    texts: set[str] = set()
    nodes = list(_nodes(tree))
    own = {node.name for node in nodes if type(node).__name__ == "Name" and node.ctx in {"store", "param"}}
    for node in nodes:
        for name, detail, hazard in _reaches(node):
            if (name, hazard) not in seen and not (name in own and name in OBJECTS):
                seen.add((name, hazard))
                line = getattr(node, "lineno", None)
                yield Asks(
                    location=location,
                    permission="templates",
                    name=name[:200],
                    detail=f"{detail} (line {line})" if line else detail,
                    hazard=hazard,
                )
        reacts.update(_triggers(node))
        texts.update(_suspicious(node))
    if reacts:
        yield _noted(location, "template-reacts-to-content", "compares what is written with: ", reacts)
    if texts:
        yield _noted(location, "template-text", "writes into the conversation: ", texts)


def _noted(location: Location, rule: str, what: str, found: set[str]) -> Noted:
    shown = ", ".join(repr(text[:60]) for text in sorted(found)[:8])
    return Noted(location=location, format="jinja", rule=rule, detail=what + shown)


def _nodes(tree: Any) -> Iterator[Any]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(list(node.iter_child_nodes())))


Reach = tuple[str, str, str]


def _reaches(node: Any) -> Iterator[Reach]:
    rule = _RULES.get(type(node).__name__)
    if rule is not None:
        yield from rule(node)


def _attribute(node: Any) -> Iterator[Reach]:
    yield from _named(node.attr)
    yield from _object(node.node)


def _item(node: Any) -> Iterator[Reach]:
    name = _text(node.arg)
    if name is not None:
        yield from _named(name)
    yield from _object(node.node)


def _named(name: str, *, called: bool = False) -> Iterator[Reach]:
    if name in ORDINARY and not called:
        return
    if name in ATTRIBUTES:
        yield name, f"`{name}` {ATTRIBUTES[name]}", "sandbox-escape"
    elif DUNDER.match(name):
        yield name, f"`{name}` belongs to Python's insides", "sandbox-escape"
    elif name.startswith("_"):
        yield name, f"`{name}` is private, which Jinja's sandbox forbids", "private-name"


def _object(node: Any) -> Iterator[Reach]:
    name = getattr(node, "name", None) if type(node).__name__ == "Name" else None
    if name in OBJECTS:
        yield str(name), f"looks into `{name}`, {OBJECTS[name]}", "sandbox-escape"


def _call(node: Any) -> Iterator[Reach]:
    yield from _object(node.node)
    kind = type(node.node).__name__
    name = node.node.name if kind == "Name" else node.node.attr if kind == "Getattr" else ""
    if name in ORDINARY:
        yield from _named(name, called=True)
    if kind == "Getattr" and name == "format":
        yield from _formats(node.node.node, "format()")
    yield from _repeats(name, node)


def _filter(node: Any) -> Iterator[Reach]:
    name = node.name
    if name == "attr":
        argument = _text(node.args[0]) if node.args else None
        if argument is None:
            yield "attr(…)", "an attribute whose name is computed", "sandbox-escape"
        else:
            yield from _named(argument, called=True)
    elif name in {"map", "selectattr", "rejectattr", "sort", "groupby", "sum", "min", "max", "unique"}:
        yield from _attribute_arguments(node)
    elif name == "format":
        yield from _formats(node.node, "format filter")
    elif name in FILTERS:
        yield f"{name} filter", FILTERS[name], "information"
    yield from _repeats(name, node)


def _attribute_arguments(node: Any) -> Iterator[Reach]:
    # `map(attribute='__class__')` and `map('attr', name)` reach attributes as a subscript does.
    arguments = [*node.args, *(pair.value for pair in node.kwargs if pair.key == "attribute")]
    texts = [_text(argument) for argument in arguments]
    for text in texts:
        for part in (text or "").split("."):
            yield from _named(part, called=True) if part else ()
    if texts[:1] == ["attr"] and None in texts[1:]:
        yield "attr(…)", "an attribute whose name is computed", "sandbox-escape"


def _formats(node: Any, what: str) -> Iterator[Reach]:
    text = _text(node)
    if text is None:
        yield what, "a format string that is computed may walk attributes", "format-string"
    elif FORMAT_WALK.search(text):
        yield what, f"the format string {text[:60]!r} walks attributes", "sandbox-escape"


def _includes(node: Any) -> Iterator[Reach]:
    name = _text(node.template) or "a computed name"
    yield f"{type(node).__name__.lower()} {name}", "another template is read from the file system", "file-read"


def _repeats(name: str, node: Any) -> Iterator[Reach]:
    if name not in REPEATERS:
        return
    values = [*node.args, *(pair.value for pair in node.kwargs)]
    largest = max((abs(number) for value in values if (number := _number(value)) is not None), default=0)
    if largest > LARGEST:
        yield f"{name}({_shown(largest)})", f"`{name}` {REPEATERS[name]}", "denial-of-service"


def _product(node: Any) -> Iterator[Reach]:
    left, right = _number(node.left), _number(node.right)
    for number, other in ((left, node.right), (right, node.left)):
        repeats = type(other).__name__ in {"Const", "List", "Tuple"} and _number(other) is None
        if number is not None and abs(number) > LARGEST and repeats:
            yield f"… * {_shown(number)}", "repeats a text or list so many times", "denial-of-service"


def _power(node: Any) -> Iterator[Reach]:
    value = _number(node)
    if value is not None and abs(value) >= _BIG:
        yield "**", "computes a number of very many digits", "denial-of-service"


def _constant(node: Any) -> Iterator[Reach]:
    if isinstance(node.value, str) and DUNDER.match(node.value):
        yield node.value, f"holds the text {node.value!r}, a name of Python's insides", "sandbox-escape"


def _joined(node: Any) -> Iterator[Reach]:
    parts = node.nodes if hasattr(node, "nodes") else (node.left, node.right)
    texts = [_text(part) for part in parts]
    whole = _text(node)
    if whole is not None and DUNDER.match(whole):
        yield whole, f"puts the name {whole!r} together from pieces", "sandbox-escape"
    elif any(text is not None and UNDERSCORES.match(text) for text in texts):
        yield "'_' ~ …", "puts a name that begins with underscores together from pieces", "sandbox-escape"


_RULES: dict[str, Callable[[Any], Iterator[Reach]]] = {
    "Getattr": _attribute,
    "Getitem": _item,
    "Call": _call,
    "Filter": _filter,
    "Include": _includes,
    "Import": _includes,
    "FromImport": _includes,
    "Extends": _includes,
    "Const": _constant,
    "Concat": _joined,
    "Add": _joined,
    "Mul": _product,
    "Pow": _power,
}


def _text(node: Any, depth: int = 0) -> str | None:
    """Return the text that an expression of constants gives, without evaluating anything of Jinja's."""
    kind = type(node).__name__
    if kind == "Const":
        return node.value if isinstance(node.value, str) else None
    if depth > 32:
        return None
    parts = node.nodes if kind == "Concat" else (node.left, node.right) if kind == "Add" else ()
    texts = [_text(part, depth + 1) for part in parts]
    return None if not texts or None in texts else "".join(text or "" for text in texts)


def _number(node: Any, depth: int = 0) -> int | None:
    """Return the number that an expression of constants gives, capped so that nothing large is computed."""
    kind = type(node).__name__
    if kind == "Const":
        value = node.value
        return int(value) if isinstance(value, int | float) and abs(value) < float("inf") else None
    if kind not in {"Add", "Sub", "Mul", "Pow", "Neg"} or depth > 32:
        return None
    operands = (node.node,) if kind == "Neg" else (node.left, node.right)
    values = [_number(operand, depth + 1) for operand in operands]
    if any(value is None for value in values):
        return None
    return max(-_BIG, min(_computed(kind, [value or 0 for value in values]), _BIG))


def _computed(kind: str, values: list[int]) -> int:
    left, right = values[0], values[-1]
    match kind:
        case "Add":
            return left + right
        case "Sub":
            return left - right
        case "Mul":
            return left * right
        case "Pow":
            small = abs(left) < 2 or (0 <= right <= 62 and left.bit_length() * right <= 128)
            return int(left**right) if small and right >= 0 and right <= 1000 else (_BIG if right > 0 else 0)
        case _:
            return -left


def _shown(number: int) -> str:
    return "very many" if abs(number) >= _BIG else str(number)


def _triggers(node: Any) -> Iterator[str]:
    if type(node).__name__ == "Compare":
        for text in (_text(node.expr), *(_text(operand.expr) for operand in node.ops if operand.op in {"in", "notin"})):
            if text and any(operand.op in {"in", "notin"} for operand in node.ops):
                yield text


def _suspicious(node: Any) -> Iterator[str]:
    kind = type(node).__name__
    text = node.data if kind == "TemplateData" else node.value if kind == "Const" else None
    if isinstance(text, str) and (match := SUSPICIOUS_TEXT.search(text)):
        yield text[max(match.start() - 20, 0) : match.end() + 40]
