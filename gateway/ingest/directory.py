"""The directory of devices at the door: which device a topic belongs to. Remembered, and asked for in one query a batch."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from devices.identity import Identity, IdentityError, parse_topic
from devices.readings import Refusal
from gateway.storage.connection import Connection

_FORGET_AFTER_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Known:
    """An enrolled device as ingest needs it."""

    device_id: int
    tenant_id: int
    partition: int
    product: str


@dataclass(frozen=True, slots=True)
class Place:
    """What a topic stands for: a device and one of its channels; `unserved` is why its readings cannot be stored."""

    device: Known
    channel: str
    unserved: Refusal | None = None


@dataclass(frozen=True, slots=True)
class NoPlace:
    """Why a topic stands for no device that may use it; `device` is the one that it names, where there is one."""

    refusal: Refusal
    device: Known | None = None


class Directory:
    """Topics that were seen; those of devices that are not known are looked up together.

    Each is forgotten five minutes after it was looked up, so that a device that was retired is refused soon.

    Parameters
    ----------
    unserved : mapping of str to Refusal
        Product types whose readings cannot be stored, with why.
    """

    def __init__(self, unserved: Mapping[str, Refusal] | None = None) -> None:
        self._unserved = unserved or {}
        self._places: dict[str, Place] = {}
        self._looked_up_at: deque[tuple[float, list[str]]] = deque()

    def places(self, connection: Connection, topics: Sequence[str], now_s: float) -> dict[str, Place | NoPlace]:
        """Return what each topic stands for.

        Parameters
        ----------
        connection : Connection
            In the role of ingest; asked once when there are topics that are not known yet.
        topics : sequence of str
            Those of a batch, many times each or not.
        now_s : float
            A monotonic clock, in seconds.
        """
        known = self._places
        self.forget_old(now_s)
        found: dict[str, Place | NoPlace] = {topic: known[topic] for topic in topics if topic in known}
        if missing := set(topics) - found.keys():
            asked = self._looked_up(connection, missing)
            fresh = {topic: place for topic, place in asked.items() if isinstance(place, Place)}
            known |= fresh
            self._looked_up_at.append((now_s, list(fresh)))
            found |= asked
        return found

    def forget_old(self, now_s: float) -> None:
        """Forget the topics that were looked up five minutes before an instant of the clock."""
        while self._looked_up_at and self._looked_up_at[0][0] <= now_s - _FORGET_AFTER_S:
            for topic in self._looked_up_at.popleft()[1]:
                del self._places[topic]

    def known(self, topics: Iterable[str]) -> dict[str, Place | NoPlace] | None:
        """Return what topics stand for without asking anybody; None when one of them is not known."""
        places = self._places
        try:
            return {topic: places[topic] for topic in topics}
        except KeyError:
            return None

    def device_of(self, topic: str) -> Known | None:
        """Return the device of a topic without asking anybody; None when it is not known."""
        place = self._places.get(topic)
        return place.device if place is not None else None

    def _looked_up(self, connection: Connection, topics: Iterable[str]) -> dict[str, Place | NoPlace]:
        found: dict[str, Place | NoPlace] = {}
        named: dict[str, tuple[Identity, str]] = {}
        for topic in topics:
            try:
                named[topic] = parse_topic(topic)
            except IdentityError as error:
                found[topic] = NoPlace(Refusal("wrong_topic", str(error)))
        devices = _devices(connection, {(identity.tenant, identity.device) for identity, _ in named.values()})
        for topic, (identity, channel) in named.items():
            found[topic] = self._place(identity, channel, devices.get((identity.tenant, identity.device)))
        return found

    def _place(self, identity: Identity, channel: str, device: Known | None) -> Place | NoPlace:
        if device is None:
            detail = f"no device {identity.device!r} of tenant {identity.tenant!r} is enrolled: enrol it, then replay"
            return NoPlace(Refusal("unknown_device", detail))
        if device.partition != identity.partition:
            detail = f"{identity.device!r} belongs to partition {device.partition}, not {identity.partition}"
            return NoPlace(Refusal("wrong_partition", detail), device)
        return Place(device, channel, self._unserved.get(device.product))


def _devices(connection: Connection, asked: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Known]:
    pairs = sorted(asked)
    if not pairs:
        return {}
    rows = connection.execute(
        """SELECT t.name, d.name, d.device_id, d.tenant_id, d.partition, d.product
        FROM unnest(%(tenants)s::text[], %(devices)s::text[]) AS asked (tenant, device)
        JOIN tenant t ON t.name = asked.tenant
        JOIN device d ON d.tenant_id = t.tenant_id AND d.name = asked.device
        WHERE d.retired_at IS NULL""",
        {"tenants": [tenant for tenant, _ in pairs], "devices": [device for _, device in pairs]},
    )
    return {(tenant, device): Known(*rest) for tenant, device, *rest in rows}
