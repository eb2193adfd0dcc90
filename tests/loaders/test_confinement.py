"""No network while a model is loaded: for the thread that loads and those it starts, and for nobody else."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from loaders_builders import handover

from modelguard.loaders import _confinement
from modelguard.loaders.callable import LOADER
from modelguard.terms.errors import LoaderError, ModelRefused


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    """A server on loopback that would answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()


def load(function: Callable[..., Any], tmp_path: Path) -> Any:
    file = tmp_path / "model.bin"
    file.write_bytes(b"data")
    return LOADER.load(handover(file, args=(function,)))


def test_a_connection_is_refused_during_a_load_and_possible_after(address: tuple[str, int], tmp_path: Path) -> None:
    def dial(_path: Path) -> None:
        socket.create_connection(address, timeout=5)

    with pytest.raises(ModelRefused, match=r"asked for .*socket\."):
        load(dial, tmp_path)
    socket.create_connection(address, timeout=5).close()


@pytest.mark.parametrize(
    "act",
    [
        lambda: socket.getaddrinfo("localhost", 80),
        lambda: socket.gethostbyname("localhost"),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)),
        lambda: socket.create_server(("127.0.0.1", 0)),
        lambda: os.system("true"),
    ],
    ids=["getaddrinfo", "gethostbyname", "sendto", "bind", "system"],
)
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_each_way_out_is_refused(act: Callable[[], object], tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match="asked for"):
        load(lambda _path: act(), tmp_path)


def test_a_thread_started_by_the_load_is_confined_until_the_load_ends(address: tuple[str, int], tmp_path: Path) -> None:
    outcomes: list[str] = []
    ended = threading.Event()

    def dial() -> None:
        try:
            socket.create_connection(address, timeout=5).close()
            outcomes.append("connected")
        except ModelRefused:
            outcomes.append("refused")

    def twice() -> None:
        dial()
        outcomes.append("waiting")
        ended.wait(30)
        dial()

    started: list[threading.Thread] = []

    def start(_path: Path) -> None:
        inner = threading.Thread(target=dial)
        inner.start()
        inner.join()
        started.append(threading.Thread(target=twice))
        started[0].start()
        while "waiting" not in outcomes:
            pass

    def end(_path: str) -> None:
        ended.set()
        started[0].join()

    load(start, tmp_path)
    load(end, tmp_path)  # another load runs, of which that thread is no part
    assert outcomes == ["refused", "refused", "waiting", "connected"]


def test_other_threads_keep_their_network(address: tuple[str, int], tmp_path: Path) -> None:
    loading, done = threading.Event(), threading.Event()
    outcomes: list[str] = []

    def elsewhere() -> None:
        loading.wait(30)
        socket.create_connection(address, timeout=5).close()
        outcomes.append("connected")
        done.set()

    thread = threading.Thread(target=elsewhere)
    thread.start()

    def wait(_path: Path) -> bool:
        loading.set()
        return done.wait(30)

    assert load(wait, tmp_path) is True
    thread.join()
    assert outcomes == ["connected"]


def test_a_swallowed_refusal_is_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def swallow(_path: Path) -> str:
        try:
            socket.getaddrinfo("telemetry.invalid", 443)
        except Exception:
            return "went on"
        return "got through"

    with caplog.at_level(logging.WARNING):
        assert load(swallow, tmp_path) == "went on"
    assert "telemetry.invalid" in caplog.text


def test_the_environment_is_set_during_a_load_and_restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for before in ("0", None):
        monkeypatch.delenv("DISABLE_SAFETENSORS_CONVERSION", raising=False)
        if before is not None:
            monkeypatch.setenv("DISABLE_SAFETENSORS_CONVERSION", before)
        inside = load(lambda _path: {name: os.environ[name] for name in _confinement.ENVIRONMENT}, tmp_path)
        assert inside == _confinement.ENVIRONMENT
        assert os.environ.get("DISABLE_SAFETENSORS_CONVERSION") == before


def test_a_load_within_a_load_leaves_the_outer_one_confined(address: tuple[str, int], tmp_path: Path) -> None:
    def outer(_path: Path) -> None:
        load(lambda _inner: None, tmp_path)
        assert os.environ["DISABLE_SAFETENSORS_CONVERSION"] == "1"
        socket.create_connection(address, timeout=5)

    with pytest.raises(ModelRefused):
        load(outer, tmp_path)


def test_the_confinement_ends_when_the_load_fails(address: tuple[str, int], tmp_path: Path) -> None:
    def fail(_path: Path) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        load(fail, tmp_path)
    socket.create_connection(address, timeout=5).close()


def test_the_function_gets_the_path_and_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(b"data")
    given = handover(file, args=(lambda path, word, *, sep: Path(path).read_text() + sep + word, "more"), sep="-")
    assert LOADER.load(given) == "data-more"


def test_a_callable_loader_without_a_function_says_so(tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    file.touch()
    with pytest.raises(LoaderError, match="first argument"):
        LOADER.load(handover(file))
