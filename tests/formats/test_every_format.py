"""Every sample of every format, cut, renamed and nearly emptied: never allowed as something that it is not.

The samples join by `format_samples`; a format without one fails the first test. Every case is read by the whole walk,
judged by the default policy, and measured: CPU seconds and memory at its highest.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import PurePosixPath
from time import process_time

import pytest
from attrs import frozen
from container_builders import truncations
from format_samples import FORMATS, LONE, Sample, samples
from pickle_verdicts import judged, reasons

from modelguard.collectors._walk import Reading
from modelguard.terms.artifact import Location
from modelguard.terms.content import Budget, Content
from modelguard.terms.facts import Recognised, Unread
from modelguard.terms.verdict import Allowed

ALL = [sample for some in samples().values() for sample in some]
ENDINGS = sorted({ending for form in FORMATS.values() for ending in form.endings})
WHOLE_NAMES = sorted({name for form in FORMATS.values() for name in form.whole_names})

SECONDS = 5.0
"""CPU time that one case may take, generous for a machine that does other things; the slowest takes 0.1 s."""

MEMORY = 24 << 20
"""Bytes that the interpreter may hold at once for one case beyond 64 times the bytes that are read: LZMA's largest
buffers are the reason that it is not less."""


@frozen
class Outcome:
    """What the walk and the default policy say about one file."""

    formats: frozenset[str]
    allowed: bool
    why: tuple[str, ...]
    faults: tuple[str, ...]


def outcome(data: bytes, path: str, others: tuple[str, ...] = ()) -> Outcome:
    """Read and judge one file as the only one of a model; fail when that takes more than it may."""
    reading = Reading(budget=Budget(seconds=60.0), paths=frozenset({path, *others}), formats=tuple(FORMATS.values()))
    tracemalloc.reset_peak()
    before, started = tracemalloc.get_traced_memory()[0], process_time()
    facts = list(reading.read(Content.of(data, Location(path))))
    seconds, peak = process_time() - started, tracemalloc.get_traced_memory()[1] - before
    assert seconds < SECONDS, f"{seconds:.1f} s for {len(data)} bytes named {path}"
    assert peak < MEMORY + 64 * len(data), f"{peak >> 20} MiB for {len(data)} bytes named {path}"
    examination = judged(facts, Location(path), size=len(data))
    return Outcome(
        formats=frozenset(
            name
            for fact in facts
            if isinstance(fact, Recognised) and not fact.location.members
            for name in fact.formats
        ),
        allowed=isinstance(examination.verdict, Allowed),
        why=tuple(reasons(examination)),
        faults=tuple(fact.reason for fact in facts if isinstance(fact, Unread) and "internal fault" in fact.reason),
    )


@pytest.fixture(scope="module", autouse=True)
def measured() -> Iterator[None]:
    """Import what is imported lazily, then count memory for the tests of this file."""
    for sample in ALL:
        list(Reading(budget=Budget(), paths=frozenset(), formats=tuple(FORMATS.values())).read(
            Content.of(sample.data, Location(sample.path))
        ))  # fmt: skip
    tracemalloc.start()
    yield
    tracemalloc.stop()


def promised(path: str) -> set[str]:
    """The formats that a name promises by its ending or as a whole."""
    last = PurePosixPath(path).name.lower()
    return {form.name for form in FORMATS.values() if last.endswith(form.endings) or last in form.whole_names}


def keeps_its_promise(found: Outcome, path: str) -> bool:
    """Whether a file is refused, or is at least one of the formats that its name promises."""
    return not found.allowed or not promised(path) or bool(promised(path) & found.formats)


def test_every_format_has_a_sample_that_it_accepts() -> None:
    missing = {name for name in FORMATS if not samples().get(name)}
    assert not missing, f"no sample of {sorted(missing)}: add a row to tests/formats/format_samples.py"


@pytest.mark.parametrize("sample", ALL, ids=str)
def test_a_sample_is_read_as_its_format(sample: Sample) -> None:
    found = outcome(sample.data, sample.path, sample.others)
    assert sample.format in found.formats
    assert not found.faults


@pytest.mark.parametrize("sample", ALL, ids=str)
def test_a_truncated_sample_is_refused_or_a_whole_file_of_the_same_formats(sample: Sample) -> None:
    whole = outcome(sample.data, sample.path, sample.others)
    for cut in truncations(sample.data):
        found = outcome(cut, sample.path, sample.others)
        assert not found.faults, (len(cut), found.faults)
        assert keeps_its_promise(found, sample.path), len(cut)
        if found.allowed and not (found.formats <= {"text", "msgpack"} and len(cut) < 24):  # a few letters
            assert sample.prefix, f"{len(cut)} of {len(sample.data)} bytes are allowed as {set(found.formats)}"
            assert len(cut) >= sample.least, f"{len(cut)} bytes end within a member"
            assert whole.allowed or sample.format in NAMED, len(cut)  # what asks for code may begin with a remark
            assert found.formats <= whole.formats, len(cut)


@pytest.mark.parametrize("sample", ALL, ids=str)
def test_a_name_in_upper_case_changes_nothing(sample: Sample) -> None:
    lower, upper = (outcome(sample.data, path, sample.others) for path in (sample.path, _shout(sample.path)))
    assert upper.formats == lower.formats or PurePosixPath(sample.path).name.startswith(".")  # .zgroup, exactly
    assert upper.allowed == lower.allowed, upper.why or lower.why


def _shout(path: str) -> str:
    """Return a path with its ending in capitals, or the whole name where that is what counts."""
    name = PurePosixPath(path)
    whole = not name.suffix or name.name.lower() in WHOLE_NAMES
    return str(name.with_name(name.name.upper() if whole else name.stem + name.suffix.upper()))


@pytest.mark.parametrize("sample", ALL, ids=str)
def test_no_clue_hides_a_format_that_accepts_the_bytes(sample: Sample) -> None:
    """A clue only spares asking: whatever a format accepts, whole or cut, under any name, the walk has it read."""
    for data in (sample.data, sample.data[: len(sample.data) // 2], sample.data[:9], b"\n" + sample.data):
        for path in (sample.path, _shout(sample.path), "model", "model.bin", "config.json"):
            content = Content.of(data, Location(path))
            accepting = {name for name, form in FORMATS.items() if form.accepts(content)}
            assert accepting <= outcome(data, path, sample.others).formats, (len(data), path)


# What only a name makes: under another name the same bytes are text or data, which nothing runs.
NAMED = {
    "path-configuration": "site.py reads no file but those named .pth",
    "notebook": "only a file named .ipynb is opened as a notebook",
    "script": "the shebang stays; without one, a text is no program",
    "python": "nothing imports a text that is not named .py",
    "package": "nothing installs an archive of another name; its members are read all the same",
}


@pytest.mark.parametrize("sample", ALL, ids=str)
def test_a_sample_without_an_extension_stays_what_it_is(sample: Sample) -> None:
    usual, bare = outcome(sample.data, sample.path, sample.others), outcome(sample.data, "model", sample.others)
    assert not bare.faults
    if sample.format not in NAMED:
        assert usual.allowed or not bare.allowed, usual.why
    assert not bare.allowed or bare.formats <= usual.formats


def _renamed(sample: Sample, names: list[str]) -> None:
    bare, usual = outcome(sample.data, "model", sample.others), outcome(sample.data, sample.path, sample.others)
    for name in names:
        found = outcome(sample.data, name, sample.others)
        assert not found.faults, (name, found.faults)
        assert keeps_its_promise(found, name), (name, found)
        assert not found.allowed or bare.formats - {"json", "text"} <= found.formats, (name, found, bare)
        if sample.format not in NAMED:
            assert usual.allowed or not found.allowed, (name, usual.why)


NAMES = [f"model{ending}" for ending in ENDINGS] + WHOLE_NAMES


@pytest.mark.parametrize("number", range(len(ALL)), ids=lambda number: str(ALL[number]))
def test_a_sample_under_a_wrong_name_is_read_as_what_it_is(number: int) -> None:
    _renamed(ALL[number], NAMES[number % 16 :: 16])


@pytest.mark.slow
@pytest.mark.parametrize("sample", ALL, ids=str)
def test_a_sample_under_every_wrong_name_is_read_as_what_it_is(sample: Sample) -> None:
    _renamed(sample, NAMES)


@pytest.mark.parametrize("name", [*NAMES, *(name.upper() for name in NAMES)])
def test_a_pickle_that_calls_something_is_refused_under_every_name(name: str) -> None:
    found = outcome(LONE, name)
    assert "pickle" in found.formats
    assert not found.allowed


# Formats of text, of which a single letter or nothing at all is a whole file.
TINY = {
    "ini", "jinja", "json", "markdown", "markup", "python", "requirements", "script", "text", "toml", "yaml",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_file_is_allowed_only_as_text(name: str) -> None:
    found = outcome(b"", name)
    assert not found.faults
    assert not found.allowed or promised(name) & TINY, found


@pytest.mark.parametrize("name", [*NAMES, "model"])
def test_one_byte_is_allowed_only_as_text(name: str) -> None:
    for byte in (b"\0", b"\n", b".", b"a", b"{", b"P", b"\x80", b"\xff"):
        found = outcome(byte, name)
        assert not found.faults
        assert keeps_its_promise(found, name)
        assert not found.allowed or found.formats <= TINY, (byte, found)


@pytest.mark.slow
def test_every_single_byte_is_allowed_only_as_text() -> None:
    for name in [*NAMES, "model"]:
        for byte in range(256):
            found = outcome(bytes([byte]), name)
            assert not found.faults
            assert keeps_its_promise(found, name)
            assert not found.allowed or found.formats <= TINY, (byte, found)
