"""A notice read by staff: the letter as it leaves, with the owner's link hidden, for who has the link is the owner."""

from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from typing import Final

from psycopg.rows import class_row

from gateway.notices.matters import write
from gateway.notices.message import compose
from gateway.notices.notice import Notice
from gateway.settings import Settings
from gateway.storage.connection import Connection
from gateway.storage.pages.history import NoticeRow

_HIDDEN: Final = "•••"


@dataclass(frozen=True, slots=True)
class Read:
    """A letter in words: its subject, its text, and its HTML."""

    notice: NoticeRow
    recipient_name: str
    subject: str
    text: str
    html: str
    has_calendar: bool


def read_letter(conn: Connection, settings: Settings, notice_id: int, now: datetime) -> Read | None:
    """Return a letter of the present tenant, None where it has none of this number.

    A letter is put into words when it leaves; so this is what it says if it leaves now.

    Raises
    ------
    NoticeError
        There is no letter for a notice of its kind.
    """
    row = _row(conn, notice_id)
    notice = _notice(conn, notice_id)
    if row is None or notice is None:
        return None
    written = write(conn, settings, notice, hidden_link(settings, notice), now)
    message = compose(
        written.letter,
        written.translator,
        mail_from=settings.mail_from,
        recipient=(written.recipient_name, notice.recipient),
        tenant_id=notice.tenant_id,
        notice_id=notice.notice_id,
        thread=notice.thread,
        now=now,
    )
    return Read(
        row,
        written.recipient_name,
        written.letter.subject,
        _body(message, "plain"),
        _body(message, "html"),
        has_calendar=written.calendar is not None,
    )


def hidden_link(settings: Settings, notice: Notice) -> str:
    """Return the address that stands in a letter for the reader's own: an owner's is hidden, a planner's is no secret."""
    if notice.incident_id is not None:
        return f"{settings.base_url}/planner/incidents"
    if notice.kind == "case_opened":
        return f"{settings.base_url}/planner/requests/{notice.request_id}"
    kind = "d" if notice.device_id is not None else "r" if notice.kind == "shared" else "o"
    return f"{settings.base_url}/{kind}/{_HIDDEN}"


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if part is not None else ""


def _row(conn: Connection, notice_id: int) -> NoticeRow | None:
    with conn.cursor(row_factory=class_row(NoticeRow)) as cursor:
        return cursor.execute(
            """SELECT notice_id, request_id, incident_id, kind, recipient, language, written_at, sent_at, attempts,
                      last_error, withdrawn_at, (SELECT name FROM device d WHERE d.device_id = notice.device_id) AS device
               FROM notice WHERE notice_id = %s""",
            [notice_id],
        ).fetchone()


def _notice(conn: Connection, notice_id: int) -> Notice | None:
    with conn.cursor(row_factory=class_row(Notice)) as cursor:
        return cursor.execute(
            """SELECT notice_id, tenant_id, request_id, incident_id, device_id, owner_id, kind, recipient,
                      language, detail
               FROM notice WHERE notice_id = %s""",
            [notice_id],
        ).fetchone()
