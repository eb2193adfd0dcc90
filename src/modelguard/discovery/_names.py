"""What the names in a Python file stand for, as far as its text tells: imports, constants, defaults, attributes.

Nothing is run. A name that is bound several times stands for all of its values: whoever reads the answer wants to see
each model that may be meant.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelguard.discovery._neighbours import Neighbours

MOST_VALUES = 16
"""Values of one expression that are followed; a table of models may be longer, then the first ones are reported."""
DEEPEST = 12
"""Steps from name to name that are followed."""
_DEFAULT_OF = {"get": 1, "getenv": 1, "field": None, "Field": 0, "add_argument": None, "option": None, "Option": 0}

# Nodes without a call or a binding below them, and what stands in fields beside nodes.
_LEAVES = {ast.Name, ast.Constant, ast.Load, ast.Store, ast.Del, ast.Pass, ast.alias, str, int, bool, float, type(None)}
_LEAVES |= {one for base in (ast.operator, ast.unaryop, ast.cmpop, ast.boolop) for one in base.__subclasses__()}
_BINDING = {ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.For, ast.withitem}

_HANDING_ON = {"Path", "PurePath", "PosixPath", "str", "fspath", "expanduser", "abspath", "resolve", "absolute", "open",
               "read", "read_bytes"}  # fmt: skip
"""Calls that mean the same file as what they are given, or are called on."""

Scope = tuple[int, ...]


class Names:
    """The bindings of a file. `calls` are its calls, each with the scope that it stands in.

    `neighbours` are the other files of the project; without them a name from there stands for nothing.
    """

    def __init__(self, tree: ast.AST, neighbours: Neighbours | None = None) -> None:
        self._neighbours = neighbours
        self.imports: dict[str, list[str]] = {}
        self.calls: list[tuple[ast.Call, Scope]] = []
        self._bound: dict[tuple[Scope, str], list[ast.expr]] = {}
        self._attributes: dict[str, list[ast.expr]] = {}
        self._classes: set[str] = set()
        self._fields: dict[str, list[ast.expr]] = {}  # of these: fields of classes and options, which other files see
        self._read(tree, (), in_class=False)

    def _read(self, root: ast.AST, scope: Scope, *, in_class: bool) -> None:
        """Go through the tree in the order of the text; most nodes are leaves or bind nothing."""
        stack: list[tuple[ast.AST, Scope, bool]] = [(root, scope, in_class)]
        while stack:
            node, scope, in_class = stack.pop()
            inner, class_body = scope, in_class
            kind = node.__class__
            if kind is ast.Call:
                self.calls.append((node, scope))  # type: ignore[arg-type]  # its class says so
                self._option(node)  # type: ignore[arg-type]
            elif kind in _BINDING:
                self._bind_statement(node, scope, in_class=in_class)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                self._import(node)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                # A method does not see the names of its class's body.
                inner, class_body = (*(scope[:-1] if in_class else scope), id(node)), False
                self._defaults(node.args, inner)
            elif isinstance(node, ast.ClassDef):
                inner, class_body = (*scope, id(node)), True
                self._classes |= set() if scope or in_class else {node.name}
            start = len(stack)
            for name in node._fields:
                value = getattr(node, name, None)
                if value.__class__ is list:
                    stack += [(one, inner, class_body) for one in value if one.__class__ not in _LEAVES]
                elif isinstance(value, ast.AST) and value.__class__ not in _LEAVES:
                    stack.append((value, inner, class_body))
            stack[start:] = stack[start:][::-1]

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            if isinstance(node, ast.ImportFrom):
                target = f"{self._module(node)}.{alias.name}".lstrip(".")
                self.imports.setdefault(alias.asname or alias.name, []).append(target)
            elif alias.asname:
                self.imports.setdefault(alias.asname, []).append(alias.name)
            else:
                top = alias.name.partition(".")[0]
                self.imports.setdefault(top, []).append(top)

    def _module(self, node: ast.ImportFrom) -> str:
        if node.level and self._neighbours is not None:
            return self._neighbours.absolute(node.level, node.module or "")
        return node.module or ""

    def _defaults(self, arguments: ast.arguments, scope: Scope) -> None:
        plain = [*arguments.posonlyargs, *arguments.args]
        pairs = [*zip(reversed(plain), reversed(arguments.defaults), strict=False)]
        for argument, value in [*pairs, *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]:
            if value is not None:
                self._bind(argument.arg, value, scope)

    def _bind_statement(self, node: ast.AST, scope: Scope, *, in_class: bool) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._bind_target(target, value, scope, in_class=in_class)
            case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
                self._bind_target(target, value, scope, in_class=in_class)
            case ast.For(target=target, iter=ast.List(elts=values) | ast.Tuple(elts=values) | ast.Set(elts=values)):
                for value in values:
                    self._bind_target(target, value, scope, in_class=in_class)
            case ast.For(target=target, iter=value):
                self._bind_target(target, value, scope, in_class=in_class)
            case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
                self._bind_target(target, value, scope, in_class=in_class)
            case _:
                pass

    def _bind_target(self, target: ast.expr, value: ast.expr, scope: Scope, *, in_class: bool) -> None:
        match target:
            case ast.Name(id=name):
                self._bind(name, value, scope)
                if in_class:
                    self._attributes.setdefault(name, []).append(value)
                    self._fields.setdefault(name, []).append(value)
            case ast.Attribute(attr=name):
                self._attributes.setdefault(name, []).append(value)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                values = value.elts if isinstance(value, ast.Tuple | ast.List) else []
                for one, part in zip(targets, values, strict=False):
                    self._bind_target(one, part, scope, in_class=in_class)
            case _:
                pass

    def _bind(self, name: str, value: ast.expr, scope: Scope) -> None:
        self._bound.setdefault((scope, name), []).append(value)

    def _option(self, call: ast.Call) -> None:
        """Take the default of an option of a command (argparse, click) as a value of the attribute and the name."""
        if _last_word(call.func) not in {"add_argument", "option"}:
            return
        default = next((one.value for one in call.keywords if one.arg == "default"), None)
        words = [one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        if default is not None:
            for word in words:
                name = word.lstrip("-").replace("-", "_")
                self._attributes.setdefault(name, []).append(default)
                self._fields.setdefault(name, []).append(default)
                self._bind(name, default, ())

    def values(self, node: ast.expr, scope: Scope) -> list[str]:
        """Return the texts that an expression may stand for; empty when it is computed."""
        found: dict[str, None] = {}
        for text in self._texts(node, scope, DEEPEST):
            found.setdefault(text)
            if len(found) == MOST_VALUES:
                break
        return list(found)

    def _texts(self, node: ast.expr, scope: Scope, depth: int) -> Iterator[str]:
        if depth == 0:
            return
        match node:
            case ast.Constant(value=str(text)):
                yield text
            case ast.Name(id=name):
                bound = self.bound(name, scope)
                yield from self._each(bound, scope, depth) if bound else self._of_import(name, depth)
            case ast.Attribute():
                yield from self._of_attribute(node, scope, depth)
            case ast.JoinedStr(values=parts):
                yield from self._joined(parts, scope, depth)
            case ast.FormattedValue(value=value, format_spec=None):
                yield from self._texts(value, scope, depth - 1)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                yield from self._joined([left, right], scope, depth)
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                slash = ast.Constant("/")
                yield from self._joined([left, slash, right], scope, depth)
            case ast.IfExp(body=one, orelse=other):
                yield from self._each([one, other], scope, depth)
            case ast.BoolOp(values=options) | ast.List(elts=options) | ast.Tuple(elts=options):
                yield from self._each(options, scope, depth)
            case ast.Dict(values=options):
                yield from self._each(options, scope, depth)
            case ast.Subscript(value=table, slice=key):
                yield from self._chosen(table, key, scope, depth)
            case ast.Call():
                yield from self._of_call(node, scope, depth)
            case _:
                return

    def _each(self, nodes: list[ast.expr], scope: Scope, depth: int) -> Iterator[str]:
        for node in nodes:
            yield from self._texts(node, scope, depth - 1)

    def _of_import(self, name: str, depth: int) -> Iterator[str]:
        """Follow a name that another file of the project defines."""
        for module, word in (target.rpartition(".")[::2] for target in self.imports.get(name, ())):
            other = self._neighbour(module)
            if other is not None:
                yield from other._texts(ast.Name(word), (), depth - 1)

    def _of_attribute(self, node: ast.Attribute, scope: Scope, depth: int) -> Iterator[str]:
        """Follow `config.MODEL`, `Settings.model`, `args.model` and `Models.SMALL.value`.

        Whose attribute it is cannot be told without running; every class of the file, or else of the files that it
        imports, that has a field of this name may be meant.
        """
        if isinstance(node.value, ast.Name) and not self.bound(node.value.id, scope):
            for module in self.imports.get(node.value.id, ()):
                other = self._neighbour(module)
                if other is not None:
                    yield from other._texts(ast.Name(node.attr), (), depth - 1)
                    return
        if node.attr in self._attributes:
            yield from self._each(self._attributes[node.attr], scope, depth)
        elif node.attr == "value":
            yield from self._texts(node.value, scope, depth - 1)
        else:
            for other in self._imported():
                yield from other._each(other._fields.get(node.attr, []), (), depth)

    def _imported(self) -> Iterator[Names]:
        """Yield the files of the project that this one imports from, each once."""
        targets = [target for found in self.imports.values() for target in found]
        modules = dict.fromkeys(name for target in targets for name in (target, target.rpartition(".")[0]))
        others = [self._neighbour(module) for module in modules]
        yield from {id(other): other for other in others if other is not None}.values()

    def _neighbour(self, module: str) -> Names | None:
        return self._neighbours.names(module) if self._neighbours is not None and module else None

    def _joined(self, parts: list[ast.expr], scope: Scope, depth: int) -> Iterator[str]:
        texts = [""]
        for part in parts:
            values = list(self._texts(part, scope, depth - 1))[:MOST_VALUES]
            texts = [before + value for before in texts for value in values][:MOST_VALUES]
        yield from texts

    def _chosen(self, table: ast.expr, key: ast.expr, scope: Scope, depth: int) -> Iterator[str]:
        """Follow `TABLE["key"]`: the one value if the key is known, else every value."""
        if isinstance(table, ast.Name) and not self.bound(table.id, scope):
            for module, word in (target.rpartition(".")[::2] for target in self.imports.get(table.id, ())):
                other = self._neighbour(module)
                if other is not None:
                    named: list[ast.expr] = [ast.Constant(text) for text in self._texts(key, scope, depth - 1)]
                    for chosen in named or [ast.Name("?")]:
                        yield from other._chosen(ast.Name(word), chosen, (), depth - 1)
            return
        tables = self.bound(table.id, scope) if isinstance(table, ast.Name) else [table]
        keys = set(self._texts(key, scope, depth - 1))
        for one in tables:
            if isinstance(one, ast.Dict):
                for name, value in zip(one.keys, one.values, strict=True):
                    known = isinstance(name, ast.Constant) and isinstance(name.value, str)
                    if not keys or not known or name.value in keys:  # type: ignore[union-attr]  # known says so
                        yield from self._texts(value, scope, depth - 1)
            elif isinstance(one, ast.List | ast.Tuple):
                yield from self._each(one.elts, scope, depth)

    def _of_call(self, call: ast.Call, scope: Scope, depth: int) -> Iterator[str]:
        """Follow calls that hand on a text: `Path("x")`, `open("x")`, `os.environ.get("X", "default")`, `field(…)`."""
        word = _last_word(call.func)
        given: list[ast.expr] = [one.value for one in call.keywords if one.arg == "default"]
        for one in call.keywords:
            if one.arg == "default_factory" and isinstance(one.value, ast.Lambda):
                given.append(one.value.body)
        if word in _HANDING_ON:
            given = call.args[:1]
            if isinstance(call.func, ast.Attribute) and not self._is_module(call.func.value):
                given = [call.func.value]  # Path("x").open("rb"), file.read()
        elif word == "join" and len(call.args) > 1:
            joined: list[ast.expr] = [call.args[0]]
            for part in call.args[1:]:
                joined += [ast.Constant("/"), part]
            yield from self._joined(joined, scope, depth)
            return
        elif word in _DEFAULT_OF and not given:
            position = _DEFAULT_OF[word]
            given = call.args[position : position + 1] if position is not None else []
        yield from self._each(given, scope, depth)

    def _is_module(self, node: ast.expr) -> bool:
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and node.id in self.imports and not self.bound(node.id, ())

    def bound(self, name: str, scope: Scope) -> list[ast.expr]:
        """Return what a name is bound to in the innermost scope that binds it."""
        for end in range(len(scope), -1, -1):
            found = self._bound.get((scope[:end], name))
            if found:
                return found
        return []

    def dotted(self, node: ast.expr, scope: Scope, depth: int = DEEPEST) -> list[str]:
        """Return the qualified names that a callee may have: `AutoModel.from_pretrained` after its import, and so on.

        A name that is nobody's stays as it is written, so that `model.from_pretrained` is still seen.
        """
        if depth == 0:
            return []
        match node:
            case ast.Name(id=name):
                found = [one for target in self.imports.get(name, ()) for one in self._followed(target, depth)]
                for value in self.bound(name, scope):
                    if isinstance(value, ast.Name | ast.Attribute) or _makes_an_object(value):
                        found += self.dotted(value, scope, depth - 1)
                return found or [self._own(name)]
            case ast.Attribute(value=value, attr=name):
                return [f"{before}.{name}" for before in self.dotted(value, scope, depth - 1)]
            case ast.Call(func=function):
                return self.dotted(function, scope, depth - 1)
            case _:
                return ["?"]

    def _own(self, name: str) -> str:
        """Return the full name of a class of this very file, if the file is in a package."""
        package = self._neighbours.module if self._neighbours is not None and name in self._classes else ""
        return f"{package}.{name}" if package else name

    def _followed(self, target: str, depth: int) -> list[str]:
        """Return what an imported name is where it comes from, if that is a file of the project."""
        module, _, word = target.rpartition(".")
        other = self._neighbour(module)
        made = [] if other is None else other.dotted(ast.Name(word), (), depth - 1)
        return [target] if made in ([], [word]) else made


def _last_word(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _makes_an_object(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and _last_word(node.func)[:1].isupper()
