"""Finds the other files of a project that a Python file imports, so that what they define is known here too.

Only files below the directory that is looked through are read, and none is run.
"""

from __future__ import annotations

import ast
import warnings
from pathlib import Path

from attrs import field, frozen

from modelguard.discovery._names import Names

LARGEST = 1 << 20
"""Bytes of a file that is read for what it defines; settings and tables of models are far smaller."""
_INSTALLED = {"site-packages", "dist-packages"}


@frozen
class Neighbours:
    """What a file may import from its own project; both paths are absolute.

    `file` is the importing file and `top` the highest directory to look in; `package` the dotted name of the package
    that the file is in, empty for a script. `seen` and `found` are shared by all files of a walk, so that each
    neighbour is looked for and parsed once.
    """

    file: Path
    top: Path
    seen: dict[Path, Names | None] = field(factory=dict, repr=False)
    found: dict[tuple[Path, str], Path | None] = field(factory=dict, repr=False)

    package: str = field(init=False)

    @package.default
    def _package(self) -> str:
        names: list[str] = []
        directory = self.file.parent
        while (directory / "__init__.py").is_file() and directory != directory.parent:
            names.insert(0, directory.name)
            directory = directory.parent
        return ".".join(names)

    @property
    def module(self) -> str:
        """The dotted name of the file itself, empty for a script."""
        own = "" if self.file.stem == "__init__" else f".{self.file.stem}"
        return f"{self.package}{own}" if self.package else ""

    def absolute(self, level: int, module: str) -> str:
        """Return the full name of a module that is imported relatively: one dot is the package of the file."""
        package = self.package.split(".")
        kept = package[: len(package) - level + 1] if level <= len(package) else []
        return ".".join(part for part in (*kept, module) if part) or "." * level

    def names(self, module: str) -> Names | None:
        """Return what a module of the project defines; None when it is none of the project or cannot be read."""
        key = self.file.parent, module
        if key not in self.found:
            self.found[key] = self._file_of(module)
        path = self.found[key]
        if path is None or path == self.file:
            return None
        if path not in self.seen:
            self.seen[path] = None  # files that import each other end here
            self.seen[path] = self._parsed(path)
        return self.seen[path]

    def _file_of(self, module: str) -> Path | None:
        parts = module.split(".")
        if not all(part.isidentifier() for part in parts):
            return None
        own = self.package.partition(".")[0]
        for directory in (self.file.parent, *self.file.parents):
            installed = directory.name in _INSTALLED and parts[0] != own
            for root in () if installed else (directory, directory / "src"):
                for path in (root.joinpath(*parts).with_suffix(".py"), root.joinpath(*parts, "__init__.py")):
                    if path.is_file():
                        return path
            if directory == self.top:
                break
        return None

    def _parsed(self, path: Path) -> Names | None:
        try:
            if path.stat().st_size > LARGEST:
                return None
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about escapes in foreign text; not this program's business
                tree = ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            return None  # the walk itself tells of files that cannot be read
        return Names(tree, Neighbours(path, self.top, self.seen, self.found))
