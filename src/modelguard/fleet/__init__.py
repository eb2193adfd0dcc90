"""Many models at once: over processes, threads or a cluster, with every result kept as it comes."""

from modelguard.fleet.results import Results
from modelguard.fleet.running import Failed, Outcome, Setting, examine_many
from modelguard.fleet.targets import expand

__all__ = ["Failed", "Outcome", "Results", "Setting", "examine_many", "expand"]
