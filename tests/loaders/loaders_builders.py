"""Makes what the tests of loaders need: handovers, pickles from opcodes, and a child process that records imports."""

from __future__ import annotations

import json
import os
import pickle
import pickletools
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

import modelguard
from modelguard.loaders.loader import Handover

PLANTED = "planted_by_the_test"
SOURCE = Path(modelguard.__file__).parent.parent


def handover(
    file: Path,
    *formats: str,
    imports: Iterable[tuple[str, str]] = (),
    target: str = "",
    args: tuple[Any, ...] = (),
    **options: Any,
) -> Handover:
    """Hand over the directory of a file, which holds nothing else that matters."""
    return Handover(
        root=file.parent,
        file=file,
        formats={file.name: formats},
        imports={file.name: frozenset(imports)},
        target=target,
        args=args,
        options=options,
    )


def directory(
    root: Path, *, target: str = "", remote_code: bool = False, args: tuple[Any, ...] = (), **options: Any
) -> Handover:
    """Hand over a directory; the formats of its files are what their endings say."""
    formats: Mapping[str, tuple[str, ...]] = {
        path.relative_to(root).as_posix(): (path.suffix.removeprefix("."),)
        for path in root.rglob("*")
        if path.is_file()
    }
    return Handover(
        root=root,
        file=None,
        formats=formats,
        imports={},
        target=target,
        remote_code=remote_code,
        args=args,
        options=options,
    )


def imports_of(data: bytes) -> set[tuple[str, str]]:
    """Return the globals that a pickle of protocol 2 or less names, mapped as the lock records them."""
    found = set()
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name == "GLOBAL":
            module, name = argument.split(" ")
            found.add((pickle._compat_pickle.IMPORT_MAPPING.get(module, module), name))  # type: ignore[attr-defined]
    return found


def calls(module: str, name: str, argument: str = "pwned") -> bytes:
    """Assemble a pickle that calls a global with one text."""
    return (
        pickle.PROTO + b"\x02"
        + pickle.GLOBAL + f"{module}\n{name}\n".encode()
        + pickle.BINUNICODE + len(argument).to_bytes(4, "little") + argument.encode()
        + pickle.TUPLE1 + pickle.REDUCE + pickle.STOP
    )  # fmt: skip


def stack_global(module: str, name: str, protocol: int = 4) -> bytes:
    """Assemble a pickle that is a global, named by two texts."""
    return (
        pickle.PROTO + bytes([protocol])
        + pickle.SHORT_BINUNICODE + bytes([len(module)]) + module.encode()
        + pickle.SHORT_BINUNICODE + bytes([len(name)]) + name.encode()
        + pickle.STACK_GLOBAL + pickle.STOP
    )  # fmt: skip


@frozen
class Outcome:
    """What a child process saw: the error's type and text, if any, and whether the planted module was imported."""

    error: str
    text: str
    imported: bool


_CHILD = """
import json, sys
from pathlib import Path
root, loader, target, formats, imports, raw, note = json.loads(sys.argv[1])
sys.path.insert(0, str(Path(note).parent))
file = Path(root)
error = text = ""
try:
    if raw:
        scope = {"file": file}
        exec(raw, scope)
    else:
        from modelguard._registry import parts
        from modelguard.loaders.loader import Handover, Loader
        from modelguard.loaders.choose import choose
        found, _ = choose({}, None, loader)
        found.load(Handover(root=file.parent, file=file, formats={file.name: tuple(formats)}, target=target,
                            imports={file.name: frozenset((m, n) for m, n in imports)}))
except BaseException as problem:
    error, text = type(problem).__name__, str(problem)
print(json.dumps([error, text, Path(note).exists()]))
"""


def in_a_child(
    file: Path,
    loader: str,
    *formats: str,
    imports: Iterable[tuple[str, str]] = (),
    target: str = "",
    raw: str = "",
) -> Outcome:
    """Load a file in another process, where a module on `sys.path` records that it was imported.

    `raw` is Python to run instead of the loader, with `file` at hand.
    """
    planted = file.parent / "planted"
    planted.mkdir(exist_ok=True)
    note = planted / "imported"
    note.unlink(missing_ok=True)
    (planted / f"{PLANTED}.py").write_text(
        f"from pathlib import Path\nPath({str(note)!r}).touch()\ndef run(*arguments):\n    return arguments\n"
        "class Kept:\n    pass\n"
    )
    given = [str(file), loader, target, list(formats), [list(pair) for pair in imports], raw, str(note)]
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, json.dumps(given)],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
    )
    return Outcome(*json.loads(done.stdout.splitlines()[-1]))
