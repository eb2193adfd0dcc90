"""Which members of a ZIP archive are records of PyTorch, and what each of them is for.

torch takes the first part of the first member's name for the name of the archive and asks miniz for records below it
without regard to case. So `archive/DATA.PKL` is as good as `archive/data.pkl` to it, and is taken for that here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, TypeAlias

from attrs import field, frozen

from modelguard.formats._zip_archive import Entry, member_names, open_archive
from modelguard.terms.content import Content

Role: TypeAlias = Literal[
    "data", "constants", "traced", "storage", "constant", "traced input", "code", "debug", "small"
]

PICKLES: tuple[tuple[Role, Role], ...] = (("data", "storage"), ("constants", "constant"), ("traced", "traced input"))
"""Each pickle of an archive with the storages that its persistent ids name. The example inputs of a traced module
(torch/csrc/jit/serialization/export_module.cpp) come only with TorchScript."""

# What torch writes into its small records. A record that holds anything else is read by every format.
SMALL: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("version", re.compile(rb"\d{1,4}\n?\Z")),
    (".data/version", re.compile(rb"\d{1,4}\n?\Z")),
    ("byteorder", re.compile(rb"(?:little|big)\Z")),
    (".format_version", re.compile(rb"\d{1,4}\Z")),
    (".storage_alignment", re.compile(rb"\d{1,7}\Z")),
    (".data/serialization_id", re.compile(rb"[0-9-]{1,64}\Z")),
)
_SMALL = dict(SMALL)
_ROLES: tuple[tuple[Role, re.Pattern[str]], ...] = (
    ("data", re.compile(r"data\.pkl\Z", re.IGNORECASE)),
    ("constants", re.compile(r"constants\.pkl\Z", re.IGNORECASE)),
    ("traced", re.compile(r"traced_inputs\.pkl\Z", re.IGNORECASE)),
    ("storage", re.compile(r"data/[^/]+\Z", re.IGNORECASE)),
    ("constant", re.compile(r"constants/[^/]+\Z", re.IGNORECASE)),
    ("traced input", re.compile(r"traced_inputs/[^/]+\Z", re.IGNORECASE)),
    ("debug", re.compile(r"code/.*\.debug_pkl\Z", re.IGNORECASE)),
    ("code", re.compile(r"code/.*\.py\Z", re.IGNORECASE)),
)


@frozen(kw_only=True)
class TorchRecord:
    """A member with its role; `key` is its name below the root, in lower case for what torch looks up so."""

    entry: Entry
    role: Role
    key: str


@frozen(kw_only=True)
class TorchArchive:
    """The records of one torch archive. `roots` has several members when the archive is ambiguous."""

    roots: tuple[str, ...]
    records: tuple[TorchRecord, ...]

    @property
    def is_program(self) -> bool:
        """Whether `torch.load` would hand the file to `torch.jit.load`: it asks only for `constants.pkl`."""
        return any(record.role in ("constants", "code") for record in self.records)

    def of(self, *roles: Role) -> tuple[TorchRecord, ...]:
        return tuple(record for record in self.records if record.role in roles)


def torch_archive(entries: Iterable[Entry]) -> TorchArchive:
    """Sort the members of an archive that are records of torch; there are none when it has no `…/data.pkl`.

    A directory that holds no `data.pkl` holds no records either.
    """
    entries = tuple(entries)
    roots = tuple(dict.fromkeys(_root(entry.name) for entry in entries if is_data_name(entry.name)))
    records = []
    for entry in entries:
        root = _root(entry.name)
        key = entry.name[len(root) + 1 :]
        role = _role(key) if root in roots else None
        if role is not None:
            records.append(TorchRecord(entry=entry, role=role, key=key))
    return TorchArchive(roots=roots, records=tuple(records))


def torch_archive_in(content: Content, limit: int) -> TorchArchive:
    """Return the records of torch in an archive of at most `limit` members; raises what `open_archive` does."""
    return content.once(_Sorting(limit))


@frozen
class _Sorting:
    """Sorts the members of an archive: the same question whatever the limit."""

    limit: int = field(eq=False)

    def __call__(self, content: Content) -> TorchArchive:
        return torch_archive(open_archive(content, self.limit).entries)


def torch_members(content: Content, limit: int) -> frozenset[int]:
    """Return the members that the torch-zip format reads, by `id`, so that the zip format leaves them to it."""
    if not is_torch_zip(content):
        return frozenset()
    return frozenset([id(record.entry) for record in torch_archive_in(content, limit).records])


def is_torch_zip(content: Content) -> bool:
    """Tell whether an archive has a member `…/data.pkl`."""
    return any(is_data_name(name) for name in member_names(content))


def is_data_name(name: str) -> bool:
    """Tell whether a member is what `torch.load` unpickles: `data.pkl` in one directory, in any case."""
    root, slash, rest = name.partition("/")
    return bool(root and slash) and rest.lower() == "data.pkl"


def is_program_name(name: str) -> bool:
    """Tell whether a member is one that only TorchScript has; `constants.pkl` is what torch goes by."""
    key = name.partition("/")[2]
    return _role(key) in ("constants", "code", "debug")


def _root(name: str) -> str:
    return name.partition("/")[0] if "/" in name else "\0"


def _role(key: str) -> Role | None:
    if key[:5].lower() == "data/" and len(key) > 5 and key.find("/", 5) < 0:
        return "small" if key.lower() in _SMALL else "storage"
    if key.lower() in _SMALL:
        return "small"
    return next((role for role, pattern in _ROLES if pattern.match(key)), None)


def is_expected(key: str, data: bytes) -> bool:
    """Tell whether a small record holds what torch writes into it."""
    return bool(_SMALL[key.lower()].match(data))
