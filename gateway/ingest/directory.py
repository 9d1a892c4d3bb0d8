"""The directory of devices at the door: which device a topic belongs to. Remembered, and asked for in one query a batch."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from devices.identity import Identity
from gateway.storage.connection import Connection

_FORGET_AFTER_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Known:
    """An enrolled device as ingest needs it."""

    device_id: int
    tenant_id: int
    partition: int
    product: str


class Directory:
    """Devices by tenant and name; those that are not known are looked up together.

    Everything is forgotten after five minutes, so that a device that was retired is refused soon.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Known] = {}
        self._forget_at_s = 0.0

    def learn(self, connection: Connection, identities: Iterable[Identity], now_s: float) -> None:
        """Look up the devices that are not known yet, in one query.

        Parameters
        ----------
        connection : Connection
            In the role of ingest.
        identities : iterable of Identity
            Devices that a batch names.
        now_s : float
            A monotonic clock, in seconds.
        """
        if now_s >= self._forget_at_s:
            self._known.clear()
            self._forget_at_s = now_s + _FORGET_AFTER_S
        asked = {(each.tenant, each.device) for each in identities} - self._known.keys()
        if not asked:
            return
        rows = connection.execute(
            """SELECT t.name, d.name, d.device_id, d.tenant_id, d.partition, d.product
            FROM unnest(%(tenants)s::text[], %(devices)s::text[]) AS asked (tenant, device)
            JOIN tenant t ON t.name = asked.tenant
            JOIN device d ON d.tenant_id = t.tenant_id AND d.name = asked.device
            WHERE d.retired_at IS NULL""",
            {"tenants": [tenant for tenant, _ in asked], "devices": [device for _, device in asked]},
        )
        for tenant, device, *rest in rows:
            self._known[tenant, device] = Known(*rest)

    def find(self, identity: Identity) -> Known | None:
        """Return the device, or None when nobody enrolled it."""
        return self._known.get((identity.tenant, identity.device))
