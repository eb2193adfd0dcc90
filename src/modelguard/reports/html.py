"""The report to look at: one HTML page without scripts, fonts or anything else from elsewhere, so it opens from a file.

Everything that comes from a model is escaped; a content policy in the page keeps browsers from loading or running
anything even so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from modelguard import __version__
from modelguard.reports._html_charts import bars, timeline
from modelguard.reports._html_style import STYLE
from modelguard.reports._telling import (
    Told,
    bytes_text,
    counted,
    extent,
    license_of,
    named,
    standings,
    told,
    totals,
)
from modelguard.reports.report import Background, Report, Setting
from modelguard.terms.artifact import Location, printable
from modelguard.terms.facts import Asks, Import, Recognised
from modelguard.terms.finding import Severity
from modelguard.terms.licensing import OBLIGATIONS, Licensed
from modelguard.terms.verdict import Examination

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_WORDS = {"refused": "Refused", "noted": "Noted", "excused": "Excused"}


def write(examinations: Sequence[Examination], setting: Setting) -> str:
    """Return the page."""
    refused = sum(not one.allowed for one in examinations)
    title = f"modelguard: {totals(examinations)}"
    background = {one.key: one for one in setting.background}
    lines = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{_text(title)}</title>",
        f"<style>{STYLE}</style>",
        "</head>",
        "<body>",
        '<a class="skip" href="#models">Skip to the models</a>',
        "<header>",
        "<h1>Model report</h1>",
        f'<p class="lead">{_badge(refused == 0)} {_text(totals(examinations))}</p>',
        "</header>",
        "<main>",
        *_overview(examinations, background),
        *_charts(examinations),
        '<section id="models" aria-labelledby="models-title" tabindex="-1">',
        '<h2 id="models-title">Models</h2>',
    ]
    for number, examination in enumerate(examinations, 1):
        lines += _model(number, examination, background, setting)
    lines += [
        "</section>",
        "</main>",
        f"<footer>Written by modelguard {_text(__version__)}.</footer>",
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def _overview(examinations: Sequence[Examination], background: dict[str, Background]) -> Iterator[str]:
    yield '<section aria-labelledby="overview-title">'
    yield '<h2 id="overview-title">Overview</h2>'
    yield '<div class="wide" role="region" aria-labelledby="overview-title" tabindex="0"><table>'
    yield '<thead><tr><th scope="col">Model</th><th scope="col">Verdict</th><th scope="col">License</th>'
    yield '<th scope="col" class="number">Size</th><th scope="col">Areas</th></tr></thead><tbody>'
    for number, one in enumerate(examinations, 1):
        yield f'<tr><th scope="row"><a href="#model-{number}">{_name(named(one.snapshot))}</a></th>'
        yield f"<td>{_badge(one.allowed)}</td><td>{_text(license_of(one, background)) or '–'}</td>"
        yield f'<td class="number">{bytes_text(extent(one)[1])}</td><td>{_areas(one)}</td></tr>'
    yield "</tbody></table></div></section>"


def _charts(examinations: Sequence[Examination]) -> Iterator[str]:
    counts: dict[Severity, int] = {}
    for examination in examinations:
        for one in told(examination, excused=False):
            counts[one.finding.severity] = counts.get(one.finding.severity, 0) + 1
    rows = [(str(severity), counts.get(severity, 0)) for severity in sorted(Severity, reverse=True)]
    yield '<section aria-labelledby="severity-title"><h2 id="severity-title">Findings by severity</h2>'
    yield bars(rows) if counts else "<p>Nothing was found.</p>"
    yield "</section>"


def _model(
    number: int, examination: Examination, background: Mapping[str, Background], setting: Setting
) -> Iterator[str]:
    snapshot = examination.snapshot
    known = background.get(snapshot.ref.key)
    files, size = extent(examination)
    yield f'<article id="model-{number}" aria-labelledby="model-{number}-title">'
    yield f'<h3 id="model-{number}-title">{_name(named(snapshot))} {_badge(examination.allowed)}</h3>'
    yield f'<p class="areas">{_areas(examination)}</p>'
    yield "<dl>"
    yield from _row("Revision", snapshot.revision)
    yield from _row("Files", f"{counted(files, 'file')}, {bytes_text(size)}")
    yield from _row("License", license_of(examination, background))
    yield from _row("It asks you to", _duties(examination))
    if known is not None:
        yield from _row("Declared license", known.declared)
        yield from _row("Signed by", known.signer)
        yield from _row("Approval", " ".join(filter(None, (known.state, known.by and f"by {known.by}"))))
        yield from _row("Reason", known.reason)
    yield "</dl>"
    yield from _findings(examination, setting)
    yield from _permissions(examination)
    if known is not None and known.moments:
        yield f"<h4>Timeline</h4>{timeline(known.moments)}"
    yield from _files(examination)
    yield "</article>"


def _duties(examination: Examination) -> str:
    """Return what the license asks for, if it offers no choice; a table's short account, and no legal advice."""
    found = examination.dossier.first(Licensed)
    if found is None or len(found.meaning.alternatives) != 1:
        return ""
    names = dict.fromkeys(name for one in found.meaning.of(found.meaning.alternatives[0]) for name in one.obligations)
    return "; ".join(OBLIGATIONS.get(name, name) for name in names) + (" (not legal advice)" if names else "")


def _findings(examination: Examination, setting: Setting) -> Iterator[str]:
    found = told(examination, excused=setting.show_excused)
    excused = len(examination.verdict.excused)
    yield "<h4>Findings</h4>"
    if found:
        yield '<ul class="findings">'
        for one in found:
            yield _finding(one)
        yield "</ul>"
    elif not excused:
        yield "<p>Nothing was found.</p>"
    if excused and not setting.show_excused:
        yield f"<p>{counted(excused, 'excused finding')}, shown by <code>--show-excused</code>.</p>"


def _finding(one: Told) -> str:
    finding = one.finding
    remedy = (
        f'<p class="remedy"><span aria-hidden="true">→ </span>{_text(finding.remedy)}</p>' if finding.remedy else ""
    )
    return (
        f'<li class="{one.sort} {finding.severity}"><p class="head"><span class="severity">{finding.severity}</span> '
        f"<code>{_text(finding.check)}</code> <span>{_WORDS[one.sort]}</span></p>"
        f'<p class="place"><code>{_name(str(finding.location))}</code></p><p>{_text(finding.message)}</p>{remedy}'
        f'<p class="line">{one.sort} by <code>{_text(one.line)}</code></p></li>'
    )


def _permissions(examination: Examination) -> Iterator[str]:
    rows = {(fact.qualified, fact.profiles[0] if fact.profiles else "") for fact in examination.dossier.all(Import)}
    asked = {(fact.name, fact.permission) for fact in examination.dossier.all(Asks)}
    yield "<h4>Permissions</h4>"
    if not rows and not asked:
        yield "<p>The files ask for nothing beyond data.</p>"
        return
    yield f"<details><summary>{counted(len(rows | asked), 'permission')}</summary><ul>"
    for name, profile in sorted(rows):
        granted = f"granted by {_text(profile)}" if profile else "no profile grants it"
        yield f"<li>imports <code>{_name(name)}</code> ({granted})</li>"
    for name, permission in sorted(asked):
        yield f"<li>asks for {_text(permission)}: <code>{_name(name)}</code></li>"
    yield "</ul></details>"


def _files(examination: Examination) -> Iterator[str]:
    artifacts = examination.snapshot.artifacts
    if not artifacts:
        return
    formats = {fact.location: ", ".join(fact.formats) for fact in examination.dossier.all(Recognised)}
    yield f"<h4>Files</h4><details><summary>{counted(len(artifacts), 'file')}</summary>"
    yield '<div class="wide" role="region" aria-label="Files" tabindex="0"><table>'
    yield '<thead><tr><th scope="col">Path</th><th scope="col" class="number">Size</th><th scope="col">Formats</th>'
    yield '<th scope="col">SHA-256</th></tr></thead><tbody>'
    for one in artifacts:
        found = _text(formats.get(Location(one.path), "")) or "–"
        yield f'<tr><th scope="row">{_name(one.path)}</th><td class="number">{bytes_text(one.size)}</td>'
        yield f"<td>{found}</td><td><code>{one.digest.hex}</code></td></tr>"
    yield "</tbody></table></div></details>"


def _areas(examination: Examination) -> str:
    words = [
        f'<span class="{"failed" if one.refused else "noted" if one.noted else "fine"}">{_text(str(one))}</span>'
        for one in standings(examination)
    ]
    return " · ".join(words) or "nothing was looked at"


def _row(title: str, value: str) -> Iterator[str]:
    if value:
        yield f"<div><dt>{title}</dt><dd>{_name(value)}</dd></div>"


def _badge(allowed: bool) -> str:  # noqa: FBT001  # reads as what it shows
    word, mark = ("allowed", "✓") if allowed else ("refused", "✗")
    return f'<span class="badge {word}"><span aria-hidden="true">{mark} </span>{word}</span>'


def _text(text: str) -> str:
    return escape(printable(text))


def _name(text: str) -> str:
    """Escape a name; long ones may break after a slash or dot. `bdi` keeps the direction of its letters to itself."""
    return f"<bdi>{_text(text).replace('/', '/<wbr>')}</bdi>"


REPORT = Report(name="html", title="one page to look at", write=write)
