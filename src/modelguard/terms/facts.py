"""What collectors write down. A fact says what was seen and where; it never says whether that is good.

Facts about content are here. Facts of other areas are in their own files: `provenance`, `licensing`, `upstream`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias, TypeVar

from attrs import Factory, field, frozen

from modelguard.terms.artifact import Artifact, Digest, Location, Snapshot


@frozen(kw_only=True)
class Fact:
    """Something seen at a place."""

    location: Location


@frozen(kw_only=True)
class Digested(Fact):
    """The size in bytes and the digest of a file of the snapshot."""

    size: int
    digest: Digest


@frozen(kw_only=True)
class Recognised(Fact):
    """The formats that accept the bytes at this place, by name, sorted. None is a fact of its own: `Opaque`."""

    formats: tuple[str, ...]


@frozen(kw_only=True)
class Opaque(Fact):
    """No format accepts these bytes: nobody knows what they hold. `head` is the first bytes, as hex."""

    size: int
    head: str


@frozen(kw_only=True)
class Unread(Fact):
    """Bytes that were not read to their end, and why: a fault, a limit, encryption, an unreachable source.

    `remedy` is what mends it, where whoever met the fault knows.
    """

    format: str
    reason: str
    remedy: str = ""


@frozen(kw_only=True)
class Malformed(Fact):
    """Bytes that break a rule of their format, or that two readers of the format understand differently.

    `rule` is a kebab-case name such as `zip-name-differs` or `pickle-frame-straddle`; `detail` says what was found.
    """

    format: str
    rule: str
    detail: str


@frozen(kw_only=True)
class PartlyRead(Fact):
    """A file that was read by ranges where it lies: `digest` is its source's claim, and nobody has hashed the bytes."""

    size: int
    digest: Digest


@frozen(kw_only=True)
class Noted(Fact):
    """An oddity or property worth showing that asks for nothing: `rule` names it, `detail` says what was found."""

    format: str
    rule: str
    detail: str


@frozen(kw_only=True)
class Member(Fact):
    """A part of a container: its size and how it is stored."""

    size: int
    method: str = "stored"


@frozen(kw_only=True)
class Header(Fact):
    """What a format says about itself, as text values: version, architecture, framework, metadata keys."""

    format: str
    properties: Mapping[str, str] = field(factory=dict, hash=False)


@frozen(kw_only=True)
class Tensor(Fact):
    """An array of numbers: its name, element type, shape, and its bytes within the file (offset and length)."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    length: int


@frozen(kw_only=True)
class RawNumbers(Fact):
    """Another file of the snapshot that this one names as plain numbers, such as external data of a graph.

    No loader reads anything but numbers out of `path` on behalf of this file, so that nothing in it needs a format
    of its own. It is still read by every format that accepts it.
    """

    path: str


# --- what a pickle would do ------------------------------------------------------------------------------------


@frozen(kw_only=True)
class Import(Fact):
    """A global that an unpickler would look up, as `module` and qualified `name` after name mapping.

    `written` is the pair as it stands in the file when protocol 2 mapping changed it (`__builtin__ eval`).
    `profiles` are the permission profiles whose tables list this exact name; `hazard` is the class of the danger
    when the name is a known gadget (`code-execution`, `process`, `file-write`, …), with `why` its explanation.
    """

    module: str
    name: str
    written: str = ""
    profiles: tuple[str, ...] = ()
    hazard: str = ""
    why: str = ""

    @property
    def qualified(self) -> str:
        return f"{self.module}.{self.name}"


@frozen(kw_only=True)
class Call(Fact):
    """A call that an unpickler would make: `target` as `module.name`, or what stood in its place.

    `opcode` is REDUCE, INST, OBJ, NEWOBJ or NEWOBJ_EX. `broken` says which argument rule of the granting table the
    arguments break (empty when none). `result_dropped` tells that nothing keeps the result: the call is made for
    its effect. `hazard` is as in `Import`.
    """

    target: str
    opcode: str
    arguments: str = ""
    broken: str = ""
    result_dropped: bool = False
    hazard: str = ""


@frozen(kw_only=True)
class Build(Fact):
    """State put into an object in a way that can run or replace code.

    `target` is what receives it, `manner` a kebab-case name: `dunder-key`, `setstate-key`, `on-class`,
    `on-module`, `on-function`, `item-on-class`, `item-on-object`, `kept-function`, `slot-state`; `detail` names the
    keys.
    """

    target: str
    manner: str
    detail: str = ""


@frozen(kw_only=True)
class Unresolved(Fact):
    """Something an unpickler would look up that cannot be named from the bytes alone.

    `what` is kebab-case: `computed-global`, `extension-code`, `persistent-id`, `out-of-band-buffer`,
    `unknown-memo`, `computed-callable`; `detail` says what was found.
    """

    what: str
    detail: str


@frozen(kw_only=True)
class Nested(Fact):
    """A program or archive carried inside a constant, a string or unused bytes; its own facts lie below it."""

    format: str
    carrier: str


# --- what other formats ask for --------------------------------------------------------------------------------

Permission: TypeAlias = Literal[
    "ops",  # operators that read or write files, use the network, or call Python
    "custom-ops",  # operators that only a plug-in can run
    "remote-code",  # Python or another language, in or beside the model, that a loader would run
    "templates",  # text templates that reach beyond rendering
    "external-files",  # bytes outside the file, or outside the snapshot
    "other-models",  # another repository or path that a loader would follow
    "native-code",  # machine code: shared libraries, executables, engines
    "network",  # addresses that a loader would fetch
    "configuration",  # names of classes or functions that a loader would look up
    "install",  # packages that something would install
]


@frozen(kw_only=True)
class Asks(Fact):
    """Something beyond data that the model asks its loader for.

    `permission` is the kind, `name` exactly what is asked for (an operator, a class, a path, a digest), `detail`
    explains it, `hazard` is the class of danger when known, `profiles` the profiles that grant it.
    """

    permission: Permission
    name: str
    detail: str = ""
    hazard: str = ""
    profiles: tuple[str, ...] = ()


@frozen(kw_only=True)
class Secret(Fact):
    """Something that looks like a credential: its kind and a redacted sample, never the secret itself."""

    kind: str
    sample: str


# --- the lock's word -------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class Pinned(Fact):
    """What the lock says about a file: size and digest, imports and permissions that were approved."""

    size: int
    digest: Digest
    imports: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()


@frozen(kw_only=True)
class Earlier(Fact):
    """What the lock records of a file at the revision that a newer one is about to replace."""

    revision: str
    imports: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()


@frozen(kw_only=True)
class Approval(Fact):
    """The lock's decision about the model: `state` is approved, exempted or revoked; dates are ISO 8601."""

    state: str
    revision: str = ""
    by: str = ""
    reason: str = ""
    until: str = ""


@frozen(kw_only=True)
class NotLocked(Fact):
    """The lock has no entry for this model, or there is no lock."""

    reason: str
    remedy: str = ""


@frozen(kw_only=True)
class Substituted(Fact):
    """A source delivered other bytes than the lock promises; they were thrown away. Digests as text."""

    expected: str
    found: str


@frozen(kw_only=True)
class IdentityChanged(Fact):
    """The Hub's identity of the repository or of its owner is not the recorded one: the name was taken over."""

    what: str
    recorded: str
    found: str


@frozen(kw_only=True)
class Today(Fact):
    """The date for which questions about expiry are asked, as ISO 8601."""

    date: str


AnyFact = TypeVar("AnyFact", bound=Fact)


@frozen(kw_only=True)
class Dossier:
    """Every fact about one snapshot, in the order in which it was written down."""

    snapshot: Snapshot
    facts: tuple[Fact, ...] = ()
    _by_kind: dict[type[Fact], list[Any]] = field(init=False, repr=False, eq=False, default=Factory(dict))

    def all(self, kind: type[AnyFact]) -> Iterator[AnyFact]:
        """Yield the facts of one kind, in order."""
        return iter(self._sorted().get(kind, ()))

    def _sorted(self) -> dict[type[Fact], list[Any]]:
        if not self._by_kind:
            for fact in self.facts:
                self._by_kind.setdefault(type(fact), []).append(fact)
        return self._by_kind

    @property
    def kinds(self) -> frozenset[type[Fact]]:
        """The kinds of facts that are there."""
        return frozenset(self._sorted())

    def first(self, kind: type[AnyFact]) -> AnyFact | None:
        return next(self.all(kind), None)

    def at(self, path: str, kind: type[AnyFact]) -> Iterator[AnyFact]:
        """Yield the facts of one kind about one file of the snapshot."""
        return (fact for fact in self.all(kind) if fact.location.path == path)

    def artifact(self, path: str) -> Artifact | None:
        return self.snapshot.artifact(path)
