"""Clocks of devices: how far each is from ours, as it was measured last."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from gateway.storage.connection import Connection


@dataclass(frozen=True, slots=True)
class ClockRow:
    """A device's clock: seconds that it is ahead of ours (behind: negative), and whether that is too much."""

    device_id: int
    skew_s: float
    is_off: bool
    measured_at: datetime


def load_clocks(connection: Connection, devices: Iterable[int]) -> dict[int, ClockRow]:
    """Return the clocks of devices that have been measured."""
    with connection.cursor(row_factory=class_row(ClockRow)) as cursor:
        rows = cursor.execute(
            "SELECT device_id, skew_s, is_off, measured_at FROM device_clock WHERE device_id = ANY(%s)",
            [list(devices)],
        ).fetchall()
    return {row.device_id: row for row in rows}


def save_clocks(connection: Connection, clocks: Sequence[ClockRow]) -> None:
    """Write clocks as they are measured now."""
    connection.execute(
        """INSERT INTO device_clock (device_id, skew_s, is_off, measured_at)
        SELECT * FROM unnest(%(devices)s::int[], %(skews)s::float8[], %(offs)s::bool[], %(ats)s::timestamptz[])
        ON CONFLICT (device_id) DO UPDATE SET skew_s = EXCLUDED.skew_s, is_off = EXCLUDED.is_off,
            measured_at = EXCLUDED.measured_at""",
        {
            "devices": [clock.device_id for clock in clocks],
            "skews": [clock.skew_s for clock in clocks],
            "offs": [clock.is_off for clock in clocks],
            "ats": [clock.measured_at for clock in clocks],
        },
    )


def clock_of_device(connection: Connection, device_id: int) -> ClockRow | None:
    """Return the clock of a device of the present tenant, or None when it was never measured; for pages."""
    return load_clocks(connection, [device_id]).get(device_id)
