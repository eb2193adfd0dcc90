"""The lock: written the same way every time, read strictly, never half."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from modelguard.lock import (
    Accepted,
    Decided,
    Entry,
    LicenseRecord,
    Lock,
    LockedFile,
    ProvenanceRecord,
    update,
)
from modelguard.terms.artifact import Digest, printable
from modelguard.terms.errors import LockError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def entry(name: str = "acme/tiny", **changes: object) -> Entry:
    return Entry(
        **{
            "id": name,
            "host": "https://hub.example",
            "repo_id": "66e7f5c0a1b2c3d4e5f60718",
            "requested": "main",
            "revision": COMMIT,
            "revision_date": "2026-01-02T03:04:05Z",
            "resolved_at": "2026-02-03T04:05:06Z",
            "files": (
                LockedFile(path="config.json", size=2, digest=Digest("sha256", "a" * 64), formats=("json",)),
                LockedFile(
                    path="model.pkl",
                    size=9,
                    digest=Digest("sha256", "b" * 64),
                    formats=("pickle",),
                    imports=("collections.OrderedDict",),
                ),
            ),
            "license": LicenseRecord(expression="MIT", declared="mit", evidence=("README.md",)),
            "accepted": (Accepted(check="remote-code", reason="reviewed", subject="a.py", until="2027-01-01"),),
            "approval": Decided(by="alice@example.org", at="2026-02-03T04:05:06Z", reason="demo", until="2027-02-03"),
            **changes,
        }
    )


def lock(*entries: Entry) -> Lock:
    return Lock(entries={one.id: one for one in entries or (entry(),)}, created_by="modelguard 0.1.0")


def test_a_lock_reads_back_as_it_was_written() -> None:
    assert Lock.parse(lock().text().encode()) == lock()


def test_a_lock_written_twice_is_the_same_to_the_byte() -> None:
    text = lock(entry("b/b"), entry("a/a")).text()
    assert Lock.parse(text.encode()).text() == text
    assert text.index('"a/a"') < text.index('"b/b"')


def test_one_file_is_one_line() -> None:
    assert sum('path = "model.pkl"' in line for line in lock().text().splitlines()) == 1


def test_a_lock_cut_short_anywhere_is_an_error() -> None:
    whole = lock(entry("a/a"), entry("b/b")).text().encode()
    for end in range(len(whole)):
        with pytest.raises(LockError):
            Lock.parse(whole[:end])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('lock-version = "1.0"', 'lock-version = "2.0"', "lock-version: this modelguard reads 1.0, found '2.0'"),
        ('lock-version = "1.0"', "lock-version = 1", "lock-version: expected text, found 1"),
        ("size = 9", "size = -9", "model[0].files[1].size: expected a whole number of at least 0, found -9"),
        ("size = 9", "size = true", "model[0].files[1].size: expected a whole number, found True"),
        ("size = 9", "sise = 9", "model[0].files[1].size: is missing"),
        ("b" * 64, "b" * 63, "model[0].files[1].sha256: expected 64 lower-case hex digits, found 63 characters"),
        ("b" * 64, "c" * 64, "model[0].tree-digest: does not fit the entry"),
        (f'revision = "{COMMIT}"', 'revision = "main"', "model[0].revision: expected a commit of 40 hex digits"),
        ('id = "acme/tiny"', 'id = "../../x"', "model[0].id: "),
        ('id = "acme/tiny"', 'id = "acme/other"', "model[0].purl: does not fit the entry"),
        ('state = "approved"', 'state = "aproved"', "did you mean 'approved'?"),
        ('path = "model.pkl"', 'path = "config.json"', "model[0].files[1].path: 'config.json' is listed twice"),
        ('by = "alice@example.org"', 'buy = "x"', "model[0].approval.buy: unknown key; did you mean 'by'?"),
        ("until = 2027-02-03", 'until = "soon"', "model[0].approval.until: expected a date"),
    ],
)
def test_a_damaged_lock_is_an_error_that_names_the_key(old: str, new: str, message: str) -> None:
    text = lock().text()
    assert old in text
    with pytest.raises(LockError) as caught:
        Lock.parse(text.replace(old, new).encode())
    assert message in caught.value.message


def test_a_key_written_twice_is_an_error() -> None:
    with pytest.raises(LockError):
        Lock.parse(lock().text().replace("host =", "repo-id =").encode())


def test_two_entries_of_one_model_are_an_error() -> None:
    text = lock().text()
    body = text[text.index("[[model]]") : text.index("[end-of-lock]")]
    with pytest.raises(LockError, match="has an entry already"):
        Lock.parse(text.replace("[end-of-lock]", f"{body}\n[end-of-lock]").encode())


@given(st.data())
def test_random_edits_of_a_lock_raise_nothing_but_lock_errors(data: st.DataObject) -> None:
    whole = bytearray(lock().text().encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole)))
        length = data.draw(st.integers(0, 12))
        whole[at : at + length] = data.draw(st.binary(max_size=12))
    try:
        Lock.parse(bytes(whole))
    except LockError:
        pass


plain = st.text(string.printable + "äñ漢\u202e\u200b\x00\x7f", max_size=30).filter(lambda text: "\ud800" not in text)
digests = st.text("0123456789abcdef", min_size=64, max_size=64).map(lambda digits: Digest("sha256", digits))
files = st.lists(
    st.builds(
        LockedFile, path=plain.filter(bool), size=st.integers(0, 2**60), digest=digests, imports=st.tuples(plain)
    ),
    max_size=4,
    unique_by=lambda file: file.path,
).map(tuple)


@given(files, plain, plain)
def test_every_entry_survives_the_round_trip(files: tuple[LockedFile, ...], reason: str, signer: str) -> None:
    files = tuple(sorted(files, key=lambda file: file.path.encode()))
    one = entry(files=files, approval=Decided(reason=reason), provenance=ProvenanceRecord(signer=signer))
    again = Lock.parse(lock(one).text().encode())
    assert again == lock(one)
    assert again.text() == lock(one).text()


def test_what_does_not_print_is_escaped_in_the_lock() -> None:
    text = lock(entry(approval=Decided(reason="a\u202eb\x1b[31m"))).text()
    assert all(line == printable(line) for line in text.splitlines())


def test_an_update_without_a_change_leaves_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "modelguard.lock"
    update(path, lambda before: before.with_entry(entry()), created_by="modelguard 0.1.0")
    stamp = path.stat()
    update(path, lambda before: before.with_entry(entry()), created_by="modelguard 9.9.9")
    assert path.stat() == stamp


def test_an_update_of_a_damaged_lock_leaves_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "modelguard.lock"
    path.write_text(lock().text()[:-5])
    before = path.read_bytes()
    with pytest.raises(LockError):
        update(path, lambda before: before.without("acme/tiny"), created_by="modelguard 0.1.0")
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["modelguard.lock"]


WRITER = """
import sys
from pathlib import Path
sys.path[:0] = [sys.argv[3]]
from test_lock import entry
from modelguard.lock import update
for number in range(10):
    update(Path(sys.argv[1]), lambda lock: lock.with_entry(entry(f"org{sys.argv[2]}/m{number}")), created_by="t")
"""


def test_writers_at_the_same_time_lose_no_entry(tmp_path: Path) -> None:
    import subprocess
    import sys

    path = tmp_path / "modelguard.lock"
    here = str(Path(__file__).parent)
    running = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(number), here]) for number in range(4)]
    assert [process.wait(timeout=60) for process in running] == [0, 0, 0, 0]
    assert len(Lock.read(path).entries) == 40


def test_no_lock_is_an_error_with_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(LockError, match="modelguard lock"):
        Lock.read(tmp_path / "modelguard.lock")


def test_the_line_of_an_entry_is_where_its_id_stands() -> None:
    both = lock(entry("a/a"), entry("b/b"))
    assert both.text().splitlines()[both.line_of("b/b") - 1] == 'id = "b/b"'


def test_the_purl_follows_the_specification() -> None:
    assert entry().purl == f"pkg:huggingface/acme/tiny@{COMMIT}"
    local = evolve(entry(), id="file:models/my clf.joblib", revision="")
    assert local.purl.startswith("pkg:generic/my%20clf.joblib?checksum=sha256:")
