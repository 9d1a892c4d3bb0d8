"""One service request with everything that a page or a message about it says."""

from dataclasses import dataclass
from datetime import date, datetime

from psycopg.rows import class_row

from gateway.storage.connection import Connection
from gateway.storage.pages.evidence import Hypothesis, hypotheses_of


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A request with its device, its owner and its latest diagnosis; names as in the tables."""

    request_id: int
    tenant_id: int
    tenant_title: str
    state: str
    is_safety: bool
    severity: str
    component: str
    opened_at: datetime
    closed_at: datetime | None
    since_at: datetime
    confirmed_at: datetime | None
    verdict: str
    hypotheses: object
    fault_code: str | None
    device_id: int
    device: str
    product: str
    serial: str
    model: str
    firmware: str
    place_name: str
    place_time_zone: str
    warranty_until: date | None
    is_online: bool | None
    presence_changed_at: datetime | None
    owner_name: str
    owner_email: str
    owner_language: str
    owner_time_zone: str

    @property
    def reference(self) -> str:
        """What people call this request in a call or a mail."""
        return f"C-{self.request_id:06d}"

    def ranked(self) -> tuple[Hypothesis, ...]:
        """Return the hypotheses, best first."""
        return hypotheses_of(self.hypotheses)


@dataclass(frozen=True, slots=True)
class Centre:
    """Where the work is done."""

    centre_id: int
    title: str
    address: str
    phone: str
    time_zone: str
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class OfferedDate:
    """One date of an offer, as its owner is told; `why` is the reason it is offered, as the planner of dates named it.

    `who` is a bay, or for a visit the technician, who arrives between `begins_at` and `ends_at`; his own plan is to be
    there at `arrives_at`.
    """

    booking_id: int
    offer_id: int
    centre_id: int
    is_visit: bool
    who: str
    begins_at: datetime
    ends_at: datetime
    arrives_at: datetime
    rank: int
    why: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AppointmentRow:
    """The request's latest appointment; of a visit the place is known, in degrees."""

    appointment_id: int
    booking_id: int
    centre_id: int
    is_visit: bool
    who: str
    state: str
    begins_at: datetime
    ends_at: datetime
    arrives_at: datetime
    latitude: float | None
    longitude: float | None
    revision: int
    confirmed_at: datetime
    cancelled_at: datetime | None


def find_request(conn: Connection, request_id: int) -> RequestRow | None:
    """Return a request of the present tenant, None where it has none of this number."""
    with conn.cursor(row_factory=class_row(RequestRow)) as cursor:
        return cursor.execute(
            """SELECT r.request_id, r.tenant_id, t.title AS tenant_title, r.state, r.is_safety, r.severity,
                      r.component, r.opened_at, r.closed_at, coalesce(f.since_at, g.since_at) AS since_at,
                      (SELECT min(s.confirmed_at) FROM symptom s WHERE s.symptom_id = ANY (g.symptom_ids))
                          AS confirmed_at,
                      g.verdict, g.hypotheses, f.code AS fault_code, d.device_id, d.name AS device, d.product,
                      d.serial, d.model, d.firmware, d.place_name, d.time_zone AS place_time_zone, d.warranty_until,
                      p.is_online, p.changed_at AS presence_changed_at, o.name AS owner_name,
                      o.email AS owner_email, o.language AS owner_language, o.time_zone AS owner_time_zone
               FROM service_request r
               JOIN tenant t USING (tenant_id)
               JOIN diagnosis g USING (diagnosis_id)
               JOIN device d ON d.device_id = r.device_id
               JOIN owner o ON o.owner_id = r.owner_id
               LEFT JOIN fault f USING (fault_id)
               LEFT JOIN device_presence p ON p.device_id = r.device_id
               WHERE r.request_id = %s""",
            [request_id],
        ).fetchone()


def open_dates(conn: Connection, request_id: int, now: datetime) -> list[OfferedDate]:
    """Return the dates that the owner may choose from, best first; none when the offer is closed or expired."""
    with conn.cursor(row_factory=class_row(OfferedDate)) as cursor:
        return cursor.execute(
            """SELECT b.booking_id, o.offer_id, b.centre_id, b.is_visit, b.who, b.begins_at, b.ends_at, b.arrives_at,
                      b.rank, b.why, o.expires_at
               FROM offer o JOIN booking_seen b USING (offer_id)
               WHERE o.request_id = %(request_id)s AND o.closed_at IS NULL AND o.expires_at > %(now)s
                 AND b.released_at IS NULL AND least(b.sets_out_at, b.begins_at) > %(now)s
               ORDER BY b.rank, b.begins_at""",
            {"request_id": request_id, "now": now},
        ).fetchall()


def offer_dates(conn: Connection, offer_id: int) -> list[OfferedDate]:
    """Return the dates of one offer, whatever became of it, best first."""
    with conn.cursor(row_factory=class_row(OfferedDate)) as cursor:
        return cursor.execute(
            """SELECT b.booking_id, o.offer_id, b.centre_id, b.is_visit, b.who, b.begins_at, b.ends_at, b.arrives_at,
                      b.rank, b.why, o.expires_at
               FROM offer o JOIN booking_seen b USING (offer_id)
               WHERE o.offer_id = %s ORDER BY b.rank, b.begins_at""",
            [offer_id],
        ).fetchall()


def latest_appointment(conn: Connection, request_id: int) -> AppointmentRow | None:
    """Return the appointment of a request: the living one, else the one that ended last."""
    with conn.cursor(row_factory=class_row(AppointmentRow)) as cursor:
        return cursor.execute(
            """SELECT a.appointment_id, a.booking_id, b.centre_id, b.is_visit, b.who, a.state,
                      lower(a.during) AS begins_at, upper(a.during) AS ends_at, b.arrives_at, b.latitude, b.longitude,
                      a.revision, a.confirmed_at, a.cancelled_at
               FROM appointment a JOIN booking_seen b USING (booking_id)
               WHERE a.request_id = %s ORDER BY a.state = 'confirmed' DESC, a.appointment_id DESC LIMIT 1""",
            [request_id],
        ).fetchone()


def find_appointment(conn: Connection, appointment_id: int) -> AppointmentRow | None:
    """Return an appointment by its number, whatever became of it."""
    with conn.cursor(row_factory=class_row(AppointmentRow)) as cursor:
        return cursor.execute(
            """SELECT a.appointment_id, a.booking_id, b.centre_id, b.is_visit, b.who, a.state,
                      lower(a.during) AS begins_at, upper(a.during) AS ends_at, b.arrives_at, b.latitude, b.longitude,
                      a.revision, a.confirmed_at, a.cancelled_at
               FROM appointment a JOIN booking_seen b USING (booking_id) WHERE a.appointment_id = %s""",
            [appointment_id],
        ).fetchone()


def find_centre(conn: Connection, centre_id: int | None) -> Centre | None:
    """Return a service centre; without a number the tenant's first one, which answers the phone for all."""
    with conn.cursor(row_factory=class_row(Centre)) as cursor:
        return cursor.execute(
            """SELECT centre_id, title, address, phone, time_zone, latitude, longitude FROM service_centre
               WHERE %(centre_id)s::int IS NULL OR centre_id = %(centre_id)s ORDER BY centre_id LIMIT 1""",
            {"centre_id": centre_id},
        ).fetchone()


def late_dates(conn: Connection, request_id: int, now: datetime) -> list[OfferedDate]:
    """Return the dates of the latest offer when it ran out unanswered: those ahead may still be free."""
    with conn.cursor(row_factory=class_row(OfferedDate)) as cursor:
        return cursor.execute(
            """SELECT b.booking_id, o.offer_id, b.centre_id, b.is_visit, b.who, b.begins_at, b.ends_at, b.arrives_at,
                      b.rank, b.why, o.expires_at
               FROM offer o JOIN booking_seen b USING (offer_id)
               WHERE o.offer_id = (SELECT max(offer_id) FROM offer WHERE request_id = %(request_id)s)
                 AND coalesce(o.outcome, 'expired') = 'expired' AND o.expires_at <= %(now)s
                 AND least(b.sets_out_at, b.begins_at) > %(now)s
               ORDER BY b.rank, b.begins_at""",
            {"request_id": request_id, "now": now},
        ).fetchall()
