"""An archive inside a constant of a pickle is opened, and what lies in it is told like any other member."""

from __future__ import annotations

import base64
import io
import lzma
import pickle
import zipfile
from collections.abc import Callable

import pytest
from container_builders import imports, troubles, walk_all
from pickle_builders import ECHO, call, named, program

from modelguard.terms.facts import Nested

LONE = program(*call(named("os", "system"), ECHO).parts)


def archive_of(data: bytes, name: str = "data.pkl") -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return stream.getvalue()


def lz4_of(data: bytes) -> bytes:
    import lz4.frame

    return bytes(lz4.frame.compress(data))


DISGUISES: dict[str, Callable[[bytes], object]] = {
    "bytes": archive_of,
    "bytearray": lambda data: bytearray(archive_of(data)),
    "long": lambda data: archive_of(bytes(5_000) + b".") + archive_of(data),
    "base64": lambda data: base64.b64encode(archive_of(data)).decode(),
    "archive in an archive": lambda data: archive_of(archive_of(data), "inner.zip"),
    "lz4": lz4_of,
    "compressed archive": lambda data: lzma.compress(archive_of(data)),
}


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_payload_in_an_archive_in_a_constant_surfaces(disguise: str) -> None:
    facts = walk_all(pickle.dumps({"w": DISGUISES[disguise](LONE)}, 5), "model.pkl")
    assert "os.system" in imports(facts)
    assert any(isinstance(fact, Nested) for fact in facts)


def test_bytes_that_only_begin_like_an_archive_are_told() -> None:
    facts = walk_all(pickle.dumps(b"PK\x03\x04" + bytes(100)), "model.pkl")
    assert troubles(facts)


def test_a_constant_that_mentions_an_archive_is_no_trouble() -> None:
    assert troubles(walk_all(pickle.dumps({"w": b"see PK\x03\x04", "n": "PK"}), "model.pkl")) == []
