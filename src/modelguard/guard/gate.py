"""The policy, the lock and the store that belong together, found from where the user stands."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import field, frozen

from modelguard.policy.reading import find_policy, load_policy, planted
from modelguard.policy.settings import Policy
from modelguard.sources.source import Options, Progress, Quiet
from modelguard.sources.store import Store
from modelguard.terms.artifact import HubRef, LocalRef, ModelRef, UrlRef, parse_ref, printable
from modelguard.terms.errors import LockError, PolicyError, RefError

if TYPE_CHECKING:
    from modelguard.lock import Entry, Lock

_SIGNING_TABLES = frozenset({"provenance", "trust"})
"""Tables of a policy without which it names no signer."""


@frozen(kw_only=True)
class Gate:
    """Everything that an examination depends on beside the model itself.

    `home` is the directory of the lock: relative paths of local models start there. `today` is the date for questions
    of expiry.
    """

    policy: Policy
    lock_path: Path
    store: Store
    options: Options
    today: date = field(factory=lambda: datetime.now(UTC).date())

    @classmethod
    def open(
        cls,
        *,
        start: Path | None = None,
        policy: Policy | Path | None = None,
        lock: Path | None = None,
        store: Path | None = None,
        offline: bool = False,
        progress: Progress | None = None,
        unreachable_commits: bool = False,
    ) -> Gate:
        """Find the policy above `start` (the working directory by default) and the lock and store that go with it.

        `MODELGUARD_OFFLINE=1` and `HF_HUB_OFFLINE=1` in the environment are as good as `offline`.

        Raises `PolicyError` or `StoreError`.
        """
        start = (start or Path.cwd()).absolute()
        path = find_policy(start) if policy is None else None
        settings = policy if isinstance(policy, Policy) else load_policy(policy or path)
        base = Path(settings.origin).absolute().parent if settings.origin else start
        lock_path = (lock or base / settings.lockfile).absolute()
        options = Options(
            home=lock_path.parent,
            offline=_offline_by_name() or offline or _set("HF_HUB_OFFLINE"),
            endpoint=os.environ.get("HF_ENDPOINT") or None,
            token=os.environ.get("HF_TOKEN") or None,
            unreachable_commits=unreachable_commits,
            progress=progress or Quiet(),
        )
        return cls(policy=settings, lock_path=lock_path, store=Store(store) if store else Store(), options=options)

    @property
    def home(self) -> Path:
        return self.lock_path.parent

    def canonical(self, ref: str | os.PathLike[str] | ModelRef) -> ModelRef:
        """Read a reference; a local one is rewritten relative to the lock, as the lock files it.

        Raises `RefError`.
        """
        found = _referred(ref)
        if not isinstance(found, LocalRef):
            return found
        try:
            path = Path(os.path.normpath(Path(found.path).expanduser().absolute()))
        except RuntimeError as error:
            raise RefError(f"reference {printable(found.path)!r}: {error}") from error
        return LocalRef(path.relative_to(self.home).as_posix() if path.is_relative_to(self.home) else path.as_posix())

    def place(self, ref: LocalRef) -> Path:
        """Return where a canonical local reference lies on this machine."""
        return self.home / ref.path

    def read_lock(self) -> Lock | None:
        """Return the lock, or None when there is none. Raises `LockError` when it is damaged."""
        if not self.lock_path.exists():
            return None
        self._require_own_lock()
        from modelguard.lock import Lock  # only where there is one to read

        return Lock.read(self.lock_path)

    def read_vouched_lock(self) -> Lock | None:
        """Return the lock for approving loads: where the policy names `lock-signers`, only with a signature of theirs.

        Raises `LockError` when it is damaged, and the `SignatureError`s of its signature.
        """
        if _SIGNING_TABLES.isdisjoint(self.policy.tables):
            return self.read_lock()
        from modelguard.policy.provenance import read_provenance  # as above, and only for who names signers

        provenance = read_provenance(self.policy)
        if not provenance.lock_signers or not self.lock_path.exists():
            return self.read_lock()
        self._require_own_lock()
        from modelguard.lock import Lock

        data = self.lock_path.read_bytes()
        from modelguard.signatures.lock_signature import require_signed_lock  # only where there is a lock to verify

        require_signed_lock(self.lock_path, data, provenance, self.home)
        return Lock.parse(data, name=str(self.lock_path))

    def _require_own_lock(self) -> None:
        fault = planted(self.lock_path) if self.lock_path.is_file() else "is no file"
        if fault:
            raise LockError(
                f"{self.lock_path}: {fault}", remedy="work in a directory of your own, with a lock of its own"
            )

    def entry_for(self, ref: ModelRef) -> tuple[Entry | None, str]:
        """Return the entry of a canonical reference; without one, the reason why there is none."""
        lock = self.read_vouched_lock()
        if lock is None:
            return None, f"there is no lock at {self.lock_path}"
        entry = lock.find(ref)
        if entry is None:
            return None, f"the lock has no entry for this model{_hint(lock, ref)}"
        if not entry.files:
            return None, "its entry in the lock names no file, so it approves none"
        return entry, ""

    def require_lock(self) -> Lock:
        """Return the lock. Raises `LockError` when there is none, else as `read_vouched_lock`."""
        lock = self.read_vouched_lock()
        if lock is None:
            raise LockError(f"there is no lock at {self.lock_path}", remedy="modelguard lock ORG/NAME writes one")
        return lock


def _referred(ref: str | os.PathLike[str] | ModelRef) -> ModelRef:
    if isinstance(ref, HubRef | LocalRef | UrlRef):
        return ref
    name = os.fspath(ref) if isinstance(ref, os.PathLike) else ref
    if not isinstance(name, str):
        raise RefError(
            f"reference: expected a name or a path, found {type(ref).__name__}",
            remedy="what is open or in memory already cannot be verified before it is read: name the file",
        )
    return parse_ref(name) if isinstance(ref, str) else LocalRef(name)


_ON, _OFF = frozenset({"1", "TRUE", "YES", "ON"}), frozenset({"", "0", "FALSE", "NO", "OFF"})


def _set(name: str) -> bool:
    return os.environ.get(name, "").upper() in _ON


def _offline_by_name() -> bool:
    """Tell whether our own variable asks for offline mode. Raises `PolicyError` for a word that says neither."""
    asked = os.environ.get("MODELGUARD_OFFLINE", "")
    if asked.upper() not in _ON | _OFF:
        raise PolicyError(f"MODELGUARD_OFFLINE: expected 1 or 0, found {printable(asked)!r}")
    return _set("MODELGUARD_OFFLINE")


def _hint(lock: Lock, ref: ModelRef) -> str:
    if isinstance(ref, HubRef) and not ref.org:
        same = [key for key in lock.entries if key.endswith(f"/{ref.name}")]
        if same:
            return f"; write the full name: {', '.join(printable(key) for key in same)}"
    return ""
