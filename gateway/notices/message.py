"""A letter as an e-mail: text and HTML, a calendar entry where there is one, and headers that thread a request."""

from datetime import datetime
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from gateway.notices.invitation import Method
from gateway.notices.letter import Letter
from gateway.texts import Translator

_TEMPLATES: Final = "templates"


@lru_cache
def _environment(translator: Translator) -> Environment:
    environment = Environment(
        loader=PackageLoader("gateway.notices", _TEMPLATES),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_callables(  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]  # the extension adds it
        translator.gettext, translator.ngettext, newstyle=True
    )
    return environment


class _WholeWords(EmailPolicy):
    """The library's policy, save that a subject in another script keeps its spaces.

    Where the library folds such a subject it drops the space between two encoded words, and readers see two words as
    one. The older `Header` does not.
    """

    def fold(self, name: str, value: str) -> str:
        """Fold one header into text."""
        if name.lower() != "subject" or value.isascii():
            return super().fold(name, value)
        encoded = Header(value, "utf-8", header_name=name).encode(linesep=self.linesep)
        return f"{name}: {encoded}{self.linesep}"

    def fold_binary(self, name: str, value: str) -> bytes:
        """Fold one header into bytes."""
        if name.lower() != "subject" or value.isascii():
            return super().fold_binary(name, value)
        return self.fold(name, value).encode("ascii")


def message_id(mail_from: str, tenant_id: int, name: str) -> str:
    """Return a Message-ID that is the same for the same thing each time, so that a second copy is recognised."""
    domain = parseaddr(mail_from)[1].rpartition("@")[2] or "callout.invalid"
    return f"<{name}.{tenant_id}@{domain}>"


def compose(
    letter: Letter,
    t: Translator,
    *,
    mail_from: str,
    recipient: tuple[str, str],
    tenant_id: int,
    notice_id: int,
    thread: str,
    now: datetime,
    calendar: tuple[Method, bytes] | None = None,
) -> EmailMessage:
    """Return the e-mail of a letter.

    Parameters
    ----------
    recipient : (name, address)
        Whom it goes to.
    thread : str
        The name of what it is about: letters with the same one hang together.
    calendar : (method, bytes), optional
        A calendar entry to show and to keep.

    Raises
    ------
    ValueError
        The recipient's address is not an address.
    """
    environment = _environment(t)
    message = EmailMessage(policy=_WholeWords())
    message["Subject"] = " ".join(letter.subject.split())
    message["From"] = _address(*parseaddr(mail_from))
    message["To"] = _address(*recipient)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = message_id(mail_from, tenant_id, f"notice-{notice_id}")
    _thread(message, message_id(mail_from, tenant_id, thread), is_urgent=letter.is_urgent)
    message.set_content(environment.get_template("letter.txt").render(letter=letter))
    html = environment.get_template("letter.html").render(letter=letter, language=t.language)
    message.add_alternative(html, subtype="html")
    if calendar is not None:
        _attach(message, *calendar)
    # Set last: what is set before the parts are added goes into the first of them.
    message["Content-Language"] = t.language
    return message


def _thread(message: EmailMessage, root: str, *, is_urgent: bool) -> None:
    """Hang all letters about one thing on one root, which is never sent itself."""
    message["In-Reply-To"] = root
    message["References"] = root
    message["Auto-Submitted"] = "auto-generated"
    if is_urgent:
        message["Importance"] = "high"
        message["X-Priority"] = "1"


def _attach(message: EmailMessage, method: Method, content: bytes) -> None:
    """Add a calendar entry twice: as an alternative, which mail programs show, and as a file, which people keep."""
    params = {"method": method}
    message.add_alternative(content.decode(), subtype="calendar", params=params)
    message.add_attachment(content, maintype="text", subtype="calendar", filename="appointment.ics", params=params)


def _address(name: str, address: str) -> Address:
    if "@" not in address or any(character.isspace() for character in address):
        message = f"{address!r} is not an e-mail address: correct the owner's or the staff member's e-mail"
        raise ValueError(message)
    return Address(display_name=" ".join(name.split()), addr_spec=address)
