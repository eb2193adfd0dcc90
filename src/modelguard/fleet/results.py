"""Keeps results as they come: a line of JSON for each model, from which an interrupted run goes on.

At the end the lines are put in the order of the targets, so that the same models give the same file whoever examined
them. A name that ends in `.parquet` gives a table for data tools; its lines are kept beside it until it is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from attrs import define, field

from modelguard.fleet.running import Failed, Outcome
from modelguard.reports.json import SCHEMA, as_object
from modelguard.terms.errors import LoaderError, ModelguardError


@define
class Results:
    """The results of one run. `lines` are those of the models that are done, by target."""

    path: Path
    lines: dict[str, str] = field(factory=dict, init=False)

    @property
    def journal(self) -> Path:
        """The file that grows by a line for each model."""
        return self.path.with_name(f"{self.path.name}.part")

    def begin(self, *, resume: bool) -> None:
        """Start afresh, or take over what an earlier run has finished; models that failed then are done again.

        Raises `ModelguardError` when there are results that would be lost.
        """
        if resume:
            for file in (self.path if self.path.suffix != ".parquet" else self.journal, self.journal):
                self._take_over(file)
        elif self.path.exists() or self.journal.exists():
            raise ModelguardError(f"{self.path}: there are results already", remedy="name another file, or --resume")
        self.journal.write_text("".join(line + "\n" for line in self.lines.values()), "utf-8")

    def _take_over(self, file: Path) -> None:
        if not file.exists():
            return
        for line in file.read_text("utf-8").splitlines():
            try:
                row = json.loads(line)
            except ValueError:  # the line that was being written when the run ended
                continue
            if isinstance(row, dict) and isinstance(row.get("target"), str) and "error" not in row:
                self.lines[row["target"]] = line

    def add(self, outcome: Outcome) -> None:
        """Keep the outcome of one model, at once."""
        line = json.dumps(as_row(outcome), sort_keys=True, separators=(",", ":"))
        self.lines[outcome.target] = line
        with self.journal.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def finish(self, targets: Iterable[str]) -> None:
        """Write the results in the order of the targets, and put the journal away."""
        ordered = [self.lines[target] for target in targets if target in self.lines]
        temporary = self.path.with_name(f".{self.path.name}.tmp")
        if self.path.suffix == ".parquet":
            _write_parquet([json.loads(line) for line in ordered], temporary)
        else:
            temporary.write_text("".join(line + "\n" for line in ordered), "utf-8")
        temporary.replace(self.path)
        self.journal.unlink()

    def counts(self) -> dict[str, int]:
        """Return how many models were allowed, refused, and could not be examined."""
        rows = [json.loads(line) for line in self.lines.values()]
        verdicts = [row.get("verdict", "failed") for row in rows]
        return {name: verdicts.count(name) for name in ("allowed", "refused", "failed")}


def as_row(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as plain values: an examination of the JSON report, or an error, with its target."""
    row: dict[str, Any] = {"schema": SCHEMA, "target": outcome.target}
    match outcome.result:
        case Failed(kind=kind, message=message, remedy=remedy):
            return row | {"error": {"kind": kind, "message": message, "remedy": remedy}}
        case examination:
            return row | as_object(examination)


def _write_parquet(rows: list[dict[str, Any]], path: Path) -> None:
    """Write one row a model; what is nested stands as JSON. Raises `LoaderError` without pyarrow."""
    try:
        import pyarrow  # an optional extra
        import pyarrow.parquet
    except ImportError as error:
        raise LoaderError("pyarrow is not installed", remedy='pip install "modelguard[parquet]"') from error
    text = pyarrow.string()
    columns = [("target", text), ("ref", text), ("revision", text), ("verdict", text), ("error", text)]
    nested = ("artifacts", "imports", "permissions", "findings")
    schema = pyarrow.schema([*columns, ("files", pyarrow.int64()), *((name, text) for name in nested)])
    flat = [
        {
            **{name: row.get(name) for name in ("target", "ref", "revision", "verdict")},
            "error": row["error"]["message"] if "error" in row else None,
            "files": len(row.get("artifacts", ())),
            **{name: json.dumps(row[name], sort_keys=True) if name in row else None for name in nested},
        }
        for row in rows
    ]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(flat, schema=schema), path)
