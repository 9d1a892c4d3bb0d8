"""Refuse: what could not be read becomes a rejection, kept with all the bytes of the message that it came in."""

from collections.abc import Iterable

from gateway.ingest.decode import Decoded, Rejected
from gateway.storage.connection import Connection
from gateway.storage.door import Rejection, keep_rejections


def keep_refused(connection: Connection, decoded: Decoded, _new: int) -> None:
    """Keep all that was refused of a batch of live messages, in its transaction."""
    keep(connection, decoded.rejected)


def keep(connection: Connection, rejected: Iterable[Rejected]) -> None:
    """Keep pieces that were refused."""
    keep_rejections(connection, [_rejection(each) for each in rejected])


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
