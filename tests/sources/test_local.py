"""Files and directories of this machine become snapshots as they are, and nothing below is followed."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from sources_builders import Remembered, contents, digests, options, tree

from modelguard.sources.local import DEEPEST, SOURCE, in_place
from modelguard.sources.store import Store
from modelguard.terms.artifact import Digest, LocalRef, Snapshot
from modelguard.terms.errors import NotFound, SourceError, Tampered

FILES = {"config.json": b"{}", "sub/model.bin": b"weights", "empty": b""}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    root = tmp_path / "model"
    for path, data in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture(params=["fetched", "in place"])
def snapshot_of(request: pytest.FixtureRequest, tmp_path: Path, store: Store) -> Iterator[object]:
    """Both ways of making a snapshot see the same things."""

    def snapshot_of(path: str = "model") -> Snapshot:
        ref = LocalRef(path)
        if request.param == "in place":
            return in_place(ref, options(tmp_path))
        return SOURCE.fetch(SOURCE.resolve(ref, options(tmp_path)), store, options(tmp_path), {})

    return snapshot_of


def test_a_directory_is_a_snapshot_of_all_its_files(snapshot_of, model: Path) -> None:  # type: ignore[no-untyped-def]
    snapshot = snapshot_of()
    assert contents(snapshot) == FILES
    assert digests(snapshot) == {path: Digest.sha256(sha256(data).hexdigest()) for path, data in FILES.items()}
    assert [artifact.path for artifact in snapshot.artifacts] == sorted(FILES)
    assert (snapshot.trouble, snapshot.left_out, snapshot.revision) == ((), (), "")


def test_a_file_is_a_snapshot_of_one(snapshot_of, model: Path) -> None:  # type: ignore[no-untyped-def]
    assert contents(snapshot_of("model/sub/model.bin")) == {"model.bin": b"weights"}


def test_an_absolute_path_and_the_home_directory_are_understood(  # type: ignore[no-untyped-def]
    snapshot_of, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert contents(snapshot_of(str(model))) == contents(snapshot_of("~/model")) == FILES


def test_looking_in_place_writes_nothing(model: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    snapshot = in_place(LocalRef("model"), options(tmp_path))
    assert {artifact.file for artifact in snapshot.artifacts} == {model / path for path in FILES}
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_what_was_fetched_no_longer_depends_on_the_file(model: Path, tmp_path: Path, store: Store) -> None:
    resolved = SOURCE.resolve(LocalRef("model"), options(tmp_path))
    snapshot = SOURCE.fetch(resolved, store, options(tmp_path), {})
    (model / "config.json").write_bytes(b"changed")
    assert contents(snapshot) == FILES


def test_a_path_that_is_not_there_is_not_found(snapshot_of) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(NotFound, match="nothing") as caught:
        snapshot_of("nothing")
    assert "org/name" in caught.value.remedy


@pytest.mark.parametrize("kind", ["fifo", "device", "socket"])
def test_a_path_that_is_neither_file_nor_directory_is_refused(  # type: ignore[no-untyped-def]
    snapshot_of, tmp_path: Path, kind: str
) -> None:
    place = Path("/dev/zero") if kind == "device" else tmp_path / "x"
    if kind == "fifo":
        os.mkfifo(place)
    if kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(place))
    with pytest.raises(SourceError, match=kind if kind != "fifo" else "FIFO"):
        snapshot_of(str(place))


def test_the_path_named_may_be_a_link(snapshot_of, model: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "link").symlink_to("model")
    (tmp_path / "file-link").symlink_to("model/config.json")
    assert contents(snapshot_of("link")) == FILES
    assert contents(snapshot_of("file-link")) == {"config.json": b"{}"}


def test_a_loop_of_links_is_an_error(snapshot_of, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(SourceError):
        snapshot_of("a")


@pytest.mark.parametrize(
    "target",
    ["config.json", "sub", "../elsewhere", "/etc/hostname", "nowhere"],
    ids=["within", "directory", "out", "absolute", "dangling"],
)
def test_a_link_below_is_trouble_and_not_followed(  # type: ignore[no-untyped-def]
    snapshot_of, model: Path, tmp_path: Path, target: str
) -> None:
    (tmp_path / "elsewhere").write_text("secret")
    (model / "link").symlink_to(target)
    snapshot = snapshot_of()
    assert contents(snapshot) == FILES
    assert snapshot.trouble == (("link", f"a symbolic link to {target}"),)


def test_a_snapshot_of_the_hub_clients_cache_says_what_to_name_instead(  # type: ignore[no-untyped-def]
    snapshot_of, model: Path
) -> None:
    (model / "model.safetensors").symlink_to("../../blobs/" + "0" * 64)
    (_, reason), *_ = snapshot_of().trouble
    assert "org/name@commit" in reason


@pytest.mark.parametrize("kind", ["fifo", "device", "socket"])
def test_what_is_no_file_is_trouble_and_never_waited_for(  # type: ignore[no-untyped-def]
    snapshot_of, model: Path, kind: str
) -> None:
    place = model / "odd"
    if kind == "fifo":
        os.mkfifo(place)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(place))
    else:
        try:
            os.mknod(place, 0o600 | 0o020000, os.makedev(1, 5))
        except PermissionError:
            pytest.skip("only root may make a device")
    snapshot = snapshot_of()
    assert contents(snapshot) == FILES
    ((path, reason),) = snapshot.trouble
    assert path == "odd"
    assert {"fifo": "FIFO", "device": "character device", "socket": "socket"}[kind] in reason


def test_names_that_are_not_safe_are_trouble(snapshot_of, model: Path) -> None:  # type: ignore[no-untyped-def]
    names = [b"back\\slash", b"bidi\xe2\x80\xae.txt", b"new\nline", b"undecodable\xff"]
    for name in names:
        Path(os.fsdecode(os.fsencode(model) + b"/" + name)).write_bytes(b"x")
    snapshot = snapshot_of()
    assert contents(snapshot) == FILES
    assert {path for path, _ in snapshot.trouble} == {os.fsdecode(name) for name in names}


def test_twins_are_trouble_and_neither_is_taken(snapshot_of, model: Path) -> None:  # type: ignore[no-untyped-def]
    (model / "CONFIG.json").write_bytes(b"other")
    (model / "caf\u00e9").write_bytes(b"one")
    (model / "cafe\u0301").write_bytes(b"two")
    if len(list(model.iterdir())) < 6:
        pytest.skip("this file system folds names by itself: no twins can be made on it")
    snapshot = snapshot_of()
    assert set(contents(snapshot)) == set(FILES) - {"config.json"}
    assert {path for path, _ in snapshot.trouble} == {"CONFIG.json", "config.json", "caf\u00e9", "cafe\u0301"}


def test_a_git_clone_is_taken_without_its_history(snapshot_of, model: Path) -> None:  # type: ignore[no-untyped-def]
    (model / ".git/objects").mkdir(parents=True)
    (model / ".git/objects/pack").write_bytes(b"x")
    (model / "sub/.git").write_text("gitdir: ../.git/modules/sub")
    (model / ".gitattributes").write_text("*.bin filter=lfs")
    (model / ".cache/huggingface/download").mkdir(parents=True)
    (model / ".cache/huggingface/download/x.metadata").write_text("x")
    (model / ".cache/other").write_text("counts")
    snapshot = snapshot_of()
    assert set(contents(snapshot)) == {*FILES, ".gitattributes", ".cache/other"}
    assert [path for path, _ in snapshot.left_out] == [".cache/huggingface", ".git", "sub/.git"]
    assert snapshot.trouble == ()


def test_very_deep_directories_are_trouble(snapshot_of, model: Path) -> None:  # type: ignore[no-untyped-def]
    deep = model
    for _ in range(DEEPEST + 2):
        deep = deep / "d"
        deep.mkdir()
    (deep / "bottom").write_bytes(b"x")
    snapshot = snapshot_of()
    assert contents(snapshot) == FILES
    ((_, reason),) = snapshot.trouble
    assert str(DEEPEST) in reason


def test_an_expected_digest_that_differs_is_tampering(model: Path, tmp_path: Path, store: Store) -> None:
    resolved = SOURCE.resolve(LocalRef("model"), options(tmp_path))
    with pytest.raises(Tampered, match=r"model\.bin"):
        SOURCE.fetch(resolved, store, options(tmp_path), {"sub/model.bin": Digest.sha256("0" * 64)})
    assert Digest.sha256(sha256(b"weights").hexdigest()) not in set(store.objects())


def test_a_directory_exchanged_for_a_link_meanwhile_is_not_followed(model: Path, tmp_path: Path, store: Store) -> None:
    resolved = SOURCE.resolve(LocalRef("model"), options(tmp_path))
    elsewhere = tmp_path / "elsewhere"
    (model / "sub").rename(elsewhere)
    (model / "sub").symlink_to(elsewhere)
    with pytest.raises(SourceError, match="sub"):
        SOURCE.fetch(resolved, store, options(tmp_path), {})


def test_a_file_exchanged_for_a_fifo_meanwhile_is_not_waited_for(model: Path, tmp_path: Path, store: Store) -> None:
    resolved = SOURCE.resolve(LocalRef("model"), options(tmp_path))
    (model / "config.json").unlink()
    os.mkfifo(model / "config.json")
    with pytest.raises(SourceError, match="FIFO"):
        SOURCE.fetch(resolved, store, options(tmp_path), {})


def test_a_file_that_is_written_to_meanwhile_is_an_error(model: Path, tmp_path: Path) -> None:
    with (model / "sub/model.bin").open("ab", buffering=0) as stream:

        class Writer(Remembered):
            def advance(self, name: str, count: int) -> None:
                stream.write(b"more")

        with pytest.raises(SourceError, match="changed while"):
            in_place(LocalRef("model/sub/model.bin"), options(tmp_path, progress=Writer()))


def test_a_file_that_grows_all_the_time_comes_to_an_end(model: Path, tmp_path: Path) -> None:
    over = threading.Event()

    def grow() -> None:
        with (model / "empty").open("ab") as stream:
            while not over.is_set():
                stream.write(b"x" * 65536)
                stream.flush()
                over.wait(0.001)

    def look_often() -> None:
        for _ in range(200):  # one look may fall between two writes
            in_place(LocalRef("model"), options(tmp_path))

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        with pytest.raises(SourceError, match="changed while"):
            look_often()
    finally:
        over.set()
        writer.join()


def test_the_order_of_the_file_system_does_not_matter(snapshot_of, model: Path) -> None:  # type: ignore[no-untyped-def]
    for number in (5, 3, 9, 1):
        (model / f"{number}.bin").write_bytes(b"x")
    paths = [artifact.path for artifact in snapshot_of().artifacts]
    assert paths == sorted(paths)


def test_progress_names_each_file(model: Path, tmp_path: Path) -> None:
    progress = Remembered()
    in_place(LocalRef("model"), options(tmp_path, progress=progress))
    assert progress.totals == {path: len(data) for path, data in FILES.items()}
    assert {path: count for path, count in progress.counts.items() if count} == {"config.json": 2, "sub/model.bin": 7}
    assert sorted(progress.finished) == sorted(FILES)


def test_a_snapshot_can_be_shown_as_a_view(model: Path, tmp_path: Path, store: Store) -> None:
    snapshot = SOURCE.fetch(SOURCE.resolve(LocalRef("model"), options(tmp_path)), store, options(tmp_path), {})
    with store.view(digests(snapshot)) as view:
        assert tree(view) == set(FILES)
