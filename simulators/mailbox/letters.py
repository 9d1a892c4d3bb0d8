"""The folder of letters: one .eml file each, which is all the state there is."""

import html
import re
import secrets
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage, MIMEPart
from email.policy import default
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path

from simulators.errors import SimulatorError

ENVELOPE_HEADER = "X-Mailbox-To"
_STAMP = "%Y%m%dT%H%M%S.%fZ"
_NAME = re.compile(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{6}")
_URL = re.compile(r"https?://[^\s<>\"')\]]+")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a letter."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter as a reader wants it.

    Attributes
    ----------
    letter_id
        The name of its file without the suffix; sorts by time.
    to, sender, subject
        Who gets it by the envelope, who wrote it, what about.
    at
        When it came in, aware UTC.
    text, html
        Its plain and its HTML part, empty where it has none.
    attachments
        What came with it.
    links
        All web addresses in it, each once, in order.
    """

    letter_id: str
    to: tuple[str, ...]
    sender: str
    subject: str
    at: datetime
    text: str
    html: str
    attachments: tuple[Attachment, ...]
    links: tuple[str, ...]


class LetterBox:
    """Letters in a folder.

    Parameters
    ----------
    folder
        Made when it does not exist.

    Raises
    ------
    SimulatorError
        When the folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise SimulatorError(f"Cannot make the folder {folder} for letters: {error.strerror}") from error

    def put(self, content: bytes, recipients: list[str], at: datetime) -> str:
        """Keep a letter; it is there whole or not at all.

        Parameters
        ----------
        content
            The message as it came in.
        recipients
            By the envelope: a blind copy does not stand in the message.
        at
            When it came in, aware.

        Returns
        -------
        The letter's id.
        """
        letter_id = f"{at.astimezone(UTC):{_STAMP}}-{secrets.token_hex(3)}"
        to = ", ".join(address.replace("\r", "").replace("\n", "") for address in recipients)
        attempt = self._folder / f".{letter_id}"
        with self._lock:
            attempt.write_bytes(f"{ENVELOPE_HEADER}: {to}\r\n".encode() + content)
            attempt.replace(self._path(letter_id))
        return letter_id

    def ids(self) -> list[str]:
        """Ids of all letters, newest first."""
        names = (path.stem for path in self._folder.glob("*.eml"))
        return sorted((name for name in names if _NAME.fullmatch(name)), reverse=True)

    def get(self, letter_id: str) -> Letter | None:
        """Open a letter, or None when there is none of that id."""
        raw = self.raw(letter_id)
        return _opened(letter_id, raw) if raw is not None else None

    def raw(self, letter_id: str) -> bytes | None:
        """Give a letter as it is kept, or None when there is none of that id."""
        path = self._path(letter_id)
        return path.read_bytes() if _NAME.fullmatch(letter_id) and path.exists() else None

    def letters(self) -> list[Letter]:
        """Open all letters, newest first."""
        opened = (self.get(letter_id) for letter_id in self.ids())
        return [letter for letter in opened if letter is not None]

    def _path(self, letter_id: str) -> Path:
        return self._folder / f"{letter_id}.eml"


class _Anchors(HTMLParser):
    """Collects where the links of a page lead."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take in an opening tag."""
        target = dict(attrs).get("href") if tag == "a" else None
        if target and target.startswith(("http://", "https://")):
            self.links.append(target)


@lru_cache(maxsize=2048)
def _opened(letter_id: str, raw: bytes) -> Letter:
    message = message_from_bytes(raw, policy=default)
    plain = _part(message, "plain")
    page = _part(message, "html")
    anchors = _Anchors()
    anchors.feed(page)
    return Letter(
        letter_id=letter_id,
        to=tuple(address.strip() for address in str(message[ENVELOPE_HEADER] or "").split(",") if address.strip()),
        sender=str(message["From"] or ""),
        subject=str(message["Subject"] or ""),
        at=datetime.strptime(letter_id.rpartition("-")[0], _STAMP).replace(tzinfo=UTC),
        text=plain,
        html=page,
        attachments=tuple(_attachments(message)),
        links=tuple(dict.fromkeys([*_URL.findall(plain), *map(html.unescape, anchors.links)])),
    )


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    return _text(part) if part is not None else ""


def _text(part: MIMEPart) -> str:
    content = part.get_payload(decode=True)
    raw = content if isinstance(content, bytes) else b""
    try:
        return raw.decode(part.get_content_charset("utf-8"), errors="replace")
    except LookupError:
        return raw.decode("utf-8", errors="replace")


def _attachments(message: EmailMessage) -> list[Attachment]:
    """Files, and calendar parts: some writers put those among the alternatives."""
    body = {id(message.get_body(preferencelist=(kind,))) for kind in ("plain", "html")}
    found: list[Attachment] = []
    for part in message.walk():
        is_leaf = not part.is_multipart() and id(part) not in body
        if is_leaf and (part.get_filename() or part.get_content_type() == "text/calendar"):
            content = part.get_payload(decode=True)
            name = part.get_filename() or "invitation.ics"
            raw = content if isinstance(content, bytes) else b""
            found.append(Attachment(name, part.get_content_type(), raw))
    return found
