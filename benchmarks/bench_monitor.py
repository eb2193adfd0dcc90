"""What a pass over many locked models costs: requests, seconds and memory, first, unchanged, and with some moved.

    python benchmarks/bench_monitor.py [MODELS]       # 1,000 by default

The local Hub runs in a process of its own, so that its memory and time are not the monitor's.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

from _table import Table, publish

ORGANIZATIONS = 50


def serve(pipe: Connection, models: int) -> None:
    """Serve models until told to end; `move` gives some of them a new commit."""
    from modelguard.testing import LocalHub

    with LocalHub() as hub:
        names = [f"org{number % ORGANIZATIONS}/model{number}" for number in range(models)]
        for name in names:
            hub.repository(name).commit({f"part-{part}.safetensors": name.encode() for part in range(20)})
        entries = [
            (
                name,
                hub.repositories[name].identity,
                hub.accounts[name.partition("/")[0]]["_id"],
                hub.repositories[name].head,
            )
            for name in names
        ]
        pipe.send((hub.url, entries))
        while (word := pipe.recv()) != "end":
            if word == "move":
                for name in names[:: max(1, models // 10)]:
                    hub.repositories[name].commit({"README.md": "new"})
            asked = [request for request in hub.requests if request.path.startswith("/api/models/")]
            pipe.send((len(hub.requests), len(asked)))
            hub.requests.clear()


def passes(models: int) -> Iterator[list[str]]:
    """Yield a row of the table for each pass."""
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there, models), daemon=True)
    server.start()
    url, rows = here.recv()

    from modelguard.lock import Entry
    from modelguard.monitor.state import State
    from modelguard.monitor.watching import Watch
    from modelguard.sources.source import Options
    from modelguard.sources.upstream import open_observer

    host = url.partition("://")[2]
    entries = [
        Entry(id=name, host=host, repo_id=identity, owner_id=owner, requested="main", revision=head)
        for name, identity, owner, head in rows
    ]
    with tempfile.TemporaryDirectory() as home:
        for title in ("first pass", "unchanged", "10 models have moved"):
            if title.endswith("moved"):
                here.send("move")
                here.recv()
            observer = open_observer(Options(home=Path(home), endpoint=url))
            started, cpu = time.perf_counter(), time.process_time()
            with State.open(Path(home) / "state.sqlite") as state:
                outcome = Watch(observer=observer, state=state, inactive_days=90000).once(entries)
            seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
            here.send("count")
            total, of_models = here.recv()
            assert not outcome.unseen, outcome.unseen[0]
            assert title != "unchanged" or of_models == models, "a model that has not moved costs one request"
            yield [
                title,
                f"{of_models / models:.3f}",
                str(total - of_models),
                str(len(outcome.events)),
                f"{seconds:.1f}",
                f"{cpu:.1f}",
                f"{cpu / models * 1e3:.1f}",
                f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}",
                f"{(Path(home) / 'state.sqlite').stat().st_size / 1e6:.1f}",
            ]
    here.send("end")
    server.join(10)


def tables(models: int) -> Iterator[Table]:
    columns = ["", "requests/model", "for owners", "events", "wall s", "CPU s", "CPU ms/model", "peak MB", "state MB"]
    yield Table(
        title=f"{models:,} locked models of {ORGANIZATIONS} organizations, 20 files each",
        columns=columns,
        rows=list(passes(models)),
        note="One run of each pass. The local Hub runs in a process of its own; CPU and memory are the monitor's.",
    )


def main() -> None:
    models = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    purpose = "What `modelguard monitor` costs: requests to the Hub, time, and memory."
    publish("monitor", "Watching many models", purpose, tables(models), ("huggingface_hub",))


if __name__ == "__main__":
    main()
