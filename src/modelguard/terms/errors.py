"""Every error that modelguard raises on purpose.

ModelguardError                 what happened, where, and what to do about it
├── RefError                    a reference to a model cannot be read
├── PolicyError                 the policy is invalid
├── LockError                   the lock is missing, damaged or of an unknown version
├── ReadError                   bytes of a format cannot be read to their end
│   └── BudgetSpent             … because a limit on work or memory was reached
├── SourceError                 a model cannot be fetched
│   ├── NotFound                no such repository (or it is hidden from this token)
│   ├── NoAccess                the token does not allow it
│   │   └── Gated               access has to be requested first
│   ├── Disabled                the Hub has taken the repository down
│   ├── Renamed                 the Hub answers with another repository id
│   ├── RevisionGone            no such branch, tag or commit (any more)
│   ├── Unreachable             network, server or rate limit: try again later
│   │   ├── Offline             offline mode was asked for
│   │   └── RateLimited         too many requests
│   └── Tampered                the bytes are not the ones that were promised
├── StoreError                  the private store cannot be read or written
├── StateError                  the state of the monitor cannot be read or written
├── SignatureError              a signature is missing, malformed or not by an approved signer
│   ├── SignatureMissing        no signature where the policy wants one
│   ├── SignatureMalformed      the bundle or what it signs breaks a rule of its format
│   ├── SignatureUntrusted      the cryptography does not lead back to what the policy trusts
│   │   └── UntrustedIdentity   … or leads to somebody else, or the signer was revoked
│   ├── SignatureMismatch       the signature holds, but for other files than these
│   ├── SignatureUnsupported    a method, key or version that this release does not verify
│   └── SigningFailed           a signature could not be made
├── LicenseError                a license expression cannot be read
├── LoaderError                 no loader fits, several do, or its package is missing
└── ModelRefused                the verdict: carries the whole examination
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelguard.terms.verdict import Examination


class ModelguardError(Exception):
    """Something that the user can act on: a message, and the remedy that mends it (may be empty)."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n  remedy: {self.remedy}" if self.remedy else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        """Let errors cross processes although `remedy` is keyword-only."""
        return (_rebuild, (type(self), self.args, {**self.__dict__}))


def _rebuild(kind: type[ModelguardError], args: tuple[Any, ...], state: dict[str, Any]) -> ModelguardError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


class RefError(ModelguardError):
    """A reference to a model cannot be read."""


class PolicyError(ModelguardError):
    """The policy is invalid; the message starts with the key path."""


class LockError(ModelguardError):
    """The lock is missing, damaged or of an unknown version; the message starts with the key path."""


class ReadError(ModelguardError):
    """Bytes of a format cannot be read to their end. Readers raise it; the walk turns it into `Unread`."""


class BudgetSpent(ReadError):
    """A limit on work or memory was reached before the end of the bytes."""


class SourceError(ModelguardError):
    """A model cannot be fetched."""


class NotFound(SourceError):
    """No such repository or file, or it is hidden from this token: the Hub does not tell which."""


class NoAccess(SourceError):
    """The token does not allow it."""


class Gated(NoAccess):
    """Access to the repository has to be requested first."""


class Disabled(SourceError):
    """The Hub has taken the repository down."""


class Renamed(SourceError):
    """The Hub answers with another repository id than the one asked for."""


class RevisionGone(SourceError):
    """No such branch, tag or commit, or no longer."""


class Unreachable(SourceError):
    """Network, server or rate limit; trying again later may help."""


class Offline(Unreachable):
    """Offline mode was asked for and the answer is not in the store."""


class RateLimited(Unreachable):
    """The server asks to send fewer requests."""


class Tampered(SourceError):
    """The bytes received are not the ones that were promised: the file's path and both digests, as text."""

    def __init__(self, message: str, *, remedy: str = "", path: str = "", expected: str = "", found: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.path = path
        self.expected = expected
        self.found = found


class StoreError(ModelguardError):
    """The private store cannot be read or written."""


class StateError(ModelguardError):
    """The state of the monitor cannot be read or written, or another monitor is at work on it."""


class SignatureError(ModelguardError):
    """A signature is missing, malformed or not by an approved signer."""


class SignatureMissing(SignatureError):
    """No signature is there although the policy wants one."""


class SignatureMalformed(SignatureError):
    """A bundle, or the statement that it signs, breaks a rule of its format."""


class SignatureUntrusted(SignatureError):
    """The cryptography of a signature does not lead back to the key, certificate or root that the policy trusts."""


class UntrustedIdentity(SignatureUntrusted):
    """A valid signature by somebody whom the policy does not name, or whom it has revoked."""


class SignatureMismatch(SignatureError):
    """A valid signature over other bytes. `files` names each file with what is wrong: missing, different, unsigned."""

    def __init__(self, message: str, *, remedy: str = "", files: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message, remedy=remedy)
        self.files = files


class SignatureUnsupported(SignatureError):
    """A method, key type, hash or version that this release does not verify; never the same as verified."""


class SigningFailed(SignatureError):
    """A signature could not be made: the key, certificate, token or files do not serve."""


class LicenseError(ModelguardError):
    """A license expression is not SPDX."""


class LoaderError(ModelguardError):
    """No loader fits, several do, or the package that loads this format is not installed."""


class ModelRefused(ModelguardError):
    """The verdict was to refuse. `examination` tells everything that was found."""

    def __init__(self, message: str, *, remedy: str = "", examination: Examination | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.examination = examination
