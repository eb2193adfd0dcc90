"""Recognises PyTorch checkpoints of before 0.1.10: tar archives, which `torch.load` unpacks and unpickles.

That reader runs before the restricted unpickler, in torch before 2.6 even with `weights_only=True` (CVE-2025-32434).
The members are read through tar.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats import _tar_records as records
from modelguard.formats.format import Format, Walk
from modelguard.formats.tar import accepts as is_tar
from modelguard.terms.content import Content
from modelguard.terms.facts import Asks, Fact

_NAMES = {"sys_info", "pickle", "tensors", "storages"}
_LOOKED_AT = 64


def accepts(content: Content) -> bool:
    """Tell whether a tar archive has one of the members that torch unpickles."""
    if not is_tar(content):
        return False
    return len(_NAMES.intersection(name.removeprefix("./") for name in records.names(content, _LOOKED_AT))) >= 2


def read(content: Content, walk: Walk) -> Iterator[Fact]:
    """Yield that the file asks for a loader which unpickles without restriction."""
    del walk
    yield Asks(
        location=content.location,
        permission="remote-code",
        name="torch-legacy-tar",
        detail="torch.load unpacks this archive to a directory and unpickles its members; save it anew with torch.save",
        hazard="nested-load",
    )


TORCH_TAR = Format(
    name="torch-tar",
    title="PyTorch checkpoint (tar)",
    reads="Only that it is one; the members are read through tar.",
    looks_for="That loading it takes the oldest reader of torch, which unpickles members on its own.",
    clue=records.CLUE,
    accepts=accepts,
    read=read,
    endings=(".pt", ".pth", ".ckpt"),
)
