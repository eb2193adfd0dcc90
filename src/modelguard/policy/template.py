"""The policy that `modelguard init` writes: every table with the default or a stricter setting, and a word on each."""

from __future__ import annotations

from collections.abc import Iterable

from modelguard.policy.settings import Excuse

_TEMPLATE = """\
# What modelguard allows. Every key is listed; a key that is commented out shows its default.
[{prefix}]
version = 1
# lockfile = "modelguard.lock"
# mode = "enforce"               # "warn" only reports; MODELGUARD_MODE=enforce in the environment tightens it
# verify = "always"              # when bytes are hashed before a load: "always", "sealed" (fs-verity) or "changed"
# strict = false                 # true hands models over in sealed memory: takes as much memory as the model has bytes
cooldown = "7 days"              # `modelguard update` proposes only revisions that are at least this old
max-excuse-days = 365            # an excuse must end within this many days

[{prefix}.content]
refuse-from = "medium"           # severity from which a finding refuses: low, medium, high, critical
profiles = []                    # permission profiles beyond the default ones, as in ["torch-modules"]
remote-code = "deny"             # "locked" lets a model run its own code, if the lock approves those exact files

# [{prefix}.checks]              # what single checks do: "refuse" or "note"
# unknown-bytes = "refuse"

# [{prefix}.sources]             # where models may come from; writing this table makes its findings refuse
# allow-hosts = ["https://huggingface.co"]
# allow-organizations = ["acme", {{ name = "example", owner-id = "5dd96eb166059660ed1ee413" }}]
# unknown-organization = "refuse"  # owners that are not listed; "note" and "allow" let them pass
# deny = [{{ model = "acme/old-*", reason = "replaced" }}]

# [{prefix}.licenses]            # writing this table makes unclear licenses refuse
# allow = ["Apache-2.0", "MIT", "category:permissive"]
# deny = ["category:research-only"]
# conditional = [{{ license = "llama3.1", accept = ["use-policy", "flow-down", "user-limit"] }}]
# use = {{ commercial = true, redistribution = false, users = 2_000_000, regions = ["EU"] }}

# [{prefix}.provenance]          # writing this table makes missing or wrong signatures refuse
# [{prefix}.provenance.signers.acme]
# method = "key"                 # or "sigstore" (identity and issuer), or "certificate"
# public-key = "trust/acme.pem"
# spki-sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
# [[{prefix}.provenance.models]]
# models = ["acme/*"]
# signers = ["acme"]

# [{prefix}.advisories]          # writing this table makes known vulnerabilities and malicious models refuse
# max-age = "14 days"            # a fetched feed that is older is reported
# packages = true                # look up the packages that load models, and those that models ask for
# [[{prefix}.advisories.feeds]]
# name = "pypi"
# path = "feeds/pypi.zip"        # a directory, a zip of OSV records, or one record; `modelguard feed update` fetches it
# url = "https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip"
# [[{prefix}.advisories.ignore]]
# id = "GHSA-aaaa-bbbb-cccc"
# model = "acme/*"
# reason = "the affected loader is not used"
# until = 2027-03-31

# [{prefix}.vendor]              # what publishers have to reach in `modelguard assess`; writing it makes it refuse
# min-score = 5.0
# min-scores = {{ unsafe-files = 7, license-clarity = 5 }}
# inactive-days = 365

# A place in a program that `modelguard discover` holds against you, known and accepted.
# [[{prefix}.discovery.excuses]]
# check = "unguarded-load"
# path = "notebooks/*"
# subject = "acme/tiny"          # the model, or the function where the model is computed at run time
# reason = "exploration only, never deployed"
# until = 2027-01-31

# A finding that is known and accepted. Every excuse has a reason and should have an end.
# [[{prefix}.excuses]]
# check = "unknown-bytes"
# model = "acme/tiny"
# path = "extra.dat"
# reason = "calibration data, reviewed by security"
# until = 2027-01-31
"""


def policy_text(*, in_pyproject: bool, excuses: Iterable[Excuse] = (), excused_uses: Iterable[Excuse] = ()) -> str:
    """Return a complete policy with comments, for modelguard.toml or for pyproject.toml."""
    prefix = "tool.modelguard" if in_pyproject else "PREFIX"
    text = _TEMPLATE.format(prefix=prefix)
    text += "".join(_excuse_text(excuse, f"{prefix}.excuses", model=excuse.model) for excuse in excuses)
    text += "".join(_excuse_text(excuse, f"{prefix}.discovery.excuses") for excuse in excused_uses)
    return text if in_pyproject else text.replace("[PREFIX]\n", "").replace("PREFIX.", "")


def _excuse_text(excuse: Excuse, table: str, model: str = "") -> str:
    rows = [("check", excuse.check), ("model", model), ("path", excuse.path), ("subject", excuse.subject)]
    lines = [f"{key} = {_quoted(value)}" for key, value in (*rows, ("reason", excuse.reason)) if value]
    if excuse.until:
        lines.append(f"until = {excuse.until}")
    return f"\n[[{table}]]\n" + "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(one if one.isprintable() else f"\\u{ord(one):04X}" for one in escaped) + '"'
