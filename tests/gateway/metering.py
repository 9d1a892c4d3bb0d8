"""Meters of a small desk, and what they say at any instant of a test's own time."""

import json
from datetime import datetime

from devices.identity import partition_of
from gateway.ingest.source import Message
from gateway.ingest.worker import Worker
from gateway.storage.connection import Role, connect, tenant_transaction
from tests.fakes.source import ListSource
from tests.gateway.desk import LONG_AGO, SmallDesk, sample, telemetry, topic
from workflows.mandate import USUAL


def enrol_meters(
    desk: SmallDesk,
    names: list[str],
    *,
    latitude: float | None = 37.55,
    longitude: float | None = 127.05,
    place: str = "",
) -> None:
    """Enrol meters of one owner, without credentials."""
    with tenant_transaction(desk.admin, desk.tenant_id):
        desk.admin.execute(
            """WITH o AS (INSERT INTO owner (name, email) VALUES ('Owner', 'owner@owners.example')
                ON CONFLICT ON CONSTRAINT owner_is_known_by_one_email DO UPDATE SET name = owner.name RETURNING owner_id)
            INSERT INTO device (name, partition, product, serial, owner_id, latitude, longitude, place_name)
            SELECT name, partition, 'smart_meter', name, owner_id, %s, %s, %s
            FROM o, unnest(%s::text[], %s::int[]) AS m (name, partition)""",
            [latitude, longitude, place, names, [partition_of("acme", name) for name in names]],
        )
        desk.admin.execute(
            """WITH m AS (INSERT INTO mandate (device_id, owner_id, signed_at, signed_by)
                SELECT device_id, owner_id, %s, 'enrolment' FROM device WHERE name = ANY(%s) RETURNING mandate_id)
            INSERT INTO mandate_clause (mandate_id, clause) SELECT mandate_id, unnest(%s::text[]) FROM m""",
            [LONG_AGO, names, list(USUAL)],
        )


def reading(name: str, at: datetime, *, received_at: datetime | None = None) -> Message:
    """An hourly reading."""
    seq = int(at.timestamp())
    return Message(topic(name), telemetry(seq, sample(at, import_wh=seq)), received_at or at, (1, 0))


def state(name: str, at: datetime, *, online: bool, is_retained: bool = False) -> Message:
    """A device's word, or its last will's."""
    payload = json.dumps({"schema": "callout.state/1", "online": online}).encode()
    return Message(topic(name, "state"), payload, at, (1, 0), is_retained=is_retained)


def new_worker(desk: SmallDesk) -> Worker:
    """A worker of all partitions."""
    return Worker(ListSource(), lambda: connect(desk.dsn, Role.INGEST), range(64))
