"""Finds what looks like a credential in text: one row per kind, with the place where its form is documented.

A row is tried only where its literal occurs, so that a vocabulary of a million words costs a few substring searches.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from attrs import frozen

from modelguard.terms.artifact import Location
from modelguard.terms.facts import Secret

_FEWEST_DIFFERENT = 10
_LONG = 200
_PLACEHOLDER = re.compile(
    r"example|your|dummy|placeholder|redacted|passw|changeme|secret|(.)\1{5}|1234567|abcdef|\*{3}|<|\.\.\.",
    re.IGNORECASE,
)


@frozen
class Kind:
    """One kind of credential: what it is called, a literal that every one contains, and its form.

    The group `value` of the pattern is the secret part; without one the whole match is.
    """

    name: str
    literal: str
    pattern: str
    source: str = ""


KINDS: tuple[Kind, ...] = (
    Kind("Hugging Face token", "hf_", r"\bhf_[A-Za-z]{34,40}\b", "https://huggingface.co/docs/hub/security-tokens"),
    Kind("Hugging Face token", "hf_", r"\bhf_[A-Za-z0-9]{34,40}\b", "as above, newer tokens carry digits"),
    Kind("Hugging Face organisation token", "api_org_", r"\bapi_org_[A-Za-z]{34}\b", "retired form of the same"),
    Kind("AWS access key id", "A", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b", "AWS IAM User Guide, unique identifiers"),
    Kind("GitHub token", "gh", r"\bgh[pousr]_[A-Za-z0-9]{36,255}\b", "GitHub: token formats"),
    Kind("GitHub token", "github_pat_", r"\bgithub_pat_[A-Za-z0-9_]{60,255}\b", "GitHub: token formats"),
    Kind("GitLab token", "glpat-", r"\bglpat-[A-Za-z0-9_\-]{20,}\b", "GitLab: token prefixes"),
    Kind("Anthropic key", "sk-ant-", r"\bsk-ant-[a-z0-9]{2,8}-[A-Za-z0-9_\-]{60,}", "form of issued keys"),
    Kind("OpenAI key", "sk-", r"\bsk-(?!ant-)(?:proj-|svcacct-)?[A-Za-z0-9_\-]{40,}\b", "form of issued keys"),
    Kind("Slack token", "xox", r"\bxox[abeoprs]-[0-9A-Za-z\-]{20,}", "Slack: token types"),
    Kind("Slack webhook", "hooks.slack.com", r"hooks\.slack\.com/services/T\w{6,}/B\w{6,}/\w{20,}", "Slack: webhooks"),
    Kind("Google API key", "AIza", r"\bAIza[0-9A-Za-z_\-]{35}\b", "Google Cloud: API keys"),
    Kind("Stripe key", "_live_", r"\b[sr]k_live_[0-9A-Za-z]{20,}\b", "Stripe: API keys"),
    Kind("PyPI token", "pypi-", r"\bpypi-AgE[A-Za-z0-9_\-]{60,}", "PyPI: API tokens"),
    Kind("npm token", "npm_", r"\bnpm_[A-Za-z0-9]{36}\b", "npm: token format"),
    Kind("Telegram bot token", ":AA", r"\b\d{8,10}:AA[A-Za-z0-9_\-]{33}\b", "Telegram: bot tokens"),
    Kind("Discord webhook", "/api/webhooks/", r"discord(?:app)?\.com/api/webhooks/\d{17,20}/[\w\-]{60,}", "Discord"),
    Kind("Azure storage key", "AccountKey=", r"AccountKey=(?P<value>[A-Za-z0-9+/]{86}==)", "Azure: connection strings"),
    Kind(
        "private key",
        "PRIVATE KEY",
        r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\[nr])*"
        r"(?:(?:Proc-Type|DEK-Info|Version|Comment)[^\n\\]{0,200}(?:\n|\\r?\\?n)){0,4}"
        r"(?P<value>(?:\s|\\[nr]|[A-Za-z0-9+/=]){80,})",
        "RFC 7468",
    ),
    Kind(
        "Weights & Biases key",
        "WANDB_API_KEY",
        r"WANDB_API_KEY['\"]?\]?\s*[=:]\s*['\"]?(?P<value>[0-9a-f]{40})\b",
        "W&B: environment variables",
    ),
    Kind(
        "password in an address",
        "://",
        r"\b(?:https?|postgres(?:ql)?|mysql|mongodb(?:\+srv)?|redis|amqp|ftp)://[^\s:/@'\"<>{}$]{1,64}:(?P<value>[^\s:/@'\"<>{}$]{6,128})@",
        "RFC 3986 section 3.2.1",
    ),
)


def secrets_in(text: str, location: Location) -> Iterator[Secret]:
    """Yield each different credential once, with no more of it than its first characters and its length."""
    seen: set[str] = set()
    for kind in KINDS:
        if kind.literal not in text:
            continue
        for match in re.finditer(kind.pattern, text):
            whole = match.group(0)
            value = match.groupdict().get("value") or whole
            if whole in seen or not _looks_random(value):
                continue
            seen.add(whole)
            yield Secret(location=location, kind=kind.name, sample=redacted(value if value != whole else whole))


def redacted(secret: str) -> str:
    """Return the first characters and the length of a secret: `hf_A… (37 characters)`."""
    return f"{secret.strip()[:4]}… ({len(secret)} characters)"


def _looks_random(value: str) -> bool:
    if len(set(value)) < min(_FEWEST_DIFFERENT, len(value) - 1):
        return False
    return len(value) > _LONG or not _PLACEHOLDER.search(value)  # a long key holds any short word by chance
