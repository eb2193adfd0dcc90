"""Names and constructs of Jinja by which a template reaches beyond rendering: one row each, with the reason.

Transformers renders chat templates in a sandbox; several servers did not (CVE-2024-34359, CVE-2026-5760). What the
rows name has no use in a chat template in either case.
"""

from __future__ import annotations

import re

ATTRIBUTES: dict[str, str] = {
    "mro": "leads from a class to its bases",
    "func_globals": "leads from a function to its module",
    "func_code": "leads from a function to its code",
    "im_func": "leads from a method to its function",
    "im_class": "leads from a method to its class",
    "gi_frame": "leads from a generator to its frame and the globals in it",
    "gi_code": "leads from a generator to its code",
    "cr_frame": "leads from a coroutine to its frame",
    "cr_code": "leads from a coroutine to its code",
    "ag_frame": "leads from an asynchronous generator to its frame",
    "ag_code": "leads from an asynchronous generator to its code",
    "tb_frame": "leads from a traceback to its frame",
    "f_globals": "leads from a frame to its globals",
    "f_builtins": "leads from a frame to the built-in functions",
    "f_back": "leads from a frame to its caller",
    "subclasses": "leads to every class of the process",
    "globals": "leads to the globals of a module",
    "builtins": "leads to the built-in functions",
    "format_map": "walks attributes named in a string",
    "popen": "runs a process",
    "system": "runs a process",
    "import_module": "imports any module",
}
"""Attribute names; every name that begins with an underscore is looked at as well."""

ORDINARY: frozenset[str] = frozenset({"system"})
"""Names of the rows above that are also keys of a chat message, and so count only where they are called."""

OBJECTS: dict[str, str] = {
    "cycler": "a class whose methods lead to the globals of Jinja",
    "joiner": "a class whose methods lead to the globals of Jinja",
    "lipsum": "a function whose globals hold the module os",
    "self": "the template object, which leads to its environment",
    "request": "an object of web frameworks that leads to the application",
    "config": "an object of web frameworks that holds secrets",
    "session": "an object of web frameworks that holds secrets",
    "application": "an object of web frameworks that leads to the server",
    "url_for": "a function of web frameworks whose globals hold the application",
    "get_flashed_messages": "a function of web frameworks whose globals hold the application",
}
"""Names that a renderer may know; only looking into them, or calling them, counts."""

FILTERS: dict[str, str] = {
    "pprint": "prints the insides of any object",
    "xmlattr": "writes attributes without escaping their names (CVE-2024-22195)",
}

REPEATERS: dict[str, str] = {
    "range": "makes as many numbers",
    "center": "pads to so many characters",
    "ljust": "pads to so many characters",
    "rjust": "pads to so many characters",
    "zfill": "pads to so many characters",
    "indent": "pads each line with so many blanks",
    "batch": "makes lists of so many entries",
    "slice": "makes so many lists",
    "lipsum": "writes so many paragraphs",
}
"""Functions and filters whose work grows with a number."""

LARGEST = 100_000
"""The most that `range` gives in Jinja's own sandbox (MAX_RANGE in jinja2/sandbox.py)."""

DUNDER = re.compile(r"__[a-z][a-z0-9_]*__\Z")  # tokens such as __START__ are no names of Python
UNDERSCORES = re.compile(r"_+\Z")
FORMAT_WALK = re.compile(r"\{[^{}.\[]*[.\[][^{}]*\}")
SUSPICIOUS_TEXT = re.compile(
    r"https?://|<script|javascript:|ignore (?:all |any )?(?:previous|prior) instructions|curl |wget |base64",
    re.IGNORECASE,
)
