"""The report for comments on pull requests: GitHub's Markdown, short above and with the details folded.

Names and messages come from strangers: every character that Markdown or HTML would read is written as a character
reference, in `<code>` where GitHub looks for no mention, link or issue number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelguard.reports._telling import Told, bytes_text, counted, extent, license_of, named, summary, told, totals
from modelguard.reports.report import Report, Setting
from modelguard.terms.artifact import printable
from modelguard.terms.facts import Import
from modelguard.terms.verdict import Examination

_MARKS = {"refused": "❌", "noted": "⚠️", "excused": "☑️"}
_SHOWN = 50
# GitHub takes comments of up to 65,536 characters: https://github.com/orgs/community/discussions/41331
_MOST = 60_000


def write(examinations: Sequence[Examination], setting: Setting) -> str:
    """Return the document, shortened at the end where a comment could not hold it."""
    refused = any(not one.allowed for one in examinations)
    lines = [
        f"### {'❌' if refused else '✅'} modelguard: {totals(examinations)}",
        "",
        "| model | verdict | size | license | areas |",
        "| --- | --- | ---: | --- | --- |",
    ]
    background = {one.key: one for one in setting.background}
    for one in examinations:
        verdict = "✅ allowed" if one.allowed else "❌ **refused**"
        license_ = license_of(one, background)
        size = bytes_text(extent(one)[1])
        cells = (_code(named(one.snapshot)), verdict, size, _code(license_) if license_ else "", summary(one))
        lines.append(f"| {' | '.join(cells)} |")
    for one in examinations:
        lines += _details(one, setting)
    return _shortened("\n".join(lines) + "\n")


def _details(examination: Examination, setting: Setting) -> Iterator[str]:
    found = told(examination, excused=setting.show_excused, info=False)
    globals_ = sorted({fact.qualified for fact in examination.dossier.all(Import)})
    if not found and not globals_:
        return
    opened = "" if examination.allowed else " open"
    yield from (
        "",
        f"<details{opened}><summary>{_code(named(examination.snapshot))}: {summary(examination)}</summary>",
        "",
    )
    for one in found[:_SHOWN]:
        yield from _told(one)
    if len(found) > _SHOWN:
        yield f"- {counted(len(found) - _SHOWN, 'finding')} more, listed by `--format json`"
    if globals_:
        shown = ", ".join(map(_code, globals_[:_SHOWN]))
        more = f" and {len(globals_) - _SHOWN} more" if len(globals_) > _SHOWN else ""
        yield from ("", f"Permissions (imports): {shown}{more}")
    yield from ("", "</details>")


def _told(one: Told) -> Iterator[str]:
    finding = one.finding
    yield f"- {_MARKS[one.sort]} **{finding.severity}** `{finding.check}` at {_code(str(finding.location))}<br>"
    yield f"  {_prose(finding.message)}<br>"
    if finding.remedy:
        yield f"  → {_prose(finding.remedy)}<br>"
    yield f"  <sub>{one.sort} by {_code(one.line)}</sub>"


def _shortened(text: str) -> str:
    if len(text) <= _MOST:
        return text
    head = text[:_MOST].rsplit("\n", 1)[0]
    closing = "\n\n</details>" if head.count("<details") > head.count("</details>") else ""
    return f"{head}{closing}\n\n…shortened: `modelguard check` shows all of it.\n"


def _code(text: str) -> str:
    return f"<code>{_referenced(printable(text))}</code>"


def _prose(text: str) -> str:
    """Escape a sentence. A word joiner after `@` and `#` keeps GitHub from making mentions and issue links of it."""
    joined = printable(text).replace("@", "@\u2060").replace("#", "#\u2060").replace("GH-", "GH\u2060-")
    return _referenced(joined).replace("www&#46;", "www\u2060&#46;").replace("&#58;//", "&#58;\u2060//")


def _referenced(text: str) -> str:
    """Write each ASCII character that is no letter, digit or blank as a character reference, but for harmless ones."""
    return "".join(one if one.isalnum() or not one.isascii() or one in " ,;/-" else f"&#{ord(one)};" for one in text)


REPORT = Report(name="markdown", title="Markdown, for comments on pull requests", write=write)
