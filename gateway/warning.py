"""Warning the machine: a danger is told to the device itself at once, beside its owner, before anything is weighed.

It needs no clause: nobody signs that he does not want to be warned. The device shows it to whoever uses it.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from devices.remote import STOP_USING
from gateway.storage import commands, requests
from gateway.storage.commands import Order
from gateway.storage.connection import Connection

# Long enough for a device that is out of reach to hear it when it is back; by then a person has the case.
_LASTS: Final = timedelta(days=1)


def warn_device(connection: Connection, device_id: int, request_id: int, fault: str, now: datetime) -> None:
    """Tell a device that it must not be used on; once per request, however often its safety is decided about."""
    if requests.has_event(connection, request_id, "device_warned"):
        return
    order = Order(uuid4(), device_id, STOP_USING, {"fault": fault}, request_id)
    commands.write_order(connection, order, now, now + _LASTS)
    requests.append_event(connection, request_id, "device_warned", now, detail={"fault": fault})
