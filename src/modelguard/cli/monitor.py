"""`modelguard monitor`: tell what has happened upstream to locked models since last time."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelguard.cli._options import INCOMPLETE, REFUSED, emit, gate_options, open_gate
from modelguard.cli._speaking import is_dumb, is_quiet
from modelguard.cli.command import Subcommand

if TYPE_CHECKING:
    from modelguard.guard import Gate
    from modelguard.lock import Entry
    from modelguard.monitor.running import Monitor, Run

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
SEVERITIES = ("info", "low", "medium", "high", "critical")


def span(text: str | None, option: str) -> timedelta | None:
    """Read `90s`, `15m`, `6h` or `7d`. Raises `click.UsageError`."""
    if text is None:
        return None
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not number.isdecimal() or len(number) > 6 or not int(number):
        raise click.UsageError(f"{option}: expected a time such as 90s, 15m, 6h or 7d, found {text!r}")
    return timedelta(seconds=int(number) * _UNITS[unit])


@click.command(
    short_help="Tell what has happened to models upstream",
    epilog="Example: modelguard monitor --remind 7d --format github",
)
@click.argument("refs", nargs=-1)
@click.option("--state", type=click.Path(path_type=Path, dir_okay=False), help="State file.")
@click.option("--max-requests", type=click.IntRange(min=1), help="Requests to the Hub in one pass.")
@click.option("--max-wait", default="5m", show_default=True, metavar="TIME", help="Time to wait for a busy Hub.")
@click.option("--interval", metavar="TIME", help="Go on watching, with a pass each TIME (15m, 6h, 1d).")
@click.option("--remind", metavar="TIME", help="Tell again of what nobody has answered for TIME (7d).")
@click.option(
    "--from-webhook",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Payload of a Hub webhook: look at these models only.",
)
@click.option("--closely", is_flag=True, help="Also look at refs and history of models that have not moved.")
@click.option(
    "--fail-on",
    type=click.Choice(SEVERITIES),
    default="medium",
    show_default=True,
    help="New events from which to exit with 1.",
)
@click.option("--format", "format_", type=click.Choice(("text", "json", "github")), default="text", show_default=True)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the report to a file.")
@gate_options
def monitor(refs: tuple[str, ...], **options: Any) -> int:
    """Compare locked models with the Hub and tell what has happened since last time.

    Exit codes: 0 nothing new, 1 new events, 2 usage, policy or lock invalid, 3 some models could not be seen or some
    alerts not sent. Alerts that were not sent wait in the state file.
    """
    from modelguard.monitor.running import Monitor  # reads the whole house: only once the command runs

    interval = span(options["interval"], "--interval")
    gate = open_gate(options)
    wait = span(options["max_wait"], "--max-wait")
    made = Monitor.open(
        gate,
        state=options["state"],
        budget=options["max_requests"],
        patience=wait.total_seconds() if wait else 0.0,
        remind=span(options["remind"], "--remind"),
        step=_step if sys.stderr.isatty() and not is_quiet() and not is_dumb() else _silent,
    )
    if interval is None:
        return _once(made, gate, refs, options)
    _go_on(made, gate, refs, options, interval)
    return 0


def _once(made: Monitor, gate: Gate, refs: tuple[str, ...], options: dict[str, Any]) -> int:
    from modelguard.monitor.reporting import WRITERS  # as above
    from modelguard.terms.finding import Severity

    run = made.run(_chosen(gate, refs, options), closely=options["closely"] or bool(options["from_webhook"]))
    emit(WRITERS[options["format_"]](run), options["output"])
    _tell_trouble(run)
    if not run.outcome.watched and not options["from_webhook"]:
        click.echo("nothing was watched: the lock has no model of a Hub", err=True)
        return INCOMPLETE
    if run.outcome.unseen or run.undelivered:
        return INCOMPLETE
    return REFUSED if any(one.severity >= Severity.parse(options["fail_on"]) for one in run.outcome.events) else 0


class _Ended(BaseException):
    """The process was asked to end."""


def _end(*_: object) -> None:
    raise _Ended


def _go_on(made: Monitor, gate: Gate, refs: tuple[str, ...], options: dict[str, Any], interval: timedelta) -> None:
    """Watch until SIGTERM or an interrupt. A pass that fails is told, and the next one comes all the same."""
    import signal  # only a monitor that goes on sleeps, and is ended from outside
    import time

    from attrs import evolve

    from modelguard.terms.errors import ModelguardError

    signal.signal(signal.SIGTERM, _end)
    try:
        while True:
            try:
                made.gate = evolve(gate, today=datetime.now(UTC).date())  # ends of exceptions pass while it runs
                _once(made, gate, refs, options)
            except ModelguardError as error:
                click.echo(f"error: {error}", err=True)
            sys.stdout.flush()
            time.sleep(interval.total_seconds())
    except (KeyboardInterrupt, _Ended):
        click.echo("ended; what is known and what waits to be sent is in the state file", err=True)


def _chosen(gate: Gate, refs: tuple[str, ...], options: dict[str, Any]) -> tuple[Entry, ...] | None:
    from modelguard.cli._deciding import known  # as above
    from modelguard.monitor.hub_webhook import concerned, read_payload

    lock = gate.require_lock()
    chosen = tuple(known(lock, gate.canonical(ref).key) for ref in refs) if refs else None
    if options["from_webhook"] is not None:
        return concerned(read_payload(options["from_webhook"]), chosen or lock.entries.values())
    return chosen


def _tell_trouble(run: Run) -> None:
    from modelguard.terms.artifact import printable  # as above

    for ref, reason in run.outcome.unseen:
        click.echo(f"{ref}: not seen: {printable(reason)}", err=True)
    for remark in run.remarks:
        click.echo(remark, err=True)
    for channel, reason in run.undelivered:
        click.echo(f"channel {channel}: not sent, tried again next time: {printable(reason)}", err=True)


def _step(number: int, total: int, ref: str) -> None:
    click.echo(f"\r\033[K{number}/{total} {ref}"[:100], err=True, nl=number == total)


def _silent(_: int, __: int, ___: str) -> None:
    """Show no progress where nobody looks."""


COMMAND = Subcommand(monitor, "watch")
