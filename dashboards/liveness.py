"""The state of a device in words for people, by the one rule of liveness."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from devices.products import product_type
from diagnostics.liveness import Heard, Liveness, liveness
from gateway.storage.pages.devices import DeviceFacts, DeviceRow
from gateway.texts import msgid

LIVENESS: Final[Mapping[str, str]] = {
    Liveness.ONLINE: msgid("Online"),
    Liveness.LATE: msgid("Late"),
    Liveness.SILENT: msgid("Silent"),
    Liveness.RETIRED: msgid("Retired"),
    Liveness.NEVER_HEARD: msgid("Never heard from"),
}


def state_of(row: DeviceRow | DeviceFacts, listened_at: datetime) -> str:
    """Return the state of a device, one of `LIVENESS`, at the instant until which the desk has listened."""
    heard = Heard(
        heard_at=row.heard_at,
        silent_since_at=row.silent_since_at,
        returned_at=row.returned_at,
        is_online=row.is_online,
        told_at=row.told_at,
        retired_at=row.retired_at,
    )
    return liveness(product_type(row.product), heard, listened_at)
