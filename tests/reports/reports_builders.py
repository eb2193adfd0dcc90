"""Examinations made of literals: ordinary ones, and one whose every name was written by somebody hostile."""

from __future__ import annotations

from modelguard.reports.report import Background, Setting
from modelguard.terms.artifact import Artifact, Digest, HubRef, LocalRef, Location, ModelRef, Snapshot
from modelguard.terms.facts import Asks, Dossier, Fact, Import, Pinned, Recognised
from modelguard.terms.finding import Area, Finding, Severity
from modelguard.terms.provenance import Unsigned
from modelguard.terms.verdict import Allowed, Decision, Examination, Refused

REVISION = "0123456789abcdef0123456789abcdef01234567"
DIGEST = Digest.sha256("ab" * 32)

# Each piece means something to one of the formats, or to the terminal that shows it.
HOSTILE = {
    "escape sequence": "\x1b[31mred\x1b]0;title\x07",
    "line feed and command": "x\n::error file=a,line=1::owned\r\n::set-output name=a::b",
    "right-to-left": "invoice\u202efdp.exe\u2066",
    "markup": "<script>alert(1)</script><img src=x onerror=alert(1)>&amp;\"'",
    "end of CDATA": "]]><!-- --><evil/>",
    "Markdown": "`**b**` [click](javascript:alert(1)) | cell @everyone #1 www.example.org https://example.org ![i](x)",
    "placeholder": "{0} {{1}} %25 %0A %s",
    "null": "a\x00b\x85c\u2028d",
    "not UTF-8": "caf\udce9",
    "formula": '=HYPERLINK("http://example.org")',
}


def finding(check: str = "unknown-bytes", severity: str = "medium", area: Area = "content", **more: object) -> Finding:
    keywords = {
        "location": Location("model.bin", ("archive/data.pkl",), 12),
        "message": "Nobody knows what these bytes hold.",
        "remedy": "modelguard convert model.bin",
        "subject": "model.bin",
        **more,
    }
    return Finding(check=check, area=area, severity=Severity.parse(severity), **keywords)


def decided(one: Finding, line: str = "default: content findings refuse") -> Decision:
    return Decision(finding=one, line=line)


def examination(
    ref: ModelRef,
    *,
    revision: str = "",
    refused: tuple[Decision, ...] = (),
    noted: tuple[Decision, ...] = (),
    excused: tuple[Decision, ...] = (),
    paths: tuple[str, ...] = ("model.bin",),
    facts: tuple[Fact, ...] = (),
) -> Examination:
    snapshot = Snapshot(
        ref=ref,
        revision=revision,
        artifacts=tuple(Artifact(path=path, size=1_234_567, digest=DIGEST) for path in paths),
    )
    seen = tuple(Recognised(location=Location(path), formats=("pickle",)) for path in paths)
    verdict = (
        Refused(because=refused, noted=noted, excused=excused) if refused else Allowed(noted=noted, excused=excused)
    )
    return Examination(
        snapshot=snapshot,
        dossier=Dossier(snapshot=snapshot, facts=(*seen, *facts)),
        findings=tuple(one.finding for one in (*refused, *noted, *excused)),
        verdict=verdict,
    )


def clean() -> Examination:
    return examination(HubRef("acme", "clean", REVISION), revision=REVISION, paths=("model.safetensors",))


def mixed() -> Examination:
    """Return a refused model with a finding of every sort, two areas and permissions."""
    return examination(
        HubRef("acme", "mixed", REVISION),
        revision=REVISION,
        refused=(
            decided(finding()),
            decided(
                finding("dangerous-call", "critical", message="Loading it would call os.system.", subject="os.system")
            ),
        ),
        noted=(
            decided(finding("unsigned-model", "medium", "provenance"), "default: no [provenance] table"),
            decided(finding("other-models", "info"), "info findings are noted"),
        ),
        excused=(decided(finding("unknown-bytes", "medium", subject="extra.dat"), "excuses[0]: calibration data"),),
        facts=(
            Import(location=Location("model.bin"), module="os", name="system"),
            Import(location=Location("model.bin"), module="collections", name="OrderedDict", profiles=("core",)),
            Asks(location=Location("model.bin"), permission="network", name="https://example.org/x"),
            Pinned(location=Location("model.bin"), size=1, digest=DIGEST),
            Unsigned(location=Location("acme/mixed"), reason="no signature", required=False),
        ),
    )


def hostile() -> Examination:
    """Return a refused model with every hostile piece in every place that a stranger can write."""
    decisions = tuple(
        decided(
            finding(
                location=Location(f"dir/{text}", (text,), 3),
                message=f"The file looks up {text}.",
                remedy=f"rename {text}",
                subject=text,
            ),
            f"excuses[0]: {text}",
        )
        for text in HOSTILE.values()
    )
    facts = tuple(Import(location=Location(text), module=text, name="n") for text in HOSTILE.values())
    asks = tuple(Asks(location=Location(text), permission="network", name=text) for text in HOSTILE.values())
    return examination(
        LocalRef("models/" + "".join(HOSTILE.values())),
        refused=decisions,
        excused=decisions[:2],
        paths=tuple(HOSTILE.values()),
        facts=(*facts, *asks),
    )


def empty() -> Examination:
    """Return a model of which nothing was looked at."""
    return examination(LocalRef("nothing"), paths=())


EVERY = (clean(), mixed(), hostile(), empty())

SETTING = Setting(
    lock_path="conf/modelguard.lock",
    lock_lines=(("acme/clean", 6), ("acme/mixed", 31), (hostile().snapshot.ref.key, 60)),
    background=(
        Background(
            key="acme/mixed",
            license="Apache-2.0",
            signer="release@acme.example",
            state="approved",
            by="ada@acme.example",
            reason="embeddings for search",
            moments=(
                ("2026-01-05T10:00:00Z", "revision made"),
                ("2026-02-01T09:30:00Z", "approved"),
                ("2027-01-31", "approval ends"),
            ),
        ),
        Background(key=hostile().snapshot.ref.key, license="".join(HOSTILE.values()), reason="".join(HOSTILE.values())),
    ),
    pages=(("unknown-bytes", "Reports bytes that no format accepts.\n\nWhy it matters\n    Nobody knows."),),
    width=80,
)
