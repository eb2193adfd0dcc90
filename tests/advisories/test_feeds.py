"""Feeds from the disk to the verdict: what is found about a model, what is ignored, and what cannot be read."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from signature_builders import private_pem, public_pem

from modelguard.advisories.feeds import FeedFile, age_in_days, read_feed, write_note
from modelguard.guard import Gate
from modelguard.guard.examining import examine, examine_snapshot
from modelguard.lock import Entry
from modelguard.policy.reading import read_policy
from modelguard.signatures.keys import spki_digest
from modelguard.signatures.signing import sign_file_with_key
from modelguard.terms.artifact import Artifact, Digest, HubRef, Snapshot
from modelguard.terms.errors import PolicyError
from modelguard.terms.finding import Finding, Severity
from modelguard.terms.verdict import Examination
from modelguard.testing.models import tiny_pickle, tiny_safetensors

COMMIT = "a" * 40
OTHER = "b" * 40


def record(number: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": f"x_MG-2026-{number:04d}", "modified": "2026-11-01T00:00:00Z", "summary": "Reverse shell", **more}


def about_file(data: bytes, number: int = 1, kind: str = "malicious") -> dict[str, Any]:
    digest = hashlib.sha256(data).hexdigest()
    return record(number, database_specific={"kind": kind, "indicators": {"sha256": [digest]}})


def about_package(name: str, *events: dict[str, str], **more: Any) -> dict[str, Any]:
    package = {"ecosystem": "PyPI", "name": name}
    return record(affected=[{"package": package, "ranges": [{"type": "ECOSYSTEM", "events": list(events)}]}], **more)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "project"
    (home / "feed").mkdir(parents=True)
    (home / "model").mkdir()
    (home / "model" / "model.safetensors").write_bytes(tiny_safetensors())
    monkeypatch.chdir(home)
    monkeypatch.setenv("MODELGUARD_STORE", str(tmp_path / "store"))
    return home


Examiner = Callable[..., Examination]


@pytest.fixture
def examined(project: Path) -> Examiner:
    """Examine the project's model, or a snapshot, under a policy with one feed of the records given."""

    def run(*records: dict[str, Any], snapshot: Snapshot | None = None, entry: Entry | None = None, **more: Any) -> Any:
        for index, document in enumerate(records):
            (project / "feed" / f"{index}.json").write_text(json.dumps(document), "utf-8")
        table = {"feeds": [{"name": "own", "path": "feed"}], **more}
        gate = Gate.open(policy=read_policy({"advisories": table}))
        if snapshot is None:
            return examine("./model", gate)
        return examine_snapshot(snapshot, gate, entry=entry, collectors=("advisories", "pins"))

    return run


def of_area(examination: Examination) -> list[Finding]:
    return [finding for finding in examination.findings if finding.area == "advisory"]


def hub_snapshot(name: str = "acme/tiny", commit: str = COMMIT, data: bytes = b"weights") -> Snapshot:
    org, _, model = name.partition("/")
    digest = Digest.sha256(hashlib.sha256(data).hexdigest())
    artifact = Artifact(path="model.safetensors", size=len(data), digest=digest)
    return Snapshot(ref=HubRef(org, model, commit), revision=commit, artifacts=(artifact,))


def test_without_an_advisory_nothing_is_found(examined: Examiner) -> None:
    examination = examined(about_file(b"something else"))
    assert examination.allowed
    assert of_area(examination) == []


def test_a_known_malicious_file_is_found_under_any_name(examined: Examiner) -> None:
    examination = examined(about_file(tiny_safetensors()))
    [finding] = of_area(examination)
    assert (finding.check, finding.severity) == ("malicious-model", Severity.CRITICAL)
    assert finding.location.path == "model.safetensors"
    assert "x_MG-2026-0001 (feed own): Reverse shell" in finding.message
    assert not examination.allowed


def test_an_advisory_that_is_no_attack_is_a_known_vulnerability(examined: Examiner) -> None:
    [finding] = of_area(examined(about_file(tiny_safetensors(), kind="unmaintained")))
    assert (finding.check, finding.severity) == ("known-vulnerability", Severity.LOW)


def test_a_withdrawn_advisory_does_not_count(examined: Examiner) -> None:
    withdrawn = about_file(tiny_safetensors()) | {"withdrawn": "2026-11-02T00:00:00Z"}
    assert of_area(examined(withdrawn)) == []


def test_a_model_is_found_by_the_digest_of_all_its_files(examined: Examiner) -> None:
    from modelguard.lock import tree_digest

    snapshot = hub_snapshot()
    digest = tree_digest((one.path, one.size, one.digest) for one in snapshot.artifacts)
    known = record(database_specific={"kind": "malicious", "indicators": {"tree_digest": [digest.hex]}})
    assert [one.check for one in of_area(examined(known, snapshot=snapshot))] == ["malicious-model"]
    assert of_area(examined(known, snapshot=hub_snapshot(data=b"other"))) == []


def in_repository(*versions: str, events: Any = (), **more: Any) -> dict[str, Any]:
    affected: dict[str, Any] = {"versions": list(versions), "database_specific": {"purl": "pkg:huggingface/acme/tiny"}}
    if events:
        repo = "https://huggingface.co/acme/tiny"
        affected["ranges"] = [{"type": "GIT", "repo": repo, "events": list(events)}]
    return record(affected=[affected], **more)


def test_a_listed_commit_of_a_repository_is_found_and_its_neighbour_is_not(examined: Examiner) -> None:
    [finding] = of_area(examined(in_repository(COMMIT), snapshot=hub_snapshot()))
    assert (finding.check, finding.confidence, finding.severity) == ("known-vulnerability", "certain", Severity.HIGH)
    assert of_area(examined(in_repository(COMMIT), snapshot=hub_snapshot(commit=OTHER))) == []
    assert of_area(examined(in_repository(COMMIT), snapshot=hub_snapshot("acme/tiny2"))) == []


def test_an_advisory_about_a_model_of_the_public_hub_counts_for_its_mirror(examined: Examiner) -> None:
    whole = {"type": "GIT", "repo": "https://huggingface.co/acme/tiny", "events": [{"introduced": "0"}]}
    document = record(affected=[{"ranges": [whole]}])
    entry = Entry(id="acme/tiny", host="mirror.example", revision=COMMIT)
    assert len(of_area(examined(document, snapshot=hub_snapshot(), entry=entry))) == 1
    elsewhere = json.loads(json.dumps(document).replace("huggingface.co", "other.example"))
    assert of_area(examined(elsewhere, snapshot=hub_snapshot(), entry=entry)) == []


def test_a_range_of_commits_without_history_is_possible_not_certain(examined: Examiner) -> None:
    open_end = ({"introduced": "0"}, {"fixed": OTHER})
    [finding] = of_area(examined(in_repository(events=open_end), snapshot=hub_snapshot()))
    assert finding.confidence == "possible"
    assert f"mended in {OTHER}" in finding.message
    assert of_area(examined(in_repository(events=open_end), snapshot=hub_snapshot(commit=OTHER))) == []


def test_a_possible_range_that_names_other_files_does_not_count(examined: Examiner) -> None:
    document = in_repository(events=({"introduced": "0"}, {"fixed": OTHER}))
    document["affected"][0]["database_specific"]["files"] = [{"path": "bad.pkl", "sha256": "0" * 64}]
    assert of_area(examined(document, snapshot=hub_snapshot())) == []


@pytest.mark.parametrize(
    ("owner", "known", "checks"),
    [
        ({}, "", ["malicious-model"]),
        ({"owner_id": "evil"}, "evil", ["malicious-model"]),
        ({"owner_id": "evil"}, "good", []),
        ({"since": "2026-06-01"}, "good", []),
    ],
)
def test_an_owner_is_told_by_identity_and_day(
    owner: dict[str, str], known: str, checks: list[str], examined: Examiner
) -> None:
    indicators = {"namespaces": [{"name": "acme", **owner}]}
    document = record(database_specific={"kind": "namespace-hijack", "indicators": indicators})
    entry = Entry(id="acme/tiny", owner_id=known, revision=COMMIT, revision_date="2026-01-01T00:00:00Z")
    findings = of_area(examined(document, snapshot=hub_snapshot(), entry=entry if known else None))
    assert [one.check for one in findings] == checks


@pytest.mark.parametrize(
    ("resolved", "told"),
    [("2026-05-31T23:59:59Z", False), ("2026-06-01T00:00:00Z", True), ("2026-11-01T00:00:00Z", True)],
)
def test_a_date_that_whoever_pushes_can_set_does_not_clear_a_commit_that_was_met_later(
    resolved: str, told: bool, examined: Examiner
) -> None:
    indicators = {"namespaces": [{"name": "acme", "owner_id": "evil", "since": "2026-06-01"}]}
    document = record(database_specific={"kind": "namespace-hijack", "indicators": indicators})
    entry = Entry(
        id="acme/tiny", owner_id="evil", revision=COMMIT, revision_date="2020-01-01T00:00:00Z", resolved_at=resolved
    )
    findings = of_area(examined(document, snapshot=hub_snapshot(), entry=entry))
    assert [(one.check, one.confidence) for one in findings] == ([("malicious-model", "possible")] if told else [])


# --- packages --------------------------------------------------------------------------------------------------------


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Put the metadata of a distribution in front of all others."""

    def add(name: str, version: str) -> None:
        site = tmp_path / "site"
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", "utf-8")
        monkeypatch.syspath_prepend(str(site))

    return add


CVE = about_package("SafeTensors", {"introduced": "0"}, {"fixed": "0.2.0"}, database_specific={"severity": "HIGH"})


def test_an_installed_loader_with_a_known_vulnerability_is_found(examined: Examiner, install: Any) -> None:
    install("safetensors", "0.1.0")
    [finding] = of_area(examined(CVE))
    assert (finding.check, finding.severity) == ("vulnerable-package", Severity.HIGH)
    assert "safetensors 0.1.0 is affected by" in finding.message
    assert finding.remedy == "upgrade to 0.2.0"


def test_a_mended_loader_and_one_that_has_no_part_in_it_are_not_found(examined: Examiner, install: Any) -> None:
    install("safetensors", "0.2.0")
    install("keras", "0.0.1")
    keras = about_package("keras", {"introduced": "0"}) | {"id": "x_MG-2026-0002"}
    assert of_area(examined(CVE, keras)) == []


def test_the_same_vulnerability_in_two_databases_is_one_finding(examined: Examiner, install: Any) -> None:
    install("safetensors", "0.1.0")
    twin = CVE | {"id": "PYSEC-2026-1", "aliases": ["x_MG-2026-0001"], "database_specific": {}}
    assert len(of_area(examined(CVE, twin))) == 1


def test_a_package_that_the_model_asks_for_is_looked_up(examined: Examiner, project: Path) -> None:
    (project / "model" / "requirements.txt").write_text("torch==2.5.0 --hash=sha256:00\nnumpy # any\n", "utf-8")
    advisory = about_package("torch", {"introduced": "0"}, {"fixed": "2.6.0"})
    [finding] = [one for one in of_area(examined(advisory)) if one.location.path == "requirements.txt"]
    assert (finding.check, finding.severity) == ("vulnerable-package", Severity.MEDIUM)
    (project / "model" / "requirements.txt").write_text("torch>=2.0\n", "utf-8")
    assert [one for one in of_area(examined(advisory)) if one.location.path == "requirements.txt"] == []


def test_packages_are_left_out_when_the_policy_says_so(examined: Examiner, install: Any) -> None:
    install("safetensors", "0.1.0")
    assert of_area(examined(CVE, packages=False)) == []


# --- ignoring --------------------------------------------------------------------------------------------------------

IGNORE = {"id": "x_MG-2026-0001", "reason": "not loaded"}


def test_an_ignored_advisory_is_shown_and_does_not_refuse(examined: Examiner) -> None:
    examination = examined(about_file(tiny_safetensors()), ignore=[IGNORE])
    [finding] = of_area(examination)
    assert (finding.check, finding.severity) == ("advisory-ignore", Severity.INFO)
    assert "advisories.ignore[0]: not loaded" in finding.message
    assert examination.allowed


def test_an_alias_is_ignored_as_well(examined: Examiner) -> None:
    document = about_file(tiny_safetensors()) | {"aliases": ["CVE-2026-1"]}
    assert examined(document, ignore=[IGNORE | {"id": "CVE-2026-1"}]).allowed


def test_an_ignore_that_has_ended_or_is_for_another_model_does_not_count(examined: Examiner) -> None:
    ended = examined(about_file(tiny_safetensors()), ignore=[IGNORE | {"until": date(2020, 1, 1)}])
    assert {one.check for one in of_area(ended)} == {"malicious-model", "advisory-ignore"}
    assert not ended.allowed
    other = examined(about_file(tiny_safetensors()), ignore=[IGNORE | {"model": "acme/*"}])
    assert {one.check for one in of_area(other)} == {"malicious-model"}


def test_an_ignore_of_nothing_is_shown_for_the_model_that_it_names(examined: Examiner) -> None:
    [finding] = of_area(examined(about_file(b"other"), ignore=[IGNORE | {"model": "file:model"}]))
    assert finding.message == "the ignore of x_MG-2026-0001 covers no advisory"


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"feeds": [{"name": "x"}]}, r"advisories.feeds\[0\].path: is missing"),
        ({"feeds": [{"name": "X Y", "path": "x"}]}, r"advisories.feeds\[0\].name"),
        ({"feeds": [{"name": "x", "path": "x", "url": "ftp://x/y"}]}, r"advisories.feeds\[0\].url"),
        ({"feeds": [{"name": "x", "path": "x"}, {"name": "x", "path": "y"}]}, "two feeds"),
        ({"ignore": [{"id": "x", "reason": " "}]}, r"advisories.ignore\[0\].reason"),
        ({"max-age": "soon"}, "advisories.max-age"),
        ({"maxage": "1 day"}, "did you mean 'max-age'"),
    ],
)
def test_a_wrong_table_is_an_error_with_the_key(table: dict[str, Any], reason: str, project: Path) -> None:
    with pytest.raises(PolicyError, match=reason):
        examine("./model", Gate.open(policy=read_policy({"advisories": table})))


# --- feeds -----------------------------------------------------------------------------------------------------------


def zip_feed(path: Path, *records: dict[str, Any]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for document in records:
            archive.writestr(f"{document.get('id', 'none')}.json", json.dumps(document))


def findings_with_zip(**feed: Any) -> list[Finding]:
    table = {"feeds": [{"name": "models", "path": "models.zip", **feed}]}
    return of_area(examine("./model", Gate.open(policy=read_policy({"advisories": table}))))


def test_a_zip_is_read_and_its_bad_records_are_left_out_one_by_one(project: Path) -> None:
    zip_feed(project / "models.zip", about_file(tiny_safetensors()), {"id": "x_MG-2026-0002"}, about_file(b"x", 3))
    found = {one.check: one for one in findings_with_zip()}
    assert set(found) == {"malicious-model", "malformed-advisory"}
    assert found["malformed-advisory"].message == (
        "1 record of the feed 'models' left out; x_MG-2026-0002.json: modified: is missing"
    )


def test_a_changed_feed_is_indexed_anew(project: Path) -> None:
    zip_feed(project / "models.zip", about_file(b"other"))
    assert findings_with_zip() == []
    zip_feed(project / "models.zip", about_file(tiny_safetensors()))
    assert [one.check for one in findings_with_zip()] == ["malicious-model"]


@pytest.mark.parametrize("damage", ["missing", "cut", "empty"])
def test_a_feed_that_cannot_be_read_is_a_finding_that_refuses(damage: str, project: Path) -> None:
    zip_feed(project / "models.zip", about_file(tiny_safetensors()))
    data = (project / "models.zip").read_bytes()
    (project / "models.zip").unlink()
    if damage != "missing":
        (project / "models.zip").write_bytes(data[:-30] if damage == "cut" else b"")
    [finding] = findings_with_zip()
    assert (finding.check, finding.severity) == ("unread-feed", Severity.HIGH)


def test_a_damaged_index_is_made_anew(project: Path, tmp_path: Path) -> None:
    zip_feed(project / "models.zip", about_file(tiny_safetensors()))
    findings_with_zip()
    [index] = (tmp_path / "store" / "advisories").iterdir()
    index.write_bytes(b"no database")
    assert [one.check for one in findings_with_zip()] == ["malicious-model"]


def test_an_index_that_nobody_uses_any_more_is_removed(project: Path, tmp_path: Path) -> None:
    cache = tmp_path / "store" / "advisories"
    zip_feed(project / "models.zip", about_file(b"first"))
    findings_with_zip()
    [first] = cache.iterdir()
    zip_feed(project / "models.zip", about_file(b"second"))
    findings_with_zip()
    assert first in cache.iterdir()
    os.utime(first, (0, 0))
    zip_feed(project / "models.zip", about_file(b"third"))
    findings_with_zip()
    assert first not in cache.iterdir()
    assert len(list(cache.iterdir())) == 2


def test_a_fetched_feed_grows_old_by_its_note_else_by_its_newest_record(tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text("{}", "utf-8")
    feed = read_feed(tmp_path / "f.json")
    today = date(2026, 11, 22)
    assert age_in_days(feed, "2026-11-01T00:00:00Z", today) == 21
    assert age_in_days(feed, "2027-01-01T00:00:00Z", today) is None
    write_note(feed.path, feed.sha256, datetime(2026, 11, 20, tzinfo=UTC))
    assert age_in_days(feed, "2026-11-01T00:00:00Z", today) == 2
    assert age_in_days(FeedFile(path=feed.path, sha256="other"), "", today) is None


def test_an_old_feed_with_an_address_is_a_finding_and_an_own_one_is_not(project: Path) -> None:
    zip_feed(project / "models.zip", about_file(b"other") | {"modified": "2020-01-01T00:00:00Z"})
    assert findings_with_zip() == []
    [finding] = findings_with_zip(url="https://example.org/models.zip")
    assert (finding.check, finding.severity) == ("stale-feed", Severity.LOW)


def test_a_feed_that_must_be_signed_counts_only_with_the_signature(project: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    (project / "acme.pem").write_bytes(public_pem(key))
    zip_feed(project / "models.zip", about_file(tiny_safetensors()))
    spki = spki_digest(key.public_key()).hex
    signer = {"method": "key", "public-key": "acme.pem", "spki-sha256": spki}
    policy = {
        "advisories": {"feeds": [{"name": "models", "path": "models.zip", "signers": ["acme"]}]},
        "provenance": {"signers": {"acme": signer}},
    }

    def checks() -> list[str]:
        return [one.check for one in of_area(examine("./model", Gate.open(policy=read_policy(policy))))]

    assert checks() == ["unread-feed"]
    bundle = project / "models.zip.sigstore.json"
    bundle.write_bytes(sign_file_with_key((project / "models.zip").read_bytes(), private_pem(key)))
    assert checks() == ["malicious-model"]
    stranger = private_pem(ec.generate_private_key(ec.SECP256R1()))
    bundle.write_bytes(sign_file_with_key((project / "models.zip").read_bytes(), stranger))
    assert checks() == ["unread-feed"]


def test_a_pickle_asks_for_the_packages_that_read_pickles(project: Path, examined: Examiner, install: Any) -> None:
    (project / "model" / "old.pkl").write_bytes(tiny_pickle())
    install("joblib", "0.1")
    advisory = about_package("joblib", {"introduced": "0"}, {"last_affected": "0.5"})
    assert [one.subject for one in of_area(examined(advisory))] == ["x_MG-2026-0001"]


def empty_directory(feed: Path) -> None:
    assert not list(feed.iterdir())


def zip_of_something_else(feed: Path) -> None:
    feed.rmdir()
    with zipfile.ZipFile(feed, "w") as archive:
        archive.writestr("README.txt", "moved")


def one_damaged_record(feed: Path) -> None:
    (feed / "a.json").write_text("{}")


def only_a_link(feed: Path) -> None:
    (feed.parent / "elsewhere.json").write_text(json.dumps(about_file(tiny_safetensors())))
    (feed / "a.json").symlink_to(feed.parent / "elsewhere.json")


@pytest.mark.parametrize("make", [empty_directory, zip_of_something_else, one_damaged_record, only_a_link])
def test_a_feed_that_holds_no_advisory_is_not_a_feed_that_knows_of_nothing(
    project: Path, make: Callable[[Path], None]
) -> None:
    make(project / "feed")
    policy = read_policy({"advisories": {"feeds": [{"name": "own", "path": "feed"}]}})
    found = examine("model", Gate.open(policy=policy))
    assert not found.allowed
    [unread] = [one for one in found.findings if one.check == "unread-feed"]
    assert "holds no advisory" in unread.message


def test_a_link_among_records_is_told(project: Path, examined: Examiner) -> None:
    only_a_link(project / "feed")
    found = examined(record())
    [skipped] = [one for one in found.findings if one.check == "malformed-advisory"]
    assert "a.json (a link, which is not followed)" in skipped.message
