"""Reads Python source with `ast` and tells what it imports and which dangerous things it mentions. Nothing is run."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

from attrs import field, frozen

from modelguard.formats._python_names import HAZARDS, METHODS, ON_USE, QUIET, Row, is_harmless, row_for
from modelguard.terms.errors import ReadError

LIMIT = 8 << 20
"""Bytes of one source file."""

_COOKIE = re.compile(rb"\A(?:[^\n\r]*[\n\r]{1,2})?[ \t\f]*#[^\n\r]*?coding[:=][ \t]*([-\w.]+)")
_PLAIN = {"utf-8", "utf8", "ascii", "us-ascii", "latin-1", "latin1", "iso-8859-1", "utf-8-sig", "cp1252", "utf-8-unix"}
_PACKED = re.compile(r"[A-Za-z0-9+/=_\-\s]{400,}\Z|(?:\\x[0-9a-f]{2}){64,}")
_MOST_ASSIGNED = 4
_BUILT_IN = {"exec", "eval", "compile", "__import__", "__builtins__", "getattr", "open"}


@frozen
class Mention:
    """Something dangerous that the code mentions: the class of danger, what it is, and the line.

    A `quiet` one counts only beside another.
    """

    hazard: str
    what: str
    line: int
    quiet: bool = False


@frozen(kw_only=True)
class Code:
    """What a source file imports (top-level packages, sorted) and mentions; the gravest class first."""

    imports: tuple[str, ...] = ()
    mentions: tuple[Mention, ...] = ()
    hazard: str = field(init=False)

    @hazard.default
    def _gravest(self) -> str:
        found = {mention.hazard for mention in self.mentions}
        return next((hazard for hazard in HAZARDS if hazard in found), "")


def analyse(source: bytes) -> Code:
    """Parse Python source and list its imports and dangerous mentions.

    Raises `ReadError` for what CPython does not parse (it bounds brackets, indentation and its own stack), and for an
    encoding declaration that makes the file mean something else than it shows.
    """
    tree = _parsed(source)
    nodes = list(ast.walk(tree))
    aliases = _aliases(nodes)
    # `os` within `os.path.join` is not a use of its own: only the whole chain of a name is looked up.
    within = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
    found: dict[tuple[str, str], Mention] = {}
    for node in nodes:
        if isinstance(node, ast.Attribute | ast.Name) and id(node) not in within:
            for mention in _chained(node, aliases):
                found.setdefault((mention.hazard, mention.what), mention)
        for mention in _mentioned(node, aliases):
            found.setdefault((mention.hazard, mention.what), mention)
    if all(mention.quiet for mention in found.values()):
        found.clear()
    order = {hazard: rank for rank, hazard in enumerate(HAZARDS)}
    mentions = sorted(found.values(), key=lambda mention: (order[mention.hazard], mention.line, mention.what))
    return Code(imports=tuple(sorted(set(_imports(nodes)))), mentions=tuple(mentions))


def _parsed(source: bytes) -> ast.Module:
    cookie = _COOKIE.match(source)
    if cookie and cookie[1].decode("ascii").lower().replace("_", "-") not in _PLAIN:
        raise ReadError(f"declares the encoding {cookie[1].decode('ascii')}, under which the text means something else")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in other people's strings are not our warnings
            return ast.parse(source)
    except SyntaxError as error:
        raise ReadError(f"is not Python that this interpreter parses: {error.msg} in line {error.lineno}") from error
    except (ValueError, RecursionError, MemoryError, UnicodeError) as error:
        raise ReadError(f"is not Python that this interpreter parses: {type(error).__name__}") from error


def _imports(nodes: list[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." if node.level else (node.module or "").partition(".")[0]


def _aliases(nodes: list[ast.AST]) -> dict[str, str]:
    """Return what each local name stands for: imports, and names assigned from them."""
    aliases: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                aliases[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                aliases[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    for _ in range(_MOST_ASSIGNED):
        before = len(aliases)
        for node in nodes:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name = _dotted(node.value, aliases)
                if name is not None and (row_for(name) or name.partition(".")[0] in {"os", "sys", "builtins"}):
                    aliases.setdefault(node.targets[0].id, name)
        if len(aliases) == before:
            break
    return aliases


def _dotted(node: ast.AST, aliases: dict[str, str]) -> str | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or (node.id not in aliases and node.id not in _BUILT_IN):
        return None
    return ".".join([aliases.get(node.id, node.id), *reversed(parts)])


def _mentioned(node: ast.AST, aliases: dict[str, str]) -> Iterator[Mention]:
    match node:
        case ast.Import():
            for alias in node.names:
                if alias.name not in ON_USE:
                    yield from _named(alias.name, node.lineno)
        case ast.ImportFrom() if node.level == 0:
            for alias in node.names:
                yield from _named(f"{node.module}.{alias.name}", node.lineno)
                if alias.name == "*" and node.module in {"os", "sys", "builtins", "shutil"}:
                    yield Mention("process", f"{node.module}.* (every name of {node.module})", node.lineno)
        case ast.Attribute() if node.attr in METHODS:
            yield _mention(METHODS[node.attr], f".{node.attr}", node.lineno)
        case ast.Call():
            yield from _called(node, aliases)
        case ast.Constant() if isinstance(node.value, str | bytes):
            yield from _constant(node)
        case ast.Assign():
            for target in node.targets:
                if isinstance(target, ast.Subscript) and _dotted(target.value, aliases) == "os.environ":
                    yield Mention("file-write", "os.environ[…] = … (changes the environment)", node.lineno)
        case ast.FunctionDef() if node.name in {"__reduce__", "__reduce_ex__"}:
            yield _mention(METHODS[node.name], node.name, node.lineno)
        case _:
            return


def _chained(node: ast.Attribute | ast.Name, aliases: dict[str, str]) -> Iterator[Mention]:
    """Look up a chain of names, then what it begins with: `os.system.__call__` is a use of `os.system`."""
    name = _dotted(node, aliases)
    if name is None or is_harmless(name):
        return
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        begins = ".".join(parts[:end])
        row = row_for(begins)
        if row is not None:
            yield _mention(row, begins, node.lineno)
            return


def _named(name: str, line: int) -> Iterator[Mention]:
    row = row_for(name)
    if row is not None:
        yield _mention(row, name, line)


def _mention(row: Row, name: str, line: int) -> Mention:
    return Mention(row.hazard, f"{name} ({row.why})", line, quiet=row.name in QUIET)


def _called(node: ast.Call, aliases: dict[str, str]) -> Iterator[Mention]:
    name = _dotted(node.func, aliases) or ""
    rule = _CALLS.get(name)
    if rule is not None and (reason := rule(node, name, aliases)):
        yield Mention(reason[0], reason[1], node.lineno)
    for keyword in node.keywords:
        if keyword.arg == "trust_remote_code" and not _is(keyword.value, "False"):
            yield Mention("code-execution", "trust_remote_code=… (runs code of another repository)", node.lineno)


def _getattr(node: ast.Call, _name: str, aliases: dict[str, str]) -> tuple[str, str] | None:
    if len(node.args) < 2:
        return None
    target = _dotted(node.args[0], aliases)
    wanted = node.args[1]
    if isinstance(wanted, ast.Constant) and isinstance(wanted.value, str):
        row = row_for(f"{target}.{wanted.value}") if target else None
        row = row or METHODS.get(wanted.value)
        return (row.hazard, f"getattr(…, {wanted.value!r}) ({row.why})") if row else None
    if target in aliases.values() and target in {"os", "sys", "builtins", "subprocess", "shutil", "importlib"}:
        return "obfuscation", f"getattr({target}, …) (a name of {target} that is computed)"
    return None


def _open(node: ast.Call, _name: str, _aliases: dict[str, str]) -> tuple[str, str] | None:
    modes = [*node.args[1:2], *(keyword.value for keyword in node.keywords if keyword.arg == "mode")]
    for mode in modes:
        if not isinstance(mode, ast.Constant):
            return "file-write", "open(…) (opens a file in a mode that is computed)"
        if isinstance(mode.value, str) and set(mode.value) & set("wax+"):
            return "file-write", f"open(…, {mode.value!r}) (writes a file)"
    return None


def _torch_load(node: ast.Call, _name: str, _aliases: dict[str, str]) -> tuple[str, str] | None:
    weights_only = next((keyword.value for keyword in node.keywords if keyword.arg == "weights_only"), None)
    if weights_only is None or not _is(weights_only, "True"):
        return "unpickling", "torch.load (unpickles unless weights_only=True)"
    return None


def _numpy_load(node: ast.Call, _name: str, _aliases: dict[str, str]) -> tuple[str, str] | None:
    for keyword in node.keywords:
        if keyword.arg == "allow_pickle" and not _is(keyword.value, "False"):
            return "unpickling", "numpy.load(allow_pickle=…) (unpickles)"
    return None


def _yaml_load(node: ast.Call, _name: str, aliases: dict[str, str]) -> tuple[str, str] | None:
    loaders = [*node.args[1:2], *(keyword.value for keyword in node.keywords if keyword.arg == "Loader")]
    safe = {"yaml.SafeLoader", "yaml.CSafeLoader", "yaml.BaseLoader"}
    if not any(_dotted(loader, aliases) in safe for loader in loaders):
        return "unpickling", "yaml.load (makes any object that the text names)"
    return None


_CALLS = {
    "getattr": _getattr,
    "builtins.getattr": _getattr,
    "open": _open,
    "builtins.open": _open,
    "io.open": _open,
    "codecs.open": _open,
    "torch.load": _torch_load,
    "numpy.load": _numpy_load,
    "yaml.load": _yaml_load,
}


def _constant(node: ast.Constant) -> Iterator[Mention]:
    value = node.value
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    if isinstance(value, bytes) and len(value) >= 256:
        yield Mention("obfuscation", f"a constant of {len(value)} bytes", node.lineno)
    elif len(text) >= 400 and _PACKED.match(text) and " " not in text.strip() and len(set(text)) > 16:
        yield Mention("obfuscation", f"a text of {len(text)} characters that looks packed", node.lineno)


def _is(node: ast.expr, constant: str) -> bool:
    return isinstance(node, ast.Constant) and repr(node.value) == constant
