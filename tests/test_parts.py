"""Every part of every room keeps its room's contract: one object a file, named, documented."""

from __future__ import annotations

import re

import click
import pytest

from modelguard._registry import parts
from modelguard.checks.check import Check
from modelguard.cli.command import Subcommand
from modelguard.collectors.collector import Collector
from modelguard.formats.format import Format
from modelguard.loaders.loader import Loader
from modelguard.monitor.channels.channel import Channel
from modelguard.reports.report import Report
from modelguard.sources.source import Source

ROOMS = [
    ("checks", Check),
    ("collectors", Collector),
    ("formats", Format),
    ("loaders", Loader),
    ("monitor.channels", Channel),
    ("reports", Report),
    ("sources", Source),
]
CHECKS = parts("modelguard.checks", Check)
FORMATS = parts("modelguard.formats", Format)
COMMANDS = parts("modelguard.cli", Subcommand)


@pytest.mark.parametrize(("room", "contract"), ROOMS)
def test_every_part_of_a_room_has_a_name_of_its_own(room: str, contract: type) -> None:
    names = [part.name for part in parts(f"modelguard.{room}", contract)]
    assert names
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z0-9]+(?:[-_][a-z0-9]+)*", name) for name in names), names


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_every_check_has_a_page_of_four_parts(check: Check) -> None:
    page = check.page
    assert re.match(r"[A-Z].*\.\n", page), "the first line says what it reports"
    positions = [page.find(f"\n{part}\n    ") for part in ("Why it matters", "What to do", "Example")]
    assert all(at > 0 for at in positions), page
    assert positions == sorted(positions)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_every_check_lives_in_a_file_of_its_name(check: Check) -> None:
    assert check.ask.__module__ == f"modelguard.checks.{check.name.replace('-', '_')}"


@pytest.mark.parametrize("format_", FORMATS, ids=lambda format_: format_.name)
def test_every_format_says_what_it_reads_and_looks_for(format_: Format) -> None:
    for cell in (format_.title, format_.reads, format_.looks_for):
        assert cell.strip()
        assert "\n" not in cell
    assert all(ending == ending.lower() and ending.startswith(".") for ending in format_.endings)
    assert all(name == name.lower() for name in format_.whole_names)


def commands() -> list[tuple[str, click.Command]]:
    found = []
    for part in COMMANDS:
        found.append((part.command.name or "", part.command))
        if isinstance(part.command, click.Group):
            found += [(f"{part.command.name} {name}", inner) for name, inner in part.command.commands.items()]
    return found


@pytest.mark.parametrize(("name", "command"), commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_command_says_what_it_does(name: str, command: click.Command) -> None:
    assert command.help is not None
    assert command.help.split("\n")[0].endswith("."), name
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help or parameter.name == "format_", f"{name} --{parameter.name} has no help"


@pytest.mark.parametrize("report", parts("modelguard.reports", Report), ids=lambda report: report.name)
def test_every_report_lives_in_a_file_of_its_name(report: Report) -> None:
    assert report.write.__module__ == f"modelguard.reports.{report.name}"
