"""Scripts that a person or a build would start: shell, PowerShell, batch, Makefile, Dockerfile, any other shebang."""

from __future__ import annotations

import re
from collections.abc import Iterable
from posixpath import basename

from modelguard.formats._text import is_text, text_of
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.facts import Asks, Fact

_ENDINGS = (".sh", ".bash", ".zsh", ".csh", ".fish", ".ps1", ".psm1", ".bat", ".cmd", ".vbs", ".command", ".desktop")
_OTHER_ENDINGS = (".js", ".mjs", ".cjs", ".ts", ".rb", ".pl", ".lua", ".php", ".r", ".jl", ".scpt", ".applescript")
_WHOLE_NAMES = ("dockerfile", "containerfile", "makefile", "justfile", "procfile", "vagrantfile")
_SHEBANG = re.compile(rb"#![ \t]*/")
_PYTHON = re.compile(rb"#![^\n]{0,100}python")

# What a script would do, told by words: enough to say why it is worth reading, never enough to say that it is harmless.
_DOES: tuple[tuple[str, str, re.Pattern[str]], ...] = (
    (
        "code-execution",
        "runs what it downloads",
        re.compile(r"(?:curl|wget|iwr|irm)\b[^\n|]{0,300}\|\s{0,20}\S{0,60}sh\b"),
    ),
    ("code-execution", "runs text as code", re.compile(r"\b(?:eval|Invoke-Expression|iex)\b", re.IGNORECASE)),
    (
        "obfuscation",
        "unpacks hidden text",
        re.compile(r"base64\s+(?:-d|--decode)|FromBase64String|-enc(?:odedcommand)?\b", re.I),
    ),
    ("network", "opens a connection", re.compile(r"/dev/tcp/|\b(?:curl|wget|nc|ncat|scp|ssh|Invoke-WebRequest)\b")),
    ("persistence", "starts itself again later", re.compile(r"\bcrontab\b|/etc/cron|systemctl enable|\bschtasks\b")),
    ("file-write", "deletes files", re.compile(r"\brm\s+-\w*r|Remove-Item|\bdel\s+/")),
)


def accepts(content: Content) -> bool:
    """Tell by the ending, the whole name, or a shebang that names no Python."""
    named = content.name.lower().endswith(_ENDINGS + _OTHER_ENDINGS) or _base(content) in _WHOLE_NAMES
    head = content.head(128)
    shebang = bool(_SHEBANG.match(head)) and not _PYTHON.match(head)
    return (named or shebang) and is_text(content)


def read(content: Content, walk: Walk) -> Iterable[Fact]:
    """Ask for the script, and tell what its words point to."""
    text = text_of(content)
    walk.budget.spend_time()
    if not text.strip():
        return
    found = [(hazard, what) for hazard, what, pattern in _DOES if pattern.search(text)]
    does = "; ".join(what for _, what in found) or "nothing unusual seen"
    yield Asks(
        location=content.location,
        permission="remote-code",
        name=str(content.location),
        detail=f"a script that no loader of models runs: {does}",
        hazard=f"script-{found[0][0]}" if found else "script",
    )


def _base(content: Content) -> str:
    return basename(content.name).lower()


FORMAT = Format(
    name="script",
    title="Script",
    reads="Shell, PowerShell, batch and other scripts, Dockerfiles and Makefiles, up to 16 MB of text.",
    looks_for="That it is there at all; words by which it downloads, decodes, persists or deletes.",
    clue=Clue(first=b"#", endings=_ENDINGS + _OTHER_ENDINGS, names=_WHOLE_NAMES),
    accepts=accepts,
    read=read,
    endings=(".sh", ".bash", ".ps1", ".bat", ".cmd"),
    whole_names=("dockerfile", "makefile"),
)
