"""What the header messages of HDF5 objects say: types, shapes, layouts, filters, attributes, links and groups.

Source: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

from attrs import frozen

from modelguard.formats._cursor import Cursor, over
from modelguard.formats._hdf5_heap import Heap, records
from modelguard.formats._hdf5_store import ATTRIBUTE, DATATYPE, LONGEST_TEXT, SHARED, Message, Store
from modelguard.terms.errors import BudgetSpent, ReadError

FIXED, FLOATING, TEXT, OPAQUE, COMPOUND, VARIABLE = 0, 1, 3, 5, 6, 9
_CLASSES = (
    "int", "float", "time", "string", "bitfield", "opaque", "compound", "reference", "enum", "variable", "array",
    "complex",
)  # fmt: skip
MOST_ITEMS = 65_536  # texts of one attribute that are read
LINK_NAME, ATTRIBUTE_NAME = (5, 6), (8, 9)  # B-tree record types by name and by creation order


@frozen
class Datatype:
    """An element type: its class, its size in bytes, and for variable length whether it is text."""

    kind: int
    size: int
    is_text: bool = False

    @property
    def name(self) -> str:
        word = _CLASSES[self.kind] if self.kind < len(_CLASSES) else f"class-{self.kind}"
        return f"{word}{self.size * 8}" if self.kind in (FIXED, FLOATING) else word


@frozen
class Layout:
    """Where the numbers of a dataset are: kind, address, and stored length where it is known."""

    kind: Literal["compact", "contiguous", "chunked", "virtual"]
    address: int | None = None
    length: int = -1
    index: int = 0


@frozen
class Attribute:
    """A named value of an object: its type, shape and bytes."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    data: bytes


LinkKind: TypeAlias = Literal["hard", "soft", "external", "other"]


@frozen
class Link:
    """A name in a group and where it leads: an address, a path, another file's path, or a plug-in's data."""

    name: str
    kind: LinkKind
    address: int | None = None
    target: str = ""
    file: str = ""


def own_body(message: Message, store: Store) -> bytes:
    """Return a message's body, following it to the object where a shared one stands.

    Raises `ReadError` when it is shared in a way that is not read.
    """
    if not message.flags & SHARED:
        return message.body
    return _shared_body(message.body, message.kind, store)


def _shared_body(pointer: bytes, kind: int, store: Store) -> bytes:
    cursor = over(pointer)
    version, how = cursor.unsigned(1), cursor.unsigned(1)
    if version == 1:
        cursor.skip(6)
    elif version not in (2, 3) or (version == 3 and how != 2):
        raise ReadError("hdf5: a header message shared through the file's table")
    address = store.address(cursor)
    for message in store.messages(-1 if address is None else address):
        if message.kind == kind and not message.flags & SHARED:
            return message.body
    raise ReadError(f"hdf5: no message of type {kind} where a shared one should be")


def datatype(body: bytes) -> Datatype:
    """Read a datatype message."""
    cursor = over(body)
    head, bits, size = cursor.unsigned(1), cursor.unsigned(3), cursor.unsigned(4)
    return Datatype(head & 0x0F, size, head & 0x0F == TEXT or (head & 0x0F == VARIABLE and bits & 0x0F == 1))


def dataspace(body: bytes, store: Store) -> tuple[int, ...]:
    """Read a dataspace message: the extents, empty for a scalar; a null space has one extent of zero."""
    cursor = over(body)
    version, rank, flags = cursor.unsigned(1), cursor.unsigned(1), cursor.unsigned(1)
    if version == 1:
        cursor.skip(5)
    elif version == 2:
        if cursor.unsigned(1) == 2:
            return (0,)
    else:
        raise ReadError(f"hdf5: a dataspace of version {version}")
    if rank > 32 or flags > 3:
        raise ReadError(f"hdf5: a dataspace of rank {rank}")
    return tuple(cursor.unsigned(store.lengths) for _ in range(rank))


def layout(body: bytes, store: Store) -> Layout:
    """Read a data layout message."""
    cursor = over(body)
    version = cursor.unsigned(1)
    if version in (1, 2):
        rank, kind = cursor.unsigned(1), cursor.unsigned(1)
        cursor.skip(5)
        address = store.address(cursor) if kind else None
        cursor.skip(4 * rank)
        return Layout("compact", None, cursor.unsigned(4)) if kind == 0 else _old_layout(kind, address)
    if version not in (3, 4, 5):
        raise ReadError(f"hdf5: a data layout of version {version}")
    kind = cursor.unsigned(1)
    if kind == 0:
        return Layout("compact", None, cursor.unsigned(2))
    if kind == 1:
        return Layout("contiguous", store.address(cursor), cursor.unsigned(store.lengths))
    if kind == 2:
        return Layout("chunked")
    if kind == 3:
        return Layout("virtual", store.address(cursor), -1, cursor.unsigned(4))
    raise ReadError(f"hdf5: a data layout of class {kind}")


def _old_layout(kind: int, address: int | None) -> Layout:
    if kind > 2:
        raise ReadError(f"hdf5: a data layout of class {kind}")
    return Layout("contiguous" if kind == 1 else "chunked", address)


def filters(body: bytes) -> Iterator[tuple[int, str]]:
    """Yield the filters that a dataset's bytes go through: number and name."""
    cursor = over(body)
    version, count = cursor.unsigned(1), cursor.unsigned(1)
    if version not in (1, 2):
        raise ReadError(f"hdf5: a filter pipeline of version {version}")
    cursor.skip(6 if version == 1 else 0)
    for _ in range(count):
        number = cursor.unsigned(2)
        length = cursor.unsigned(2) if version == 1 or number >= 256 else 0
        cursor.skip(2)
        values = cursor.unsigned(2)
        name = cursor.take(length).split(b"\0")[0].decode("utf-8", "replace")
        cursor.skip(4 * values + (4 if version == 1 and values % 2 else 0))
        yield number, name


def external_files(body: bytes, store: Store) -> Iterator[str]:
    """Yield the names of the files that hold a dataset's bytes."""
    cursor = over(body)
    cursor.skip(6)
    used = cursor.unsigned(2)
    heap = store.local_heap(store.address(cursor))
    for _ in range(used):
        yield store.heap_text(heap, cursor.unsigned(store.lengths))
        cursor.skip(2 * store.lengths)


def attribute(body: bytes, store: Store) -> Attribute:
    """Read an attribute message."""
    cursor = over(body)
    version, flags = cursor.unsigned(1), cursor.unsigned(1)
    sizes = [cursor.unsigned(2) for _ in range(3)]
    if version not in (1, 2, 3):
        raise ReadError(f"hdf5: an attribute of version {version}")
    cursor.skip(1 if version == 3 else 0)
    parts = []
    for size in sizes:
        parts.append(cursor.take(size))
        cursor.skip(-size % 8 if version == 1 else 0)
    name = parts[0].split(b"\0")[0].decode("utf-8", "surrogateescape")
    kind = _shared_body(parts[1], DATATYPE, store) if version > 1 and flags & 1 else parts[1]
    if version > 1 and flags & 2:
        raise ReadError("hdf5: an attribute with a shared dataspace")
    return Attribute(name, datatype(kind), dataspace(parts[2], store), cursor.take(cursor.left))


def texts(found: Attribute, store: Store) -> Iterator[bytes]:
    """Yield the texts or opaque bytes of an attribute, none for numbers.

    Raises `BudgetSpent` for more of them than are read.
    """
    count = 1
    for extent in found.shape:
        count *= extent
    size = found.datatype.size
    if found.datatype.kind not in (TEXT, OPAQUE, VARIABLE) or not size:
        return
    if count > MOST_ITEMS or size > LONGEST_TEXT:
        raise BudgetSpent(f"hdf5: {count} texts of {size} bytes in one attribute")
    if count * size > len(found.data):
        raise ReadError(f"hdf5: attribute {found.name[:100]!r} is longer than its bytes")
    for number in range(count):
        item = found.data[number * size : (number + 1) * size]
        if found.datatype.kind == VARIABLE:
            cursor = over(item)
            cursor.skip(4)
            address = store.address(cursor)
            item = store.global_object(address, cursor.unsigned(4))
        yield item.rstrip(b"\0") if found.datatype.is_text else item


def dense_attributes(body: bytes, store: Store) -> Iterator[Attribute]:
    """Yield the attributes that an attribute info message keeps in a heap."""
    cursor = over(body)
    cursor.skip(1)
    if cursor.unsigned(1) & 1:
        cursor.skip(2)
    for kind, heap_id, flags in _dense(cursor, store, ATTRIBUTE_NAME):
        message = Message(ATTRIBUTE, flags, kind.get(heap_id))
        yield attribute(own_body(message, store), store)


def dense_links(body: bytes, store: Store) -> Iterator[Link]:
    """Yield the links that a link info message keeps in a heap."""
    cursor = over(body)
    cursor.skip(1)
    if cursor.unsigned(1) & 1:
        cursor.skip(8)
    for heap, heap_id, _ in _dense(cursor, store, LINK_NAME):
        yield link(heap.get(heap_id), store)


def _dense(cursor: Cursor, store: Store, kinds: tuple[int, int]) -> Iterator[tuple[Heap, bytes, int]]:
    place, tree = store.address(cursor), store.address(cursor)
    if place is None:
        return
    heap = Heap.open(store, place)
    for kind, record in records(store, tree):
        if kind != kinds[0]:
            raise ReadError(f"hdf5: a B-tree of type {kind} where names should be")
        if kind == ATTRIBUTE_NAME[0]:
            yield heap, record[:8], record[8] if len(record) > 8 else 0
        else:
            yield heap, record[4:], 0


def link(body: bytes, store: Store) -> Link:
    """Read a link message."""
    cursor = over(body)
    version, flags = cursor.unsigned(1), cursor.unsigned(1)
    if version != 1:
        raise ReadError(f"hdf5: a link of version {version}")
    kind = cursor.unsigned(1) if flags & 0x08 else 0
    cursor.skip((8 if flags & 0x04 else 0) + (1 if flags & 0x10 else 0))
    name = _text(cursor.take(cursor.unsigned(1 << (flags & 3))))
    if kind == 0:
        return Link(name, "hard", store.address(cursor))
    data = cursor.take(cursor.unsigned(2))
    if kind == 1:
        return Link(name, "soft", None, _text(data))
    if kind == 64:
        file, _, path = data[1:].partition(b"\0")
        return Link(name, "external", None, _text(path.rstrip(b"\0")), _text(file))
    return Link(name, "other", None, f"type {kind}")


def symbols(body: bytes, store: Store) -> Iterator[Link]:
    """Yield the links of a group that is kept as a symbol table."""
    cursor = over(body)
    tree, heap = store.address(cursor), store.local_heap(store.address(cursor))
    pending: list[int | None] = [tree]
    seen: set[int | None] = {tree}
    while pending:
        place = pending.pop()
        block = store.at(place)
        head = block.take(4)
        if head == b"SNOD":
            yield from _symbol_node(block, heap, store)
            continue
        if head != b"TREE" or block.unsigned(1) != 0:
            raise ReadError(f"hdf5: no node of a group's B-tree at {place}")
        block.skip(1)
        count = block.unsigned(2)
        block.skip(2 * store.offsets)
        for _ in range(count):
            block.skip(store.lengths)
            child = store.address(block)
            if child in seen:
                raise ReadError("hdf5: a group's B-tree that runs in a circle")
            seen.add(child)
            pending.append(child)


def _symbol_node(block: Cursor, heap: Cursor, store: Store) -> Iterator[Link]:
    block.skip(2)
    for _ in range(block.unsigned(2)):
        name = store.heap_text(heap, block.unsigned(store.offsets))
        address, kind = store.address(block), block.unsigned(4)
        block.skip(4)
        scratch = block.take(16)
        if kind == 2:
            yield Link(name, "soft", None, store.heap_text(heap, int.from_bytes(scratch[:4], "little")))
        else:
            yield Link(name, "hard", address)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
