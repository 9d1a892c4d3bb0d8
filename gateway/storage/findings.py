"""Findings of the machine: devices with their open symptoms, diagnoses, and the faults that they open."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from gateway.storage.connection import Connection


@dataclass(frozen=True, slots=True)
class DeviceCard:
    """What the journey needs to know of a device."""

    device_id: int
    name: str
    product: str
    owner_id: int
    latitude: float | None
    longitude: float | None
    is_retired: bool
    owner_email: str
    owner_language: str


@dataclass(frozen=True, slots=True)
class OpenSymptom:
    """A confirmed symptom that has not healed."""

    symptom_id: int
    monitor: str
    element: int
    since_at: datetime
    value: float | None
    threshold: float | None
    text_value: str | None
    decided_received_at: datetime

    @property
    def key(self) -> tuple[str, int]:
        """Monitor and element."""
        return self.monitor, self.element


@dataclass(frozen=True, slots=True)
class DiagnosisRow:
    """A diagnosis as it was written; `hypotheses` is the ranked JSON."""

    diagnosis_id: int
    verdict: str
    hypotheses: list[dict[str, object]]
    symptom_ids: list[int]
    decided_received_at: datetime


def device_card(connection: Connection, device_id: int) -> DeviceCard | None:
    """Return a device of the present tenant."""
    with connection.cursor(row_factory=class_row(DeviceCard)) as cursor:
        return cursor.execute(
            """SELECT d.device_id, d.name, d.product, d.owner_id, d.latitude, d.longitude,
                d.retired_at IS NOT NULL AS is_retired, o.email AS owner_email, o.language AS owner_language
            FROM device d JOIN owner o USING (owner_id) WHERE d.device_id = %s""",
            [device_id],
        ).fetchone()


def latest_diagnosis(connection: Connection, device_id: int, component: str) -> DiagnosisRow | None:
    """Return the newest diagnosis of a component."""
    with connection.cursor(row_factory=class_row(DiagnosisRow)) as cursor:
        return cursor.execute(
            """SELECT diagnosis_id, verdict, hypotheses, symptom_ids, decided_received_at FROM diagnosis
            WHERE device_id = %s AND component = %s ORDER BY made_at DESC, diagnosis_id DESC LIMIT 1""",
            [device_id, component],
        ).fetchone()


def add_diagnosis(
    connection: Connection,
    *,
    device_id: int,
    component: str,
    verdict: str,
    hypotheses: Sequence[dict[str, object]],
    symptom_ids: Sequence[int],
    since_at: datetime,
    decided_received_at: datetime,
    now: datetime,
) -> int:
    """Write a diagnosis and return its id."""
    row = connection.execute(
        """INSERT INTO diagnosis
            (device_id, component, made_at, verdict, hypotheses, symptom_ids, since_at, decided_received_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING diagnosis_id""",
        [device_id, component, now, verdict, Jsonb(list(hypotheses)), list(symptom_ids), since_at, decided_received_at],
    ).fetchone()
    return one(row)


def open_fault(
    connection: Connection, *, device_id: int, component: str, code: str, since_at: datetime, now: datetime
) -> int:
    """Return the open fault with this code, opened now when there is none: there is never a second one."""
    row = connection.execute(
        """INSERT INTO fault (device_id, component, code, since_at, opened_at) VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (device_id, component, code) WHERE closed_at IS NULL
        DO UPDATE SET since_at = least(fault.since_at, EXCLUDED.since_at) RETURNING fault_id""",
        [device_id, component, code, since_at, now],
    ).fetchone()
    return one(row)


def close_other_faults(
    connection: Connection, *, device_id: int, component: str, kept: int | None, now: datetime
) -> None:
    """Close a component's open faults other than the one that the request is about."""
    connection.execute(
        """UPDATE fault SET closed_at = %s WHERE device_id = %s AND component = %s AND closed_at IS NULL
        AND fault_id IS DISTINCT FROM %s""",
        [now, device_id, component, kept],
    )


def one(row: tuple[int, ...] | None) -> int:
    """Return the only value of the only row of a statement that always returns one."""
    if row is None:
        raise LookupError("a statement with RETURNING gave no row: is the tenant of the transaction set?")
    return row[0]
