"""Assembles R's serialization (R Internals, 1.8) value by value, in its binary spelling or as words."""

from __future__ import annotations

from struct import pack

NULL, GLOBAL, EMPTY, BASE = 254, 253, 242, 241
HAS_ATTRIBUTES, HAS_TAG, IS_OBJECT = 1 << 9, 1 << 10, 1 << 8
Words = list[int | bytes | float]


def text(value: str) -> Words:
    return [9 | 1 << 18, len(value.encode()), value.encode()]


def symbol(name: str) -> Words:
    return [1, *text(name)]


def null() -> Words:
    return [NULL]


def integers(*values: int) -> Words:
    return [13, len(values), *values]


def reals(*values: float) -> Words:
    return [14, len(values), *(float(value) for value in values)]


def texts(*values: str) -> Words:
    return [16, len(values), *(part for value in values for part in text(value))]


def values(*items: Words) -> Words:
    return [19, len(items), *(part for item in items for part in item)]


def pairs(*items: tuple[str, Words]) -> Words:
    made: Words = []
    for name, item in items:
        made += [2 | HAS_TAG, *symbol(name), *item]
    return [*made, NULL]


def with_attributes(item: Words, **attributes: Words) -> Words:
    first, *rest = item
    assert isinstance(first, int)
    return [first | HAS_ATTRIBUTES | IS_OBJECT, *rest, *pairs(*attributes.items())]


def frame(**columns: Words) -> Words:
    return with_attributes(
        values(*columns.values()), names=texts(*columns), **{"class": texts("data.frame"), "row.names": integers(1, 2)}
    )


def call(function: str, *arguments: Words) -> Words:
    made: Words = [6, *symbol(function)]
    for argument in arguments:
        made += [2, *argument]
    return [*made, NULL]


def promise(expression: Words) -> Words:
    return [5 | HAS_TAG, GLOBAL, 252, *expression]


def closure(body: Words) -> Words:
    return [3 | HAS_TAG, GLOBAL, NULL, *body]


def builtin(name: str) -> Words:
    return [8, len(name), name.encode()]


def namespace(name: str) -> Words:
    return [249, 0, 2, *text(name), *text("1.0")]


def pointer() -> Words:
    return [22, NULL, NULL]


def raw(data: bytes) -> Words:
    return [24, len(data), data]


def alternative(class_: str, state: Words) -> Words:
    return [238, 2, *symbol(class_), 2, *symbol("base"), 2, *integers(13), NULL, *state, NULL]


def bytecode(*constants: Words) -> Words:
    """Return a compiled function's body: shared values, the code, then constants, each with its type in front."""
    made: Words = [21, 1, *integers(8, 1), len(constants)]
    for constant in constants:
        first = constant[0]
        assert isinstance(first, int)
        made += [first & 0xFF, *constant] if first not in (6, 2) else constant
    return made


def bytecode_call(function: str) -> Words:
    """Return a call as bytecode keeps it: the type, no tag, then car and cdr with their types."""
    return [6, NULL, 1, *symbol(function), 254, NULL]


def rds(item: Words, *, version: int = 3) -> bytes:
    encoding: Words = [5, b"UTF-8"] if version == 3 else []
    return b"X\n" + _binary([version, 0x040301, 0x030500, *encoding, *item])


def workspace(**bindings: Words) -> bytes:
    return b"RDX3\nX\n" + _binary([3, 0x040301, 0x030500, 5, b"UTF-8", *pairs(*bindings.items())])


def as_words(item: Words) -> bytes:
    lines = []
    for part in [2, 0x040301, 0x020300, *item]:
        if isinstance(part, bytes):
            lines.append(part.decode().replace("\\", "\\\\").replace("\n", "\\n").replace(" ", "\\040"))
        else:
            lines.append(str(part))
    return b"A\n" + "\n".join(lines).encode() + b"\n"


def _binary(parts: Words) -> bytes:
    made = bytearray()
    for part in parts:
        if isinstance(part, bytes):
            made += part
        else:
            made += pack(">d", part) if isinstance(part, float) else pack(">i", part)
    return bytes(made)
