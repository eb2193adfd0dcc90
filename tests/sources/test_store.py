"""The store keeps bytes under their digest, whatever happens to the processes that write them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
from sources_builders import Remembered, tree

from modelguard.sources import store as store_module
from modelguard.sources.claims import remove_tree
from modelguard.sources.store import Store, default_root
from modelguard.terms.artifact import Digest
from modelguard.terms.errors import NotFound, SourceError, StoreError, Tampered

NOBODY = 65534
# Python 3.12 warns about forking while other threads run: those of other tests' servers, which the children never use.
FORKING = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")


def digest(data: bytes) -> Digest:
    return Digest.sha256(sha256(data).hexdigest())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_bytes(b"weights")
    return file


def child(program: str, *arguments: object) -> str:
    """Run a program of its own with the same modules; return what it prints."""
    environment = {"PYTHONPATH": ":".join(sys.path), "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# --- objects -----------------------------------------------------------------------------------------------------


def test_a_file_is_kept_under_its_digest(store: Store, file: Path) -> None:
    assert store.keep(file) == (digest(b"weights"), 7)
    place = store.path_of(digest(b"weights"))
    assert place is not None
    assert place.read_bytes() == b"weights"
    assert store.size() == 7
    assert list(store.objects()) == [digest(b"weights")]


def test_an_object_is_read_only_and_its_directories_private(store: Store, file: Path) -> None:
    store.keep(file)
    for path in (store.root, *store.root.rglob("*")):
        if path.is_dir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o700, path
    place = store.path_of(digest(b"weights"))
    assert place is not None
    assert stat.S_IMODE(place.stat().st_mode) == 0o444
    assert place.stat().st_nlink == 1


def test_the_kept_bytes_are_not_the_users_file(store: Store, file: Path) -> None:
    found, _ = store.keep(file)
    file.write_bytes(b"changed")
    assert store.intact(found)


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (16 << 20) + 3])
def test_sizes_around_the_buffers_are_hashed_right(store: Store, tmp_path: Path, size: int) -> None:
    data = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    (tmp_path / "f").write_bytes(data)
    assert store.keep(tmp_path / "f") == (digest(data), size)
    assert store.intact(digest(data))


def test_bytes_that_differ_from_what_was_expected_are_not_kept(store: Store, file: Path) -> None:
    with pytest.raises(Tampered) as caught:
        store.keep(file, expected=digest(b"weightS"))
    message = caught.value.message
    assert str(file) in message
    assert str(digest(b"weightS")) in message
    assert str(digest(b"weights")) in message
    assert not store.root.exists()


def test_a_stream_that_differs_leaves_nothing(store: Store) -> None:
    with pytest.raises(Tampered):
        store.keep_blocks([b"wei", b"ghts"], name="stream", expected=digest(b"other"))
    assert list(store.objects()) == []
    assert list((store.root / "staging").iterdir()) == []


def test_a_stream_that_breaks_leaves_nothing(store: Store) -> None:
    def breaking() -> object:
        yield b"wei"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        store.keep_blocks(breaking(), name="stream")  # type: ignore[arg-type]
    assert list((store.root / "staging").iterdir()) == []


def test_keeping_twice_writes_once(store: Store, file: Path) -> None:
    found, _ = store.keep(file)
    place = store.path_of(found)
    assert place is not None
    before = place.stat().st_ino
    store.keep(file, expected=found)
    assert place.stat().st_ino == before


def test_adopting_moves_a_file_without_copying_it(store: Store) -> None:
    with store.download_directory("x") as directory:
        (directory / "f").write_bytes(b"downloaded")
        inode = (directory / "f").stat().st_ino
        found, size = store.adopt(directory / "f")
    place = store.path_of(found)
    assert place is not None
    assert (place.stat().st_ino, size, place.read_bytes()) == (inode, 10, b"downloaded")
    assert stat.S_IMODE(place.stat().st_mode) == 0o444


def test_a_file_with_another_name_is_copied_instead_of_adopted(store: Store, tmp_path: Path) -> None:
    """The other name would still reach the bytes of the object."""
    with store.download_directory("x") as directory:
        (directory / "f").write_bytes(b"shared")
        os.link(directory / "f", tmp_path / "other")
        found, _ = store.adopt(directory / "f")
    (tmp_path / "other").write_bytes(b"poison")
    assert store.intact(found)


@pytest.mark.parametrize("kind", ["missing", "directory", "link", "fifo"])
def test_what_is_no_file_is_not_kept_and_never_waited_for(store: Store, tmp_path: Path, kind: str) -> None:
    place = tmp_path / "x"
    if kind == "directory":
        place.mkdir()
    elif kind == "link":
        place.symlink_to("/etc/hostname")
    elif kind == "fifo":
        os.mkfifo(place)
    with pytest.raises(NotFound if kind == "missing" else SourceError):
        store.keep(place)


def test_a_file_that_changes_while_it_is_read_is_an_error(store: Store, file: Path) -> None:
    with file.open("ab", buffering=0) as stream:

        class Writer(Remembered):
            def advance(self, name: str, count: int) -> None:
                stream.write(b"more")

        store.progress = Writer()
        with pytest.raises(SourceError, match="changed while"):
            store.keep(file)


def test_progress_is_told_of_every_byte(store: Store, file: Path) -> None:
    store.progress = progress = Remembered()
    store.keep(file)
    assert progress.counts == {str(file): 7}


# --- damage ------------------------------------------------------------------------------------------------------


def damage(store: Store, found: Digest, data: bytes = b"damaged") -> None:
    place = store.path_of(found)
    assert place is not None
    place.chmod(0o644)
    place.write_bytes(data)


def test_verify_finds_and_removes_damaged_objects(store: Store, file: Path) -> None:
    found, _ = store.keep(file)
    sound, _ = store.keep_bytes(b"sound", name="sound")
    damage(store, found)
    report = store.verify()
    assert (report.looked_at, report.damaged) == (2, (found,))
    assert list(store.objects()) == [sound]
    assert store.path_of(found) is None
    assert store.verify().damaged == ()


def test_a_damaged_object_is_replaced_by_keeping_the_file_again(store: Store, file: Path) -> None:
    found, _ = store.keep(file)
    damage(store, found)
    store.keep(file)
    assert store.intact(found)


def test_an_object_that_is_a_link_is_none(store: Store, file: Path) -> None:
    found, _ = store.keep(file)
    place = store.path_of(found)
    assert place is not None
    place.unlink()
    place.symlink_to(file)
    assert store.path_of(found) is None
    assert not store.intact(found)


# --- who may use it ----------------------------------------------------------------------------------------------


def test_the_root_comes_from_the_environment(tmp_path: Path) -> None:
    assert default_root({"MODELGUARD_STORE": "/a/b"}) == Path("/a/b")
    assert default_root({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "modelguard"
    assert default_root({"XDG_CACHE_HOME": "relative"}) == Path.home() / ".cache" / "modelguard"
    assert default_root({}) == Path.home() / ".cache" / "modelguard"


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777])
def test_a_store_that_others_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    root = tmp_path / "store"
    root.mkdir()
    root.chmod(mode)
    with pytest.raises(StoreError, match="other users") as caught:
        Store(root)
    assert "chmod go-w" in caught.value.remedy


def test_a_store_that_others_may_only_read_is_taken(tmp_path: Path) -> None:
    root = tmp_path / "store"
    root.mkdir(mode=0o755)
    Store(root).keep_bytes(b"x", name="x")


def test_a_file_in_place_of_the_store_is_refused(file: Path) -> None:
    with pytest.raises(StoreError, match="not a directory"):
        Store(file)


@as_root
def test_a_store_of_another_user_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "store"
    root.mkdir(mode=0o700)
    os.chown(root, NOBODY, NOBODY)
    with pytest.raises(StoreError, match="belongs to user 65534"):
        Store(root)


def _read_only_store(root: Path, found: Digest) -> str:
    """Use a store that cannot be written; return what is said when it is tried."""
    store = Store(root)
    assert store.intact(found)
    with store.view({"a/f.bin": found}) as view:
        assert (view / "a/f.bin").read_bytes() == b"weights"
        assert tree(view) == {"a/f.bin"}
    assert not view.exists()
    with pytest.raises(StoreError) as caught:
        store.keep_bytes(b"new", name="new")
    return str(caught.value)


def _as_somebody_else(work: Callable[[], str]) -> str:
    """Do something in a child process of an ordinary user: for root, no mode is read-only."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(writing, work().encode())
        except BaseException as error:
            os.write(writing, f"failed: {error!r}".encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        said = stream.read()
    os.waitpid(process, 0)
    return said


@FORKING
def test_a_store_that_cannot_be_written_serves_what_it_has() -> None:
    """A store in a container image: root has filled it, the service runs as somebody else."""
    above = Path(tempfile.mkdtemp(prefix="modelguard-test-"))
    try:
        store = Store(above / "store")
        found, _ = store.keep_bytes(b"weights", name="weights")
        for path in (above, *above.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        use = partial(_read_only_store, store.root, found)
        said = _as_somebody_else(use) if os.geteuid() == 0 else use()
        assert "cannot be written" in said
        assert "MODELGUARD_STORE" in said
    finally:
        remove_tree(above)


# --- no room -----------------------------------------------------------------------------------------------------

FULL = """
    import resource, signal, sys; from pathlib import Path
    from modelguard.sources.store import Store
    from modelguard.terms.errors import StoreError
    store = Store(Path(sys.argv[1]))
    store.keep_bytes(b"small", name="small")
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try:
        store.keep_blocks([b"x" * 60_000] * 3, name="big")
    except StoreError as error:
        print(error)
"""


def test_a_file_that_does_not_fit_is_a_store_error_and_leaves_nothing(tmp_path: Path) -> None:
    said = child(FULL, tmp_path / "store")
    assert "larger than the limit" in said
    store = Store(tmp_path / "store")
    assert list(store.objects()) == [digest(b"small")]
    assert tree(store.root / "staging") == set()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is always full")
def test_a_full_disk_says_what_to_do(store: Store) -> None:
    """The device /dev/full answers every write with ENOSPC: write through the same function as objects are."""
    descriptor = os.open("/dev/full", os.O_WRONLY)
    try:
        with pytest.raises(StoreError, match="the disk is full") as caught:
            store._write(descriptor, [b"x"])
    finally:
        os.close(descriptor)
    assert "gc" in caught.value.remedy


# --- processes that die, processes side by side --------------------------------------------------------------------

KEEPING = """
    import sys; from pathlib import Path
    from modelguard.sources.store import Store
    store = Store(Path(sys.argv[1]))
    number = int(sys.argv[2])
    print("ready", flush=True)
    while True:
        store.keep_blocks((bytes([number % 251]) * 50_000 for _ in range(40)), name="x")
        with store.view({"f": next(store.objects())}):
            number += 1
"""


def test_a_kill_at_any_moment_leaves_no_bad_object_and_the_next_one_sweeps_up(tmp_path: Path) -> None:
    root = tmp_path / "store"
    environment = {"PYTHONPATH": ":".join(sys.path)}
    left_behind = 0
    for attempt in range(12):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(KEEPING), str(root), str(attempt * 20)],
            env=environment,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.02 + 0.011 * attempt)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        left_behind += len(tree(root / "staging")) + len(tree(root / "views"))
        store = Store(root)
        assert store.verify().damaged == ()
        store.keep_bytes(b"recovers", name="recovers")
        assert tree(root / "staging") == set()
        assert tree(root / "views") == set()
    assert left_behind, "no kill hit a write: the test has shown nothing"
    assert store.verify().looked_at > 1


def _keep_many(root: Path, file: Path, barrier: object) -> None:
    store = Store(root)
    barrier.wait()  # type: ignore[attr-defined]
    for _ in range(5):
        found, _ = store.keep(file)
        assert store.intact(found)


@FORKING
def test_eight_processes_may_keep_the_same_bytes_at_once(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(os.urandom(3_000_000))
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    barrier = context.Barrier(8)
    workers = [context.Process(target=_keep_many, args=(tmp_path / "store", file, barrier)) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 8
    store = Store(tmp_path / "store")
    assert store.verify() == store_module.Verified(looked_at=1, damaged=())
    assert tree(store.root / "staging") == set()


def test_the_staging_of_a_living_process_is_left_alone(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")

    def slow() -> object:
        yield b"first"
        Store(store.root).gc(set())  # sweeps while the file is being written
        yield b"second"

    found, _ = store.keep_blocks(slow(), name="slow")  # type: ignore[arg-type]
    assert found == digest(b"firstsecond")
    assert store.intact(found)


def test_a_view_in_use_is_left_alone(store: Store) -> None:
    found, _ = store.keep_bytes(b"x", name="x")
    with store.view({"f": found}) as view:
        Store(store.root).gc({found})
        assert (view / "f").read_bytes() == b"x"
    assert not view.exists()


def test_a_recent_download_outlives_its_process_and_an_old_one_does_not(store: Store) -> None:
    store.prepare()
    for name, age in (("recent", 0), ("old", 30 * 86_400)):
        directory = store.root / "downloads" / name
        directory.mkdir()
        (directory / "part").write_bytes(b"x")
        os.utime(directory, (time.time() - age, time.time() - age))
    Store(store.root).prepare()
    assert tree(store.root / "downloads") == {"recent/part"}


# --- collecting ----------------------------------------------------------------------------------------------------


def test_gc_removes_what_nobody_needs(store: Store) -> None:
    needed, _ = store.keep_bytes(b"needed", name="needed")
    other, _ = store.keep_bytes(b"other", name="other")
    store.lasting_view({"f": needed})
    planned = store.gc({needed}, dry_run=True)
    assert (planned.removed, planned.freed) == ((other,), 5)
    assert list(store.objects()) == sorted([needed, other])
    assert store.gc({needed}) == planned
    assert list(store.objects()) == [needed]
    assert tree(store.root / "trees") == set()


def test_gc_of_a_store_that_is_not_there_does_nothing(store: Store) -> None:
    assert store.gc(set()).removed == ()
    assert not store.root.exists()
