"""A process that has imported everything and forks one pass of the monitor for each line that it reads.

The line says after how many seconds the pass is killed, `hold` for when another line comes, or `-`; the answer is the
exit status of the pass.
Arguments: the state file, the Hub's address, the lock, the address of a webhook.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path


def main() -> None:
    state_path, hub, lock_path, webhook = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), sys.argv[4]
    import huggingface_hub.utils  # noqa: F401  # before the forks

    from modelguard.lock import Lock
    from modelguard.monitor.channels.channel import View
    from modelguard.monitor.channels.webhook import Webhook
    from modelguard.monitor.delivering import deliver
    from modelguard.monitor.state import State
    from modelguard.monitor.watching import Watch
    from modelguard.sources.source import Options
    from modelguard.sources.upstream import open_observer

    entries = tuple(Lock.read(lock_path).entries.values())

    def one_pass() -> None:
        observer = open_observer(Options(home=Path(), endpoint=hub), closely_every=0.0)
        with State.open(state_path) as state:
            Watch(observer=observer, state=state, channels=["webhook"]).once(entries)
            deliver(state, {"webhook": Webhook(url=webhook)}, View(now=datetime.now(UTC)))

    for line in sys.stdin:
        child = os.fork()
        if not child:
            one_pass()
            os._exit(0)
        if line.strip() != "-":
            if line.strip() == "hold":
                sys.stdin.readline()
            else:
                time.sleep(float(line))
            os.kill(child, signal.SIGKILL)  # before it is waited for, so that the number is still its own
        _, status = os.waitpid(child, 0)
        print(status, flush=True)


if __name__ == "__main__":
    main()
