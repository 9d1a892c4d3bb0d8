"""Orders at suppliers: which are to be sent, asked about or taken back, and what suppliers told about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from gateway.storage.connection import Connection
from gateway.storage.stock import lock_who_waits


@dataclass(frozen=True, slots=True)
class SupplierRow:
    """A supplier with the name of his tenant."""

    supplier_id: int
    tenant_id: int
    tenant: str
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class OrderRow:
    """A living order at a supplier."""

    inbound_id: int
    supplier_id: int
    supplier: str
    url: str
    takes_back: bool
    centre: str
    part_no: str
    quantity: int
    promised: int
    state: str
    expected_at: datetime
    asked_at: datetime | None
    taken_at: datetime | None
    cancel_asked_at: datetime | None
    warned_at: datetime | None
    attempts: int
    calling_until: datetime | None
    ended_at: datetime | None
    was_for_a_request: bool


_SELECT = """SELECT i.inbound_id, i.supplier_id, s.name AS supplier, s.url, s.takes_back, c.title AS centre, i.part_no,
    i.quantity, i.promised, i.state, i.expected_at, i.asked_at, i.taken_at, i.cancel_asked_at, i.warned_at, i.attempts,
    i.calling_until, i.ended_at, EXISTS (SELECT FROM stock_movement m WHERE m.inbound_id = i.inbound_id AND m.kind = 'allocate') AS was_for_a_request
    FROM inbound i JOIN supplier s USING (supplier_id) JOIN service_centre c ON c.centre_id = i.centre_id"""


def find_supplier(connection: Connection, name: str) -> SupplierRow | None:
    """Return a supplier of the present tenant by its name."""
    with connection.cursor(row_factory=class_row(SupplierRow)) as cursor:
        return cursor.execute(
            """SELECT s.supplier_id, s.tenant_id, t.name AS tenant, s.name, s.url
            FROM supplier s JOIN tenant t USING (tenant_id) WHERE s.name = %s""",
            [name],
        ).fetchone()


def due_orders(connection: Connection, now: datetime, most: int) -> list[int]:
    """Return the orders about which a supplier has to be asked something now."""
    rows = connection.execute(
        """SELECT inbound_id FROM inbound WHERE kind = 'order' AND ended_at IS NULL AND try_at <= %(now)s
            AND coalesce(calling_until <= %(now)s, true) ORDER BY try_at LIMIT %(most)s""",
        {"now": now, "most": most},
    )
    return [row[0] for row in rows]


def lock_order(connection: Connection, inbound_id: int, *, wait: bool = True) -> OrderRow | None:
    """Return an order and keep everyone else from changing it; None when there is none, or somebody else is at it.

    Who waits for it is locked first, as everywhere.
    """
    lock_who_waits(connection, inbound_id)
    locked = "SELECT FROM inbound WHERE inbound_id = %s AND kind = 'order' FOR UPDATE"
    if not wait:
        locked += " SKIP LOCKED"
    if connection.execute(locked, [inbound_id]).fetchone() is None:  # pyright: ignore[reportArgumentType]  # two literals
        return None
    with connection.cursor(row_factory=class_row(OrderRow)) as cursor:
        return cursor.execute(f"{_SELECT} WHERE i.inbound_id = %s", [inbound_id]).fetchone()


def end_order(connection: Connection, inbound_id: int, state: str, now: datetime) -> None:
    """End a delivery: what has arrived lies there, with its promises; what has not is not awaited any more."""
    connection.execute(
        "UPDATE inbound SET state = %s, ended_at = %s, try_at = NULL WHERE inbound_id = %s AND ended_at IS NULL",
        [state, now, inbound_id],
    )


def set_order(connection: Connection, inbound_id: int, state: str, expected_at: datetime) -> None:
    """Write how a living order stands, and when it is expected; its reservations follow."""
    connection.execute(
        "UPDATE inbound SET state = %s, expected_at = %s WHERE inbound_id = %s", [state, expected_at, inbound_id]
    )


def begin_call(connection: Connection, inbound_id: int, until: datetime) -> None:
    """Write that a supplier is being asked about a locked order: who goes on after a crash knows that he may have heard."""
    connection.execute(
        "UPDATE inbound SET attempts = attempts + 1, calling_until = %s WHERE inbound_id = %s", [until, inbound_id]
    )


def end_call(connection: Connection, inbound_id: int) -> None:
    """Write that nobody is asking a supplier about an order any more."""
    connection.execute("UPDATE inbound SET calling_until = NULL WHERE inbound_id = %s", [inbound_id])


def note_taken(connection: Connection, inbound_id: int, reference: str, now: datetime, try_at: datetime) -> None:
    """Write that the supplier has the order, and when he is asked about it if he says nothing."""
    connection.execute(
        """UPDATE inbound SET taken_at = coalesce(taken_at, %s), supplier_ref = coalesce(supplier_ref, %s),
            try_at = %s, attempts = 0, last_error = NULL WHERE inbound_id = %s""",
        [now, reference or None, try_at, inbound_id],
    )


def note_failure(connection: Connection, inbound_id: int, error: str, try_at: datetime) -> None:
    """Write why a supplier could not be asked, and when it is tried again; the call itself was counted when it began."""
    connection.execute(
        "UPDATE inbound SET last_error = %s, try_at = %s WHERE inbound_id = %s",
        [error, try_at, inbound_id],
    )


def is_failing(connection: Connection, inbound_id: int, now: datetime) -> bool:
    """Whether the last question about an order, just now, has failed."""
    row = connection.execute(
        "SELECT FROM inbound WHERE inbound_id = %s AND attempts > 0 AND try_at > %s", [inbound_id, now]
    ).fetchone()
    return row is not None


def note_cancel_asked(connection: Connection, inbound_id: int, now: datetime, try_at: datetime) -> None:
    """Write that the supplier was asked to take an order back."""
    connection.execute(
        "UPDATE inbound SET cancel_asked_at = %s, try_at = %s, attempts = 0 WHERE inbound_id = %s",
        [now, try_at, inbound_id],
    )


def note_warned(connection: Connection, inbound_id: int, now: datetime) -> None:
    """Write that people know of a silent supplier."""
    connection.execute("UPDATE inbound SET warned_at = %s WHERE inbound_id = %s", [now, inbound_id])


def keep_message(
    connection: Connection,
    supplier_id: int,
    message_id: str,
    *,
    inbound_id: int,
    kind: str,
    outcome: str,
    body: Mapping[str, object],
    now: datetime,
) -> None:
    """Keep what a supplier said and what came of it."""
    connection.execute(
        """INSERT INTO supplier_message (supplier_id, message_id, inbound_id, received_at, kind, outcome, body)
        VALUES (%s, %s, %s, %s, %s, %s, %s)""",
        [supplier_id, message_id, inbound_id, now, kind, outcome, Jsonb(dict(body))],
    )


def has_message(connection: Connection, supplier_id: int, message_id: str) -> bool:
    """Whether a supplier has sent this message before."""
    row = connection.execute(
        "SELECT FROM supplier_message WHERE supplier_id = %s AND message_id = %s", [supplier_id, message_id]
    ).fetchone()
    return row is not None


def begin_before(connection: Connection, reservation_ids: Sequence[int], expected_at: datetime) -> list[int]:
    """Return those of the reservations whose date, confirmed or shown to choose from, begins before an instant.

    What is shown beside a confirmed date stands on its parts, and is looked at when it is chosen.
    """
    rows = connection.execute(
        """SELECT DISTINCT v.reservation_id FROM reservation v JOIN service_request r USING (request_id)
        JOIN booking_seen k ON k.request_id = v.request_id AND k.released_at IS NULL
        WHERE v.reservation_id = ANY(%s) AND k.sets_out_at < %s
            AND (k.kind = 'booked' OR (r.state = 'offered' AND k.centre_id = v.centre_id))""",
        [list(reservation_ids), expected_at],
    )
    return [row[0] for row in rows]
