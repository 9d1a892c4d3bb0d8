"""An owner whose link has run out asks for a new one: a row of the outbox, to the address that we know of him, and its letter."""

from datetime import datetime

from gateway import jobs
from gateway.notices.letter import Letter, plain, to_page
from gateway.notices.matter import Matter
from gateway.storage.connection import Connection
from gateway.storage.pages.request import RequestRow
from gateway.texts import Translator


def ask_for_link(conn: Connection, request: RequestRow, *, now: datetime) -> None:
    """Write the notice that carries a new link; within an hour it is written once, however often it is asked for."""
    conn.execute(
        """INSERT INTO notice (tenant_id, request_id, kind, recipient, language, cause, detail, written_at)
           VALUES (%(tenant_id)s, %(request_id)s, 'link', %(recipient)s, %(language)s, %(cause)s, '{}', %(now)s)
           ON CONFLICT ON CONSTRAINT notice_is_written_once DO NOTHING""",
        {
            "tenant_id": request.tenant_id,
            "request_id": request.request_id,
            "recipient": request.owner_email,
            "language": request.owner_language,
            "cause": f"asked {now:%Y-%m-%d %H} UTC",
            "now": now,
        },
    )
    call: dict[str, int | str] = {"tenant_id": request.tenant_id, "request_id": request.request_id}
    jobs.defer(conn, jobs.SEND_NOTICES, lock="notices-{request_id}", calls=[call])


def new_link(matter: Matter, t: Translator, link: str) -> Letter:
    """Write the letter that carries a new link to the owner's page."""
    letter = plain(
        matter,
        t,
        t.gettext("Your new link for %(product)s") % {"product": matter.product_name},
        t.gettext("You asked for a new link to your service page. If it was not you, ignore this message."),
    )
    return to_page(letter, t, link)
