"""Writes the latest events as an Atom feed (RFC 4287), for people without a message bus.

[monitor.channels.atom]
path = "public/models.xml"
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

from attrs import frozen

from modelguard.monitor.channels._files import replace
from modelguard.monitor.channels._wording import lines
from modelguard.monitor.channels.channel import Channel, Surroundings, View
from modelguard.monitor.event import Event
from modelguard.terms.artifact import printable
from modelguard.terms.section import Section


@frozen(kw_only=True)
class Atom:
    """Replaces the feed at `path`."""

    path: Path

    def write(self, view: View) -> None:
        replace(self.path, feed(view))


def feed(view: View) -> str:
    """Return the feed: newest event first; the same view gives the same text."""
    updated = view.events[-1].at if view.events else "1970-01-01T00:00:00+00:00"
    entries = "".join(_entry(one) for one in reversed(view.events))
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<feed xmlns="http://www.w3.org/2005/Atom">\n'
        "<title>modelguard: locked models</title>\n<id>urn:modelguard:events</id>\n"
        f"<updated>{escape(updated)}</updated>\n<author><name>modelguard</name></author>\n{entries}</feed>\n"
    )


def _entry(one: Event) -> str:
    title = escape(printable(f"{one.ref}: {one.title}"))
    return (
        f"<entry><title>{title}</title><id>urn:modelguard:event:{one.id}</id><updated>{escape(one.at)}</updated>"
        f'<category term="{one.kind}"/><category term="{one.severity}"/>'
        f'<content type="text">{escape(chr(10).join(lines(one)))}</content></entry>\n'
    )


def _open(section: Section, surroundings: Surroundings) -> Atom:
    return Atom(path=surroundings.home / section.text("path"))


CHANNEL = Channel(name="atom", open=_open)
