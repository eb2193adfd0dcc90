"""The inventory: one row for each model of one or many locks, as a table, CSV or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from attrs import asdict, fields, frozen

from modelguard.lock import Entry, Lock
from modelguard.terms.artifact import printable
from modelguard.terms.words import counted

SCHEMA = "modelguard/inventory/1"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@frozen(kw_only=True)
class Row:
    """One model of one lock. `size` is in bytes, dates are ISO 8601, `license` is an SPDX expression."""

    lock: str
    model: str
    revision: str
    purl: str
    license: str
    signed_by: str
    files: int
    size: int
    formats: tuple[str, ...]
    imports: int
    remote_code: bool
    state: str
    approved_by: str
    approved_at: str
    until: str
    accepted: int


def rows(locks: Iterable[tuple[str, Lock]]) -> list[Row]:
    """Return the rows of locks given as (path, lock), by lock and model."""
    return [_row(path, lock.entries[key]) for path, lock in locks for key in sorted(lock.entries)]


def _row(path: str, entry: Entry) -> Row:
    return Row(
        lock=path,
        model=entry.id,
        revision=entry.revision,
        purl=entry.purl,
        license=entry.license.expression,
        signed_by=entry.provenance.identity or entry.provenance.signer,
        files=len(entry.files),
        size=sum(file.size for file in entry.files),
        formats=tuple(sorted({name for file in entry.files for name in file.formats})),
        imports=len({name for file in entry.files for name in file.imports}),
        remote_code=entry.remote_code,
        state=entry.approval.state,
        approved_by=entry.approval.by,
        approved_at=entry.approval.at,
        until=entry.approval.until,
        accepted=len(entry.accepted),
    )


def as_json(found: Sequence[Row]) -> str:
    """Return one JSON object, for programs and for policies in Rego; names are exact."""
    return json.dumps({"schema": SCHEMA, "models": [asdict(row) for row in found]}, indent=2, sort_keys=True) + "\n"


def as_csv(found: Sequence[Row]) -> str:
    """Return RFC 4180 CSV with a header. A cell that a spreadsheet would take for a formula begins with an apostrophe.

    https://owasp.org/www-community/attacks/CSV_Injection
    """
    from csv import writer  # only when CSV is wanted, as the next
    from io import StringIO

    out = StringIO()
    table = writer(out, lineterminator="\r\n")
    table.writerow([one.name for one in fields(Row)])
    for row in found:
        table.writerow([_cell(value) for value in asdict(row).values()])
    return out.getvalue()


def _cell(value: object) -> str:
    text = printable(" ".join(map(str, value)) if isinstance(value, tuple | list) else str(value))
    return f"'{text}" if text.startswith(_FORMULA) else text


def as_table(found: Sequence[Row], width: int) -> str:
    """Return a table that fits into `width` columns, for people."""
    from io import StringIO  # only when a table is wanted, as the next

    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    several = len({row.lock for row in found}) > 1
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    titles = ("model", "revision", "license", "signed by", "state", "until", *(("lock",) if several else ()))
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in found:
        cells = [row.model, row.revision[:7], row.license, row.signed_by or "–", row.state, row.until or "–"]
        table.add_row(*(Text(printable(cell)) for cell in (*cells, *((row.lock,) if several else ()))))
    out = StringIO()
    Console(file=out, width=width, no_color=True, legacy_windows=False).print(table)
    lines = [line.rstrip() for line in out.getvalue().rstrip().splitlines()]
    return "\n".join([*lines, "", counted(len(found), "model")]) + "\n"
