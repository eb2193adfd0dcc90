"""Fixtures of the signature tests: one private Sigstore for all, and no sockets at all."""

from __future__ import annotations

import socket

import pytest

from modelguard.testing.sigstore import PrivateSigstore


@pytest.fixture(scope="session")
def sigstore() -> PrivateSigstore:
    return PrivateSigstore.create()


@pytest.fixture(scope="session")
def other_sigstore() -> PrivateSigstore:
    """Another instance, that nobody trusts."""
    return PrivateSigstore.create()


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every connection and every name lookup fail, except in tests that run their own loopback server."""
    if "loopback" not in request.keywords:

        def refuse(*_arguments: object, **_options: object) -> None:
            raise AssertionError("a signature test used the network")

        monkeypatch.setattr(socket.socket, "connect", refuse)
        monkeypatch.setattr(socket, "getaddrinfo", refuse)
