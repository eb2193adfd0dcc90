"""The nouns of discovery: one place that uses a model, one file that could not be read, one model in a cache."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from attrs import evolve, field, frozen

from modelguard.terms.artifact import HubRef, LocalRef, ModelRef, UrlRef, is_commit, parse_ref, printable
from modelguard.terms.errors import RefError

Kind: TypeAlias = Literal["load", "fetch", "unpickle", "dataset", "mention"]
"""What a place does: loads a model, fetches one, unpickles (perhaps no model), fetches data, or only names a model."""

Revision: TypeAlias = Literal["commit", "named", "missing", "computed", "none"]
"""A full commit, a branch or tag, nothing, an expression, or not a question (a local file)."""

MODEL_ENDINGS = (
    ".safetensors", ".gguf", ".ggml", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".skops", ".onnx", ".h5",
    ".hdf5", ".keras", ".tflite", ".pb", ".npz", ".ubj", ".cbm", ".mlmodel", ".pt2", ".pte", ".nemo", ".mar", ".engine",
)  # fmt: skip

_HUB_PAGE = re.compile(
    r"https?://(?:huggingface\.co|hf\.co)/(?!api/|docs/|datasets/|spaces/|blog/|papers/)"
    r"(?P<repo>[\w.-]+/[\w.-]+)(?:/(?:resolve|blob|raw|tree)/(?P<revision>[^/\s?#]+))?"
)


@frozen(kw_only=True)
class Use:
    """One place that uses a model.

    `line` and `column` count from 1. `call` is the function or command as the table of entry points names it; `model`
    is the reference as far as the text tells it, None when it is computed at run time.
    """

    path: str
    line: int
    column: int = 1
    call: str
    kind: Kind
    model: str | None = None
    revision: str | None = None
    pinning: Revision = "none"
    guarded: bool = False
    hub: bool = True

    @property
    def ref(self) -> ModelRef | None:
        """The model as a reference, if the text is one. Where `hub` is off, a name without a scheme is a file."""
        return None if self.model is None else reference(self.model, hub=self.hub)


@frozen(kw_only=True)
class Unreadable:
    """A file that could not be read as what its name says: what it uses is not known."""

    path: str
    reason: str


@frozen(kw_only=True)
class Cached:
    """A model that lies in the cache of some tool on this machine: `revisions` are the commits found there."""

    tool: str
    model: str
    path: str
    size: int
    revisions: tuple[str, ...] = ()


@frozen(kw_only=True)
class Discovered:
    """Everything found in the trees that were looked through."""

    files: int
    uses: tuple[Use, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    cached: tuple[Cached, ...] = field(default=())


def reference(text: str, *, hub: bool = True) -> ModelRef | None:
    """Return what a text in a program means as a model: a Hub repository, a file or an address; None for neither."""
    page = _HUB_PAGE.match(text)
    try:
        if page is not None:
            return parse_ref(f"hf://{page['repo'].removesuffix('.git')}")
        if text.startswith(("https://", "http://")):
            return UrlRef(text) if text == printable(text) else None
        local = text.startswith(("./", "../", "/", "~", "file:")) or text.lower().endswith(MODEL_ENDINGS)
        if local or not (hub or text.startswith("hf://")):
            path = text.removeprefix("file:").rstrip("/")
            return LocalRef(path) if path and text == printable(text) else None
        found = parse_ref(text if text.startswith("hf://") else f"hf://{text}")
        return found if isinstance(found, HubRef) else None
    except RefError:
        return None


def pinned(use: Use, *, computed: bool = False) -> Use:
    """Return the use with its `pinning` worked out from its model and revision."""
    page = None if use.model is None else _HUB_PAGE.match(use.model)
    if page is not None and page["revision"] and use.revision is None:
        use = evolve(use, revision=page["revision"])
    ref = use.ref
    if isinstance(ref, HubRef) and ref.revision and use.revision is None:
        use = evolve(use, revision=ref.revision)
    if not isinstance(ref, HubRef) and (use.model is not None or not use.hub):
        return evolve(use, pinning="none")
    if computed:
        return evolve(use, pinning="computed")
    if use.revision is None:
        return evolve(use, pinning="missing")
    return evolve(use, pinning="commit" if is_commit(use.revision) else "named")
