"""Questions about what the repositories of a vendor hold: unsafe files, formats, code, signatures."""

from __future__ import annotations

from datetime import date

from modelguard.terms.artifact import file_type
from modelguard.terms.upstream import Sibling
from modelguard.terms.vendor import Collected, Vendor
from modelguard.vendors.question import Answer, days_since, per_repository, seen_at, unknown

SAFE = frozenset({".safetensors", ".gguf", ".onnx"})
PICKLES = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib"})
WEIGHTS = SAFE | PICKLES | {".h5", ".keras", ".msgpack", ".pb", ".tflite", ".npz", ".npy", ".nemo", ".mar"}
_SIGNATURES = (".sig", ".sigstore", ".sigstore.json")
_UNSETTLED = frozenset({"queued", "error", "unscanned", "pending"})


def unsafe_files(vendor: Vendor, today: date) -> Answer:  # noqa: ARG001  # every question is asked alike
    """Ask the Hub's own scans; one bad repository decides."""
    return per_repository(vendor, _scanned, min)


def _scanned(one: Collected) -> Answer:
    scan = one.seen.scan
    if scan is None:
        return unknown(f"{one.seen.repo}: the Hub tells nothing about scans")
    evidence = tuple(seen_at(one.seen, f"securityRepoStatus {path}", level) for path, level in scan.issues)
    levels = {level for _, level in scan.issues}
    if "unsafe" in levels:
        return Answer(value=0.0, reason=f"{one.seen.repo}: the Hub calls a file unsafe", evidence=evidence)
    if levels & {"suspicious", "caution"}:
        return Answer(value=5.0, reason=f"{one.seen.repo}: the Hub has doubts about a file", evidence=evidence)
    if levels or not scan.done:
        return unknown(f"{one.seen.repo}: scans are not done", evidence)
    return Answer(
        value=10.0,
        reason=f"{one.seen.repo}: all scans of the Hub done, no issue",
        evidence=(seen_at(one.seen, "scansDone", "true"),),
    )


def safe_formats(vendor: Vendor, today: date) -> Answer:  # noqa: ARG001  # as above
    """Ask for the share of weights that no loader can be made to run."""
    return per_repository(vendor, _formats)


def _formats(one: Collected) -> Answer:
    files = [file for file in one.seen.siblings or () if file_type(file.path) in WEIGHTS]
    if not files:
        return unknown(f"{one.seen.repo}: no weights were seen")
    sized = all(file.size is not None for file in files)
    whole = sum(_amount(file, sized=sized) for file in files)
    safe = sum(_amount(file, sized=sized) for file in files if file_type(file.path) in SAFE)
    share = safe / whole if whole else 0.0
    pickles = [file.path for file in files if file_type(file.path) in PICKLES]
    beside = 3.0 if pickles and safe else 0.0
    note = f", and {pickles[0]} lies beside them" if beside else ""
    return Answer(
        value=10 * share - beside,
        reason=f"{one.seen.repo}: {share:.0%} of the weights in safe formats{note}",
        evidence=tuple(seen_at(one.seen, "file", file.path) for file in files[:10]),
    )


def _amount(file: Sibling, *, sized: bool) -> int:
    return (file.size or 0) if sized else 1


def remote_code(vendor: Vendor, today: date) -> Answer:
    """Ask whether models bring code, and how long ago it can have changed last."""
    return per_repository(vendor, lambda one: _code(one, today))


def _code(one: Collected, today: date) -> Answer:
    if one.seen.siblings is None:
        return unknown(f"{one.seen.repo}: the files are not known")
    found = [file.path for file in one.seen.siblings if file_type(file.path) == ".py"]
    evidence = [seen_at(one.seen, "file", path) for path in found[:10]]
    if "custom_code" in (one.seen.tags or ()):
        evidence.append(seen_at(one.seen, "tag", "custom_code"))
    if '"auto_map"' in one.texts.get("config.json", ""):
        evidence.append(seen_at(one.seen, "config.json", "auto_map"))
    if not evidence:
        return Answer(value=10.0, reason=f"{one.seen.repo}: brings no code")
    days = days_since(one.seen.last_modified, today)
    if days is None:
        return Answer(value=3.0, reason=f"{one.seen.repo}: brings code of unknown age", evidence=tuple(evidence))
    value = 6.0 if days >= 90 else 3.0
    reason = f"{one.seen.repo}: brings code; the last commit was {days} days ago"
    return Answer(value=value, reason=reason, evidence=tuple(evidence))


def signed(vendor: Vendor, today: date) -> Answer:  # noqa: ARG001  # as above
    """Ask for signatures: verified ones are known from the lock."""
    return per_repository(vendor, _signed)


def _signed(one: Collected) -> Answer:
    if one.recorded is not None and one.recorded.signed:
        return Answer(value=10.0, reason=f"{one.seen.repo}: the lock records a verified signature")
    if one.seen.siblings is None:
        return unknown(f"{one.seen.repo}: the files are not known")
    found = [file.path for file in one.seen.siblings if file.path.endswith(_SIGNATURES)]
    if not found:
        return Answer(value=0.0, reason=f"{one.seen.repo}: not signed")
    reason = f"{one.seen.repo}: has a signature that was not verified"
    return Answer(value=5.0, reason=reason, evidence=tuple(seen_at(one.seen, "file", path) for path in found))
