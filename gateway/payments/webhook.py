"""The payment provider's messages: signed, known once each, and only a hint that it is time to ask how things stand."""

import logging
from datetime import datetime
from typing import Final

import msgspec

from gateway.payments import moving
from gateway.payments.signature import is_signed
from gateway.storage import deposits, requests
from gateway.storage.connection import Connection, tenant_transaction
from workflows.deposit import Fact, Stage, next_stage

_log = logging.getLogger(__name__)
_OURS: Final = 2


class _Object(msgspec.Struct):
    id: str = ""
    client_reference_id: str | None = None


class _Data(msgspec.Struct):
    object: _Object


class _Event(msgspec.Struct):
    id: str
    type: str
    data: _Data


class ForgedError(Exception):
    """A message that the provider has not signed, or too long ago."""


class UnreadableError(Exception):
    """A signed message that is not of a form that we know."""


def take_message(connection: Connection, header: str, body: bytes, secret: str, now: datetime) -> str:
    """Take one message, and return what became of it: `asked`, `known` or `unknown`.

    Parameters
    ----------
    connection : Connection
        In the role of serve, in autocommit mode.
    header, body : str, bytes
        The signature's header, and the body as it came.
    secret : str
        Shared with the provider.
    now : datetime
        Aware.

    Raises
    ------
    ForgedError, UnreadableError
        The sender learns it by the status; a provider sends what we could not read again.
    """
    if not is_signed(header, body, secret, now):
        raise ForgedError
    try:
        event = msgspec.json.decode(body, type=_Event)
    except msgspec.MsgspecError as error:
        raise UnreadableError(str(error)) from error
    place = _place(event.data.object.client_reference_id or "")
    if place is None:
        _log.warning("payment event %s of kind %s is about nothing of ours", event.id, event.type)
        return "unknown"
    tenant_id, deposit_id = place
    with tenant_transaction(connection, tenant_id):
        if deposits.is_known(connection, event.id, event.type, "asked", now):
            return "known"
        if not _wake(connection, deposit_id, event.data.object.id, now):
            _log.warning("payment event %s of kind %s is about a deposit that is not there", event.id, event.type)
            return "unknown"
    return "asked"


def _place(reference: str) -> tuple[int, int] | None:
    """Return tenant and deposit of a reference that we gave, None for another's."""
    numbers = reference.split("-")
    if len(numbers) != _OURS or not all(n.isascii() and n.isdigit() and len(n) < 10 for n in numbers):
        return None
    return int(numbers[0]), int(numbers[1])


def _wake(connection: Connection, deposit_id: int, session: str, now: datetime) -> bool:
    """Make a deposit due now; one that was called off is looked at once more, for money may have come late."""
    # The request before its deposit, as everywhere: two locks have one order.
    requests.lock_request(connection, deposits.request_of(connection, deposit_id))
    deposit = deposits.lock_deposit(connection, deposit_id)
    if deposit is None or deposit.session not in {None, session}:
        return False
    stage = Stage(deposit.state)
    if stage is Stage.VOID and deposit.session is not None:
        stage = next_stage(stage, Fact.PAID) or stage
    if stage is not Stage.SETTLED:
        deposits.wake_deposit(connection, deposit_id, stage, now)
        moving.note(connection, deposit, stage, now, Fact.PAID)
    return True
