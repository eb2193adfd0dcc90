"""Reads Python pickles, whatever the file is called: one after another, to the last byte."""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats._joblib_stream import is_joblib
from modelguard.formats._torch_stream import is_torch_stream
from modelguard.formats.format import Format, Walk
from modelguard.formats.joblib import read_both
from modelguard.picklevm.probe import JoblibArray, StopAtArrays, is_pickle
from modelguard.picklevm.scanner import scan
from modelguard.terms.content import Content
from modelguard.terms.facts import Fact

_ZIP = b"PK\x03\x04"


def accepts(content: Content) -> bool:
    """Tell whether the bytes are pickles, but for streams of which another format reads every pickle.

    The mark of a ZIP archive is also the opcode PERSID, at which every unpickler stops that has no persistent ids.
    Stored object arrays would else make a pickle of the whole archive; its members are read on their own.
    """
    if content.head(len(_ZIP)) == _ZIP:
        return False
    return is_pickle(content) and not is_torch_stream(content) and not is_joblib(content)


def read(content: Content, walk: Walk) -> Iterator[Fact]:
    """Yield what the pickles of a content would do.

    Where an array of joblib follows after all, opcodes end for joblib and go on for a plain unpickler: then the whole
    content is read in both ways.
    """
    seen: set[Fact] = set()
    try:
        for fact in scan(content, walk.budget, interruption=StopAtArrays(), inside=walk.inside):
            seen.add(fact)
            yield fact
    except JoblibArray:
        yield from (fact for fact in read_both(content, walk) if fact not in seen)


FORMAT = Format(
    name="pickle",
    title="Python pickle",
    reads="Protocols 0 to 5, with or without a header, several in one file, and pickles inside constants.",
    looks_for="Every global that an unpickler would look up, each call and each state that can run code.",
    accepts=accepts,
    read=read,
    endings=(".pkl", ".pickle", ".p", ".dill", ".joblib", ".pdparams", ".pdopt", ".pdiparams.info"),
)
