"""Misfits: confirmed dates ahead that do not suffice for what has to be done by now, and what was done about each."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from psycopg.types.json import Jsonb

from devices.faults import Fulfilment
from devices.product import ProductType
from gateway.storage.connection import Connection

# Its name in a request's history; its detail says of which booking and fault, why, and whose turn it is next.
EVENT: Final = "date_misfit"


def to_look_at(connection: Connection, products: Sequence[ProductType], now: datetime, most: int) -> list[int]:
    """Return the requests whose confirmed date does not suffice and whom nobody has in hand.

    Each is noticed once for a booking and a fault: then its owner is asked, and when he lets the dates that he was shown
    pass, a person. What a person has a case about is his.

    Parameters
    ----------
    connection : Connection
        In a transaction of the tenant.
    products : sequence of ProductType
        Whose remedies say what has to be done.
    now : datetime
        Dates that have begun are not looked at.
    most : int
        So many at a time, those that begin first.
    """
    rows = connection.execute(
        """SELECT r.request_id FROM appointment a JOIN booking_seen k USING (booking_id)
        JOIN service_request r ON r.request_id = a.request_id JOIN device d USING (device_id) JOIN fault f USING (fault_id)
        JOIN jsonb_to_recordset(%(works)s) AS w (product text, fault text, minutes int, skills text[], is_visit boolean)
            ON w.product = d.product AND w.fault = f.code
        LEFT JOIN LATERAL (SELECT e.detail ->> 'next' AS next FROM request_event e
            WHERE e.request_id = r.request_id AND e.event = 'date_misfit' AND e.detail ->> 'fault' = f.code
                AND (e.detail ->> 'booking_id')::bigint = k.booking_id
            ORDER BY e.event_id DESC LIMIT 1) seen ON true
        WHERE a.state = 'confirmed' AND r.state = 'confirmed' AND k.sets_out_at > %(now)s
            AND (w.is_visit <> k.is_visit OR NOT w.skills <@ k.skills
                OR k.done_at - k.arrives_at < make_interval(mins => w.minutes))
            AND NOT EXISTS (SELECT FROM human_case c WHERE c.request_id = r.request_id AND c.closed_at IS NULL)
            AND (seen.next IS NULL OR (seen.next = 'owner' AND NOT EXISTS (
                SELECT FROM offer o WHERE o.request_id = r.request_id AND o.closed_at IS NULL)))
        ORDER BY k.sets_out_at, r.request_id LIMIT %(most)s""",
        {"works": Jsonb(works(products)), "now": now, "most": most},
    ).fetchall()
    return [row[0] for row in rows]


def works(products: Sequence[ProductType]) -> list[dict[str, object]]:
    """Return what each fault's remedy needs of a date."""
    return [
        {
            "product": product.name,
            "fault": remedy.fault,
            "minutes": remedy.minutes,
            "skills": sorted(remedy.skills),
            "is_visit": remedy.fulfilment is Fulfilment.VISIT,
        }
        for product in products
        for remedy in product.remedies.values()
        if remedy.fulfilment is not None
    ]


def was_asked(connection: Connection, request_id: int, booking_id: int, fault: str) -> bool:
    """Whether it was noticed already that a booking does not suffice for a fault, and its owner asked."""
    row = connection.execute(
        """SELECT EXISTS (SELECT FROM request_event WHERE request_id = %s AND event = %s
            AND (detail ->> 'booking_id')::bigint = %s AND detail ->> 'fault' = %s)""",
        [request_id, EVENT, booking_id, fault],
    ).fetchone()
    return row == (True,)
