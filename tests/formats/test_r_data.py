"""R's files: data frames pass; whatever could run, load a package or read a file is asked for by its name."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path

import pytest
import r_builders as r
from hypothesis import given
from hypothesis import strategies as st
from test_models_through_the_walk import facts_of, recognised
from walk_builders import SmallWalk, asked, content_of, fuzz, only, read, refused, rules, truncations, unread

from modelguard.formats.r_data import FORMAT
from modelguard.terms.facts import Asks, Header, Import, Malformed, Noted, Unread, Unresolved

FRAME = r.frame(a=r.reals(1, 2), b=r.texts("x", "y"))
EVIL = r.call("system", r.texts("echo pwned"))


@pytest.mark.parametrize("data", [r.rds(FRAME), r.rds(FRAME, version=2), r.workspace(model=FRAME)])
def test_a_data_frame_passes(data: bytes) -> None:
    facts = read(FORMAT, data)
    assert not refused(facts)
    assert only(facts, Header)[0].properties["written-by"] == "R 4.3.1"


def test_a_workspace_tells_the_names_that_it_binds() -> None:
    header = only(read(FORMAT, r.workspace(model=FRAME, weights=r.reals(1))), Header)[0]
    assert header.properties["names"] == "model, weights"


def test_words_say_the_same_as_bytes() -> None:
    data = r.as_words(r.frame(a=r.integers(1, 2), b=r.texts("with blank", "and\nline", "")))
    assert not refused(read(FORMAT, data))
    assert asked(read(FORMAT, r.as_words(EVIL))) == asked(read(FORMAT, r.rds(EVIL)))


@pytest.mark.parametrize(
    ("item", "wanted"),
    [
        (r.promise(EVIL), ("remote-code", "R promise")),
        (r.promise(r.null()), ("remote-code", "R promise")),
        (EVIL, ("remote-code", "R call of system")),
        (r.call("fit_model", r.integers(1)), ("remote-code", "R calls")),
        (r.closure(EVIL), ("remote-code", "R function")),
        (r.builtin("system"), ("remote-code", "R built-in system")),
        (r.pointer(), ("native-code", "R external pointer")),
        (r.namespace("evilpackage"), ("configuration", "R namespace evilpackage")),
        ([248, 0, 1, *r.text("package:evil")], ("configuration", "R package package:evil")),
        ([23, r.NULL], ("remote-code", "R weak reference")),
        (r.bytecode(EVIL), ("remote-code", "R bytecode")),
        (r.bytecode(r.bytecode_call("system")), ("remote-code", "R call of system")),
        (r.alternative("mmap_real", r.values()), ("external-files", "R mmap_real")),
        (r.alternative("evil_class", r.null()), ("configuration", "R vector class evil_class")),
        ([20, 1, *EVIL], ("remote-code", "R expression")),
    ],
)
def test_what_could_run_is_asked_for(item: r.Words, wanted: tuple[str, str]) -> None:
    for data in (r.rds(item), r.rds(r.frame(a=item, b=r.integers(1, 2))), r.workspace(x=item)):
        if item[0] != 23 or data == r.rds(item):
            assert wanted in asked(read(FORMAT, data))


def test_an_attribute_hides_nothing() -> None:
    hidden = r.with_attributes(r.reals(1, 2), note=r.promise(EVIL))
    assert ("remote-code", "R promise") in asked(read(FORMAT, r.rds(hidden)))


def test_a_promise_is_told_as_code_that_runs() -> None:
    ask = only(read(FORMAT, r.rds(r.promise(EVIL))), Asks)[0]
    assert (ask.hazard, "CVE-2024-27322" in ask.detail) == ("code-execution", True)


@pytest.mark.parametrize(
    "item",
    [
        r.namespace("stats"),
        r.alternative("compact_intseq", r.reals(3, 1, 1)),
        r.alternative("wrap_real", r.values(r.reals(1), r.integers(1, 0))),
        r.call("~", r.symbol("y"), r.symbol("x")),
        [4, 0, r.EMPTY, r.NULL, r.NULL, r.NULL],
        r.raw(b"some plain bytes"),
        [r.GLOBAL],
        [25 | r.HAS_ATTRIBUTES, *r.pairs(("class", r.texts("dgCMatrix")))],
    ],
)
def test_near_misses_pass(item: r.Words) -> None:
    assert not refused(read(FORMAT, r.rds(item)))


def test_a_formula_is_noted() -> None:
    facts = read(FORMAT, r.rds(r.call("~", r.symbol("y"), r.call("+", r.symbol("x"), r.symbol("z")))))
    assert [fact.rule for fact in only(facts, Noted)] == ["r-formula"]
    assert asked(read(FORMAT, r.rds(r.call("~", r.call("system", r.texts("x")))))) == [
        ("remote-code", "R call of system")
    ]


def test_a_symbol_that_comes_again_is_the_same_callee() -> None:
    again = r.values(r.symbol("system"), [6, 255 | 1 << 8, 2, *r.texts("echo pwned"), r.NULL])
    assert asked(read(FORMAT, r.rds(again))) == [("remote-code", "R call of system")]
    unknown = r.values(r.symbol("system"), [6, 255 | 9 << 8, r.NULL])
    assert unread(read(FORMAT, r.rds(unknown)))


def test_a_persistent_name_cannot_be_named() -> None:
    facts = read(FORMAT, r.rds([247, 0, 1, *r.text("env::1")]))
    assert [fact.what for fact in only(facts, Unresolved)] == ["persistent-id"]


@pytest.mark.parametrize("inner", [b"\x80\x04N.", r.rds(FRAME), b"\x7fELF" + bytes(60), b"PK\x03\x04" + bytes(30)])
def test_programs_in_raw_bytes_are_handed_on(inner: bytes) -> None:
    walk = SmallWalk()
    read(FORMAT, r.rds(r.values(r.raw(inner))), walk=walk)
    assert [content.all(1 << 20) for content in walk.handed] == [inner]


def test_bytes_after_the_object_are_handed_on() -> None:
    walk = SmallWalk()
    assert rules(read(FORMAT, r.rds(FRAME) + b"\x80\x04N.", walk=walk)) == ["r-data-trailing"]
    assert walk.handed_names() == ["after the object"]


@pytest.mark.parametrize(
    "item",
    [
        [13, 1 << 30],
        [13, -2],
        [13, -1, 1 << 20, 0],
        [19, 1 << 30],
        [9 | 1 << 18, 1 << 30],
        [16, 1, 13, 1, 1],
        [99],
        [255 | 5 << 8],
        [249, 0, 1 << 20],
        [249, 1, 1],
        [8, 1 << 30],
        [21, 1, *r.integers(8), 1 << 30],
        [238, *r.integers(1)],
        [24, 1 << 28],
    ],
)
def test_counts_that_do_not_fit_are_unread(item: r.Words) -> None:
    assert unread(read(FORMAT, r.rds(item)))
    assert unread(read(FORMAT, r.as_words(item)))


def test_deep_nesting_takes_no_recursion() -> None:
    item: r.Words = r.null()
    deep: r.Words = []
    for _ in range(50_000):
        deep += [19, 1]
    assert not refused(read(FORMAT, r.rds([*deep, *item])))


def test_what_was_met_before_a_fault_is_told() -> None:
    facts = read(FORMAT, r.rds(r.values(r.promise(EVIL), [99])))
    assert ("remote-code", "R promise") in asked(facts)
    assert unread(facts)


@pytest.mark.parametrize("data", [b"RDX1\n" + bytes(40), b"RDX3\nQ\n", b"X\n\0\0\0\x03" + bytes(8) + b"\x7f" * 8])
def test_other_spellings_are_unread(data: bytes) -> None:
    assert unread(read(FORMAT, data))


@pytest.mark.parametrize("data", [b"", b"X", b"X\n", b"X\n\0\0\0\x09", b"RDS3\n", b"A\n9\n", b"A\nbook\n", b"RDX\n"])
def test_other_bytes_are_not_accepted(data: bytes) -> None:
    assert not FORMAT.accepts(content_of(data))


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
def test_a_compressed_promise_is_found_under_its_own_name(tmp_path: Path, compress) -> None:  # type: ignore[no-untyped-def]
    facts = facts_of(tmp_path, {"model.rds": compress(r.rds(r.promise(EVIL)))})
    assert "R promise" in [fact.name for fact in facts if isinstance(fact, Asks)]
    assert not [fact for fact in facts if isinstance(fact, Malformed | Unread)]


def test_a_pickle_called_rds_is_refused_and_read(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, {"model.rds": b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x0becho pwned1\x85R."})
    assert "wrong-format" in [fact.rule for fact in facts if isinstance(fact, Malformed)]
    assert "posix.system" in [fact.qualified for fact in facts if isinstance(fact, Import)]


def test_a_pickle_in_raw_bytes_is_read_as_one(tmp_path: Path) -> None:
    payload = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x0becho pwned1\x85R."
    facts = facts_of(tmp_path, {"m.rds": r.rds(r.values(r.raw(payload)))})
    assert "pickle" in " ".join(" ".join(formats) for formats in recognised(facts).values())
    assert "posix.system" in [fact.qualified for fact in facts if isinstance(fact, Import)]


@pytest.mark.parametrize("data", [r.rds(FRAME), r.workspace(a=FRAME), r.as_words(FRAME), r.rds(r.bytecode(EVIL))])
def test_no_truncation_passes(data: bytes) -> None:
    for cut in truncations(data.rstrip()):
        if FORMAT.accepts(content_of(cut)):
            assert refused(read(FORMAT, cut))


@given(st.binary(max_size=200), st.integers(0, 400), st.sampled_from([r.rds(FRAME), r.as_words(FRAME)]))
def test_foreign_bytes_never_break_the_reader(noise: bytes, at: int, sample: bytes) -> None:
    fuzz(FORMAT, noise)
    fuzz(FORMAT, sample[:8] + noise)
    fuzz(FORMAT, sample[: at % len(sample)] + noise + sample[at % len(sample) + len(noise) :])
