"""Sends what is in the outbox, safety first; what fails stays there, with the reason, and is tried again later."""

import logging
import smtplib
import ssl
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from typing import Final, Protocol

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from gateway.notices.matters import link_for, write
from gateway.notices.message import compose
from gateway.notices.notice import Notice
from gateway.settings import ServerAddress, Settings
from gateway.storage import outbox
from gateway.storage.connection import Connection, tenant_transaction
from gateway.storage.obsolete import MAY_LEAVE, withdraw_obsolete

_LOG: Final = logging.getLogger(__name__)
_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class _Sent:
    """The message was handed to the mail server."""


@dataclass(frozen=True, slots=True)
class _Failed:
    """The message could not be sent; `is_server` says that the mail server does not answer at all."""

    reason: str
    is_server: bool


class Post(Protocol):
    """Takes messages and sends them on."""

    def send_message(self, msg: EmailMessage) -> object:
        """Take a message; an `OSError` or `smtplib.SMTPException` says that it was not taken."""
        ...


def send_due(conn: Connection, settings: Settings, now: datetime, post: Post | None = None) -> int:
    """Send the notices that are due, of every tenant, and return how many were sent.

    A notice is marked as sent after the mail server took it, one transaction each. A crash between the two sends it
    again with the same Message-ID. A link is committed before the message that carries it leaves, so that no message
    carries a dead one. Nothing that a single notice does stops the others; a mail server that does not answer ends
    the run, for it would not answer the others either. Without `smtp_url` everything stays in the outbox, unless a
    `post` is given to take the messages. A letter whose matter is over by then is taken back instead.
    """
    tenants = outbox.tenants_waiting(conn)
    for tenant_id in tenants:
        with tenant_transaction(conn, tenant_id):
            withdraw_obsolete(conn, tenant_id, now)
    if not settings.smtp_url and post is None:
        return 0
    sent = 0
    with _mail_server(settings, post) as server:
        for tenant_id in tenants:
            with tenant_transaction(conn, tenant_id):
                due = outbox.due(conn, tenant_id, now)
            for notice_id in due:
                outcome = _send(conn, settings, server, tenant_id, notice_id, now)
                if isinstance(outcome, _Failed) and outcome.is_server:
                    return sent
                sent += isinstance(outcome, _Sent)
    return sent


class _MailServer:
    """A connection to the mail server, made when the first message leaves and again after it broke."""

    def __init__(self, address: str, post: Post | None) -> None:
        self._address = address
        self._post = post
        self._smtp: smtplib.SMTP | None = None

    def connected(self) -> Post:
        if self._post is not None:
            return self._post
        if self._smtp is None:
            address = ServerAddress.parse(self._address)
            smtp = smtplib.SMTP(address.host, address.port, timeout=_TIMEOUT_S)
            if smtp.ehlo()[0] == 250 and smtp.has_extn("starttls"):  # SMTP's word for "done"
                smtp.starttls(context=ssl.create_default_context())
            if address.username and address.password:
                smtp.login(address.username, address.password)
            self._smtp = smtp
        return self._smtp

    def close(self) -> None:
        if self._smtp is not None:
            # The messages are sent; a server that hangs up before our good-bye does no harm.
            with suppress(OSError, smtplib.SMTPException):
                self._smtp.quit()
            self._smtp = None


@contextmanager
def _mail_server(settings: Settings, post: Post | None) -> Generator[_MailServer]:
    server = _MailServer(settings.smtp_url, post)
    try:
        yield server
    finally:
        server.close()


def _take(conn: Connection, notice_id: int) -> Notice | None:
    """Lock an unsent notice for this transaction; None when another process has it or has sent it, or it is out of date."""
    with conn.cursor(row_factory=class_row(Notice)) as cursor:
        return cursor.execute(
            sql.SQL("""SELECT n.notice_id, n.tenant_id, n.request_id, n.incident_id, n.device_id, n.owner_id, n.kind,
                      n.recipient, n.language, n.detail
               FROM notice n LEFT JOIN service_request r USING (request_id)
               WHERE n.notice_id = %s AND n.sent_at IS NULL AND n.withdrawn_at IS NULL
                 AND {may_leave} FOR UPDATE OF n SKIP LOCKED""").format(may_leave=MAY_LEAVE),
            [notice_id],
        ).fetchone()


def _send(
    conn: Connection, settings: Settings, server: _MailServer, tenant_id: int, notice_id: int, now: datetime
) -> _Sent | _Failed | None:
    with tenant_transaction(conn, tenant_id):
        notice = _take(conn, notice_id)
        # Whoever has it now may have written no more than its link: without a link of our own it is not ours to send.
        if notice is None:
            return None
        outbox.set_out(conn, notice_id)
        link = _linked(conn, settings, notice, now)
        if isinstance(link, _Failed):
            _record(conn, notice, link, now)
            return link
    with tenant_transaction(conn, tenant_id):
        notice = _take(conn, notice_id)
        if notice is None:
            return None
        outcome = _deliver(conn, settings, server, notice, link, now)
        _record(conn, notice, outcome, now)
    return outcome


def _linked(conn: Connection, settings: Settings, notice: Notice, now: datetime) -> str | _Failed:
    try:
        with conn.transaction():
            return link_for(conn, settings, notice, now)
    except (psycopg.OperationalError, psycopg.InterfaceError):
        raise
    except Exception as error:  # noqa: BLE001  # whatever is wrong with one notice must not keep back the others
        return _cannot_be_written(error)


def _cannot_be_written(error: Exception) -> _Failed:
    return _Failed(f"cannot be written: {type(error).__name__}: {error}", is_server=False)


def _deliver(
    conn: Connection, settings: Settings, server: _MailServer, notice: Notice, link: str, now: datetime
) -> _Sent | _Failed:
    try:
        # A savepoint: a query that fails while reading must not keep the failure from being recorded.
        with conn.transaction():
            written = write(conn, settings, notice, link, now)
        message = compose(
            written.letter,
            written.translator,
            mail_from=settings.mail_from,
            recipient=(written.recipient_name, notice.recipient),
            tenant_id=notice.tenant_id,
            notice_id=notice.notice_id,
            thread=notice.thread,
            now=now,
            calendar=written.calendar,
        )
    except (psycopg.OperationalError, psycopg.InterfaceError):
        raise
    except Exception as error:  # noqa: BLE001  # whatever is wrong with one notice must not keep back the others
        return _cannot_be_written(error)
    try:
        server.connected().send_message(message)
    except (smtplib.SMTPServerDisconnected, smtplib.SMTPConnectError, OSError) as error:
        if isinstance(error, smtplib.SMTPResponseException | smtplib.SMTPRecipientsRefused):
            return _Failed(f"refused by the mail server: {error}", is_server=False)
        server.close()
        return _Failed(f"the mail server does not answer: {error}", is_server=True)
    return _Sent()


def _record(conn: Connection, notice: Notice, outcome: _Sent | _Failed, now: datetime) -> None:
    match outcome:
        case _Sent():
            outbox.arrived(conn, notice.notice_id, now)
            _LOG.info("notice %d of kind %s sent", notice.notice_id, notice.kind)
        case _Failed(reason=reason):
            outbox.stays(conn, notice.notice_id, reason)
            _LOG.warning("notice %d of kind %s not sent: %s", notice.notice_id, notice.kind, reason)
