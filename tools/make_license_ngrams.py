"""Rebuild the hashed n-grams of license texts that modelguard ships, from an installed or downloaded license corpus.

    pip download --no-deps scancode-toolkit-mini==32.5.0
    python tools/make_license_ngrams.py scancode_toolkit_mini-32.5.0-cp311-none-any.whl

The corpus is the directory `licensedcode/data/licenses` of that distribution (its data: https://scancode-licensedb.aboutcode.org).
Only hashes and counts are written, none of the texts. Without an argument the installed package `licensedcode` is read.
"""

from __future__ import annotations

import json
import lzma
import re
import sys
import zipfile
from array import array
from collections import defaultdict
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from modelguard.licenses.expression import symbols_of
from modelguard.licenses.normal import digest_of, ngrams_of, weighty_of, words_of
from modelguard.licenses.table import table

TARGET = Path(__file__).resolve().parent.parent / "src" / "modelguard" / "licenses" / "data" / "ngrams.xz"

# Texts of ids that have no SPDX id: the id in the table, and the keys of the corpus. One id can have several versions.
TEXTS: dict[str, tuple[str, ...]] = {
    "bigscience-openrail-m": ("bigscience-open-rail-m", "bigscience-open-rail-m2"),
    "creativeml-openrail-m": ("stable-diffusion-2022-08-22",),
    "bigscience-bloom-rail-1.0": ("bigscience-rail-1.0",),
    "bigcode-openrail-m": ("bigcode-open-rail-m-v1",),
    "llama2": ("llama-2-license-2023",),
    "llama3.1": ("llama-3.1-license-2024",),
    "llama3.2": ("llama-3.2-license-2024",),
    "llama3.3": ("llama-3.3-license-2024",),
    "llama4": ("llama-4-license-2025", "llama-4-cla-2025"),
    "llama1": ("llama-license-2023",),
    "gemma": ("gemma-tou-2024-04-01", "gemma-tou-2025-03-24"),
    "deepseek": ("deepseek-la-1.0",),
    "qwen": ("qwen-2024",),
    "tongyi-qianwen": ("tongyi-qianwen-2023",),
    "nvidia-open-model-license": ("nvidia-open-model-2025-04-28",),
    "stabilityai-ai-community": ("stability-ai-community-2024",),
    "stabilityai-nc-research-community": ("stability-ai-nc-2023-12-06",),
    "flux-1-dev-non-commercial-license": ("flux-1-nc",),
    "exaone": ("exaone-ai-model-1.1-nc",),
    "openmdw-1.0": ("openmdw-1.0",),
}
# Where people stop copying a text without changing what it says: what follows is advice on how to apply it.
ENDS = ("END OF TERMS AND CONDITIONS",)


def corpus(source: Path | None) -> dict[str, tuple[str, str]]:
    """Return (SPDX id, text) by key of the corpus."""
    if source is None:
        spec = find_spec("licensedcode")
        if spec is None or not spec.origin:
            raise SystemExit("name the wheel of the corpus, or install scancode-toolkit-mini")
        source = Path(spec.origin).parent / "data" / "licenses"
    found = {}
    for name, raw in _files(source):
        parts = re.split(r"^---[ \t]*$", raw, maxsplit=2, flags=re.MULTILINE)
        front, text = (parts[1], parts[2]) if len(parts) == 3 else ("", raw)
        spdx = re.search(r"^spdx_license_key: (\S+)", front, re.MULTILINE)
        found[name] = (spdx[1] if spdx else "", text)
    return found


def _files(source: Path) -> Iterator[tuple[str, str]]:
    if source.is_dir():
        for path in sorted(source.glob("*.LICENSE")):
            yield path.stem, path.read_text("utf-8")
        return
    with zipfile.ZipFile(source) as wheel:
        for name in sorted(wheel.namelist()):
            if name.startswith("licensedcode/data/licenses/") and name.endswith(".LICENSE"):
                yield Path(name).stem, wheel.read(name).decode("utf-8")


def references(texts: dict[str, tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    """Yield (id of the table, key of the corpus, text), with one more for each text that is often cut at its end."""
    by_spdx = {spdx: key for key, (spdx, _) in reversed(texts.items()) if spdx}
    for row in table().rows:
        keys = [key for one in row.ids for key in TEXTS.get(one, ())]
        if not keys and "LicenseRef" not in row.expression and row.expression != "NOASSERTION":
            keys = [by_spdx[one] for one in sorted(symbols_of(row.expression))[:1] if one in by_spdx]
        for key in keys:
            text = texts[key][1]
            yield row.id, key, text
            for end in ENDS:
                at = text.upper().find(end)
                if at > 0:
                    yield row.id, key, text[: at + len(end)]


def build(source: Path | None) -> bytes:
    """Return the compressed data: a line of JSON about the references, then the n-grams of all of them."""
    rows, holders = [], defaultdict(list)
    for number, (id_, key, text) in enumerate(references(corpus(source))):
        words = words_of(text)
        grams = set(ngrams_of(words))
        rows.append([id_, key, digest_of(words), len(words), len(grams), list(weighty_of(words))])
        for gram in grams:
            holders[gram].append(number)
    grams_sorted = sorted(holders)
    groups: dict[tuple[int, ...], int] = {}
    chosen = array("H", (groups.setdefault(tuple(holders[gram]), len(groups)) for gram in grams_sorted))
    gaps = array("H", (b - a for a, b in zip([0, *grams_sorted], grams_sorted, strict=False)))
    if sys.byteorder == "big":
        chosen.byteswap()
        gaps.byteswap()
    head = json.dumps({"references": rows, "groups": [list(group) for group in groups], "ngrams": len(gaps)})
    body = head.encode() + b"\n" + _split(gaps) + _split(chosen)
    return lzma.compress(body, preset=9 | lzma.PRESET_EXTREME)


def _split(numbers: array[int]) -> bytes:
    """Put the low bytes before the high ones, which compress well on their own."""
    raw = numbers.tobytes()
    return raw[::2] + raw[1::2]


if __name__ == "__main__":
    data = build(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    TARGET.write_bytes(data)
    print(f"{TARGET.name}: {len(data)} bytes")
