"""The house rules that a machine can check: floors, lengths and bans."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "modelguard"

# From the ground up. A module imports only from lower floors or from its own room.
FLOORS: list[set[str]] = [
    {"terms", "_registry", "auditing"},
    {
        "picklevm", "policy", "lock", "checks", "sources", "signatures", "licenses", "advisories", "vendors",
        "loaders", "reports", "discovery",
    },
    {"formats"},
    {"collectors", "bom"},
    {"guard"},
    {"interception", "conversion"},
    {"monitor", "fleet", "testing"},
    {"pytest_plugin"},
    {"cli"},
    {"__main__", "__init__"},
]  # fmt: skip
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

FILE_LINES = 400
FUNCTION_LINES = 60
# A file or function over the limit, with the reason why it still says one thing.
LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {
    "picklevm/machine.py:_loop": "the inner loop of the pickle machine: a call for each opcode would cost too much",
}


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def room_of(path: Path) -> str:
    first = path.relative_to(SOURCE).parts[0]
    return first.removesuffix(".py")


def is_for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.iter_child_nodes(tree):
        if is_for_types_only(node):
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            yield node.lineno, node.module or ""
        yield from imported(node)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_imports_only_from_lower_floors_or_its_own_room(path: Path) -> None:
    room = room_of(path)
    assert room in FLOOR_OF, f"{room} has no floor: add it to FLOORS"
    for line, name in imported(ast.parse(path.read_text("utf-8"))):
        parts = name.split(".")
        if parts[0] != "modelguard" or len(parts) == 1:
            continue
        other = parts[1]
        assert other == room or FLOOR_OF[other] < FLOOR_OF[room], f"{path}:{line} imports {name} from above or beside"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_file_says_one_thing(path: Path) -> None:
    name = str(path.relative_to(SOURCE))
    if name not in LONG_FILES:
        assert len(path.read_text("utf-8").splitlines()) <= FILE_LINES
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and f"{name}:{node.name}" not in LONG_FUNCTIONS:
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= FUNCTION_LINES, f"{name}:{node.lineno} {node.name} has {length} lines"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_begins_with_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_only_the_command_line_prints_or_exits(path: Path) -> None:
    if room_of(path) in {"cli", "__main__"}:
        return
    for call in calls(ast.parse(path.read_text("utf-8"))):
        name = ast.unparse(call.func)
        assert name not in {"print", "exit", "quit", "sys.exit", "os._exit"}, f"{path}:{call.lineno} calls {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_room_has_a_name_that_says_nothing(path: Path) -> None:
    vague = {"utils", "util", "helpers", "helper", "base", "core", "common", "manager", "misc"}
    assert not vague & {part.removesuffix(".py") for part in path.relative_to(SOURCE).parts}
