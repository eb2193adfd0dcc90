"""The kinds of advisories, by themselves: the command line names them without loading the other nouns."""

KINDS = (
    "malicious",
    "vulnerable-file",
    "namespace-hijack",
    "account-compromise",
    "removed",
    "license-retraction",
    "unmaintained",
)
"""What an advisory about a model can be about, as `database_specific.kind` of its record; other words are kept."""
