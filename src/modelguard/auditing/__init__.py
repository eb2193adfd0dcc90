"""The one audit hook of the process (PEP 578), and who listens to which of its events."""

from modelguard.auditing.hook import COMPILED, Listener, Rule, Watch, listen, silence, unwatch, watch

__all__ = ["COMPILED", "Listener", "Rule", "Watch", "listen", "silence", "unwatch", "watch"]
