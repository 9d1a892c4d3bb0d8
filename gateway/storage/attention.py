"""Attention as it is kept: one row for what was ever a symptom of a device, and an audit line for each change."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import class_row

from gateway.storage.connection import Connection
from gateway.storage.findings import OpenSymptom, one
from workflows.attention import Act, Attention
from workflows.suppression import Spell
from workflows.unsteadiness import Coming

_SPELLS: Final = 50
_COMINGS: Final = 500
_CHANGES: Final = 20
_LOCK_OF_A_DEVICE: Final = 1


@dataclass(frozen=True, slots=True)
class Kept:
    """What a symptom is to people now; `due_at` is when its quiet is looked at again."""

    monitor: str
    element: int
    component: str
    state: Attention
    since_at: datetime
    onset_at: datetime | None = None
    staff_id: int | None = None
    reason: str | None = None
    mode: str | None = None
    due_at: datetime | None = None
    unsteady_until_at: datetime | None = None

    @property
    def key(self) -> tuple[str, int]:
        """Monitor and element."""
        return self.monitor, self.element


def hold_device(connection: Connection, device_id: int) -> None:
    """Be the only one who decides about a device until the end of this transaction, as a diagnosis is."""
    connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_OF_A_DEVICE, device_id])


def kept(connection: Connection, device_id: int, component: str | None = None) -> list[Kept]:
    """Return what symptoms of a device, or of one of its components, are to people."""
    rows = connection.execute(
        """SELECT monitor, element, component, state, since_at, onset_at, staff_id, reason, mode, due_at,
            unsteady_until_at
        FROM attention WHERE device_id = %(device_id)s AND component = coalesce(%(component)s, component)
        ORDER BY monitor, element""",
        {"device_id": device_id, "component": component},
    )
    return [Kept(monitor, element, named, Attention(state), *rest) for monitor, element, named, state, *rest in rows]


def keep(connection: Connection, device_id: int, rows: Sequence[tuple[Kept, bool]]) -> None:
    """Write what symptoms are to people; beside each, whether its monitor is one of safety."""
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO attention (device_id, monitor, element, component, state, since_at, onset_at, is_safety, staff_id,
                reason, mode, due_at, unsteady_until_at)
            VALUES (%(device_id)s, %(monitor)s, %(element)s, %(component)s, %(state)s, %(since_at)s, %(onset_at)s,
                %(is_safety)s, %(staff_id)s, %(reason)s, %(mode)s, %(due_at)s, %(unsteady_until_at)s)
            ON CONFLICT (device_id, monitor, element) DO UPDATE SET state = EXCLUDED.state, since_at = EXCLUDED.since_at,
                onset_at = EXCLUDED.onset_at, is_safety = EXCLUDED.is_safety, staff_id = EXCLUDED.staff_id,
                reason = EXCLUDED.reason, mode = EXCLUDED.mode, due_at = EXCLUDED.due_at,
                unsteady_until_at = EXCLUDED.unsteady_until_at""",
            [
                {
                    "device_id": device_id,
                    "monitor": row.monitor,
                    "element": row.element,
                    "component": row.component,
                    "state": row.state,
                    "since_at": row.since_at,
                    "onset_at": row.onset_at,
                    "is_safety": is_safety,
                    "staff_id": row.staff_id,
                    "reason": row.reason,
                    "mode": row.mode,
                    "due_at": row.due_at,
                    "unsteady_until_at": row.unsteady_until_at,
                }
                for row, is_safety in rows
            ],
        )


def write_down(
    connection: Connection,
    device_id: int,
    changes: Sequence[tuple[Act, Attention, Kept]],
    now: datetime,
    *,
    staff_id: int | None = None,
    reason: str | None = None,
) -> None:
    """Append the audit line of each change: the act, what it was before, and what it is now."""
    if not changes:
        return
    with connection.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO attention_change (device_id, monitor, element, happened_at, act, before, after, staff_id, reason,
                mode, due_at)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            [
                (
                    device_id,
                    after.monitor,
                    after.element,
                    now,
                    act,
                    before,
                    after.state,
                    staff_id,
                    reason,
                    after.mode,
                    after.due_at,
                )
                for act, before, after in changes
            ],
        )


def spells_of_modes(connection: Connection, device_id: int, visit: str | None) -> list[Spell]:
    """Return the newest spells of a device's modes; those of its appointments, where they are one, are called `visit`."""
    told = connection.execute(
        """SELECT monitor, since_at, healed_at, decided_received_at FROM symptom
        WHERE device_id = %s AND component = 'mode' AND state IN ('confirmed', 'healed') AND confirmed_at IS NOT NULL
        ORDER BY since_at DESC LIMIT %s""",
        [device_id, _SPELLS],
    ).fetchall()
    spells = [Spell(*row) for row in told]
    if visit is None:
        return spells
    visits = connection.execute(
        """SELECT lower(a.during), greatest(upper(a.during), b.done_at)
        FROM appointment a JOIN service_request r USING (request_id) JOIN booking_seen b USING (booking_id)
        WHERE r.device_id = %s AND a.state IN ('confirmed', 'completed') ORDER BY lower(a.during) DESC LIMIT %s""",
        [device_id, _SPELLS],
    ).fetchall()
    return spells + [Spell(visit, begins, ends, ends) for begins, ends in visits]


def comings(
    connection: Connection, device_id: int, component: str, since_at: datetime
) -> dict[tuple[str, int], list[Coming]]:
    """Return when monitors of a component were confirmed since an instant of the device's time, by monitor and element."""
    rows = connection.execute(
        """SELECT monitor, element, confirmed_at, decided_received_at FROM symptom
        WHERE device_id = %s AND component = %s AND state IN ('confirmed', 'healed') AND confirmed_at >= %s
        ORDER BY since_at DESC LIMIT %s""",
        [device_id, component, since_at, _COMINGS],
    )
    found: defaultdict[tuple[str, int], list[Coming]] = defaultdict(list)
    for monitor, element, confirmed_at, received_at in rows:
        found[monitor, element].append(Coming(confirmed_at, received_at))
    return found


def confirmed_instants(connection: Connection, symptom_ids: Sequence[int]) -> dict[int, datetime]:
    """Return when symptoms were confirmed, in event time."""
    rows = connection.execute(
        "SELECT symptom_id, confirmed_at FROM symptom WHERE symptom_id = ANY (%s) AND confirmed_at IS NOT NULL",
        [list(symptom_ids)],
    )
    return dict(rows.fetchall())


@dataclass(frozen=True, slots=True)
class Unsteady:
    """The symptom that a monitor chatters: how often it came, and how often is chatter."""

    monitor: str
    element: int
    component: str
    since_at: datetime
    noticed_at: datetime
    count: int
    times: int
    received_at: datetime


def open_unsteady(connection: Connection, device_id: int, found: Unsteady) -> OpenSymptom:
    """Write the symptom that a monitor chatters, once as long as it does, and return it. No reading decided it alone."""
    with connection.cursor(row_factory=class_row(OpenSymptom)) as cursor:
        present = cursor.execute(
            """WITH present AS (
                SELECT symptom_id FROM symptom WHERE device_id = %(device_id)s AND monitor = %(monitor)s
                    AND element = %(element)s AND state = 'confirmed'),
            added AS (
                INSERT INTO symptom (device_id, monitor, component, element, state, since_at, noticed_at, noticed_value,
                    confirmed_at, value, threshold, decided_by_ingest_no, decided_received_at)
                SELECT %(device_id)s, %(monitor)s, %(component)s, %(element)s, 'confirmed', %(since_at)s, %(noticed_at)s,
                    %(count)s, %(noticed_at)s, %(count)s, %(times)s, 0, %(received_at)s
                WHERE NOT EXISTS (SELECT FROM present)
                ON CONFLICT ON CONSTRAINT symptom_is_told_once DO UPDATE SET state = 'confirmed', healed_at = NULL
                RETURNING symptom_id, monitor, element, since_at, value, threshold, text_value, decided_received_at)
            SELECT * FROM added UNION ALL
            SELECT symptom_id, monitor, element, since_at, value, threshold, text_value, decided_received_at
            FROM symptom JOIN present USING (symptom_id) LIMIT 1""",
            {
                "device_id": device_id,
                "monitor": found.monitor,
                "element": found.element,
                "component": found.component,
                "since_at": found.since_at,
                "noticed_at": found.noticed_at,
                "count": found.count,
                "times": found.times,
                "received_at": found.received_at,
            },
        ).fetchone()
    if present is None:
        raise LookupError(f"the chatter of {found.monitor} was not written: is the tenant of the transaction set?")
    return present


def close_unsteady(connection: Connection, device_id: int, monitor: str, element: int, now: datetime) -> None:
    """A monitor chatters no more."""
    connection.execute(
        """UPDATE symptom SET state = 'healed', healed_at = %s, decided_received_at = %s
        WHERE device_id = %s AND monitor = %s AND element = %s AND state = 'confirmed'""",
        [now, now, device_id, monitor, element],
    )


@dataclass(frozen=True, slots=True)
class Change:
    """An audit line: what a member of staff did about a symptom's being heard."""

    happened_at: datetime
    monitor: str
    element: int
    act: str
    reason: str | None
    due_at: datetime | None
    staff_name: str


def changes_by_hand(connection: Connection, device_id: int) -> list[Change]:
    """Return the newest acts of staff on a device's symptoms."""
    with connection.cursor(row_factory=class_row(Change)) as cursor:
        return cursor.execute(
            """SELECT c.happened_at, c.monitor, c.element, c.act, c.reason, c.due_at, s.name AS staff_name
            FROM attention_change c JOIN staff s USING (staff_id)
            WHERE c.device_id = %s ORDER BY c.change_id DESC LIMIT %s""",
            [device_id, _CHANGES],
        ).fetchall()


def due(connection: Connection, now: datetime, most: int) -> list[tuple[int, str]]:
    """Return (device, component) of the quiet that ends by now and the chatter that may be over, the oldest first."""
    rows = connection.execute(
        """SELECT DISTINCT device_id, component FROM (
            SELECT a.device_id, a.component FROM attention a JOIN device d USING (device_id)
            WHERE least(a.due_at, a.unsteady_until_at) <= %(now)s AND d.retired_at IS NULL
            ORDER BY least(a.due_at, a.unsteady_until_at) LIMIT %(most)s) AS due""",
        {"now": now, "most": most},
    )
    return [(device_id, component) for device_id, component in rows]


def components_of(connection: Connection, device_id: int) -> list[str]:
    """Return the components of a device in which a symptom is there, or is suppressed."""
    rows = connection.execute(
        """SELECT component FROM symptom WHERE device_id = %(device_id)s AND state = 'confirmed' AND component <> 'mode'
        UNION SELECT component FROM attention WHERE device_id = %(device_id)s AND state = 'suppressed' ORDER BY 1""",
        {"device_id": device_id},
    )
    return [component for (component,) in rows]


def is_there(connection: Connection, device_id: int, key: tuple[str, int]) -> bool:
    """Whether a symptom is confirmed now."""
    found = connection.execute(
        """SELECT EXISTS (SELECT FROM symptom
            WHERE device_id = %s AND monitor = %s AND element = %s AND state = 'confirmed')""",
        [device_id, *key],
    ).fetchone()
    return found == (True,)


def present_tenant(connection: Connection) -> int:
    """Return the tenant of the transaction."""
    return one(connection.execute("SELECT current_tenant()").fetchone())
