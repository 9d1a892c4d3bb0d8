"""A technician's visits: his day with what he has to bring, as his own page and his calendar show them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
from psycopg.rows import class_row

from gateway.storage.connection import Connection
from workflows.dates import Interval

_MOST: Final = 200
# What is over is looked at once more for so long.
_READ_FOR: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class TechnicianRow:
    """Somebody who visits: where he loads his parts, and whose clock his day is told by."""

    technician_id: int
    name: str
    tenant_title: str
    centre_id: int
    centre_title: str
    centre_phone: str
    time_zone: str
    retired_at: datetime | None


@dataclass(frozen=True, slots=True)
class VisitPart:
    """What he takes along: `is_here` once it lies at his centre, `is_extra` when it is in case of another cause."""

    part_no: str
    title: str
    count: int
    is_here: bool
    is_extra: bool


@dataclass(frozen=True, slots=True)
class VisitRow:
    """One visit of his: what its owner was promised, his own plan for it, and what it is about.

    The owner was told that he arrives between `begins_at` and `ends_at`; he sets out, arrives and is done as planned.
    """

    request_id: int
    appointment_id: int
    revision: int
    state: str
    begins_at: datetime
    ends_at: datetime
    sets_out_at: datetime
    arrives_at: datetime
    done_at: datetime
    latitude: float
    longitude: float
    place_name: str
    device: str
    product: str
    model: str
    serial: str
    component: str
    fault_code: str | None
    is_safety: bool
    owner_name: str
    owner_email: str
    reserved: object

    @property
    def reference(self) -> str:
        """What people call its request in a call or a mail."""
        return f"C-{self.request_id:06d}"

    @property
    def parts(self) -> list[VisitPart]:
        """What he takes along, in the order in which it was put aside."""
        return msgspec.convert(self.reserved, list[VisitPart])

    @property
    def is_ahead(self) -> bool:
        """Whether nobody has said yet what was found."""
        return self.state == "confirmed"


def find_technician(conn: Connection, technician_id: int) -> TechnicianRow | None:
    """Return a technician of the present tenant, retired ones included."""
    with conn.cursor(row_factory=class_row(TechnicianRow)) as cursor:
        return cursor.execute(
            """SELECT t.technician_id, t.name, n.title AS tenant_title, c.centre_id, c.title AS centre_title,
                c.phone AS centre_phone, c.time_zone, t.retired_at
            FROM technician t JOIN service_centre c USING (centre_id) JOIN tenant n ON n.tenant_id = t.tenant_id
            WHERE t.technician_id = %s""",
            [technician_id],
        ).fetchone()


_VISITS: Final = """SELECT a.request_id, a.appointment_id, a.revision, a.state, lower(a.during) AS begins_at,
        upper(a.during) AS ends_at, lower(k.during) AS sets_out_at, k.arrives_at, upper(k.during) AS done_at,
        k.latitude, k.longitude, d.place_name, d.name AS device, d.product, d.model, d.serial, r.component,
        f.code AS fault_code, r.is_safety, o.name AS owner_name, o.email AS owner_email,
        coalesce((SELECT jsonb_agg(jsonb_build_object('part_no', v.part_no,
                'title', coalesce(p.titles ->> %(language)s, p.title), 'count', v.quantity,
                'is_here', v.inbound_id IS NULL, 'is_extra', v.is_extra) ORDER BY v.reservation_id)
            FROM reservation v JOIN part p USING (tenant_id, part_no)
            WHERE v.request_id = a.request_id AND (v.released_at IS NULL OR v.issued_at IS NOT NULL)), '[]') AS reserved
    FROM booking k JOIN appointment a USING (booking_id)
    JOIN service_request r ON r.request_id = a.request_id JOIN device d USING (device_id)
    JOIN owner o ON o.owner_id = r.owner_id LEFT JOIN fault f USING (fault_id)
    WHERE k.technician_id = %(technician)s AND a.state <> 'cancelled'"""


def visits_of(conn: Connection, technician_id: int, during: Interval, language: str) -> list[VisitRow]:
    """Return the visits for which somebody sets out within a stretch of time, in order, with parts titled in a language."""
    with conn.cursor(row_factory=class_row(VisitRow)) as cursor:
        return cursor.execute(
            f"""{_VISITS} AND lower(k.during) >= %(from)s AND lower(k.during) < %(until)s
            ORDER BY k.arrives_at, a.appointment_id LIMIT %(most)s""",
            {
                "most": _MOST,
                "technician": technician_id,
                "language": language,
                "from": during.start_at,
                "until": during.end_at,
            },
        ).fetchall()


def find_visit(
    conn: Connection, technician_id: int, appointment_id: int, language: str, now: datetime
) -> VisitRow | None:
    """Return one visit of his by the number of its appointment; None where it is not his, no more, or over for long."""
    with conn.cursor(row_factory=class_row(VisitRow)) as cursor:
        return cursor.execute(
            f"""{_VISITS} AND a.appointment_id = %(appointment)s
                AND (a.state = 'confirmed' OR upper(k.during) > %(from)s)""",
            {
                "technician": technician_id,
                "language": language,
                "appointment": appointment_id,
                "from": now - _READ_FOR,
            },
        ).fetchone()


def next_day_with_visits(conn: Connection, technician_id: int, after: datetime) -> datetime | None:
    """Return when he sets out next from a time on; None where nothing is promised."""
    row = conn.execute(
        """SELECT min(lower(k.during)) FROM booking k JOIN appointment a USING (booking_id)
        WHERE k.technician_id = %s AND lower(k.during) >= %s AND a.state = 'confirmed'""",
        [technician_id, after],
    ).fetchone()
    return None if row is None else row[0]
