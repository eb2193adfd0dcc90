"""What `modelguard scan` does with many models."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelguard.cli._options import INCOMPLETE, REFUSED, report
from modelguard.cli._speaking import is_quiet

if TYPE_CHECKING:
    from modelguard.fleet.running import Opener, Outcome, Setting
    from modelguard.guard import Gate
    from modelguard.terms.verdict import Examination


def scan_many(targets: list[str], gate: Gate, options: dict[str, Any]) -> int:
    """Examine targets side by side and report on them in the order in which they were named."""
    from modelguard.fleet.running import examine_many, Failed  # noqa: I001  # reads the whole house: only once it runs
    from modelguard.fleet.targets import expand

    names = expand(targets, gate.options)
    setting, opener = _setting(options), _opener(options)
    if options["results"] is not None:
        return _into_results(names, setting, opener, options)
    outcomes: dict[str, Outcome] = {}
    for outcome in examine_many(names, setting, opener):
        outcomes[outcome.target] = outcome
        _tell(outcome, len(outcomes), len(names))
    examined: list[Examination] = []
    for name in names:
        result = outcomes[name].result
        if isinstance(result, Failed):
            click.echo(f"{name}: not examined: {result.message}", err=True)
        else:
            examined.append(result)
    code = report(examined, gate, options) if examined else INCOMPLETE
    return code if len(examined) == len(names) else INCOMPLETE


def _into_results(names: list[str], setting: Setting, opener: Opener, options: dict[str, Any]) -> int:
    from modelguard.fleet.results import Results  # as above
    from modelguard.fleet.running import examine_many

    results = Results(options["results"])
    results.begin(resume=options["resume"])
    left = [name for name in names if name not in results.lines]
    for count, outcome in enumerate(examine_many(left, setting, opener), len(names) - len(left) + 1):
        results.add(outcome)
        _tell(outcome, count, len(names))
    results.finish(names)
    counts = results.counts()
    click.echo(" · ".join(f"{count} {name}" for name, count in counts.items()) + f" · {results.path}")
    if counts["failed"] or not names:
        return INCOMPLETE
    return REFUSED if counts["refused"] else 0


def _tell(outcome: Outcome, count: int, total: int) -> None:
    """Show how far the work is: one line that is written over, where somebody looks."""
    if sys.stderr.isatty() and not is_quiet():
        end = "\n" if count == total else ""
        click.echo(f"\r{count}/{total} {outcome.target[:60]:<60}{end}", err=True, nl=False)


def _setting(options: dict[str, Any]) -> Setting:
    from modelguard.fleet.running import Setting  # as above

    return Setting(
        start=Path.cwd(),
        policy=options["policy"] and options["policy"].absolute(),
        lock=options["lock_path"] and options["lock_path"].absolute(),
        store=options["store"] and options["store"].absolute(),
        offline=options["offline"],
        remote=not options["whole"],
        retries=options["retries"],
    )


def _opener(options: dict[str, Any]) -> Opener:
    from modelguard.fleet.running import dask, processes, threads  # as above

    kind, _, address = options["executor"].partition("://")
    if kind == "processes" and not address:
        return processes(options["jobs"])
    if kind == "threads" and not address:
        return threads(options["jobs"])
    if kind == "dask" and address:
        return dask(address, options["retries"])
    raise click.UsageError(
        f"--executor: expected processes, threads or dask://host:port, found {options['executor']!r}"
    )
