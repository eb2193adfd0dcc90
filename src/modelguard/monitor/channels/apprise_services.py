"""Sends events through any service that apprise knows (https://github.com/caronc/apprise); needs `modelguard[notify]`.

[monitor.channels.apprise]
urls-env = "MODELGUARD_APPRISE_URLS"      # one or several, with blanks between
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import field, frozen

from modelguard.monitor.channels._wording import lines, summary
from modelguard.monitor.channels.channel import Channel, ChannelFailed, Surroundings, secret
from modelguard.monitor.event import Event
from modelguard.terms.section import Section


@frozen(kw_only=True)
class Apprise:
    """Sends up to twenty events in one message."""

    urls: tuple[str, ...] = field(repr=False)
    batch: int = 20

    def send(self, events: Sequence[Event]) -> None:
        try:
            import apprise  # an extra: hundreds of services that few need
        except ImportError:
            raise ChannelFailed(
                "apprise is not installed", remedy="pip install 'modelguard[notify]'", may_pass=False
            ) from None
        sender = apprise.Apprise()
        if not all(sender.add(url) for url in self.urls):
            raise ChannelFailed("apprise does not know one of its addresses", may_pass=False)
        text = "\n\n".join("\n".join(lines(one)) for one in events)
        if not sender.notify(title=f"modelguard: {summary(events)}", body=text, body_format="text"):
            raise ChannelFailed("apprise could not send to all of its addresses")


def _open(section: Section, surroundings: Surroundings) -> Apprise:
    urls = tuple(secret(section, "urls-env", surroundings).split())
    return Apprise(urls=urls)


CHANNEL = Channel(name="apprise", open=_open)
