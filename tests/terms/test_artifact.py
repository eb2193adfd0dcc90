"""References, digests and places: what can be written, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelguard.terms.artifact import Digest, HubRef, LocalRef, Location, UrlRef, parse_key, parse_ref, printable
from modelguard.terms.errors import RefError


@given(st.sampled_from(["sha256", "blake2b", "blake3"]), st.data())
def test_a_digest_reads_back_as_it_was_written(algorithm: str, data: st.DataObject) -> None:
    length = 128 if algorithm == "blake2b" else 64
    digest = Digest(algorithm, data.draw(st.text("0123456789abcdef", min_size=length, max_size=length)))
    assert Digest.parse(str(digest)) == digest


@pytest.mark.parametrize(
    "text", ["", "sha256", "sha256:", "md5:" + "a" * 32, "sha256:" + "A" * 64, "sha256:" + "a" * 63]
)
def test_what_is_not_a_digest_is_refused(text: str) -> None:
    with pytest.raises(RefError):
        Digest.parse(text)


names = st.from_regex(r"\A[A-Za-z0-9]([A-Za-z0-9_]{0,20}[A-Za-z0-9])?\Z")
revisions = st.one_of(st.none(), st.from_regex(r"\A[0-9a-f]{40}\Z"), st.just("main"), st.just("refs/pr/3"))


@given(names, names, revisions)
def test_a_hub_reference_reads_back_as_it_was_written(org: str, name: str, revision: str | None) -> None:
    ref = HubRef(org, name, revision)
    assert parse_ref(f"hf://{ref}") == ref
    assert parse_key(ref.key) == HubRef(org, name)


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("org/name", HubRef("org", "name")),
        ("gpt2", HubRef("", "gpt2")),
        ("hf://org/name@main", HubRef("org", "name", "main")),
        ("missing.pkl", LocalRef("missing.pkl")),
        ("hf://word2vec.c", HubRef("", "word2vec.c")),
        ("org/name-v1.5", HubRef("org", "name-v1.5")),
        ("./models/x.pt", LocalRef("./models/x.pt")),
        ("file:models/x.pt", LocalRef("models/x.pt")),
        ("/srv/models/", LocalRef("/srv/models")),
        ("https://example.org/a/m.gguf", UrlRef("https://example.org/a/m.gguf")),
        ("http://127.0.0.1:8000/m.gguf", UrlRef("http://127.0.0.1:8000/m.gguf")),
    ],
)
def test_each_kind_of_reference_is_told_apart(text: str, ref: object) -> None:
    assert parse_ref(text) == ref


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "a b", "../x/y@z\n", "org/name@a\nb", "org/name@", "org/name@../x", "org//name", "org/na\u202eme",
        "org/name@v1..v2", "a/b/c", "org/-name", "org/na--me", "org/name.git", "http://example.org/x",
        "http://127.0.0.1.evil.org/x", "http://localhost.evil.org/x", "https://x",
        "https://example.org/", "https://example.org/../x", "https://example.org/a#b", "file:", "org/\x1b[31mname",
        "hf://../../x", "org/name@" + "a" * 300,
    ],
)  # fmt: skip
def test_what_is_not_a_reference_is_refused_and_printed_escaped(text: str) -> None:
    with pytest.raises(RefError) as caught:
        parse_ref(text)
    assert caught.value.message == printable(caught.value.message)


@given(st.text(max_size=40))
def test_no_text_makes_the_reader_fall_over(text: str) -> None:
    try:
        parse_ref(text)
    except RefError:
        pass


@given(st.text())
def test_printable_text_has_no_control_or_direction_characters(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable() or shown == ""
    assert "\u202e" not in shown
    assert "\u200b" not in shown


def test_a_key_is_read_without_asking_the_file_system(tmp_path, monkeypatch) -> None:
    (tmp_path / "org").mkdir()
    (tmp_path / "org" / "name").mkdir()
    monkeypatch.chdir(tmp_path)
    assert parse_ref("org/name") == LocalRef("org/name")
    assert parse_key("org/name") == HubRef("org", "name")


def test_a_place_shows_the_way_down() -> None:
    assert str(Location("m.pt").inside("archive/data.pkl").at(17)) == "m.pt » archive/data.pkl @17"
