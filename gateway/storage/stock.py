"""Stock: what can be had, and what is put aside. Levels are never written here: reservations and deliveries move them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.rows import class_row

from gateway.storage.calendars import exceptions_of, supplier_days
from gateway.storage.catalogue import load_prices
from gateway.storage.connection import Connection
from gateway.storage.findings import one
from gateway.storage.promises import hours_by_weekday
from workflows.dates import Place
from workflows.money import Money
from workflows.sourcing import (
    Coming,
    Depot,
    Line,
    Lying,
    OnHand,
    OnItsWay,
    Shelves,
    SupplierOrder,
    Supply,
    Transfer,
)


@dataclass(frozen=True, slots=True)
class Held:
    """A living reservation: for which role, which part, at which centre, from when on; of which delivery, if of one.

    What `is_extra` lies there in case that it is needed; no date stands or falls with it.
    """

    reservation_id: int
    request_id: int
    centre_id: int
    role: str
    part_no: str
    expected_at: datetime
    inbound_id: int | None
    is_extra: bool = False


def load_shelves(connection: Connection, part_nos: Sequence[str], now: datetime) -> Shelves:
    """Return what can be had of parts at all of the tenant's centres and suppliers, and what it costs."""
    wanted = list(part_nos)
    depots = _depots(connection, now)
    lying = connection.execute(
        """SELECT centre_id, part_no, on_hand - allocated FROM stock_level
        WHERE part_no = ANY(%s) AND on_hand > allocated ORDER BY centre_id, part_no""",
        [wanted],
    )
    # What is late already is nothing to promise; what is not ordered yet is another request's.
    coming = connection.execute(
        """SELECT inbound_id, centre_id, part_no, quantity - promised, expected_at FROM inbound
        WHERE ended_at IS NULL AND state <> 'planned' AND promised < quantity AND part_no = ANY(%s)
            AND expected_at > %s AND cancel_asked_at IS NULL ORDER BY inbound_id""",
        [wanted, now],
    )
    supplies = connection.execute(
        """SELECT y.supplier_id, y.part_no, y.lead_days, s.time_zone, s.cut_off, y.price_minor, y.price_currency
        FROM part_supply y JOIN supplier s USING (supplier_id) WHERE y.part_no = ANY(%s)
        ORDER BY y.supplier_id, y.part_no""",
        [wanted],
    ).fetchall()
    days = supplier_days(connection, [row[0] for row in supplies], now)
    tariff = connection.execute(
        "SELECT transfer_minor, currency FROM parts_tariff WHERE tenant_id = current_tenant()"
    ).fetchone()
    return Shelves(
        depots,
        [Lying(*row) for row in lying],
        [Coming(*row) for row in coming],
        [
            Supply(
                supplier_id,
                part_no,
                lead_days,
                zone,
                cut_off,
                Money(minor, currency) if currency else None,
                *days[supplier_id],
            )
            for supplier_id, part_no, lead_days, zone, cut_off, minor, currency in supplies
        ],
        load_prices(connection, wanted),
        Money(*tariff) if tariff else Money(0, "EUR"),
    )


def _depots(connection: Connection, now: datetime) -> list[Depot]:
    """Return the tenant's centres with the days on which somebody is there to hand a parcel over or to take one in."""
    exceptions = exceptions_of(connection, now)
    return [
        Depot(
            centre_id,
            time_zone,
            Place(latitude, longitude),
            frozenset(day for day, opens in exceptions[centre_id].items() if opens is None),
            frozenset(hours_by_weekday(hours)),
        )
        for centre_id, time_zone, latitude, longitude, hours in connection.execute(
            "SELECT centre_id, time_zone, latitude, longitude, hours FROM service_centre ORDER BY centre_id"
        )
    ]


def held_parts(connection: Connection, request_id: int) -> list[Held]:
    """Return what is put aside for a request."""
    with connection.cursor(row_factory=class_row(Held)) as cursor:
        return cursor.execute(
            """SELECT reservation_id, request_id, centre_id, coalesce(nullif(role, ''), part_no) AS role, part_no,
                coalesce(expected_at, reserved_at) AS expected_at, inbound_id, is_extra
            FROM reservation WHERE request_id = %s AND released_at IS NULL ORDER BY reservation_id""",
            [request_id],
        ).fetchall()


def put_aside(
    connection: Connection,
    request_id: int,
    centre_id: int,
    line: Line,
    now: datetime,
    *,
    is_sure: bool,
    is_extra: bool = False,
) -> int:
    """Put one part aside for a request, out of its planned source, and return the reservation's id.

    A transfer begins now. A supplier is asked only if it is sure that the part is wanted; else the order is planned.

    Raises
    ------
    psycopg.errors.CheckViolation
        `no_part_is_promised_twice`, `no_delivery_is_promised_twice` or `stock_is_never_negative`: somebody else took
        the last one.
    """
    inbound_id: int | None = None
    match line.source:
        case OnHand():
            pass
        case OnItsWay(inbound_id=inbound_id):
            pass
        case Transfer(from_centre_id=from_centre_id):
            inbound_id = one(
                connection.execute(
                    """INSERT INTO inbound (kind, centre_id, from_centre_id, part_no, quantity, state, expected_at,
                        placed_at, asked_at)
                    VALUES ('transfer', %s, %s, %s, 1, 'shipped', %s, %s, %s) RETURNING inbound_id""",
                    [centre_id, from_centre_id, line.part_no, line.arrives_at, now, now],
                ).fetchone()
            )
        case SupplierOrder(supplier_id=supplier_id):
            inbound_id = one(
                connection.execute(
                    """INSERT INTO inbound (kind, centre_id, supplier_id, part_no, quantity, state, expected_at,
                        placed_at, asked_at, try_at)
                    VALUES ('order', %s, %s, %s, 1, %s, %s, %s, %s, %s) RETURNING inbound_id""",
                    [
                        centre_id,
                        supplier_id,
                        line.part_no,
                        "asked" if is_sure else "planned",
                        line.arrives_at,
                        now,
                        *([now, now] if is_sure else [None, None]),
                    ],
                ).fetchone()
            )
    return one(
        connection.execute(
            """INSERT INTO reservation (request_id, centre_id, part_no, role, quantity, reserved_at, expected_at,
                inbound_id, is_extra)
            VALUES (%s, %s, %s, %s, 1, %s, %s, %s, %s) RETURNING reservation_id""",
            [request_id, centre_id, line.part_no, line.role, now, line.arrives_at, inbound_id, is_extra],
        ).fetchone()
    )


def lying_free(connection: Connection, centre_id: int, part_nos: Sequence[str]) -> dict[str, int]:
    """Return how many of some parts lie at a centre and are promised to nobody."""
    rows = connection.execute(
        """SELECT part_no, on_hand - allocated FROM stock_level
        WHERE centre_id = %s AND part_no = ANY(%s) AND on_hand > allocated""",
        [centre_id, list(part_nos)],
    )
    return dict(rows.fetchall())


def need_after_all(connection: Connection, request_id: int, roles: Sequence[str]) -> None:
    """Let parts that were put aside for a request in case be needed for sure."""
    connection.execute(
        """UPDATE reservation SET is_extra = false WHERE request_id = %s AND released_at IS NULL AND is_extra
            AND coalesce(nullif(role, ''), part_no) = ANY(%s)""",
        [request_id, list(roles)],
    )


def release_held(connection: Connection, reservation_ids: Sequence[int], now: datetime) -> None:
    """End reservations: what lies there is free, what comes will be free when it has come."""
    connection.execute(
        "UPDATE reservation SET released_at = %s WHERE reservation_id = ANY(%s) AND released_at IS NULL",
        [now, list(reservation_ids)],
    )


def order_planned(connection: Connection, request_id: int, now: datetime) -> list[int]:
    """Let the suppliers be asked for what was planned for a request, and return these orders."""
    rows = connection.execute(
        """UPDATE inbound SET state = 'asked', asked_at = %(now)s, try_at = %(now)s
        WHERE state = 'planned' AND inbound_id IN (
            SELECT inbound_id FROM reservation WHERE request_id = %(request)s AND released_at IS NULL)
        RETURNING inbound_id""",
        {"now": now, "request": request_id},
    ).fetchall()
    return [row[0] for row in rows]


def promised_last(connection: Connection, centre_id: int, part_no: str, count: int) -> list[Held]:
    """Return so many reservations of what lies at a centre: what is not needed for sure, then the dates farthest away."""
    with connection.cursor(row_factory=class_row(Held)) as cursor:
        return cursor.execute(
            """SELECT v.reservation_id, v.request_id, v.centre_id, coalesce(nullif(v.role, ''), v.part_no) AS role,
                v.part_no, coalesce(v.expected_at, v.reserved_at) AS expected_at, v.inbound_id, v.is_extra
            FROM reservation v LEFT JOIN appointment a ON a.request_id = v.request_id AND a.state = 'confirmed'
            WHERE v.centre_id = %s AND v.part_no = %s AND v.released_at IS NULL AND v.inbound_id IS NULL
            ORDER BY v.is_extra DESC, a.during IS NOT NULL, lower(a.during) DESC, v.reservation_id DESC LIMIT %s FOR UPDATE OF v""",
            [centre_id, part_no, count],
        ).fetchall()


def waiting_for(connection: Connection, inbound_id: int) -> list[Held]:
    """Return the reservations that wait for a delivery."""
    with connection.cursor(row_factory=class_row(Held)) as cursor:
        return cursor.execute(
            """SELECT reservation_id, request_id, centre_id, coalesce(nullif(role, ''), part_no) AS role, part_no,
                coalesce(expected_at, reserved_at) AS expected_at, inbound_id, is_extra
            FROM reservation WHERE inbound_id = %s AND released_at IS NULL ORDER BY reservation_id""",
            [inbound_id],
        ).fetchall()


def late_for_their_date(
    connection: Connection, now: datetime, ahead: timedelta, grace: timedelta, *, request_id: int | None = None
) -> list[Held]:
    """Return what is still on its way though its date begins soon, or though it was to be there some time ago; of all requests or one."""
    with connection.cursor(row_factory=class_row(Held)) as cursor:
        return cursor.execute(
            """SELECT v.reservation_id, v.request_id, v.centre_id, coalesce(nullif(v.role, ''), v.part_no) AS role,
                v.part_no, coalesce(v.expected_at, v.reserved_at) AS expected_at, v.inbound_id, v.is_extra
            FROM reservation v JOIN appointment a ON a.request_id = v.request_id AND a.state = 'confirmed'
            JOIN booking k USING (booking_id)
            WHERE v.released_at IS NULL AND v.inbound_id IS NOT NULL AND lower(k.during) > %(now)s
                AND v.request_id = coalesce(%(request)s, v.request_id) AND (lower(k.during) <= %(now)s + %(ahead)s OR v.expected_at + %(grace)s < %(now)s)
            ORDER BY v.reservation_id LIMIT 200""",
            {"now": now, "ahead": ahead, "grace": grace, "request": request_id},
        ).fetchall()


def lock_who_waits(connection: Connection, inbound_id: int) -> None:
    """Keep everyone else from changing the requests that wait for a delivery.

    A request is locked before its parts, as everywhere: so this comes before the delivery is locked.
    """
    connection.execute(
        """SELECT FROM service_request WHERE request_id IN (
            SELECT request_id FROM reservation WHERE inbound_id = %s AND released_at IS NULL)
        ORDER BY request_id FOR UPDATE""",
        [inbound_id],
    )


def lock_who_has(connection: Connection, centre_id: int, part_no: str) -> None:
    """Keep everyone else from changing the requests to which a part that lies at a centre is promised; before its level is locked."""
    connection.execute(
        """SELECT FROM service_request WHERE request_id IN (
            SELECT request_id FROM reservation
            WHERE centre_id = %s AND part_no = %s AND inbound_id IS NULL AND released_at IS NULL)
        ORDER BY request_id FOR UPDATE""",
        [centre_id, part_no],
    )


def count_on_hand(connection: Connection, centre_id: int, part_no: str) -> tuple[int, int] | None:
    """Return (on hand, allocated) of a part at a centre, locked; None where it never was."""
    row = connection.execute(
        "SELECT on_hand, allocated FROM stock_level WHERE centre_id = %s AND part_no = %s FOR UPDATE",
        [centre_id, part_no],
    ).fetchone()
    return None if row is None else (row[0], row[1])


def adjust(
    connection: Connection, centre_id: int, part_no: str, change: int, *, staff_id: int, reason: str, now: datetime
) -> None:
    """Write into the ledger that a count found more or less than there should be."""
    connection.execute(
        """INSERT INTO stock_movement (centre_id, part_no, kind, on_hand, staff_id, reason, moved_at)
        VALUES (%s, %s, 'adjust', %s, %s, %s, %s)""",
        [centre_id, part_no, change, staff_id, reason, now],
    )
