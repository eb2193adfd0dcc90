"""Reads XML as a stream of elements, with every kind of entity and document type refused.

Entities are how XML reaches other files and addresses, and how a few bytes become many (CWE-611, CWE-776). No format
of models needs them, so that a document type declaration ends the reading.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.parsers import expat  # declarations of types and entities are refused below

from attrs import frozen

from modelguard.terms.content import CHUNK, Budget, Content
from modelguard.terms.errors import BudgetSpent, ReadError

DEEPEST = 500
MOST_ELEMENTS = 20_000_000


@frozen
class Element:
    """The beginning of an element: its name without namespace, its attributes, and the names above it."""

    name: str
    attributes: dict[str, str]
    above: tuple[str, ...]


def elements(content: Content, budget: Budget) -> Iterator[Element]:
    """Yield every element in order.

    Raises `ReadError` for bytes that are not XML or declare a document type, `BudgetSpent` for too much of it.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = False
    found: list[Element] = []
    path: list[str] = []

    def begin(name: str, attributes: dict[str, str]) -> None:
        if len(path) >= DEEPEST:
            raise BudgetSpent(f"XML nested deeper than {DEEPEST}")
        short = name.rpartition(":")[2]
        found.append(Element(short, attributes, tuple(path[-8:])))
        path.append(short)

    def end(_name: str) -> None:
        path.pop()

    def refuse(*_: object) -> None:
        raise ReadError("XML with a document type declaration, which may define entities (CWE-611)")

    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    count = 0
    try:
        for chunk in content.chunks(CHUNK):
            parser.Parse(chunk, False)  # noqa: FBT003  # expat takes its end mark by position
            budget.spend_time()
            count += len(found)
            if count > MOST_ELEMENTS:
                raise BudgetSpent(f"XML with more than {MOST_ELEMENTS} elements")
            yield from found
            found.clear()
        parser.Parse(b"", True)  # noqa: FBT003  # as above
    except expat.ExpatError as error:
        raise ReadError(f"not XML: {error}") from None
    yield from found


# A tag, a mark of byte order, or what Unicode takes for blank, as UTF-8.
FIRST = b"<\xef \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\xc2\xe1\xe2\xe3"
"""The bytes that something with a root element begins with."""


def root_name(content: Content) -> str:
    """Return the name of the first element as the first bytes have it, or an empty string."""
    return content.once(_root_name)


def _root_name(content: Content) -> str:
    text = content.head(4096).decode("utf-8-sig", "replace").lstrip()
    while text.startswith(("<?", "<!--")):
        text = text.partition("?>" if text.startswith("<?") else "-->")[2].lstrip()
    while text.startswith("<!"):
        depth, end = 0, len(text)
        for index, character in enumerate(text):
            depth += {"[": 1, "]": -1}.get(character, 0)
            if character == ">" and depth <= 0:
                end = index + 1
                break
        text = text[end:].lstrip()
    if not text.startswith("<"):
        return ""
    name = text[1:].replace("/", " ").replace(">", " ").split(maxsplit=1)
    return name[0].rpartition(":")[2] if name else ""
