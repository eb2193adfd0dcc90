"""Reads the tables `[trust.*]` and `[provenance]` of a policy: which signers vouch for which models.

[trust.public-good]                      # a Sigstore instance's trusted root, as a file
file = "trust/public-good.json"
sha256 = "6494e21e…"
updated = 2026-11-22

[provenance.signers.acme]
method = "sigstore"                      # or "key", or "certificate"
trust = "public-good"
any-of = [{ identity = "release@acme.example", issuer = "https://accounts.acme.example" }]

[[provenance.models]]
models = ["acme/*"]
signers = ["acme"]
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TypeAlias, get_args

from modelguard.policy.settings import Policy
from modelguard.terms.artifact import Digest
from modelguard.terms.errors import PolicyError, RefError
from modelguard.terms.provenance import (
    CertificateSigner,
    Form,
    Identity,
    KeySigner,
    LeafKey,
    LeafName,
    Method,
    Provenance,
    Revocation,
    Signer,
    SigningRule,
    SigstoreSigner,
    TrustedRootFile,
)
from modelguard.terms.section import Section

_METHODS: tuple[Method, ...] = get_args(Method)
_FORMS: tuple[Form, ...] = get_args(Form)
_Moment: TypeAlias = "date | None"


def read_provenance(policy: Policy) -> Provenance:
    """Return the policy's word about signatures; without the tables it names nobody.

    Raises `PolicyError` with the key path.
    """
    top = Section(policy.tables, _prefix(policy), PolicyError)
    trust, table = top.section("trust"), top.section("provenance")
    signers = table.section("signers")
    found = Provenance(
        roots=tuple(_root(name, trust.section(name)) for name in trust.plain()),
        signers=tuple(_signer(name, signers.section(name)) for name in signers.plain()),
        rules=tuple(_rule(section) for section in table.sections("models")),
        revoked=tuple(_revocation(section) for section in table.sections("revoked")),
        lock_signers=table.texts("lock-signers"),
        root_days=table.integer("root-days", Provenance().root_days, least=1),
    )
    table.finish()
    _check_names(found, table)
    return found


def _prefix(policy: Policy) -> str:
    return "tool.modelguard" if policy.origin.endswith("pyproject.toml") else ""


def _root(name: str, section: Section) -> TrustedRootFile:
    root = TrustedRootFile(
        name=name,
        file=section.text("file"),
        sha256=_digest(section, "sha256"),
        updated=_day(section, "updated"),
    )
    section.finish()
    return root


def _signer(name: str, section: Section) -> Signer:
    match section.choice("method", _METHODS):
        case "sigstore":
            signer: Signer = _sigstore(name, section)
        case "key":
            signer = KeySigner(
                name=name,
                public_key=section.text("public-key"),
                spki=_digest(section, "spki-sha256"),
                accept=_accept(section, ("model", "file")),
            )
        case "certificate":
            signer = _certificate(name, section)
    section.finish()
    return signer


def _sigstore(name: str, section: Section) -> SigstoreSigner:
    any_of = tuple(_identity(part) for part in section.sections("any-of"))
    if not any_of:
        raise section.fail("any-of", "names nobody; write one { identity = …, issuer = … } or more")
    return SigstoreSigner(
        name=name,
        root=section.text("trust"),
        any_of=any_of,
        accept=_accept(section, ("model", "file")),
        older_bundles=section.flag("older-bundles", default=False),
    )


def _identity(section: Section) -> Identity:
    claims = section.section("claims")
    identity = Identity(
        identity=_something(section, "identity"),
        issuer=_something(section, "issuer"),
        claims={name: _something(claims, name) for name in claims.plain()},
    )
    section.finish()
    return identity


def _certificate(name: str, section: Section) -> CertificateSigner:
    if ("spki-sha256" in section) == ("subject" in section):
        raise section.fail("subject", "expected either subject or spki-sha256, to say whose certificate it is")
    leaf: LeafKey | LeafName
    if "spki-sha256" in section:
        leaf = LeafKey(spki=_digest(section, "spki-sha256"))
    else:
        leaf = LeafName(name=_something(section, "subject"))
    return CertificateSigner(
        name=name,
        authorities=section.text("authorities"),
        leaf=leaf,
        at=section.choice("at", ("now", "signing"), "now"),
        accept=_accept(section, ("model",)),
    )


def _rule(section: Section) -> SigningRule:
    signed_after = _day(section, "signed-after")
    rule = SigningRule(
        models=section.texts("models"),
        signers=section.texts("signers"),
        bundles=section.texts("bundles"),
        unsigned=section.texts("unsigned"),
        signed_after=signed_after,
    )
    for key, values in (("models", rule.models), ("signers", rule.signers)):
        if not values:
            raise section.fail(key, "names nobody")
    section.finish()
    return rule


def _revocation(section: Section) -> Revocation:
    given = [key for key in ("payload", "key", "identity") if key in section]
    if len(given) != 1:
        raise section.fail("payload", "expected one of payload, key or identity, to say what is revoked")
    [by] = given
    value = _something(section, "identity") if by == "identity" else str(_digest(section, by))
    revocation = Revocation(by=by, value=value, reason=_something(section, "reason"))  # type: ignore[arg-type]
    section.finish()
    return revocation


def _accept(section: Section, default: tuple[Form, ...]) -> tuple[Form, ...]:
    """Read which forms of signature count."""
    if "accept" not in section:
        return default
    found: list[Form] = []
    for index, text in enumerate(section.texts("accept")):
        form = next((one for one in _FORMS if one == text), None)
        if form is None:
            raise section.fail(f"accept[{index}]", f"expected one of {', '.join(_FORMS)}, found {text!r}")
        found.append(form)
    return tuple(found)


def _digest(section: Section, key: str) -> Digest:
    text = section.text(key)
    try:
        return Digest.sha256(text.removeprefix("sha256:"))
    except RefError as error:
        raise section.fail(key, error.message) from None


def _day(section: Section, key: str) -> _Moment:
    text = section.day(key, "")
    return date.fromisoformat(text) if text else None


def _something(section: Section, key: str) -> str:
    text = section.text(key)
    if not text.strip():
        raise section.fail(key, "is empty")
    return text


def _check_names(found: Provenance, table: Section) -> None:
    """Refuse names of signers and roots that nothing defines: a slip of the pen must not leave a model unguarded."""
    known = {signer.name for signer in found.signers}
    for place, name in _named(found):
        if name not in known:
            raise table.fail(place, f"there is no signer {name!r}")
    roots = {root.name for root in found.roots}
    for signer in found.signers:
        if isinstance(signer, SigstoreSigner) and signer.root not in roots:
            raise table.fail(f"signers.{signer.name}.trust", f"there is no [trust.{signer.root}]")


def _named(found: Provenance) -> Iterator[tuple[str, str]]:
    for index, rule in enumerate(found.rules):
        yield from ((f"models[{index}].signers", name) for name in rule.signers)
    yield from (("lock-signers", name) for name in found.lock_signers)
