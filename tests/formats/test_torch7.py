"""Torch7: tables and tensors pass; functions of Lua and classes from elsewhere are asked for."""

from __future__ import annotations

from pathlib import Path
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_models_through_the_walk import facts_of
from walk_builders import SmallWalk, asked, content_of, fuzz, read, refused, rules, truncations, unread

from modelguard.formats.torch7 import FORMAT
from modelguard.terms.facts import Import, Malformed


class File:
    """Writes objects as File.lua of torch7 does; the `text` spelling puts each number on a line."""

    def __init__(self, *, text: bool = False) -> None:
        self.text = text
        self.count = 0

    def whole(self, value: int) -> bytes:
        return b"%d\n" % value if self.text else pack("<i", value)

    def longs(self, *values: int) -> bytes:
        return b" ".join(b"%d" % value for value in values) + b"\n" if self.text else pack(f"<{len(values)}q", *values)

    def string(self, value: bytes) -> bytes:
        return self.whole(len(value)) + value + (b"\n" if self.text else b"")

    def index(self) -> bytes:
        self.count += 1
        return self.whole(self.count)

    def number(self, value: float) -> bytes:
        return self.whole(1) + (b"%g\n" % value if self.text else pack("<d", value))

    def word(self, value: bytes) -> bytes:
        return self.whole(2) + self.string(value)

    def table(self, *pairs: tuple[bytes, object]) -> bytes:
        head = self.whole(3) + self.index() + self.whole(len(pairs))
        return head + b"".join(self.word(key) + value() for key, value in pairs)  # type: ignore[operator]

    def instance(self, name: bytes, state: object) -> bytes:
        return self.whole(4) + self.index() + self.string(b"V 1") + self.string(name) + state()  # type: ignore[operator]

    def tensor(self, *values: float) -> bytes:
        def storage_state() -> bytes:
            numbers = b" ".join(b"%g" % value for value in values) + b"\n"
            return self.longs(len(values)) + (numbers if self.text else pack(f"<{len(values)}f", *values))

        def state() -> bytes:
            head = self.whole(1) + self.longs(len(values)) + self.longs(1) + self.longs(1)
            return head + self.instance(b"torch.FloatStorage", storage_state)

        return self.instance(b"torch.FloatTensor", state)

    def function(self, kind: int = 8) -> bytes:
        return self.whole(kind) + self.index() + self.string(b"\x1bLJ\x01\x02echo pwned") + self.whole(0)


def network(*, text: bool = False, name: bytes = b"nn.Linear", hidden: str = "") -> bytes:
    made = File(text=text)
    pairs: list[tuple[bytes, object]] = [(b"weight", lambda: made.tensor(1, 2, 3)), (b"train", lambda: made.number(1))]
    if hidden == "function":
        pairs.append((b"updateOutput", made.function))
    elif hidden == "class":
        pairs.append((b"extra", lambda: made.instance(b"evil.Loader", made.table)))
    return made.instance(name, lambda: made.table(*pairs))


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("name", [b"nn.Linear", b"cudnn.SpatialConvolution", b"nn.gModule"])
def test_a_network_passes(name: bytes, text: bool) -> None:
    assert not refused(read(FORMAT, network(name=name, text=text)))


@pytest.mark.parametrize("text", [False, True])
def test_a_table_of_tensors_passes(text: bool) -> None:
    made = File(text=text)
    assert not refused(read(FORMAT, made.table((b"w", lambda: made.tensor(1, 2)), (b"b", lambda: made.tensor(3)))))


@pytest.mark.parametrize("text", [False, True])
def test_a_function_is_asked_for(text: bool) -> None:
    assert asked(read(FORMAT, network(hidden="function", text=text))) == [("remote-code", "Lua function")]


@pytest.mark.parametrize("kind", [6, 7, 8])
def test_each_kind_of_function_is_asked_for(kind: int) -> None:
    made = File()
    data = made.table((b"f", lambda: made.function(kind)))
    assert asked(read(FORMAT, data)) == [("remote-code", "Lua function")]


def test_a_class_from_elsewhere_is_asked_for() -> None:
    assert asked(read(FORMAT, network(hidden="class"))) == [("configuration", "evil.Loader")]
    assert asked(read(FORMAT, network(name=b"nnevil.Linear"))) == [("configuration", "nnevil.Linear")]


def test_a_shared_table_is_read_once() -> None:
    made = File()
    data = made.table((b"a", lambda: made.whole(3) + made.whole(1)))
    assert not refused(read(FORMAT, data))


def test_bytes_after_the_object_are_handed_on() -> None:
    walk = SmallWalk()
    assert rules(read(FORMAT, network() + b"\x80\x04N.", walk=walk)) == ["torch7-trailing"]
    assert walk.handed_names() == ["after the object"]


@pytest.mark.parametrize("count", [-1, 1 << 30])
def test_counts_that_do_not_fit_are_unread(count: int) -> None:
    made = File()
    table = made.whole(3) + made.index() + made.whole(2) + made.word(b"k")
    assert unread(read(FORMAT, table + made.whole(3) + made.index() + made.whole(count)))
    assert unread(read(FORMAT, table + made.whole(2) + made.whole(count)))
    storage = made.whole(4) + made.index() + made.string(b"V 1") + made.string(b"torch.ByteStorage")
    assert unread(read(FORMAT, table + storage + made.longs(count)))
    tensor = made.whole(4) + made.index() + made.string(b"V 1") + made.string(b"torch.Tensor")
    assert unread(read(FORMAT, table + tensor + made.whole(count)))


def test_deep_tables_take_no_recursion() -> None:
    made = File()
    data = b"".join(made.whole(3) + made.index() + made.whole(1) + made.number(1) for _ in range(20_000))
    assert not refused(read(FORMAT, data + made.whole(0)))


@pytest.mark.parametrize(
    "data", [b"", b"\3\0\0\0", b"\4\0\0\0\1\0\0\0" + bytes(8), b"4\n1\n3\nV 1\n", b"3\n1\n", bytes(32)]
)
def test_other_bytes_are_not_accepted(data: bytes) -> None:
    assert not FORMAT.accepts(content_of(data))


def test_a_pickle_called_t7_is_refused_and_read(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, {"m.t7": b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x0becho pwned1\x85R."})
    assert "wrong-format" in [fact.rule for fact in facts if isinstance(fact, Malformed)]
    assert "posix.system" in [fact.qualified for fact in facts if isinstance(fact, Import)]


@pytest.mark.parametrize("data", [network(), network(text=True), network(hidden="function")])
def test_no_truncation_passes(data: bytes) -> None:
    for cut in truncations(data.rstrip()):
        if FORMAT.accepts(content_of(cut)):
            assert refused(read(FORMAT, cut))


@given(st.binary(max_size=100), st.integers(0, 400), st.booleans())
def test_foreign_bytes_never_break_the_reader(noise: bytes, at: int, text: bool) -> None:
    sample = network(text=text)
    fuzz(FORMAT, noise)
    fuzz(FORMAT, sample[:16] + noise)
    fuzz(FORMAT, sample[: at % len(sample)] + noise + sample[at % len(sample) + len(noise) :])
