"""Which persistent ids of a torch file stand for storages, and how many bytes each of them must have.

`torch.save` puts the tuple ("storage", StorageType, key, location, number of elements) in the place of a tensor's
memory, with a sixth part for views in the legacy format. The argument rules of tensors compare a tensor with that
number; comparing the number with the bytes that are there closes the chain (CVE-2026-24747).
"""

from __future__ import annotations

import re

from attrs import define, field, frozen

from modelguard.picklevm.objects import Named
from modelguard.picklevm.values import Constant, Global, Sequence, Value

# Bytes of one element of each typed storage: torch/storage.py, _dtype_to_storage_type_map.
_ITEM_BYTES: dict[str, int] = {
    "UntypedStorage": 1, "ByteStorage": 1, "CharStorage": 1, "BoolStorage": 1, "QInt8Storage": 1, "QUInt8Storage": 1,
    "QUInt4x2Storage": 1, "QUInt2x4Storage": 1, "HalfStorage": 2, "BFloat16Storage": 2, "ShortStorage": 2,
    "FloatStorage": 4, "IntStorage": 4, "QInt32Storage": 4, "DoubleStorage": 8, "LongStorage": 8,
    "ComplexFloatStorage": 8, "ComplexDoubleStorage": 16,
}  # fmt: skip
_MODULES = frozenset({"torch", "torch.cuda", "torch.storage"})
_KEY = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.-]{0,63}\Z")
_DEVICE = re.compile(r"[a-z][a-z0-9_]{0,31}(?::\d{1,4})?\Z")
_LARGEST = 2**63 - 1


@frozen(kw_only=True)
class Storage:
    """What a persistent id says about a storage: its size in bytes, the size of an element, the type's name."""

    key: str
    size: int
    item: int
    type: str


@define
class Storages:
    """A rule for persistent ids that keeps every storage which it accepted, by key."""

    accepted: dict[str, Storage] = field(factory=dict)

    def __call__(self, identifier: Value, offset: int) -> str:
        """Return why a persistent id does not name a storage as torch does, or an empty string."""
        del offset
        items = identifier.items if isinstance(identifier, Sequence) and identifier.kind == "tuple" else None
        if items is None or not 5 <= len(items) <= 6 or _text(items[0]) != "storage":
            return "it is not the tuple by which torch names a storage"
        item = _item_bytes(items[1])
        key, location, count = _key(items[2]), _text(items[3]), _whole(items[4])
        if item is None or not isinstance(items[1], Global):
            return "its type is none of torch's storage types"
        if not _KEY.match(key) or ".." in key:
            return "its key is not a plain name"
        if not _DEVICE.match(location):
            return "its location is not a device"
        if count is None or not 0 <= count * item <= _LARGEST:
            return "its number of elements is not a usable number"
        if len(items) == 6 and not _is_view(items[5]):
            return "its view is not described as torch describes views"
        return self._keep(Storage(key=key, size=count * item, item=item, type=items[1].name))

    def plain(self, identifier: object) -> bool:
        """Accept what torch writes for nearly every storage, from the machine's own values; say nothing of the rest."""
        if type(identifier) is not tuple or not (
            len(identifier) == 5 or (len(identifier) == 6 and identifier[5] is None)
        ):
            return False
        word, kind, key, location, count = identifier[:5]
        if word != b"storage" or location != b"cpu" or type(kind) is not Named or type(count) is not int:
            return False
        if type(key) is not bytes or not key.isdigit() or len(key) > 18 or kind.module not in _MODULES:
            return False
        item = _ITEM_BYTES.get(kind.name)
        if item is None or not 0 <= count * item <= _LARGEST:
            return False
        name = key.decode("ascii")
        known = self.accepted.get(name)
        if known is None:
            self.accepted[name] = Storage(key=name, size=count * item, item=item, type=kind.name)
            return True
        return known.size == count * item

    def _keep(self, storage: Storage) -> str:
        other = self.accepted.setdefault(storage.key, storage)
        if other.size != storage.size:
            return f"storage {storage.key} is said to have {storage.size} bytes and {other.size} bytes"
        return ""


def _text(value: Value) -> str:
    return value.value if isinstance(value, Constant) and isinstance(value.value, str) else ""


def _key(value: Value) -> str:
    """Return a key as text; torch.package counts its storages with numbers."""
    number = _whole(value)
    return _text(value) if number is None else str(number)


def _whole(value: Value) -> int | None:
    return value.value if isinstance(value, Constant) and type(value.value) is int else None


def _item_bytes(value: Value) -> int | None:
    if isinstance(value, Global) and value.module in _MODULES:
        return _ITEM_BYTES.get(value.name)
    return None


def _is_view(value: Value) -> bool:
    if isinstance(value, Constant):
        return value.value is None
    if not isinstance(value, Sequence) or value.items is None or len(value.items) != 3:
        return False
    start, length = _whole(value.items[1]), _whole(value.items[2])
    return bool(_KEY.match(_text(value.items[0]))) and start is not None and length is not None and start >= 0 <= length
