"""Where the model comes from, beside what the policy's table `[sources]` says about that.

The host and the owner are those that the lock recorded, or, before there is an entry, those that were just asked.
Without the table there is nothing to compare.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.collectors.collector import Case, Collector
from modelguard.terms.artifact import HubRef, LocalRef, Location
from modelguard.terms.facts import Fact
from modelguard.terms.origin import Origin, SourcesRuled


def gather(case: Case) -> Iterator[Fact]:
    """Yield the origin of the model and the policy's word about origins."""
    if "sources" not in case.policy.present:
        return
    key = case.entry.id if case.entry else case.snapshot.ref.key
    rules = case.policy.sources
    yield SourcesRuled(
        location=Location(key),
        hosts=rules.hosts,
        organizations=tuple((one.name, one.owner_id) for one in rules.organizations),
        unlisted=rules.unknown_organization,
        denied=rules.denied,
    )
    yield _origin(case, Location(key))


def _origin(case: Case, location: Location) -> Origin:
    ref, entry = case.snapshot.ref, case.entry
    if isinstance(ref, LocalRef):
        return Origin(location=location, kind="local")
    if isinstance(ref, HubRef):
        host, owner_id = (entry.host, entry.owner_id) if entry else (case.host, case.owner_id)
        return Origin(location=location, kind="hub", host=host, owner=ref.org, owner_id=owner_id)
    host = ref.url.partition("://")[2].partition("/")[0]
    return Origin(location=location, kind="address", host=host)


ORIGIN = Collector(name="origin", gather=gather)
