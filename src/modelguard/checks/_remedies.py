"""The commands that remedies name, with the model that they are about in place, so that they can be pasted."""

from __future__ import annotations

import shlex
from glob import escape

from modelguard.terms.artifact import printable
from modelguard.terms.facts import Dossier


def named(dossier: Dossier) -> str:
    """Return the lock's name of a model, quoted for a shell."""
    return shlex.quote(printable(dossier.snapshot.ref.key))


def upgrade(dossier: Dossier) -> str:
    """Return the command that has the model reviewed and recorded anew."""
    return f"modelguard lock --upgrade {named(dossier)}"


def acceptance(dossier: Dossier, check: str, subject: str) -> str:
    """Return the command that accepts one finding in the very revision that was examined.

    The subject is another's text: it is escaped as the pattern that `--accept` takes, then quoted for a shell.
    Characters that do not print stand as `?`, which matches any one character.
    """
    pattern = "".join(character if character.isprintable() else "?" for character in escape(subject))
    ref = shlex.quote(printable(str(dossier.snapshot.ref)))
    return f"modelguard lock {ref} --accept {shlex.quote(f'{check}:{pattern}')} --reason TEXT"
