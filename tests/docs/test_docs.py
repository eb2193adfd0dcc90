"""The documentation: the tutorial is run, the reference is complete, what a page tells to write works."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from page_runner import Home, blocks, matches, run_page

from modelguard._registry import parts
from modelguard.checks.check import Check
from modelguard.cli.command import Subcommand
from modelguard.formats.format import Format
from modelguard.loaders.loader import Loader
from modelguard.terms.artifact import Artifact, Digest, LocalRef, Location, Snapshot
from modelguard.terms.facts import Digested, Dossier
from modelguard.testing import LocalHub, tiny_model
from modelguard.testing.models import calling_pickle

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
_LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)(?:#[^)]*)?\)")


def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    home = Home.make(tmp_path)
    (home.directory / "download.pkl").write_bytes(calling_pickle("os", "system", "echo pwned"))
    with LocalHub() as hub:
        hub.repository("acme/tiny").commit(tiny_model())
        home.environment["HF_ENDPOINT"] = hub.url
        assert run_page((DOCS / "tutorial.md").read_text("utf-8"), home) >= 9


def test_a_page_that_shows_something_else_is_noticed() -> None:
    assert matches("a…c\n", "a b\nc\n")
    assert not matches("1 allowed", "1 refused")


def test_the_reference_names_every_part(tmp_path: Path) -> None:
    runpy.run_path(str(ROOT / "tools" / "make_reference.py"))["main"](tmp_path)
    pages = {page.stem: page.read_text("utf-8") for page in tmp_path.glob("*.md")}
    for command in parts("modelguard.cli", Subcommand):
        assert f"## modelguard {command.command.name}\n" in pages["cli"]
    for check in parts("modelguard.checks", Check):
        assert f"## {check.name}\n" in pages["checks"]
    for format_ in parts("modelguard.formats", Format):
        assert f"| `{format_.name}` |" in pages["formats"]
    for loader in parts("modelguard.loaders", Loader):
        assert f"| `{loader.name}` |" in pages["loaders"]
    assert "collections.OrderedDict" in pages["grants"]


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: str(page.relative_to(DOCS)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(page.read_text("utf-8")):
        target = (page.parent / link).resolve()
        made = "generated" in target.parts and (ROOT / "tools" / "make_reference.py").read_text().count(
            f'"{target.stem}"'
        )
        assert target.exists() or made, link


def test_the_check_of_the_how_to_works(tmp_path: Path) -> None:
    text = (DOCS / "how-to" / "write-a-check.md").read_text("utf-8")
    block = next(one for one in blocks(text) if one["title"])
    (tmp_path / "large_file.py").write_text(block["body"])
    ask = runpy.run_path(str(tmp_path / "large_file.py"))["ask"]
    snapshot = Snapshot(ref=LocalRef("m"), artifacts=(Artifact(path="m", size=1, digest=Digest.sha256("0" * 64)),))
    for size, count in ((20_000_000_000, 0), (20_000_000_001, 1)):
        fact = Digested(location=Location("m"), size=size, digest=Digest.sha256("0" * 64))
        assert len(list(ask(Dossier(snapshot=snapshot, facts=(fact,))))) == count


def test_every_command_that_the_pages_show_exists() -> None:
    known = {part.command.name for part in parts("modelguard.cli", Subcommand)}
    for page in DOCS.rglob("*.md"):
        for block in blocks(page.read_text("utf-8")):
            for name in re.findall(r"(?:\$ |\()modelguard ([a-z]+)", block["body"]):
                assert name in known, f"{page}: modelguard {name}"


def test_the_page_of_environment_variables_names_all_that_the_code_reads() -> None:
    name = re.compile(r"\bMODELGUARD_[A-Z_]+\b")
    read = {
        word
        for file in (ROOT / "src" / "modelguard").rglob("*.py")
        for word in name.findall(file.read_text("utf-8"))
    }  # fmt: skip
    assert set(name.findall((DOCS / "reference" / "environment.md").read_text("utf-8"))) == read


def test_every_page_stands_in_the_navigation() -> None:
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md") if "decisions" not in page.parts}
    text = (ROOT / "mkdocs.yml").read_text("utf-8")
    assert {page for page in pages if page not in text} == set()
