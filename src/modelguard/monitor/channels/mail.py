"""Sends events by e-mail over SMTP, with TLS unless the server is on loopback.

[monitor.channels.mail]
host = "smtp.example.com"
port = 587
from = "modelguard@example.com"
to = ["security@example.com"]
user-env = "SMTP_USER"
password-env = "SMTP_PASSWORD"
"""

from __future__ import annotations

from collections.abc import Sequence
from email.message import EmailMessage

from attrs import field, frozen

from modelguard.monitor.channels._wording import lines, summary
from modelguard.monitor.channels.channel import Channel, ChannelFailed, Surroundings, secret
from modelguard.monitor.event import Event
from modelguard.terms.section import Section

TIMEOUT = 30.0
"""Seconds to wait for the server."""
SUBMISSIONS = 465
"""The port on which TLS begins at once (RFC 8314); on others STARTTLS does."""


@frozen(kw_only=True)
class Mail:
    """Sends up to fifty events in one message, whose Message-ID is that of the first event."""

    host: str
    port: int
    sender: str
    to: tuple[str, ...]
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    batch: int = 50

    def send(self, events: Sequence[Event]) -> None:
        import smtplib  # only who sends mail needs it
        import ssl

        try:
            if self.port == SUBMISSIONS:
                server: smtplib.SMTP = smtplib.SMTP_SSL(
                    self.host, self.port, timeout=TIMEOUT, context=ssl.create_default_context()
                )
            else:
                server = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT)
            with server:
                if self.port != SUBMISSIONS and self.host not in {"127.0.0.1", "localhost"}:
                    server.starttls(context=ssl.create_default_context())
                if self.user:
                    server.login(self.user, self.password)
                server.send_message(message(events, self.sender, self.to))
        except smtplib.SMTPAuthenticationError as error:
            raise ChannelFailed("the mail server refuses the user or password", may_pass=False) from error
        except (OSError, smtplib.SMTPException) as error:
            raise ChannelFailed(f"the mail could not be sent: {type(error).__name__}") from error


def message(events: Sequence[Event], sender: str, to: Sequence[str]) -> EmailMessage:
    """Return the message over some events: plain text, with lines that nothing in a name can break."""
    mail = EmailMessage()
    mail["From"], mail["To"] = sender, ", ".join(to)
    mail["Subject"] = f"modelguard: {summary(events)}"[:200]
    mail["Message-ID"] = f"<{events[0].id}@modelguard.invalid>"
    mail["X-Modelguard-Events"] = " ".join(one.id for one in events)
    mail.set_content("\n\n".join("\n".join(lines(one)) for one in events))
    return mail


def _open(section: Section, surroundings: Surroundings) -> Mail:
    to = section.texts("to")
    if not to:
        raise section.fail("to", "expected at least one address")
    user = secret(section, "user-env", surroundings, needed=False)
    return Mail(
        host=section.text("host"),
        port=section.integer("port", 587, least=1),
        sender=section.text("from"),
        to=to,
        user=user,
        password=secret(section, "password-env", surroundings, needed=bool(user)),
    )


CHANNEL = Channel(name="mail", open=_open)
