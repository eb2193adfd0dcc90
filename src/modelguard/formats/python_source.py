"""Python source: modeling files, handlers, dataset scripts, generate.py, package modules.

A file counts as Python when its name ends in `.py`, `.pyw`, `.pyi` or `.pyx`, or when its first line is a shebang that
names Python. Under another name no loader imports it: they all append `.py` to a module name. Whatever else would run
it has to be code itself, and is asked for under its own name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from posixpath import basename

from modelguard.formats._python_code import LIMIT, Code, analyse
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.errors import BudgetSpent, ReadError
from modelguard.terms.facts import Asks, Fact

_SHEBANG = re.compile(rb"#![^\n]{0,100}python")
_ENDINGS = (".py", ".pyw", ".pyi", ".pyx")
_MOST_NAMED = 6

# Files that something runs although nobody names them, with who does.
_RUN_BY: dict[str, str] = {
    "setup.py": "pip runs it at installation",
    "handler.py": "inference endpoints run it",
    "hubconf.py": "torch.hub runs it",
    "generate.py": "transformers runs it for custom_generate",
    "pipeline.py": "diffusers runs it as a custom pipeline",
    "conftest.py": "pytest runs it",
    "sitecustomize.py": "every Python process runs it when it is on the path",
    "usercustomize.py": "every Python process runs it when it is on the path",
    "app.py": "Spaces run it",
    "__main__.py": "python -m runs it",
    "__init__.py": "importing the package runs it",
}


def accepts(content: Content) -> bool:
    """Tell by the ending of the name or by the shebang."""
    return content.name.lower().endswith(_ENDINGS) or bool(_SHEBANG.match(content.head(128)))


def read(content: Content, walk: Walk) -> Iterable[Fact]:
    """Ask for the file, and tell what its code can do. An empty file, or one of comments alone, asks for nothing."""
    if content.size > LIMIT:
        yield _asks(content, "Python source that is too large to be read", "obfuscation")
        raise BudgetSpent(f"{content.size} bytes of Python are more than the {LIMIT} that are read")
    source = content.all(LIMIT)
    walk.budget.spend_time()
    try:
        code = analyse(source)
    except ReadError:
        yield _asks(content, "Python source that cannot be parsed here", "")
        raise
    if _says_something(source):
        yield _asks(content, _detail(content, code), code.hazard)


def _asks(content: Content, detail: str, hazard: str) -> Asks:
    location = content.location
    return Asks(location=location, permission="remote-code", name=str(location), detail=detail, hazard=hazard)


def _detail(content: Content, code: Code) -> str:
    parts = []
    if run_by := _RUN_BY.get(basename(content.name).lower()):
        parts.append(run_by)
    if code.imports:
        parts.append("imports " + ", ".join(name for name in code.imports if name != "."))
    for mention in code.mentions[:_MOST_NAMED]:
        parts.append(f"line {mention.line}: {mention.what}")
    if len(code.mentions) > _MOST_NAMED:
        parts.append(f"and {len(code.mentions) - _MOST_NAMED} more")
    return "; ".join(part for part in parts if part != "imports ") or "Python source"


def _says_something(source: bytes) -> bool:
    lines = (line.strip() for line in source.removeprefix(b"\xef\xbb\xbf").splitlines())
    return any(line and not line.startswith(b"#") for line in lines)


FORMAT = Format(
    name="python",
    title="Python source",
    reads="Source up to 8 MB, parsed with `ast` and never run: imports, names and calls, `as` followed.",
    looks_for="That it is there at all; and code that runs text, starts processes, opens connections, unpickles, loads "
    "libraries, writes files, hides what it does.",
    clue=Clue(first=b"#", endings=_ENDINGS),
    accepts=accepts,
    read=read,
    endings=_ENDINGS,
)
