"""Refuse: what could not be read becomes a rejection, kept with all the bytes of the message that it came in."""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime

import psycopg

from devices.readings import Refusal
from gateway.ingest.decode import Decoded, Rejected, number_of_refused
from gateway.ingest.directory import Known
from gateway.ingest.numbering import Numbering
from gateway.ingest.source import Message
from gateway.storage.connection import Connection
from gateway.storage.door import Rejection, keep_rejections
from gateway.storage.troubles import tell

_log = logging.getLogger(__name__)


def keep_refused(connection: Connection, decoded: Decoded, _new: int) -> None:
    """Keep all that was refused of a batch of live messages, in its transaction."""
    keep(connection, decoded.rejected)


def keep(connection: Connection, rejected: Iterable[Rejected]) -> None:
    """Keep pieces that were refused."""
    keep_rejections(connection, [_rejection(each) for each in rejected])


def keep_unstorable(connection: Connection, message: Message, device: Known | None, refusal: Refusal) -> None:
    """Keep a message that the database does not take, and its number where that is not what it does not take.

    In a transaction of its own, of a worker that begins anew after it.
    """
    keep(connection, [Rejected(message, device, refusal)])
    number = number_of_refused(message)
    if device is None or number is None:
        return
    now = datetime.now(UTC)
    try:
        with connection.transaction():
            _, troubles = Numbering().count(connection, [(device.device_id, number)], {device.device_id: device}, now)
            if troubles:
                tell(connection, troubles, now)
    except (psycopg.OperationalError, psycopg.InterfaceError):
        raise
    except Exception as error:  # noqa: BLE001  # the message is kept, whatever its numbers do
        _log.error("the numbers of a message on %s cannot be counted: %s", message.topic, error)


def _rejection(rejected: Rejected) -> Rejection:
    message, device, refusal = rejected.message, rejected.device, rejected.refusal
    return Rejection(
        received_at=message.received_at,
        tenant_id=device.tenant_id if device else None,
        device_id=device.device_id if device else None,
        topic=message.topic,
        reason=refusal.reason,
        detail=refusal.detail,
        place=refusal.place,
        payload=message.payload,
        is_redelivered=message.is_redelivered,
    )
