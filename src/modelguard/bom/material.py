"""What a bill of materials is made from: the lock's entries with their cards, and the moment that is written in it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID, uuid5

from attrs import frozen

from modelguard.bom.card import LIMIT, Card, read_card
from modelguard.lock import Entry, Lock
from modelguard.sources.store import Store
from modelguard.terms.artifact import HubRef, parse_key
from modelguard.terms.errors import ModelguardError

# Made once with uuid4; names of bills are derived from it, so that equal locks give equal serial numbers.
_NAMESPACE = UUID("5d4a36d0-0f7a-4f0c-9a63-3f2c1f3ad7f1")
DEFAULT_HOST = "https://huggingface.co"


@frozen(kw_only=True)
class Material:
    """One model of a bill: its entry in the lock, and what its card says."""

    entry: Entry
    card: Card

    @property
    def hub(self) -> HubRef | None:
        ref = parse_key(self.entry.id)
        return ref if isinstance(ref, HubRef) else None

    @property
    def name(self) -> str:
        return self.hub.name if self.hub else self.entry.id

    @property
    def page(self) -> str:
        """The address of the model on its Hub, or an empty string."""
        return f"{(self.entry.host or DEFAULT_HOST).rstrip('/')}/{self.entry.id}" if self.hub else ""


@frozen(kw_only=True)
class Bill:
    """What a bill says beside its models: `serial` and `made` (ISO 8601 UTC) follow from the lock, not from the clock.

    `name` is what the models are used in, `author` who answers for the bill (may be empty).
    """

    materials: tuple[Material, ...]
    name: str
    serial: UUID
    made: str
    author: str = ""


def bill_of(
    lock: Lock, store: Store, *, name: str, author: str = "", environment: Mapping[str, str] = os.environ
) -> Bill:
    """Gather the material of a bill. Equal lock, store and `SOURCE_DATE_EPOCH` give equal bills.

    Raises `ModelguardError` when `SOURCE_DATE_EPOCH` is no number of seconds.
    """
    entries = [lock.entries[key] for key in sorted(lock.entries)]
    whole = sha256("\0".join((lock.text(), name, author)).encode()).hexdigest()
    return Bill(
        materials=tuple(Material(entry=entry, card=_card(entry, store)) for entry in entries),
        name=name,
        author=author,
        serial=uuid5(_NAMESPACE, whole),
        made=_made(entries, environment),
    )


def _card(entry: Entry, store: Store) -> Card:
    return read_card(_bytes(entry, "README.md", store), _bytes(entry, "config.json", store))


def _bytes(entry: Entry, path: str, store: Store) -> bytes | None:
    """Return the approved bytes of a small file, or None when the store does not hold exactly them."""
    file = entry.file(path)
    place = store.path_of(file.digest) if file is not None and file.size <= LIMIT else None
    if file is None or place is None:
        return None
    data = place.read_bytes()
    return data if sha256(data).hexdigest() == file.digest.hex else None


def _made(entries: Iterable[Entry], environment: Mapping[str, str]) -> str:
    """Return `SOURCE_DATE_EPOCH`, else the newest moment in the lock.

    https://reproducible-builds.org/specs/source-date-epoch/
    """
    epoch = environment.get("SOURCE_DATE_EPOCH", "")
    if epoch:
        try:
            moment = datetime.fromtimestamp(int(epoch), UTC)
        except (ValueError, OverflowError, OSError) as error:
            raise ModelguardError(f"SOURCE_DATE_EPOCH: expected seconds since 1970, found {epoch!r}") from error
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    moments = [moment for entry in entries for moment in (entry.approval.at, entry.resolved_at) if moment]
    return max(moments, default="1970-01-01T00:00:00Z")
