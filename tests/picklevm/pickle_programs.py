"""Makes pickle programs for the comparison with real unpicklers: assembled from opcodes, and mutated."""

from __future__ import annotations

import collections
import datetime
import decimal
import pickle
import struct
from random import Random

NAMES = [
    b"os",
    b"system",
    b"collections",
    b"OrderedDict",
    b"a.b",
    b"m",
    b"attrs",
    b"__builtin__",
    b"eval",
    b"copy_reg",
    b"_reconstructor",
    b"w",
    b"posix",
    b"x" * 30,
]
ODD_NAMES = [*NAMES, "naïve".encode(), b"\xed\xa0\x80", b"", b"\xff", b"a b"]
LINES = [
    b"0",
    b"1",
    b"00",
    b"01",
    b"5",
    b"-3",
    b"0x10",
    b"0b11",
    b"1_0",
    b" 7",
    b"+2",
    b"2L",
    b"12345678901234567890123",
    b"1.5",
    b"nan",
    b"x",
    b"",
    b"1\x002",
    b"010",
    b"1e5",
]


def _line(random: Random, choices: list[bytes]) -> bytes:
    return random.choice(choices) + (b"\n" if random.random() < 0.99 else b"\r\n")


def _name(random: Random) -> bytes:
    return random.choice(NAMES if random.random() < 0.95 else ODD_NAMES)


def _bytes(random: Random) -> bytes:
    return _name(random) if random.random() < 0.97 else random.randbytes(random.randrange(12))


def _number(random: Random) -> list[bytes]:
    return LINES if random.random() < 0.2 else [b"0", b"1", b"00", b"01", b"-3", b"65"]


def _constant(random: Random) -> bytes:
    text = _bytes(random)
    options = [
        lambda: b"\x8c" + bytes([len(text)]) + text,
        lambda: b"\x8c" + bytes([len(text)]) + text,
        lambda: b"X" + struct.pack("<I", len(text)) + text,
        lambda: b"\x8d" + struct.pack("<Q", len(text)) + text,
        lambda: b"V" + text.replace(b"\n", b"") + b"\n",
        lambda: (
            b"V" + random.choice([b"\\u006fs", b"os"]) + b"\n"
            if random.random() < 0.8
            else b"V" + random.choice([b"\\u006fs", b"o\\u0073", b"\\ud800", b"\\u00"]) + b"\n"
        ),
        lambda: b"S'" + text.replace(b"\n", b"") + b"'\n",
        lambda: (
            b"S'os'\n"
            if random.random() < 0.8
            else b"S"
            + random.choice([b"'\\x6fs'", b'"os"', b"os", b"'os", b"'\\157s'", b"'o\\q'", b"'\\xe9'", b"'"])
            + b"\n"
        ),
        lambda: b"U" + bytes([len(text)]) + text,
        lambda: b"T" + struct.pack("<i", len(text)) + text,
        lambda: b"C" + bytes([len(text)]) + text,
        lambda: b"B" + struct.pack("<I", len(text)) + text,
        lambda: b"\x8e" + struct.pack("<Q", len(text)) + text,
        lambda: b"\x96" + struct.pack("<Q", len(text)) + text,
        lambda: b"K" + random.randbytes(1),
        lambda: b"M" + random.randbytes(2),
        lambda: b"J" + random.randbytes(4),
        lambda: b"\x8a" + bytes([len(text)]) + text,
        lambda: b"\x8b" + struct.pack("<i", len(text)) + text,
        lambda: b"G" + random.randbytes(8),
        lambda: b"N",
        lambda: b"\x88",
        lambda: b"\x89",
        lambda: b"I" + _line(random, _number(random)),
        lambda: b"L" + _line(random, _number(random)),
        lambda: b"F" + _line(random, _number(random)),
        lambda: b"]",
        lambda: b"}",
        lambda: b")",
        lambda: b"\x8f",
    ]
    return random.choice(options)()


def _pair(random: Random) -> bytes:
    return _name(random) + b"\n" + _name(random) + b"\n"


class Program:
    """Assembles opcodes with an account of the kinds on the stack and in the memo, so that most programs go far.

    The kinds are text, data, global, result, tuple, list, dict and set. Now and then an opcode does not fit.
    """

    def __init__(self, random: Random) -> None:
        self.random = random
        self.out = bytearray()
        self.stacks: list[list[str]] = [[]]
        self.memo: dict[int, str] = {}
        self.wild = random.choice([0.0, 0.0, 0.02, 0.1])

    def step(self) -> None:
        random, stack = self.random, self.stacks[-1]
        roll = random.random()
        if roll < self.wild:
            self.out += random.choice(
                [_constant(random), random.randbytes(1), b"R", b"b", b"\x93", b"0", b"u", b"1", b"\x80\x04"]
            )
        elif roll < 0.30 or not stack:
            self.constant()
        elif roll < 0.45:
            self.global_()
        elif roll < 0.62:
            self.memo_()
        elif roll < 0.68:
            self.out += b"("
            self.stacks.append([])
        elif roll < 0.80 and len(self.stacks) > 1:
            self.to_mark()
        else:
            self.combine()

    def push(self, data: bytes, kind: str) -> None:
        self.out += data
        self.stacks[-1].append(kind)

    def constant(self) -> None:
        random = self.random
        kind = random.choice(["text", "data", "tuple", "list", "dict", "set", "text"])
        empty = {"tuple": b")", "list": b"]", "dict": b"}", "set": b"\x8f"}
        if kind in empty:
            self.push(empty[kind], kind)
        elif kind == "text":
            name = _name(random)
            self.push(
                random.choice([b"\x8c" + bytes([len(name)]) + name, b"X" + struct.pack("<I", len(name)) + name]), kind
            )
        else:
            self.push(_constant(random), kind)

    def global_(self) -> None:
        random = self.random
        kind = random.randrange(12)
        if kind < 5:
            self.push(b"c" + _pair(random), "global")
        elif kind < 10:
            first, second = _name(random), _name(random)
            self.push(
                b"\x8c" + bytes([len(first)]) + first + b"\x8c" + bytes([len(second)]) + second + b"\x93", "global"
            )
        else:
            self.push(random.choice([b"\x82\x01", b"\x82\xff", b"\x83\x34\x12", b"\x84\x01\0\0\0", b"P1\n"]), "global")

    def memo_(self) -> None:
        random, stack, memo = self.random, self.stacks[-1], self.memo
        if random.random() < 0.5 or not memo:
            index = len(memo)
            if random.random() < 0.5:
                self.out += b"\x94"
            else:
                index = index if random.random() < 0.7 else random.randrange(index + 4)
                self.out += random.choice([b"q" + bytes([index]), b"r" + struct.pack("<I", index), b"p%d\n" % index])
            memo[index] = stack[-1]
        else:
            index = random.choice(list(memo))
            self.push(
                random.choice([b"h" + bytes([index]), b"j" + struct.pack("<I", index), b"g%d\n" % index]), memo[index]
            )

    def to_mark(self) -> None:
        random = self.random
        above, below = self.stacks[-1], self.stacks[-2]
        under = below[-1] if below else ""
        choices = [(b"t", "tuple"), (b"l", "list"), (b"1", ""), (b"i" + _pair(random), "result")]
        if len(above) % 2 == 0:
            choices += [(b"d", "dict"), *([(b"u", "")] * 3 if under in ("dict", "result", "global") else [])]
        if under in ("list", "result", "global"):
            choices += [(b"e", "")] * 3
        if under in ("set", "result"):
            choices += [(b"\x90", "")] * 3
        if above and above[0] in ("global", "result"):
            choices += [(b"o", "result")] * 4
        code, kind = random.choice(choices)
        self.stacks.pop()
        self.out += code
        if kind:
            self.stacks[-1].append(kind)

    def combine(self) -> None:
        random, stack = self.random, self.stacks[-1]
        top, under = stack[-1], stack[-2] if len(stack) > 1 else ""
        third = stack[-3] if len(stack) > 2 else ""
        choices = [(b"0", 1, ""), (b"2", 0, top), (b"\x85", 1, "tuple")]
        if under:
            choices.append((b"\x86", 2, "tuple"))
        if third:
            choices.append((b"\x87", 3, "tuple"))
        if under == top == "text":
            choices += [(b"\x93", 2, "global")] * 8
        if under in ("global", "result") and top == "tuple":
            choices += [(b"R", 2, "result")] * 4
        if under == "global" and top == "tuple":
            choices += [(b"\x81", 2, "result")] * 3
        if top == "global":
            choices += [(b")R", 1, "result"), (b")\x81", 1, "result"), (b")}\x92", 1, "result")]
        if under in ("result", "global") and top in ("dict", "tuple"):
            choices += [(b"b", 2, under)] * 4
        if under == "list":
            choices.append((b"a", 2, "list"))
        if third in ("dict", "result", "global"):
            choices += [(b"s", 3, third)] * 2
        code, taken, kind = random.choice(choices)
        self.out += code
        if taken:
            del stack[-taken:]
        if kind:
            stack.append(kind)

    def stop(self) -> None:
        random = self.random
        if not self.stacks[-1]:
            self.constant()
        if random.random() < 0.8:
            while len(self.stacks) > 1:
                self.out += b"t"
                self.stacks.pop()
                self.stacks[-1].append("tuple")
            while len(self.stacks[0]) > 1:
                self.out += b"\x86"
                self.stacks[0].pop()
        self.out += b"." if random.random() < 0.97 else b""
        self.stacks = [[]]
        if random.random() < 0.5:
            self.memo = {}


def program(random: Random) -> bytes:
    """Return one program: a few streams, perhaps in frames."""
    made = Program(random)
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        if random.random() < 0.6:
            made.out += bytes([0x80, random.randrange(6)])
        body = len(made.out)
        for _ in range(random.randrange(3, 28)):
            made.step()
        made.stop()
        if random.random() < 0.2:
            length = len(made.out) - body + random.choice([0, 0, 0, 0, -1, -3, 1, 5])
            made.out[body:body] = b"\x95" + struct.pack("<Q", max(length, 0))
    return bytes(made.out)


def real() -> list[bytes]:
    """Return pickles of ordinary objects in all protocols: what mutations start from."""
    shared: list[object] = ["shared", 1]
    objects: list[object] = [
        [1, -5, 70000, 2**40, 2**70, 1.5, None, True, "text", "é" * 3, b"bytes", bytearray(b"array")],
        {"a": {"b": (1, 2, 3), "c": {4, 5}}, "s": frozenset([1]), "x": [shared, shared]},
        collections.OrderedDict(a=1, b=collections.defaultdict(list, x=[1])),
        [datetime.date(2020, 1, 1), datetime.timedelta(1), decimal.Decimal("1.5")],
        list(range(300)),
        [f"word{number}" for number in range(40)],
        (collections.Counter("abcabc"),),
    ]
    return [pickle.dumps(item, protocol) for item in objects for protocol in range(6)]


def mutate(random: Random, data: bytes, other: bytes) -> bytes:
    """Return the bytes with a few changes: bits, bytes, pieces of another program, cuts and repeats."""
    changed = bytearray(data)
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(len(changed) + 1)
        kind = random.randrange(6)
        if kind == 0 and at < len(changed):
            changed[at] = random.randrange(256)
        elif kind == 1:
            changed[at:at] = random.randbytes(random.randrange(1, 4))
        elif kind == 2:
            del changed[at : at + random.randrange(1, 8)]
        elif kind == 3:
            start = random.randrange(len(other) + 1)
            changed[at:at] = other[start : start + random.randrange(1, 24)]
        elif kind == 4:
            changed[at:at] = changed[max(0, at - random.randrange(1, 12)) : at]
        else:
            changed[at:at] = random.choice(
                [b"cos\nsystem\n", b"\x8c\x02os\x8c\x06system\x93", b"\x93", b"R", b"b", b".", b"\x94", b"h\x00"]
            )
    return bytes(changed)
