"""The report for test dashboards: JUnit XML, one suite a model and one case for each area that was looked at.

The dialect is the one of Jenkins and of pytest: suites in one `testsuites`, at most one `failure` a case.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as Tree

from modelguard.reports._telling import Standing, Told, named, standings, told
from modelguard.reports.report import Report, Setting
from modelguard.terms.artifact import printable
from modelguard.terms.verdict import Examination


def write(examinations: Sequence[Examination], _: Setting) -> str:
    """Return the document; every text is printable, so that no control character breaks the XML."""
    top = Tree.Element("testsuites", name="modelguard")
    for examination in examinations:
        _suite(top, examination)
    Tree.indent(top)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + Tree.tostring(top, encoding="unicode") + "\n"


def _suite(top: Tree.Element, examination: Examination) -> None:
    areas = standings(examination)
    model = named(examination.snapshot)
    failures = sum(one.refused > 0 for one in areas)
    # A model of which nothing was looked at must not appear as a suite without failures.
    empty = not areas
    suite = Tree.SubElement(
        top,
        "testsuite",
        name=model,
        tests=str(len(areas) or 1),
        failures=str(failures),
        errors=str(int(empty)),
        skipped="0",
        time="0",
    )
    for area in areas:
        _case(suite, model, area, [one for one in told(examination) if one.finding.area == area.area])
    if empty:
        case = Tree.SubElement(suite, "testcase", classname=model, name="examination", time="0")
        Tree.SubElement(case, "error", message="nothing was looked at")


def _case(suite: Tree.Element, model: str, area: Standing, found: list[Told]) -> None:
    case = Tree.SubElement(suite, "testcase", classname=model, name=area.area, time="0")
    refused = [one for one in found if one.sort == "refused"]
    others = [one for one in found if one.sort != "refused"]
    if refused:
        worst = refused[0].finding
        failure = Tree.SubElement(
            case, "failure", type=worst.check, message=printable(f"{worst.location}: {worst.message}")
        )
        failure.text = "\n".join(map(_text, refused))
    if others:
        Tree.SubElement(case, "system-out").text = "\n".join(map(_text, others))


def _text(one: Told) -> str:
    finding = one.finding
    lines = [f"{finding.severity}[{finding.check}] {finding.location}: {finding.message}"]
    if finding.remedy:
        lines.append(f"  → {finding.remedy}")
    lines.append(f"  {one.sort} by {one.line}")
    return "\n".join(map(printable, lines))


REPORT = Report(name="junit", title="JUnit XML, for test dashboards", write=write)
