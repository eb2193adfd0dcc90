"""Fixtures of the signature tests: one private Sigstore for all, and no sockets at all."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from modelguard.testing.sigstore import PrivateSigstore


@pytest.fixture(scope="session")
def sigstore() -> PrivateSigstore:
    return PrivateSigstore.create()


@pytest.fixture(scope="session")
def other_sigstore() -> PrivateSigstore:
    """Another instance, that nobody trusts."""
    return PrivateSigstore.create()


@pytest.fixture
def loopback() -> None:
    """Ask that a test, which runs a server of its own, may connect to 127.0.0.1."""


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every connection and every name lookup fail; loopback is for tests that ask for it."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo
    allowed = "127.0.0.1" if "loopback" in request.fixturenames else None

    def guarded_connect(self: socket.socket, address: Any) -> None:
        assert address[0] == allowed, "a signature test used the network"
        connect(self, address)

    def guarded_look_up(host: Any, *arguments: Any, **options: Any) -> Any:
        assert host == allowed, "a signature test used the network"
        return look_up(host, *arguments, **options)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)
