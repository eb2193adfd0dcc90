"""Lists the models that lie in the caches of tools on this machine, by the layout of each cache."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from modelguard.discovery.use import MODEL_ENDINGS, Cached
from modelguard.terms.artifact import is_commit


def cached_models(environment: Mapping[str, str] | None = None, home: Path | None = None) -> tuple[Cached, ...]:
    """Return what lies in the caches of the Hub client, PyTorch, sentence-transformers, Ollama and LM Studio.

    `size` is in bytes, each file counted once. A cache that cannot be read has nothing to list.
    """
    environment = dict(os.environ) if environment is None else environment
    home = home or Path.home()
    found: list[Cached] = []
    for places, lister in _CACHES:
        for place in dict.fromkeys(places(environment, home)):
            if place.is_dir():
                found += lister(place)
    return tuple(sorted(found, key=lambda one: (one.tool, one.model)))


def _cache_home(environment: Mapping[str, str], home: Path) -> Path:
    return Path(environment.get("XDG_CACHE_HOME") or home / ".cache")


def _hub_places(environment: Mapping[str, str], home: Path) -> list[Path]:
    base = Path(environment.get("HF_HOME") or _cache_home(environment, home) / "huggingface")
    return [Path(environment.get("HF_HUB_CACHE") or environment.get("HUGGINGFACE_HUB_CACHE") or base / "hub")]


def _hub(place: Path) -> Iterator[Cached]:
    # https://huggingface.co/docs/huggingface_hub/guides/manage-cache
    for repo in sorted(place.glob("models--*")):
        snapshots = repo / "snapshots"
        commits = sorted(one.name for one in snapshots.iterdir() if is_commit(one.name)) if snapshots.is_dir() else []
        name = repo.name.removeprefix("models--").replace("--", "/")
        yield _cached("huggingface_hub", name, repo, tuple(commits))


def _torch_home(environment: Mapping[str, str], home: Path) -> Path:
    return Path(environment.get("TORCH_HOME") or _cache_home(environment, home) / "torch")


def _torch(place: Path) -> Iterator[Cached]:
    for file in sorted((place / "checkpoints").glob("*")):
        if file.suffix.lower() in MODEL_ENDINGS:
            yield _cached("torch hub", file.name, file)
    for repo in sorted(one for one in place.iterdir() if one.is_dir() and one.name != "checkpoints"):
        yield _cached("torch hub", repo.name, repo)


def _sentence_transformers(place: Path) -> Iterator[Cached]:
    for model in sorted(one for one in place.iterdir() if one.is_dir()):
        yield _cached("sentence-transformers", model.name.replace("_", "/", 1), model)


def _sentence_places(environment: Mapping[str, str], home: Path) -> list[Path]:
    named = environment.get("SENTENCE_TRANSFORMERS_HOME")
    return [Path(named) if named else _torch_home(environment, home) / "sentence_transformers"]


def _ollama(place: Path) -> Iterator[Cached]:
    manifests = place / "manifests"
    for file in sorted(one for one in manifests.rglob("*") if one.is_file()):
        parts = file.relative_to(manifests).parts
        yield _cached("ollama", f"{'/'.join(parts[1:-1]).removeprefix('library/')}:{parts[-1]}", file)


def _lm_studio(place: Path) -> Iterator[Cached]:
    for model in sorted(one for one in place.glob("*/*") if one.is_dir()):
        yield _cached("LM Studio", f"{model.parent.name}/{model.name}", model)


def _cached(tool: str, model: str, path: Path, revisions: tuple[str, ...] = ()) -> Cached:
    return Cached(tool=tool, model=model, path=str(path), size=_size(path), revisions=revisions)


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [Path(top, name) for top, _, names in os.walk(path) for name in names]
    return sum(file.lstat().st_size for file in files if not file.is_symlink())


_Places = Callable[[Mapping[str, str], Path], list[Path]]
_CACHES: tuple[tuple[_Places, Callable[[Path], Iterator[Cached]]], ...] = (
    (_hub_places, _hub),
    (lambda environment, home: [_torch_home(environment, home) / "hub"], _torch),
    (_sentence_places, _sentence_transformers),
    (lambda environment, home: [Path(environment.get("OLLAMA_MODELS") or home / ".ollama" / "models")], _ollama),
    (lambda _, home: [home / ".lmstudio" / "models", home / ".cache" / "lm-studio" / "models"], _lm_studio),
)
