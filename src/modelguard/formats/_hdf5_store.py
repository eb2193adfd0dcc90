"""The bytes of an HDF5 file as its own addresses see them: superblock, object headers, heaps and B-trees.

A small reader of the parts that tell what a file holds and where it reaches; the numbers themselves are not read.
What it does not know raises `ReadError`, so that nothing is passed over in silence.
Source: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field, frozen

from modelguard.formats._cursor import Cursor, over
from modelguard.formats._questions import superblock_offset
from modelguard.terms.content import Budget, Content
from modelguard.terms.errors import BudgetSpent, ReadError

MOST_MESSAGES = 65_536  # header messages of one object
MOST_NODES = 1_000_000  # B-tree nodes and heap blocks of one file
LONGEST_TEXT = 1 << 26

NIL, DATASPACE, LINK_INFO, DATATYPE, LINK, EXTERNAL_FILES, LAYOUT = 0, 1, 2, 3, 6, 7, 8
FILTERS, ATTRIBUTE, SHARED_TABLE, CONTINUATION, SYMBOL_TABLE, DRIVER, ATTRIBUTE_INFO = 11, 12, 15, 16, 17, 20, 21
SHARED = 0x02  # a message's flag: its body stands elsewhere


@frozen
class Message:
    """One header message: its type, flags and body."""

    kind: int
    flags: int
    body: bytes = field(repr=False)


@define
class Store:
    """An HDF5 file: where its addresses begin, how wide they are, and where the root group is."""

    content: Content
    budget: Budget
    base: int
    version: int
    offsets: int = 8
    lengths: int = 8
    root: int = 0
    end: int = 0
    _nodes: int = field(default=0, init=False)

    @classmethod
    def open(cls, content: Content, budget: Budget) -> Store:
        """Read the superblock.

        Raises `ReadError` for an unknown version, files split by a driver, or an address that does not fit.
        """
        base = superblock_offset(content)
        cursor = Cursor(content, at=base + 8)
        store = cls(content, budget, base, cursor.unsigned(1))
        if store.version in (0, 1):
            store._old_superblock(cursor)
        elif store.version in (2, 3):
            store._new_superblock(cursor)
        else:
            raise ReadError(f"hdf5: superblock version {store.version}")
        return store

    def _old_superblock(self, cursor: Cursor) -> None:
        cursor.skip(4)
        self._widths(cursor.unsigned(1), cursor.unsigned(1))
        cursor.skip(1 + 2 + 2 + 4 + (4 if self.version == 1 else 0))
        base, _, end, driver = (self.address(cursor) for _ in range(4))
        cursor.skip(self.offsets)
        root = self.address(cursor)
        if driver is not None:
            raise ReadError("hdf5: the file is split by a driver")
        self._placed(base, end, root)

    def _new_superblock(self, cursor: Cursor) -> None:
        self._widths(cursor.unsigned(1), cursor.unsigned(1))
        cursor.skip(1)
        base, extension, end, root = (self.address(cursor) for _ in range(4))
        self._placed(base, end, root)
        if extension is not None:
            for message in self.messages(extension):
                if message.kind in (DRIVER, SHARED_TABLE):
                    raise ReadError("hdf5: split files and shared header messages are not read")

    def _widths(self, offsets: int, lengths: int) -> None:
        if offsets not in (2, 4, 8) or lengths not in (2, 4, 8):
            raise ReadError(f"hdf5: addresses of {offsets} and lengths of {lengths} bytes")
        self.offsets, self.lengths = offsets, lengths

    def _placed(self, base: int | None, end: int | None, root: int | None) -> None:
        if base not in (0, self.base) or end is None or root is None:
            raise ReadError("hdf5: the superblock's own addresses do not fit")
        # Since 1.8 the library takes the superblock's place for the base and moves the end along.
        self.end = end + (self.base - base)
        self.root = root
        if self.end > self.content.size:
            raise ReadError(f"hdf5: ends early: {self.end} bytes by its own account, {self.content.size} there")

    def address(self, cursor: Cursor) -> int | None:
        """Read an address; None when it is undefined."""
        value = cursor.unsigned(self.offsets)
        return None if value == (1 << 8 * self.offsets) - 1 else value

    def at(self, address: int | None, length: int = -1) -> Cursor:
        """Return a cursor at an address.

        Raises `ReadError` for an undefined address or one beyond the end.
        """
        if address is None or address + self.base + max(length, 0) > self.content.size:
            raise ReadError(f"hdf5: an address ({address}) that is undefined or beyond the end")
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise BudgetSpent(f"hdf5: more than {MOST_NODES} blocks")
        self.budget.spend_time()
        start = self.base + address
        return Cursor(self.content, at=start, end=self.content.size if length < 0 else start + length)

    def signed_block(self, address: int | None, signature: bytes) -> Cursor:
        """Return a cursor behind the four letters that a block must begin with."""
        cursor = self.at(address)
        found = cursor.take(4)
        if found != signature:
            raise ReadError(f"hdf5: expected {signature!r} at {address}, found {found!r}")
        return cursor

    def messages(self, address: int) -> Iterator[Message]:
        """Yield the header messages of the object at an address, through all continuation blocks.

        Raises `ReadError` for an unknown version or a body that does not fit.
        """
        cursor = self.at(address)
        head = cursor.take(4)
        if head == b"OHDR":
            yield from self._new_messages(cursor)
        elif head[0] == 1:
            yield from self._old_messages(cursor)
        else:
            raise ReadError(f"hdf5: no object header at {address}")

    def _old_messages(self, cursor: Cursor) -> Iterator[Message]:
        cursor.skip(4)
        size = cursor.unsigned(4)
        cursor.skip(4)
        start = cursor.at - self.base
        blocks, seen, count = [(start, size)], {start}, 0
        for address, length in blocks:
            cursor = self.at(address, length)
            while cursor.left >= 8:
                kind, size, flags = cursor.unsigned(2), cursor.unsigned(2), cursor.unsigned(1)
                cursor.skip(3)
                message = Message(kind, flags, cursor.take(size))
                count += 1
                self._bounded(count)
                if kind == CONTINUATION:
                    self._continue(message, blocks, seen)
                elif kind != NIL:
                    yield message

    def _new_messages(self, cursor: Cursor) -> Iterator[Message]:
        if cursor.unsigned(1) != 2:
            raise ReadError("hdf5: an object header of unknown version")
        flags = cursor.unsigned(1)
        cursor.skip((16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0))
        size = cursor.unsigned(1 << (flags & 3))
        start = cursor.at - self.base
        blocks, seen, count = [(start, size)], {start}, 0
        for number, (address, length) in enumerate(blocks):
            if number:  # a continuation has a signature before and a checksum behind its messages
                self.signed_block(address, b"OCHK")
                address, length = address + 4, length - 8
            cursor = self.at(address, length)
            head = 6 if flags & 0x04 else 4
            while cursor.left >= head:
                kind, size, own = cursor.unsigned(1), cursor.unsigned(2), cursor.unsigned(1)
                cursor.skip(head - 4)
                message = Message(kind, own, cursor.take(size))
                count += 1
                self._bounded(count)
                if kind == CONTINUATION:
                    self._continue(message, blocks, seen)
                elif kind != NIL:
                    yield message

    def _bounded(self, count: int) -> None:
        if count > MOST_MESSAGES:
            raise BudgetSpent(f"hdf5: more than {MOST_MESSAGES} messages in one header")

    def _continue(self, message: Message, blocks: list[tuple[int, int]], seen: set[int]) -> None:
        cursor = over(message.body)
        address, length = self.address(cursor), cursor.unsigned(self.lengths)
        if address is None or address in seen or length > self.content.size:
            raise ReadError("hdf5: a continuation that leads nowhere or in a circle")
        seen.add(address)
        blocks.append((address, length))

    def local_heap(self, address: int | None) -> Cursor:
        """Return a cursor over the data of a local heap."""
        cursor = self.signed_block(address, b"HEAP")
        cursor.skip(4)
        size = cursor.unsigned(self.lengths)
        cursor.skip(self.lengths)
        return self.at(self.address(cursor), size)

    def heap_text(self, heap: Cursor, offset: int) -> str:
        """Return the text at an offset of a local heap, up to its NUL."""
        start = heap.at + offset
        length = min(65_536, heap.end - start)
        data = self.content.read(start, length) if length > 0 else b""
        text, nul, _ = data.partition(b"\0")
        if not nul:
            raise ReadError(f"hdf5: a name without an end at {offset} of a heap")
        return text.decode("utf-8", "surrogateescape")

    def global_object(self, address: int | None, index: int) -> bytes:
        """Return an object of a global heap collection."""
        if index == 0:
            return b""
        cursor = self.signed_block(address, b"GCOL")
        cursor.skip(4)
        size = cursor.unsigned(self.lengths)
        cursor = self.at(address, size)
        cursor.skip(8 + self.lengths)
        while cursor.left >= 8 + self.lengths:
            number = cursor.unsigned(2)
            cursor.skip(6)
            length = cursor.unsigned(self.lengths)
            if number == index:
                if length > LONGEST_TEXT:
                    raise BudgetSpent(f"hdf5: a text of {length} bytes")
                return cursor.take(length)
            if number == 0:
                break
            cursor.skip(-(-length // 8) * 8)
        raise ReadError(f"hdf5: no object {index} in the global heap at {address}")
