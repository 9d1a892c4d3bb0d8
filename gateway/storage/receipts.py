"""Evidence receipts: what decisions stand on is gathered, kept with them, and found again. They are added, never changed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from devices.instants import from_us, to_us
from gateway.storage.connection import Connection
from gateway.storage.findings import OpenSymptom, one
from gateway.storage.stretches import Span


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A symptom that a batch has confirmed, or left to a reporting cycle: its key, and when it was decided (claimed)."""

    device_id: int
    monitor: str
    element: int
    since_us: int
    at_us: int


@dataclass(frozen=True, slots=True)
class Basis:
    """From where a symptom can be recomputed: what was remembered before, by hash, and its readings."""

    state_sha256: str | None
    span: Span


@dataclass(frozen=True, slots=True)
class Ground:
    """An open symptom, the ingest number of the reading that decided it (0: a tick), and from where it is recomputed.

    `cycle_id` is the reporting cycle that confirmed it; None where its monitor decides by itself.
    """

    symptom: OpenSymptom
    decided_by_ingest_no: int
    basis: Basis | None
    cycle_id: int | None


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a component's decision stands on, as of one instant of the database.

    `state` is what the detectors remembered of the device before `anchor_at`; None when they remember all from its first
    reading on. `last_ingest_no` is the newest number of its partition. `quiet` are open symptoms that nobody is to hear,
    `unheard` monitors that people have put aside although they say nothing.
    """

    device_id: int
    partition: int
    last_ingest_no: int
    anchor_at: datetime | None
    state: bytes | None
    open: Sequence[Ground]
    quiet: Sequence[OpenSymptom] = ()
    unheard: Sequence[str] = ()

    @property
    def symptoms(self) -> list[OpenSymptom]:
        """The open symptoms, the oldest first."""
        return [ground.symptom for ground in self.open]


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision with its receipt, as they are kept: about a device's component, or about an incident of a region."""

    decision_id: int
    device_id: int | None
    incident_id: int | None
    component: str
    diagnosis_id: int | None
    request_id: int | None
    decided_at: datetime
    outcome: str
    rules_sha256: str
    ticks_sha256: str | None
    receipt: bytes
    sha256: str


_DECISION = """SELECT decision_id, device_id, incident_id, component, diagnosis_id, request_id, decided_at, outcome,
    encode(rules_sha256, 'hex') AS rules_sha256, encode(ticks_sha256, 'hex') AS ticks_sha256, receipt,
    encode(sha256, 'hex') AS sha256 FROM decision_receipt"""


def keep_bases(connection: Connection, product: str, span_us: int, confirmed: Sequence[Confirmed]) -> None:
    """Keep from where symptoms can be recomputed, in the transaction that confirms them.

    Parameters
    ----------
    connection : Connection
        In the role of ingest.
    product : str
        Product type of all their devices.
    span_us : int
        Length of the spans of time at whose beginnings anchors stand.
    confirmed : sequence of Confirmed
        Whose readings, symptoms and anchors are written already. What a late reading has confirmed anew is kept anew.
    """
    told = {(each.device_id, each.monitor, each.element, each.since_us): each for each in confirmed}.values()
    if not told:
        return
    # No reading between an anchor and the span of the deciding one was taken in: it would have moved the anchor.
    connection.execute(
        """WITH found AS (
            SELECT s.symptom_id, t.at, t.span_at, p.last_ingest_no, a.state, sha256(a.state) AS state_sha256
            FROM unnest(%(devices)s::int[], %(monitors)s::text[], %(elements)s::int[], %(since)s::timestamptz[],
                %(at)s::timestamptz[], %(spans)s::timestamptz[]) AS t (device_id, monitor, element, since_at, at, span_at)
            JOIN symptom s USING (device_id, monitor, element, since_at)
            JOIN device d ON d.device_id = t.device_id
            JOIN ingest_partition p ON p.partition = d.partition
            LEFT JOIN LATERAL (SELECT state FROM detector_anchor
                WHERE device_id = t.device_id AND product = %(product)s AND anchor_at <= t.at
                ORDER BY anchor_at DESC LIMIT 1) a ON true),
        kept AS (INSERT INTO kept_content (sha256, content)
            SELECT DISTINCT state_sha256, state FROM found WHERE state IS NOT NULL ON CONFLICT DO NOTHING)
        INSERT INTO symptom_basis (symptom_id, state_sha256, begins_at, ends_at, last_ingest_no)
        SELECT symptom_id, state_sha256, CASE WHEN state IS NOT NULL THEN span_at END, at, last_ingest_no FROM found
        ON CONFLICT (symptom_id) DO UPDATE SET state_sha256 = EXCLUDED.state_sha256, begins_at = EXCLUDED.begins_at,
            ends_at = EXCLUDED.ends_at, last_ingest_no = EXCLUDED.last_ingest_no""",
        {
            "product": product,
            "devices": [each.device_id for each in told],
            "monitors": [each.monitor for each in told],
            "elements": [each.element for each in told],
            "since": [from_us(each.since_us) for each in told],
            "at": [from_us(each.at_us) for each in told],
            "spans": [from_us(each.at_us // span_us * span_us) for each in told],
        },
    )


def gather(connection: Connection, device_id: int, component: str) -> Grounds:
    """Return what a decision about a component stands on.

    It is one statement, so that symptoms, the detectors' anchor and the last ingest number are of the same instant.
    """
    rows = connection.execute(
        """SELECT d.partition, p.last_ingest_no, a.anchor_at, a.state, s.symptom_id, s.monitor, s.element, s.since_at,
            s.value, s.threshold, s.text_value, s.decided_received_at, s.decided_by_ingest_no,
            s.cycle_id, b.symptom_id IS NOT NULL, encode(b.state_sha256, 'hex'), b.begins_at, b.ends_at, b.last_ingest_no
        FROM device d JOIN ingest_partition p USING (partition)
        LEFT JOIN LATERAL (SELECT anchor_at, state FROM detector_anchor
            WHERE device_id = d.device_id AND product = d.product ORDER BY anchor_at DESC LIMIT 1) a ON true
        LEFT JOIN symptom s ON s.device_id = d.device_id AND s.component = %(component)s AND s.state = 'confirmed'
        LEFT JOIN symptom_basis b USING (symptom_id)
        WHERE d.device_id = %(device)s ORDER BY s.since_at, s.symptom_id""",
        {"device": device_id, "component": component},
    ).fetchall()
    if not rows:
        raise LookupError(f"device {device_id} is not there: is the tenant of the transaction set?")
    partition, last_ingest_no, anchor_at, state, *_ = rows[0]
    grounds = [_ground(device_id, row[4:]) for row in rows if row[4] is not None]
    return Grounds(device_id, partition, last_ingest_no, anchor_at, state, grounds)


def _ground(device_id: int, row: Sequence[Any]) -> Ground:
    *symptom, ingest_no, cycle_id, has_basis, state_sha256, begins_at, ends_at, last_ingest_no = row
    basis = None
    if has_basis:
        begins_us = None if begins_at is None else to_us(begins_at)
        basis = Basis(state_sha256, Span(device_id, begins_us, to_us(ends_at), last_ingest_no))
    return Ground(OpenSymptom(*symptom), ingest_no, basis, cycle_id)


def keep_content(connection: Connection, content: bytes) -> str:
    """Keep bytes that receipts cite, and return their hash in hexadecimal."""
    connection.execute(
        "INSERT INTO kept_content (sha256, content) VALUES (sha256(%(content)s), %(content)s) ON CONFLICT DO NOTHING",
        {"content": content},
    )
    row = connection.execute("SELECT encode(sha256(%s), 'hex')", [content]).fetchone()
    return str(row[0]) if row else ""


def contents(connection: Connection, hashes: Collection[str]) -> Mapping[str, bytes]:
    """Return kept bytes by their hash; what is not there is left out."""
    return dict(
        connection.execute(
            """SELECT encode(k.sha256, 'hex'), k.content FROM unnest(%s::text[]) AS asked (hash)
            JOIN kept_content k ON k.sha256 = decode(asked.hash, 'hex')""",
            [sorted(hashes)],
        ).fetchall()
    )


def add_decision(
    connection: Connection,
    *,
    device_id: int,
    component: str,
    diagnosis_id: int | None,
    request_id: int | None,
    outcome: str,
    rules_sha256: str,
    ticks_sha256: str | None,
    receipt: bytes,
    stretches: Sequence[Basis],
    now: datetime,
) -> int:
    """Write a decision's receipt, pin what it stands on, and return the number of the decision."""
    row = connection.execute(
        """INSERT INTO decision_receipt (device_id, component, diagnosis_id, request_id, decided_at, outcome, rules_sha256,
            ticks_sha256, receipt, sha256)
        VALUES (%(device)s, %(component)s, %(diagnosis)s, coalesce(%(request)s::bigint,
                (SELECT max(request_id) FROM service_request WHERE device_id = %(device)s AND diagnosis_id = %(diagnosis)s)),
            %(now)s, %(outcome)s, decode(%(rules)s, 'hex'), decode(%(ticks)s, 'hex'), %(receipt)s, sha256(%(receipt)s))
        RETURNING decision_id""",
        {
            "device": device_id,
            "component": component,
            "diagnosis": diagnosis_id,
            "request": request_id,
            "now": now,
            "outcome": outcome,
            "rules": rules_sha256,
            "ticks": ticks_sha256,
            "receipt": receipt,
        },
    ).fetchone()
    decision_id = one(row)
    with connection.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO receipt_stretch (decision_id, place, device_id, state_sha256, begins_at, ends_at, last_ingest_no)
            VALUES (%s, %s, %s, decode(%s, 'hex'), %s, %s, %s)""",
            [
                (
                    decision_id,
                    place,
                    each.span.device_id,
                    each.state_sha256,
                    None if each.span.begins_us is None else from_us(each.span.begins_us),
                    from_us(each.span.ends_us),
                    each.span.last_ingest_no,
                )
                for place, each in enumerate(stretches)
            ],
        )
    return decision_id


def add_regional(
    connection: Connection,
    *,
    incident_id: int,
    component: str,
    outcome: str,
    rules_sha256: str,
    receipt: bytes,
    now: datetime,
) -> int:
    """Write the receipt of a decision about an incident, and return the number of the decision."""
    row = connection.execute(
        """INSERT INTO decision_receipt (incident_id, component, decided_at, outcome, rules_sha256, receipt, sha256)
        VALUES (%(incident)s, %(component)s, %(now)s, %(outcome)s, decode(%(rules)s, 'hex'), %(receipt)s, sha256(%(receipt)s))
        RETURNING decision_id""",
        {
            "incident": incident_id,
            "component": component,
            "now": now,
            "outcome": outcome,
            "rules": rules_sha256,
            "receipt": receipt,
        },
    ).fetchone()
    return one(row)


def latest_outcome(connection: Connection, device_id: int, component: str) -> str | None:
    """Return what was decided last about a component."""
    row = connection.execute(
        """SELECT outcome FROM decision_receipt WHERE device_id = %s AND component = %s
        ORDER BY decision_id DESC LIMIT 1""",
        [device_id, component],
    ).fetchone()
    return None if row is None else str(row[0])


def find_decision(connection: Connection, decision_id: int) -> Decision | None:
    """Return a decision of the present tenant."""
    with connection.cursor(row_factory=class_row(Decision)) as cursor:
        return cursor.execute(_DECISION + " WHERE decision_id = %s", [decision_id]).fetchone()


def decisions_after(connection: Connection, decision_id: int, most: int) -> list[Decision]:
    """Return decisions of the present tenant after one, in their order."""
    with connection.cursor(row_factory=class_row(Decision)) as cursor:
        return cursor.execute(
            _DECISION + " WHERE decision_id > %s ORDER BY decision_id LIMIT %s", [decision_id, most]
        ).fetchall()


def decisions_of_request(connection: Connection, request_id: int, most: int) -> list[Decision]:
    """Return the newest decisions about a request of the present tenant, newest first."""
    with connection.cursor(row_factory=class_row(Decision)) as cursor:
        return cursor.execute(
            _DECISION + " WHERE request_id = %s ORDER BY decision_id DESC LIMIT %s", [request_id, most]
        ).fetchall()


def decisions_of_incident(connection: Connection, incident_id: int, most: int) -> list[Decision]:
    """Return the newest decisions about an incident of the present tenant, newest first."""
    with connection.cursor(row_factory=class_row(Decision)) as cursor:
        return cursor.execute(
            _DECISION + " WHERE incident_id = %s ORDER BY decision_id DESC LIMIT %s", [incident_id, most]
        ).fetchall()


def count_decisions(connection: Connection) -> int:
    """Return how many decisions of the present tenant have receipts."""
    return one(connection.execute("SELECT count(*) FROM decision_receipt").fetchone())
