"""What an event is, and the table of all kinds with their severities and what to do."""

from __future__ import annotations

from hashlib import sha256

from attrs import evolve, frozen

from modelguard.terms.finding import Severity


@frozen(kw_only=True)
class Kind:
    """One kind of event: how severe it is unless the rule says otherwise, and what to do about it."""

    name: str
    severity: Severity
    title: str
    remedy: str


_LOOK = "look at the change before you use anything newer: modelguard diff {ref}"
_STOP = "stop using the model until you know why: modelguard revoke {ref} --reason …"

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(name="revision-moved", severity=Severity.INFO, title="a new revision", remedy="modelguard update {ref}"),
        Kind(
            name="history-rewritten",
            severity=Severity.HIGH,
            title="the history was rewritten",
            remedy="keep your copy: the Hub may not have the locked bytes any more; ask the publisher why",
        ),
        Kind(
            name="history-squashed",
            severity=Severity.MEDIUM,
            title="the history was squashed; the files are the same",
            remedy="keep your copy, then lock the new commit: modelguard lock --upgrade {ref}",
        ),
        Kind(name="tag-moved", severity=Severity.HIGH, title="a tag points elsewhere", remedy=_LOOK),
        Kind(name="tag-deleted", severity=Severity.HIGH, title="a tag is gone", remedy=_LOOK),
        Kind(
            name="file-changed-same-ref",
            severity=Severity.CRITICAL,
            title="a commit has other content than before",
            remedy="do not use these bytes: a commit cannot change; look for a proxy or mirror in between",
        ),
        Kind(
            name="repo-unavailable",
            severity=Severity.HIGH,
            title="the repository is removed, private or hidden from this token",
            remedy="keep your copy; find out why it is gone before you go on using it",
        ),
        Kind(name="repo-private", severity=Severity.HIGH, title="the repository was made private", remedy=_LOOK),
        Kind(name="repo-disabled", severity=Severity.HIGH, title="the Hub has disabled it", remedy=_STOP),
        Kind(name="repo-returned", severity=Severity.LOW, title="the repository is there again", remedy=_LOOK),
        Kind(
            name="gated-changed",
            severity=Severity.MEDIUM,
            title="access is asked for in another way",
            remedy="keep your copy; new machines may not be able to fetch it",
        ),
        Kind(
            name="renamed",
            severity=Severity.MEDIUM,
            title="the repository has another name or owner",
            remedy="make sure who owns it now, then lock it under its new name",
        ),
        Kind(
            name="namespace-reuse",
            severity=Severity.CRITICAL,
            title="somebody else's repository answers under this name",
            remedy=_STOP,
        ),
        Kind(
            name="maintainers-changed",
            severity=Severity.MEDIUM,
            title="other people than before can change it",
            remedy="find out whether the publisher says so too before you take a newer revision",
        ),
        Kind(
            name="license-changed",
            severity=Severity.HIGH,
            title="the license is another one",
            remedy="have the new terms read before you take a newer revision",
        ),
        Kind(name="unsafe-file-added", severity=Severity.HIGH, title="a file that can run code is new", remedy=_LOOK),
        Kind(
            name="format-regression",
            severity=Severity.HIGH,
            title="safe weight files are gone",
            remedy="stay on the locked revision, which has them",
        ),
        Kind(name="hub-unsafe", severity=Severity.HIGH, title="the Hub's scanners object to a file", remedy=_STOP),
        Kind(name="advisory-new", severity=Severity.HIGH, title="an advisory matches", remedy=_STOP),
        Kind(
            name="vendor-inactive",
            severity=Severity.MEDIUM,
            title="nobody has changed it for a long time",
            remedy="plan for a model that is looked after, or take over its care",
        ),
        Kind(
            name="successor",
            severity=Severity.INFO,
            title="its publisher names a newer model",
            remedy="look at {after}",
        ),
        Kind(
            name="base-model-event",
            severity=Severity.MEDIUM,
            title="something happened to a model that it was made from",
            remedy="ask whether it concerns this model as well",
        ),
        Kind(
            name="approval-expiring",
            severity=Severity.MEDIUM,
            title="its approval is about to end",
            remedy="review it: modelguard approve {ref} --reason … --until …",
        ),
        Kind(
            name="exception-expiring",
            severity=Severity.MEDIUM,
            title="an accepted finding is about to be one again",
            remedy="mend the finding, or accept it anew with a reason",
        ),
    )
}


@frozen(kw_only=True)
class Event:
    """Something that happened to a model. `before` and `after` are the values that differ, as text.

    `subject` says which part of the model it is about (a path, a tag, a member), `at` when it was seen (ISO 8601,
    UTC), `details` are lines to read. `id` is the same whenever the same event is told again.
    """

    kind: str
    ref: str
    subject: str = ""
    before: str = ""
    after: str = ""
    severity: Severity
    message: str
    details: tuple[str, ...] = ()
    at: str = ""
    id: str = ""

    @property
    def title(self) -> str:
        return KINDS[self.kind].title

    @property
    def remedy(self) -> str:
        return KINDS[self.kind].remedy.replace("{ref}", self.ref).replace("{after}", self.after)

    @property
    def purl(self) -> str:
        """The package URL of the model, without a revision: the source of the event."""
        return f"pkg:huggingface/{self.ref}"

    def numbered(self, generation: int) -> Event:
        """Return the event with its id: what happened, to what, and in which known state of the model it happened.

        The generation tells a tag that moves away and back and away again from one event told twice.
        """
        words = (self.kind, self.ref, self.subject, self.before, self.after, str(generation))
        digest = sha256("".join(f"{len(word)}:{word}" for word in words).encode("utf-8", "surrogatepass")).hexdigest()
        return evolve(self, id=digest[:32])


def event(kind: str, ref: str, message: str, *, severity: Severity | None = None, **more: object) -> Event:
    """Make an event of a kind in the table. Raises `KeyError` for another one."""
    level = KINDS[kind].severity if severity is None else severity
    return Event(kind=kind, ref=ref, message=message, severity=level, **more)  # type: ignore[arg-type]
