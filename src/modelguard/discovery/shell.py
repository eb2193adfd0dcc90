"""Reads shell scripts, Dockerfiles, Makefiles and CI steps: commands that fetch or serve models."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from attrs import frozen

from modelguard.discovery._neighbours import Neighbours
from modelguard.discovery.reader import NotReadable, Reader
from modelguard.discovery.use import Kind, Use, pinned, reference


@frozen
class Command:
    """A command: the words that it begins with, and how it names the model: by an option, or as a plain word."""

    words: tuple[str, ...]
    kind: Kind
    options: tuple[str, ...] = ()
    plain: bool = False
    hub: bool = True  # off: the name is one of Ollama's registry, which no reference of ours can name


_MODEL_OPTIONS = ("--model", "--model-id", "--model_id", "--model-path", "--model_name_or_path", "--model-name-or-path",
                  "--hf-repo", "--hf_repo", "-hf", "-hfr", "--base_model", "--base-model", "--tokenizer")  # fmt: skip

COMMANDS: tuple[Command, ...] = (
    Command(("huggingface-cli", "download"), "fetch", plain=True),
    Command(("hf", "download"), "fetch", plain=True),
    Command(("vllm", "serve"), "load", options=("--model",), plain=True),
    Command(("vllm",), "load", options=_MODEL_OPTIONS),
    Command(("text-generation-launcher",), "load", options=("--model-id",)),
    Command(("text-embeddings-router",), "load", options=("--model-id",)),
    Command(("llama-server",), "load", options=("-hf", "-hfr", "--hf-repo", "-m", "--model")),
    Command(("llama-cli",), "load", options=("-hf", "-hfr", "--hf-repo", "-m", "--model")),
    Command(("mlx_lm.generate",), "load", options=("--model",)),
    Command(("mlx_lm.server",), "load", options=("--model",)),
    Command(("optimum-cli",), "fetch", options=("--model", "-m")),
    Command(("accelerate", "launch"), "load", options=_MODEL_OPTIONS),
    Command(("torchrun",), "load", options=_MODEL_OPTIONS),
    Command(("python",), "load", options=_MODEL_OPTIONS),
    Command(("python3",), "load", options=_MODEL_OPTIONS),
    Command(("run",), "load", options=_MODEL_OPTIONS),
    Command(("ollama", "pull"), "fetch", plain=True, hub=False),
    Command(("ollama", "run"), "load", plain=True, hub=False),
    Command(("lms", "get"), "fetch", plain=True),
)

_ASSIGNED = re.compile(
    r"(?:^|\s)(?:export\s+|ENV\s+|ARG\s+)?(?P<name>[A-Za-z_]*(?:MODEL|REPO|CHECKPOINT|HF)[A-Za-z_]*)[= ]"
    r"[\"']?(?P<value>[\w.-]+/[\w.@-]+|https://(?:huggingface\.co|hf\.co)/[^\s\"']+)[\"']?(?=\s|$)"
)
_ADDRESS = re.compile(r"https?://(?:huggingface\.co|hf\.co)/[\w.-]+/[^\s\"'<>)\]}\\]+")
_GUARDED = re.compile(r"\bmodelguard\s+path\s+[\"']?(?P<model>[^\s\"')`]+)")
_PYTHON = re.compile(r"""\bpython[\d.]*\s+-c\s+(?:"((?:[^"\\]|\\.)*)"|'([^']*)')""", re.DOTALL)
_HERE = re.compile(r"<<-?\s*['\"]?(?P<end>\w+)['\"]?[^\n]*\n(?P<body>.*?)\n\s*(?P=end)\b", re.DOTALL)
_SEPARATORS = {
    "&&", "||", ";", "|", "(", ")", "&", "{", "}", "then", "do", "exec", "sudo", "time", "nohup", "RUN", "CMD",
    "ENTRYPOINT", "-",
}  # fmt: skip


def read(path: str, text: str, _neighbours: Neighbours | None = None) -> Iterator[Use]:
    """Yield the uses in a shell script, a Dockerfile or a Makefile."""
    for body, line in _python_inside(text):
        yield from _python(path, body, line)
    yield from commands(path, text)


def commands(path: str, text: str) -> Iterator[Use]:
    """Yield the uses in lines of commands."""
    for number, line in _logical_lines(text):
        if line.lstrip().startswith("#"):
            continue
        seen: set[str] = set()
        for match in _GUARDED.finditer(line):
            seen.add(match["model"])
            yield pinned(_use(path, number, "modelguard path", "load", match["model"], guarded=True))
        for name, kind, model, revision, hub in (*_commands(line), *_assigned(line), *_addresses(line)):
            if model not in seen and "$" not in model:
                seen.add(model)
                yield pinned(_use(path, number, name, kind, model, revision=revision, hub=hub))


Row = tuple[str, Kind, str, str | None, bool]


def _use(
    path: str, line: int, call: str, kind: Kind, model: str, *, revision: str | None = None, guarded: bool = False,
    hub: bool = True,
) -> Use:  # fmt: skip
    return Use(path=path, line=line, call=call, kind=kind, model=model, revision=revision, guarded=guarded, hub=hub)


def _commands(line: str) -> Iterator[Row]:
    for words in _split(line):
        base = [words[0].rpartition("/")[2], *words[1:]]
        for command in COMMANDS:
            if tuple(base[: len(command.words)]) == command.words:
                yield from _models(command, base[len(command.words) :])
                break


def _models(command: Command, words: list[str]) -> Iterator[Row]:
    name = " ".join(command.words)
    options = dict(_options(words))
    revision = options.get("--revision")
    for option in command.options:
        model = options.get(option, "")
        if option.startswith("-hf") or option == "--hf-repo":
            model = model.partition(":")[0]  # what follows names a quantisation
        if ("/" in model or "." in model) and reference(model) is not None:
            yield name, command.kind, model, revision, True
    if command.plain:
        plain = next((word for word in words if not word.startswith("-")), "")
        if plain and (not command.hub or "/" in plain):
            yield name, command.kind, plain if command.hub else f"ollama:{plain}", revision, True


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    for index, word in enumerate(words):
        if word.startswith("-"):
            name, equals, value = word.partition("=")
            yield name, value if equals else (words[index + 1] if index + 1 < len(words) else "")


def _assigned(line: str) -> Iterator[Row]:
    for match in _ASSIGNED.finditer(line):
        yield match["name"], "mention", match["value"], None, True


def _addresses(line: str) -> Iterator[Row]:
    for match in _ADDRESS.finditer(line):
        address = match[0].rstrip(".,;")
        if reference(address) is not None:
            yield "address", "fetch", address, None, True


def _split(line: str) -> Iterator[list[str]]:
    """Yield the words of each simple command of a line."""
    try:
        lexer = shlex.shlex(line.replace('["', " ").replace('"]', " ").replace('","', " ").replace('", "', " "),
                            posix=True, punctuation_chars="&|;()`")  # fmt: skip
        lexer.whitespace_split = True
        lexer.commenters = ""
        words = list(lexer)
    except ValueError:  # an open quote: a part of something longer
        words = line.split()
    current: list[str] = []
    for word in words:
        if word in _SEPARATORS or set(word) <= set("&|;()`"):
            if current:
                yield current
            current = []
        elif current or not re.match(r"[A-Za-z_]\w*=|@", word):
            current.append(word)
    if current:
        yield current


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines, joined where a backslash continues them, with the number of the first."""
    pending, first = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        first = first or number
        if line.endswith("\\"):
            pending += line[:-1] + " "
            continue
        yield first, pending + line
        pending, first = "", 0
    if pending:
        yield first, pending


def _python_inside(text: str) -> Iterator[tuple[str, int]]:
    """Yield Python handed to `python -c` or in a here-document, with the line before its first."""
    for match in _PYTHON.finditer(text):
        body = match[1].replace('\\"', '"').replace("\\\n", "\n") if match[1] is not None else match[2]
        yield body, text.count("\n", 0, match.start())
    for match in _HERE.finditer(text):
        head = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
        if "python" in head:
            yield match["body"], text.count("\n", 0, match.start("body"))


def _python(path: str, body: str, line: int) -> Iterator[Use]:
    from attrs import evolve  # beside its only use

    from modelguard.discovery.python import read as read_python

    try:
        yield from (evolve(use, line=use.line + line) for use in read_python(path, body))
    except NotReadable:
        return  # a shell may put it together from variables; the commands of the line are read as well


READER = Reader(
    name="shell",
    claims=lambda name: (
        name.endswith((".sh", ".bash", ".zsh", ".mk", ".dockerfile", ".containerfile", ".service"))
        or name.startswith(("dockerfile", "containerfile", "makefile", "justfile"))
    ),
    hints=(b"model", b"hugging", b"hf", b"vllm", b"llama", b"python", b"repo", b"lms", b"checkpoint"),
    read=read,
)
