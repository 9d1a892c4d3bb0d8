"""Warning the machine: a danger is told to the device itself at once, beside its owner, before anything is weighed.

It needs no clause: nobody signs that he does not want to be warned, and it stands in the audit by that rule. The device
shows it to whoever uses it.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from devices.remote import STOP_USING
from gateway.audit import auditing
from gateway.storage import commands, requests
from gateway.storage.commands import Order
from gateway.storage.connection import Connection
from workflows.audit import Rule
from workflows.request import CLOSED

# Long enough for a device that is out of reach to hear it when it is back; by then a person has the case.
_LASTS: Final = timedelta(days=1)


def warn_device(connection: Connection, device_id: int, request_id: int, fault: str, now: datetime) -> None:
    """Tell a device that it must not be used on; once per request, however often its safety is decided about."""
    if requests.has_event(connection, request_id, "device_warned"):
        return
    order = Order(uuid4(), device_id, STOP_USING, {"fault": fault}, request_id)
    commands.write_order(connection, order, now, now + _LASTS)
    requests.append_event(connection, request_id, "device_warned", now, detail={"fault": fault})
    auditing.record(
        connection,
        "device_warned",
        device_id=device_id,
        request_id=request_id,
        permission=Rule.SAFETY,
        inputs={"fault": fault, "command": STOP_USING, "command_id": str(order.command_id)},
        now=now,
    )


def warn(connection: Connection, *, request_id: int, fault: str, now: datetime) -> None:
    """Warn the device of a request of a danger that its owner has reported; a step of the work, in its transaction."""
    request = requests.lock_request(connection, request_id)
    if request is not None and request.state not in CLOSED:
        warn_device(connection, request.device_id, request_id, fault, now)
