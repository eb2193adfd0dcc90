"""Which members of an archive torch.package and torch.export read themselves, so that the zip format leaves them out.

A pickle of torch.package names its tensors by persistent ids, and their numbers lie in `.data/….storage`. A program of
torch.export lists its weights in a JSON file, and their numbers lie beside it. Whatever is not named so stays a member
like any other and is read by every format.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from attrs import frozen

from modelguard.formats._json import parse_json
from modelguard.formats._zip_archive import Entry, member_names, open_archive
from modelguard.formats._zip_records import STORED
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError

# torch/package/package_exporter.py, _finalize_zip.
_PACKAGE = re.compile(r"(?P<root>[^/]+)/\.data/(?:extern_modules|python_version)\Z")
# torch/export/pt2_archive/constants.py
_CONFIGURATION = re.compile(r"(?P<folder>(?:[^/]+/)?data/(?:weights|constants)/)[^/]+_config\.json\Z")
_LARGEST_CONFIGURATION = 64 << 20
_MOST_MEMBERS = 200_000
_LARGEST = (1 << 63) - 1
# How torch.export calls the members with numbers; another name is read like any member.
_NUMBERED = re.compile(r"[a-z_]{1,40}_\d{1,9}\Z")
# Before torch 2.8 the program stood at the top of the archive.
_EXPORT = re.compile(r"(?:[^/]+/archive_format|(?:[^/]+/)?serialized_exported_program\.json)\Z")

# ScalarType of torch/_export/serde/schema.py -> name and bytes of one element.
_TYPES: dict[int, tuple[str, int]] = {
    1: ("uint8", 1), 2: ("int8", 1), 3: ("int16", 2), 4: ("int32", 4), 5: ("int64", 8), 6: ("float16", 2),
    7: ("float32", 4), 8: ("float64", 8), 9: ("complex32", 4), 10: ("complex64", 8), 11: ("complex128", 16),
    12: ("bool", 1), 13: ("bfloat16", 2), 28: ("uint16", 2), 29: ("float8_e4m3fn", 1), 30: ("float8_e5m2", 1),
    31: ("float8_e4m3fnuz", 1), 32: ("float8_e5m2fnuz", 1),
}  # fmt: skip


@frozen
class Weight:
    """A tensor that a program of torch.export lists: its bytes must reach at least so far."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    reach: int


def package_roots(content: Content) -> frozenset[str]:
    """Return the directories of an archive that torch.package has written."""
    matches = (_PACKAGE.match(name) for name in member_names(content))
    return frozenset(match["root"] for match in matches if match)


def package_members(content: Content, entries: Iterable[Entry]) -> tuple[tuple[Entry, ...], dict[str, Entry]]:
    """Return the pickles of a torch.package archive and its storages by key."""
    roots = package_roots(content)
    pickles, storages = [], {}
    for entry in entries:
        root, _, rest = entry.name.partition("/")
        if root not in roots or entry.far or entry.encrypted or entry.method != STORED:
            continue
        if rest.startswith(".data/") and rest.endswith(".storage"):
            storages[rest.removeprefix(".data/").removesuffix(".storage")] = entry
        elif rest.endswith(".pkl") and rest.lower() not in ("data.pkl", "constants.pkl"):
            pickles.append(entry)
    return tuple(pickles), storages


def is_exported(content: Content) -> bool:
    """Tell whether an archive has a record that only torch.export writes."""
    return any(_EXPORT.match(name) for name in member_names(content))


def weights(content: Content) -> dict[str, tuple[Weight, ...]]:
    """Return the tensors that programs of torch.export list, by the name of the member with their numbers."""
    return content.once(_weights)


def _weights(content: Content) -> dict[str, tuple[Weight, ...]]:
    if not is_exported(content):
        return {}
    found: dict[str, tuple[Weight, ...]] = {}
    for entry in open_archive(content, _MOST_MEMBERS).entries:
        match = _CONFIGURATION.match(entry.name)
        if match is None or entry.method != STORED or entry.encrypted or entry.far:
            continue
        for member, weight in _listed(content, entry):
            found[match["folder"] + member] = (*found.get(match["folder"] + member, ()), weight)
    return found


def _listed(content: Content, entry: Entry) -> list[tuple[str, Weight]]:
    try:
        value = parse_json(content.part(entry.start, entry.compressed).all(_LARGEST_CONFIGURATION)).value
    except ReadError:
        return []
    listed = value.get("config") if isinstance(value, dict) else None
    found = []
    for name, described in listed.items() if isinstance(listed, dict) else ():
        member = described.get("path_name") if isinstance(described, dict) else None
        if isinstance(member, str) and _NUMBERED.match(member) and described.get("use_pickle") is False:
            weight = _weight(name, described.get("tensor_meta"))
            if weight is not None:
                found.append((member, weight))
    return found


def _weight(name: str, described: Any) -> Weight | None:
    if not isinstance(described, dict):
        return None
    number = described.get("dtype")
    kind = _TYPES.get(number) if type(number) is int else None
    shape, strides = _numbers(described.get("sizes")), _numbers(described.get("strides"))
    offset = _numbers([described.get("storage_offset")])
    if kind is None or shape is None or strides is None or offset is None or len(shape) != len(strides):
        return None
    last = offset[0] + sum((extent - 1) * stride for extent, stride in zip(shape, strides, strict=True))
    reach = 0 if 0 in shape else (last + 1) * kind[1]
    return Weight(name, kind[0], shape, reach) if reach <= _LARGEST else None


def _numbers(described: Any) -> tuple[int, ...] | None:
    """Return what a list of `{"as_int": …}` says, or None for anything else than counts."""
    if not isinstance(described, list):
        return None
    found = [part.get("as_int") if isinstance(part, dict) else None for part in described]
    whole = tuple(number for number in found if type(number) is int and 0 <= number <= _LARGEST)
    return whole if len(whole) == len(described) else None


def packaged_members(content: Content, entries: Iterable[Entry]) -> frozenset[int]:
    """Return the members that torch.package's and torch.export's formats read, by `id`."""
    named = weights(content)
    if not named and not package_roots(content):
        return frozenset()
    entries = tuple(entries)
    pickles, storages = package_members(content, entries)
    numbers = (entry for entry in entries if entry.name in named and is_number_member(entry))
    return frozenset(map(id, (*pickles, *storages.values(), *numbers)))


def is_number_member(entry: Entry) -> bool:
    """Tell whether a member that a program lists can be taken for its numbers as it stands."""
    return entry.method == STORED and not entry.encrypted and not entry.far
