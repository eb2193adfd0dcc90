"""Fractal heaps and version 2 B-trees: where newer HDF5 files keep many links or attributes of one object."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from modelguard.formats._cursor import over
from modelguard.formats._hdf5_store import LONGEST_TEXT, Store
from modelguard.terms.errors import BudgetSpent, ReadError

MOST_RECORDS = 10_000_000
MANAGED, HUGE, TINY = 0, 1, 2
HUGE_RECORD = 1  # type of a B-tree record that finds a huge object


def records(store: Store, address: int | None) -> Iterator[tuple[int, bytes]]:
    """Yield the records of a version 2 B-tree: its type and the record's bytes.

    Raises `ReadError` for a node that is none, `BudgetSpent` for too many records.
    """
    cursor = store.signed_block(address, b"BTHD")
    cursor.skip(1)
    kind, node, width, depth = (cursor.unsigned(size) for size in (1, 4, 2, 2))
    cursor.skip(2)
    root, count = store.address(cursor), cursor.unsigned(2)
    if root is None:
        return
    if not width or node < 16 or depth > 16:
        raise ReadError("hdf5: a B-tree whose header cannot be")
    sizes = _pointer_sizes(store, node, width, depth)
    pending, seen = [(root, count, depth)], 0
    while pending:
        place, count, level = pending.pop()
        cursor = store.signed_block(place, b"BTIN" if level else b"BTLF")
        cursor.skip(2)
        for _ in range(count):
            seen += 1
            if seen > MOST_RECORDS:
                raise BudgetSpent(f"hdf5: more than {MOST_RECORDS} records")
            yield kind, cursor.take(width)
        if level:
            for _ in range(count + 1):
                child = store.address(cursor)
                number = cursor.unsigned(sizes[level][0])
                cursor.skip(sizes[level][1])
                if child is not None:
                    pending.append((child, number, level - 1))


def _pointer_sizes(store: Store, node: int, width: int, depth: int) -> list[tuple[int, int]]:
    """Return for each level how many bytes the counts beside a child's address take."""
    most = (node - 10) // width
    own, total, all_bytes = _bytes_for(most), most, 0
    sizes = [(0, 0)]
    for level in range(1, depth + 1):
        pointer = store.offsets + own + all_bytes
        sizes.append((own, all_bytes))
        most = (node - 10 - pointer) // (width + pointer)
        if most < 1:
            raise ReadError("hdf5: B-tree nodes too small for their records")
        total = (most + 1) * total + most
        all_bytes = _bytes_for(total)
        if level == depth:
            break
    return sizes


def _bytes_for(number: int) -> int:
    return max(1, (number.bit_length() + 7) // 8)


@frozen
class Heap:
    """A fractal heap: what is needed to find an object by its id."""

    store: Store
    width: int
    start: int
    largest: int
    bits: int
    rows: int
    root: int | None
    id_length: int
    length_bytes: int
    huge: dict[int, tuple[int, int]]

    @classmethod
    def open(cls, store: Store, address: int | None) -> Heap:
        """Read the header of a heap.

        Raises `ReadError` for filtered heaps and for measures that cannot be.
        """
        cursor = store.signed_block(address, b"FRHP")
        cursor.skip(1)
        id_length, filters = cursor.unsigned(2), cursor.unsigned(2)
        cursor.skip(1)
        largest_managed = cursor.unsigned(4)
        cursor.skip(store.lengths)
        huge_tree = store.address(cursor)
        cursor.skip(store.lengths + store.offsets + 8 * store.lengths)
        width, start, largest = cursor.unsigned(2), cursor.unsigned(store.lengths), cursor.unsigned(store.lengths)
        bits = cursor.unsigned(2)
        cursor.skip(2)
        root, rows = store.address(cursor), cursor.unsigned(2)
        if filters or not width or not start or start & (start - 1) or largest < start or bits > 64 or rows > 256:
            raise ReadError("hdf5: a heap that is filtered or whose measures cannot be")
        length_bytes = _bytes_for(min(largest, largest_managed))
        return cls(
            store, width, start, largest, bits, rows, root, id_length, length_bytes, _huge_objects(store, huge_tree)
        )

    def get(self, heap_id: bytes) -> bytes:
        """Return the object with an id.

        Raises `ReadError` for an id that leads nowhere.
        """
        kind = heap_id[0] >> 4 & 3
        if kind == TINY:
            return heap_id[1 : 2 + (heap_id[0] & 0x0F)]
        if kind == HUGE:
            return self._huge(heap_id)
        if kind != MANAGED:
            raise ReadError("hdf5: an object of unknown kind in a heap")
        offset_bytes = -(-self.bits // 8)
        offset = int.from_bytes(heap_id[1 : 1 + offset_bytes], "little")
        length = int.from_bytes(heap_id[1 + offset_bytes : 1 + offset_bytes + self.length_bytes], "little")
        return self._managed(offset, length)

    def _huge(self, heap_id: bytes) -> bytes:
        number = int.from_bytes(heap_id[1 : 1 + self.store.lengths], "little")
        if self.id_length - 1 >= self.store.offsets + self.store.lengths:
            cursor = over(heap_id[1:])
            address, length = self.store.address(cursor) or 0, cursor.unsigned(self.store.lengths)
        elif number in self.huge:
            address, length = self.huge[number]
        else:
            raise ReadError(f"hdf5: no huge object {number} in a heap")
        if length > LONGEST_TEXT:
            raise BudgetSpent(f"hdf5: an object of {length} bytes in a heap")
        return self.store.at(address, length).take(length)

    def _managed(self, offset: int, length: int) -> bytes:
        """Go down the doubling table: two rows of blocks of the first size, then each row twice the one before."""
        address, rows, begin = self.root, self.rows, 0
        for _ in range(64):
            if rows == 0:
                inner = offset - begin
                return self.store.at(address, inner + length).content.read(
                    self.store.base + (address or 0) + inner, length
                )
            address, rows, begin = self._child(address, rows, begin, offset)
        raise ReadError("hdf5: a heap deeper than any can be")

    def _child(self, address: int | None, rows: int, begin: int, offset: int) -> tuple[int | None, int, int]:
        row_start = begin
        for row in range(rows):
            size = self.start << max(0, row - 1)
            if offset < row_start + size * self.width:
                column = (offset - row_start) // size
                cursor = self.store.signed_block(address, b"FHIB")
                cursor.skip(1 + self.store.offsets + -(-self.bits // 8))
                cursor.skip((row * self.width + column) * self.store.offsets)
                child = self.store.address(cursor)
                return child, 0 if size <= self.largest else self._rows_of(size), row_start + column * size
            row_start += size * self.width
        raise ReadError(f"hdf5: no block at {offset} of a heap")

    def _rows_of(self, size: int) -> int:
        """Return the number of rows of an indirect block that covers `size` bytes."""
        return (size // (self.start * self.width)).bit_length()


def _huge_objects(store: Store, address: int | None) -> dict[int, tuple[int, int]]:
    found: dict[int, tuple[int, int]] = {}
    if address is None:
        return found
    for kind, record in records(store, address):
        cursor = over(record)
        if kind != HUGE_RECORD:
            raise ReadError("hdf5: huge objects of a heap that are filtered or direct")
        place, length = store.address(cursor), cursor.unsigned(store.lengths)
        found[cursor.unsigned(store.lengths)] = (place or 0, length)
    return found
