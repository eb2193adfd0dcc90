"""`modelguard scan`: look into models without asking the lock about them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelguard.cli._options import INCOMPLETE, gate_options, open_gate, report, report_options
from modelguard.cli._progress import bars
from modelguard.cli.command import Subcommand

if TYPE_CHECKING:
    from modelguard.guard import Gate
    from modelguard.terms.artifact import Location
    from modelguard.terms.verdict import Examination


_COLLECTORS = ("contents", "advisories")
"""What a scan goes by: the bytes, and what feeds of advisories say about them where the policy names any."""


@click.command(
    short_help="Look into files and directories and Hub repositories",
    epilog="Example: modelguard scan model.pt downloads/",
)
@click.argument("targets", nargs=-1)
@click.option("--from-file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A TARGET a line.")
@click.option("--jobs", type=click.IntRange(1), help="Processes or threads that examine models side by side.")
@click.option("--executor", default="processes", help="processes, threads, or dask://host:port for a Dask cluster.")
@click.option("--retries", type=click.IntRange(0), default=2, show_default=True, help="Tries after a lost connection.")
@click.option("--results", type=click.Path(path_type=Path, dir_okay=False), help="A .jsonl or .parquet file to fill.")
@click.option("--resume", is_flag=True, help="Go on with --results: examine only what is missing or failed.")
@click.option("--whole", is_flag=True, help="Fetch large files of a Hub instead of reading parts of them there.")
@click.option("--trace", is_flag=True, help="Print the decoded pickles of FILE, or FILE!MEMBER.")
@gate_options
@report_options
def scan(targets: tuple[str, ...], whole: bool, trace: bool, **options: Any) -> int:
    """Examine the content of files, directories or Hub repositories.

    Each TARGET is a path, org/name[@revision] or an https address; a directory is one model.
    hf://org/* stands for all models of an organization, directory/* for what lies in it, directory/** for every file
    below; s3://, gs:// and other object stores are read through fsspec. Several models are examined side by side.
    Of large files in a Hub repository only headers, directories and pickles are read, by ranges, where they lie.
    """
    from modelguard.fleet.targets import is_pattern, read_list  # reads the whole house: only once the command runs

    targets = (*targets, *(read_list(options["from_file"]) if options["from_file"] else ()))
    if not targets:
        raise click.UsageError("name a TARGET, or a file of them with --from-file")
    if options["resume"] and not options["results"]:
        raise click.UsageError("--resume needs --results")
    if trace:
        for target in targets:
            _trace(target, open_gate(options))
        return 0
    if (
        any(map(is_pattern, targets))
        or any(options[name] for name in ("from_file", "jobs", "results"))
        or (options["executor"] != "processes")
    ):
        from modelguard.cli._fleet import scan_many

        return scan_many(list(targets), open_gate(options), options | {"whole": whole})
    unreached: list[str] = []
    with bars() as progress:
        gate = open_gate(options, progress=progress)
        examinations = [_examined(target, gate, unreached, remote=not whole) for target in targets]
    code = report(examinations, gate, options)
    for message in unreached:
        click.echo(f"error: {message}", err=True)
    return max(code, INCOMPLETE) if unreached else code


def _examined(target: str, gate: Gate, unreached: list[str], *, remote: bool) -> Examination:
    """Examine one target; one that cannot be had is refused as unread, and the others go on."""
    from modelguard.guard import examine, examine_snapshot  # as above
    from modelguard.terms.artifact import Location, Snapshot
    from modelguard.terms.errors import SourceError
    from modelguard.terms.facts import Unread

    try:
        return examine(target, gate, collectors=_COLLECTORS, remote=remote)
    except SourceError as error:
        unreached.append(str(error))
        ref = gate.canonical(target)
        unread = Unread(location=Location(ref.key), format="source", reason=error.message, remedy=error.remedy)
        return examine_snapshot(Snapshot(ref=ref), gate, collectors=(), facts=(unread,))


def _trace(target: str, gate: Gate) -> None:
    """Print the decoded program of each pickle of a local model, also of those in archives and compressed files.

    FILE!MEMBER prints only the pickles of that member.
    """
    from modelguard.collectors.contents import opened, read_artifacts  # as above
    from modelguard.picklevm.trace import Tracer, trace
    from modelguard.sources.local import in_place
    from modelguard.terms.artifact import LocalRef
    from modelguard.terms.content import Budget

    path, _, member = target.rpartition("!") if "!" in target and not Path(target).exists() else (target, "", "")
    ref = gate.canonical(path)
    if not isinstance(ref, LocalRef):
        raise click.UsageError("--trace reads files and directories of this machine")
    found: list[Location] = []
    for artifact in in_place(ref, gate.options).artifacts:
        tracer = Tracer(click.echo, wanted=partial(_is_in, member) if member else None)
        with tracer.watching():
            for _ in read_artifacts((artifact,), Budget()):
                pass
        found += tracer.found
        if tracer.found or member:
            continue
        click.echo(f"# {artifact.path}: no format finds a pickle here; its bytes taken for one")
        with opened(artifact) as content:
            for line in trace(content, Budget()):
                click.echo(line)
    if member and not any(_is_in(member, place) for place in found):
        names = ", ".join("!".join(place.members) for place in found if place.members) or "none"
        raise click.UsageError(f"{path} has no pickle in a member {member}; there are: {names}")


def _is_in(member: str, place: Location) -> bool:
    """Tell whether a place is a member of this name, or lies in one; `!` stands between the names of nested members."""
    steps, wanted = place.members, tuple(member.split("!"))
    return any(steps[at : at + len(wanted)] == wanted for at in range(len(steps)))


COMMAND = Subcommand(scan, "look")
