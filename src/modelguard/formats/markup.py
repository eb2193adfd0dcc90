"""XML, HTML and SVG: pages and drawings that a browser shows, and graphs that XML describes.

Looked through as text: no parser of XML runs here, since what such parsers do with entities is what is looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from modelguard.formats._text import is_text, text_of
from modelguard.formats.format import SPACES, Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.facts import Asks, Fact, Header, Malformed

_BEGINS = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml\s|!doctype\s|svg[\s>]|html[\s>])", re.IGNORECASE)
_PROLOG = re.compile(r"\ufeff?\s*<\?xml\s")
_REMARK = re.compile(r"<!--.*?-->|<\?.*?\?>", re.DOTALL)
_LAST = 1 << 12
_ELEMENT = re.compile(r"<[A-Za-z]")
_ROOT = re.compile(r"<([A-Za-z][\w:.-]*)[\s/>]")
_ENDINGS = (".xml", ".svg", ".html", ".htm", ".xhtml", ".pmml")

_EXTERNAL_ENTITY = re.compile(
    r"<!(?:ENTITY|DOCTYPE)\s+(?:%\s+)?[^\s>\[\"']{1,200}\s+"
    r"(?:SYSTEM|PUBLIC\s+(?:\"[^\"]*\"|'[^']*'))\s*(?:\"([^\"]*)\"|'([^']*)')",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"<!ENTITY\s+(?:%\s+)?\S+\s+(?:\"([^\"]*)\"|'([^']*)')")
_REFERENCE = re.compile(r"[&%][A-Za-z_][\w.-]*;")
_PREDEFINED = re.compile(r"&(?:amp|lt|gt|quot|apos);")
_INCLUDE = re.compile(r"<xi:include\s[^>]{0,200}?href\s*=\s*[\"']([^\"']*)", re.IGNORECASE)
_ACTIVE = re.compile(
    r"<(?:script|iframe|object|embed|foreignObject)[\s>/]|\son[a-z]{3,20}\s*=\s*[\"']|javascript:", re.IGNORECASE
)
# Declarations of document types that every page carries (https://html.spec.whatwg.org/#the-doctype).
_STANDARD_TYPES = ("http://www.w3.org/", "https://www.w3.org/", "about:legacy-compat")


def accepts(content: Content) -> bool:
    """Tell by the first tag, or by the ending."""
    named = content.name.lower().endswith(_ENDINGS) and b"<" in content.head(4096)
    return (bool(_BEGINS.match(content.head(256))) or named) and is_text(content)


def read(content: Content, walk: Walk) -> Iterable[Fact]:
    """Tell what a parser would fetch, and what a browser would run."""
    text = text_of(content)
    walk.budget.spend_time()
    root = _first_element(text)
    if root:
        yield Header(location=content.location, format="markup", properties={"root": root[1][:80]})
    is_xml = content.name.lower().endswith((".xml", ".pmml")) or _PROLOG.match(text)
    if is_xml and not (root and _ends(text, root)):
        yield Malformed(
            location=content.location,
            format="markup",
            rule="xml-ends-early",
            detail="an XML document that does not end with its first element",
        )
    yield from dict.fromkeys(_fetched(text, content))
    if any(_REFERENCE.search(_PREDEFINED.sub("", first or second)) for first, second in _ENTITY.findall(text)):
        yield Malformed(
            location=content.location,
            format="markup",
            rule="xml-nested-entity",
            detail="an entity is made of other entities, which lets a few lines grow without end",
        )
    if match := _ACTIVE.search(text):
        yield Asks(
            location=content.location,
            permission="remote-code",
            name=str(content.location),
            detail=f"a page or drawing that acts when a browser shows it: {match.group(0).strip()[:80]}",
            hazard="browser-script",
        )


def _first_element(text: str) -> re.Match[str] | None:
    """Return the first tag of a document that stands in no remark."""
    at = text.find("<")
    while at >= 0:
        if match := _ROOT.match(text, at):
            return match
        if text.startswith("<!--", at):
            at = text.find("-->", at)
        at = text.find("<", at + 1) if at >= 0 else at
    return None


def _ends(text: str, root: re.Match[str]) -> bool:
    """Tell whether the last thing in a document, remarks aside, closes its first element."""
    rest = _REMARK.sub("", text[-_LAST:]).rstrip()
    if _ELEMENT.search(text, root.end()) or f"</{root[1]}" in rest:
        return bool(re.search(rf"</{re.escape(root[1])}\s*>\Z", rest))
    return rest.endswith("/>")


def _fetched(text: str, content: Content) -> Iterator[Asks]:
    for pattern, what in ((_EXTERNAL_ENTITY, "an entity"), (_INCLUDE, "an inclusion")):
        for match in pattern.finditer(text):
            address = next(filter(None, match.groups()), "")
            if address and not address.startswith(_STANDARD_TYPES):
                yield Asks(
                    location=content.location,
                    permission="external-files",
                    name=address[:200],
                    detail=f"{what} that a parser of XML reads from there",
                    hazard="file-read",
                )


FORMAT = Format(
    name="markup",
    title="XML, HTML and SVG",
    reads="Text up to 16 MB, without a parser of XML.",
    looks_for="Entities that read files or grow without end, inclusions, scripts that a browser runs.",
    clue=Clue(first=SPACES + b"\xef<", endings=_ENDINGS),
    accepts=accepts,
    read=read,
    endings=(".xml", ".svg", ".html"),
)
