"""Pickles inside constants are found wherever they lie and however they are written, and ordinary constants are not."""

from __future__ import annotations

import base64
import bz2
import hashlib
import io
import lzma
import pickle
import zipfile
import zlib
from random import Random

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import content_of, facts_of
from pickle_builders import ECHO, call, named, program, push
from pickle_verdicts import examined, reasons

from modelguard.picklevm import carriers
from modelguard.picklevm.scanner import scan
from modelguard.terms.content import Budget
from modelguard.terms.facts import Call, Fact, Import, Nested, Noted, Unread

PAYLOAD = program(*call(named("os", "system"), ECHO).parts)
LINES = b"cos\nsystem\n(S'echo pwned'\ntR."
NOISE = Random(5).randbytes(1 << 20)
PROSE = "It was a bright cold day in April, and the clocks were striking thirteen. " * 20_000


def is_named(facts: list[Fact]) -> bool:
    return any(isinstance(fact, Import) and fact.qualified == "os.system" for fact in facts)


def noted(facts: list[Fact]) -> list[str]:
    return [fact.detail for fact in facts if isinstance(fact, Noted) and fact.rule == "pickle-constants-unsearched"]


@pytest.mark.parametrize("inner", [PAYLOAD, LINES], ids=["binary", "text"])
@pytest.mark.parametrize("before", [0, 3, 4_090, 4_096, 5_000, 65_530, 65_536, 200_000])
@pytest.mark.parametrize("behind", [0, 50_000])
def test_a_pickle_anywhere_in_bytes_is_found(inner: bytes, before: int, behind: int) -> None:
    # Lines are looked for where there is text; a letter right in front of them would be part of the module's name.
    before_it = PROSE.encode()[:before] + b" " if inner is LINES and before > 4_000 else NOISE[:before]
    facts = facts_of(pickle.dumps({"w": before_it + inner + NOISE[:behind]}))
    assert is_named(facts)
    assert any(isinstance(fact, Nested) for fact in facts)
    assert any(isinstance(fact, Call) for fact in facts)


@pytest.mark.parametrize("before", [0, 5_000, 65_530, 1_000_000])
def test_a_pickle_anywhere_in_a_text_is_found(before: int) -> None:
    assert is_named(facts_of(pickle.dumps(PROSE[:before] + " " + LINES.decode())))


@settings(max_examples=80, deadline=None)
@given(before=st.integers(0, 150_000), behind=st.integers(0, 9_000))
def test_where_in_the_bytes_does_not_matter(before: int, behind: int) -> None:
    assert is_named(facts_of(pickle.dumps(NOISE[1_000 : 1_000 + before] + PAYLOAD + NOISE[:behind])))


DISGUISES = {
    "base64": base64.b64encode,
    "base64 for addresses": base64.urlsafe_b64encode,
    "hex": lambda data: data.hex().encode(),
    "zlib": zlib.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "base64 of zlib": lambda data: base64.b64encode(zlib.compress(data)),
    "base64 of bz2": lambda data: base64.b64encode(bz2.compress(data)),
    "hex of zlib": lambda data: zlib.compress(data).hex().encode(),
}


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_an_encoded_pickle_is_found(disguise: str, protocol: int) -> None:
    inner = program(*call(named("os", "system", protocol=protocol), ECHO).parts, protocol=protocol)
    assert is_named(facts_of(pickle.dumps(DISGUISES[disguise](inner))))


@pytest.mark.parametrize("disguise", ["zlib", "bz2", "xz", "base64 of zlib", "hex of zlib"])
def test_a_pickle_far_inside_what_was_compressed_is_found(disguise: str) -> None:
    assert is_named(facts_of(pickle.dumps(DISGUISES[disguise](NOISE[:100_000] + PAYLOAD))))


IDENTIFIERS = {
    "sha256": lambda number: hashlib.sha256(b"%d" % number).hexdigest(),
    "base64 of digests": lambda number: base64.b64encode(hashlib.sha256(b"%d" % number).digest()).decode(),
    "decimal": lambda number: f"{number * 7919 % 10**16:016}",
    "digests": lambda number: hashlib.sha256(b"%d" % number).digest(),
    "words": lambda number: f"music{number}\nice{number}\n",
}


@pytest.mark.parametrize("kind", IDENTIFIERS)
def test_many_identifiers_are_no_pickles(kind: str) -> None:
    examination = examined(pickle.dumps([IDENTIFIERS[kind](number) for number in range(15_000)]))
    assert examination.allowed, reasons(examination)


def test_an_encoded_pickle_among_many_identifiers_is_found() -> None:
    texts = [IDENTIFIERS["base64 of digests"](number) for number in range(20_000)]
    texts[9_000] = base64.b64encode(PAYLOAD).decode()
    assert is_named(facts_of(pickle.dumps(texts)))


@pytest.mark.parametrize(
    "value",
    [
        NOISE,
        PROSE,
        base64.b64encode(NOISE[:100_000]).decode(),
        zlib.compress(PROSE.encode()),
        NOISE[:5_000] + b"\x80\x04",
    ],
    ids=["bytes", "text", "base64", "zlib", "mark at the end"],
)
def test_a_constant_that_carries_nothing_is_allowed(value: object) -> None:
    examination = examined(pickle.dumps({"weights": value}))
    assert examination.allowed, reasons(examination)


def test_what_is_not_searched_is_told() -> None:
    facts = facts_of(pickle.dumps(NOISE))
    assert noted(facts) == [f"{len(NOISE) - carriers.SEARCHED - carriers.RAW} bytes and 0 possible starts in constants "
                            "were not looked at"]  # fmt: skip
    assert noted(facts_of(pickle.dumps(NOISE[: carriers.RAW]))) == []


def test_of_a_file_on_another_machine_only_the_starts_are_searched() -> None:
    data = pickle.dumps(NOISE[:100_000] + PAYLOAD)
    content = evolve(content_of(data), remote=True)
    facts = list(scan(content, Budget()))
    assert not is_named(facts)
    assert noted(facts)
    assert is_named(list(scan(content_of(data), Budget())))


def test_short_constants_are_searched_before_long_ones() -> None:
    assert is_named(facts_of(pickle.dumps([NOISE, NOISE + b"1", NOISE[:9_000] + PAYLOAD])))


def test_starts_that_were_not_tried_are_told() -> None:
    decoys = b"\x80\x04]" * 200
    facts = facts_of(pickle.dumps(decoys + PAYLOAD))
    assert noted(facts) or is_named(facts)
    assert noted(facts_of(pickle.dumps(b"\x80\x04]" * 20 + NOISE[:100]))) == []


def test_more_candidates_than_are_read_refuse() -> None:
    inner = base64.b64encode(b"\x80\x04" + b"N0" * 12).decode()
    facts = facts_of(pickle.dumps([f"{inner}{number}" for number in range(carriers.CANDIDATES + 1)]))
    assert any(isinstance(fact, Unread) for fact in facts)


def test_an_archive_that_nobody_opens_is_unread() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("data.pkl", PAYLOAD)
    facts = facts_of(program(*push(stream.getvalue())))
    assert any(isinstance(fact, Unread) for fact in facts)
    assert not any(isinstance(fact, Unread) for fact in facts_of(program(*push(b"PK" + stream.getvalue()[:40]))))
