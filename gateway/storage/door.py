"""What the door writes beside readings: ingest numbers, rejections, symptoms, checkpoints, hours that are due."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from devices.identity import ROOT
from devices.instants import from_us, to_us
from devices.readings import IntArray
from gateway.storage.arrays import int_array
from gateway.storage.connection import Connection


@dataclass(frozen=True, slots=True)
class Rejection:
    """A piece that was refused, with all the bytes of the message that it came in."""

    received_at: datetime
    tenant_id: int | None
    device_id: int | None
    topic: str
    reason: str
    detail: str
    place: str
    payload: bytes
    is_redelivered: bool = False


@dataclass(frozen=True, slots=True)
class SymptomRow:
    """A symptom as it is now; its key is device, monitor, element and onset. A tick decides it where `ingest_no` is 0."""

    tenant_id: int
    device_id: int
    monitor: str
    component: str
    element: int
    state: str
    since_us: int
    at_us: int
    value: float | None
    threshold: float
    text_value: str
    ingest_no: int
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Detector state of a partition and product, and the last ingest number that it has seen."""

    partition: int
    product: str
    last_ingest_no: int
    state: bytes


def take_numbers(connection: Connection, counts: Mapping[int, int]) -> dict[int, int]:
    """Take ingest numbers in the present transaction; return by partition the first of `counts` numbers.

    The rows stay locked until the commit, so numbers become visible in their order.
    """
    rows = connection.execute(
        """UPDATE ingest_partition p SET last_ingest_no = p.last_ingest_no + asked.count
        FROM (SELECT * FROM unnest(%(partitions)s::int[], %(counts)s::bigint[]) AS a (partition, count)) AS asked
        WHERE p.partition = asked.partition
        RETURNING p.partition, p.last_ingest_no - asked.count + 1""",
        {"partitions": sorted(counts), "counts": [counts[partition] for partition in sorted(counts)]},
    )
    return dict(rows.fetchall())


def number(connection: Connection, partitions: IntArray) -> IntArray:
    """Take an ingest number for each of some readings, int64 [n], by partition and in their order."""
    counts = np.bincount(partitions)
    used = np.flatnonzero(counts)
    firsts = take_numbers(connection, dict(zip(used.tolist(), counts[used].tolist(), strict=True)))
    begins = np.zeros(len(counts), np.int64)
    begins[list(firsts)] = list(firsts.values())
    order = np.argsort(partitions, kind="stable")
    numbers = np.empty(len(partitions), np.int64)
    numbers[order] = np.arange(len(partitions)) + np.repeat(begins - (np.cumsum(counts) - counts), counts)
    return numbers


def keep_rejections(connection: Connection, rejections: Sequence[Rejection]) -> None:
    """Keep what was refused, where a person can see it and ask for its replay.

    What no device is known for belongs to the tenant that its topic names, for the broker lets nobody else write there.
    A piece of a message that is delivered again, after it was kept and before that was acknowledged, is not kept twice.
    """
    if not rejections:
        return
    with connection.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO rejection (received_at, tenant_id, device_id, topic, reason, detail, place, payload)
            SELECT %(received_at)s, coalesce(%(tenant_id)s::int, (SELECT tenant_id FROM tenant WHERE name = %(tenant)s)),
                %(device_id)s::int, %(topic)s, %(reason)s, %(detail)s, %(place)s, %(payload)s
            WHERE NOT %(is_redelivered)s OR NOT EXISTS (
                SELECT FROM rejection
                WHERE topic = %(topic)s AND md5(payload) = md5(%(payload)s) AND reason = %(reason)s
                    AND place = %(place)s)""",
            [
                {
                    "received_at": r.received_at,
                    "tenant_id": r.tenant_id,
                    "tenant": _tenant_in(r.topic),
                    "device_id": r.device_id,
                    "topic": _text(r.topic),
                    "reason": r.reason,
                    "detail": _text(r.detail),
                    "place": r.place,
                    "payload": r.payload,
                    "is_redelivered": r.is_redelivered,
                }
                for r in rejections
            ],
        )


def _tenant_in(topic: str) -> str | None:
    parts = topic.split("/")
    return _text(parts[3]) if topic.startswith(f"{ROOT}/") and len(parts) > 3 else None


def _text(text: str) -> str:
    """PostgreSQL's text holds no NUL and no lone surrogate; a device may send either."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode("utf-8")


def keep_symptoms(connection: Connection, symptoms: Sequence[SymptomRow]) -> None:
    """Write symptoms as they are now; a confirmed one stays confirmed in its history when it heals."""
    if not symptoms:
        return
    with connection.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO symptom (tenant_id, device_id, monitor, component, element, state, since_at, noticed_at,
                noticed_value, confirmed_at, healed_at, value, threshold, text_value, decided_by_ingest_no, decided_received_at)
            VALUES (%(tenant_id)s, %(device_id)s, %(monitor)s, %(component)s, %(element)s, %(state)s, %(since_at)s,
                %(at)s, %(value)s, CASE WHEN %(state)s = 'confirmed' THEN %(at)s::timestamptz END,
                CASE WHEN %(state)s = 'healed' THEN %(at)s::timestamptz END,
                %(value)s, %(threshold)s, %(text_value)s, %(ingest_no)s, %(received_at)s)
            ON CONFLICT ON CONSTRAINT symptom_is_told_once DO UPDATE SET
                -- What a reporting cycle has confirmed is not pending again because its readings are taken in again.
                state = CASE WHEN EXCLUDED.state = 'pending' AND symptom.cycle_id IS NOT NULL THEN 'confirmed'
                    ELSE EXCLUDED.state END,
                noticed_at = CASE symptom.state WHEN 'withdrawn' THEN EXCLUDED.noticed_at ELSE symptom.noticed_at END,
                noticed_value = CASE symptom.state WHEN 'withdrawn' THEN EXCLUDED.noticed_value
                    ELSE symptom.noticed_value END,
                confirmed_at = coalesce(symptom.confirmed_at, EXCLUDED.confirmed_at,
                    CASE WHEN EXCLUDED.state = 'pending' AND symptom.cycle_id IS NOT NULL THEN EXCLUDED.noticed_at END),
                healed_at = EXCLUDED.healed_at,
                value = CASE WHEN EXCLUDED.state = 'healed' THEN symptom.value ELSE EXCLUDED.value END,
                text_value = CASE WHEN EXCLUDED.state = 'healed' THEN symptom.text_value ELSE EXCLUDED.text_value END,
                decided_by_ingest_no = EXCLUDED.decided_by_ingest_no,
                decided_received_at = EXCLUDED.decided_received_at""",
            [
                {
                    "tenant_id": symptom.tenant_id,
                    "device_id": symptom.device_id,
                    "monitor": symptom.monitor,
                    "component": symptom.component,
                    "element": symptom.element,
                    "state": symptom.state,
                    "since_at": from_us(symptom.since_us),
                    "at": from_us(symptom.at_us),
                    "value": symptom.value,
                    "threshold": symptom.threshold,
                    "text_value": symptom.text_value or None,
                    "ingest_no": symptom.ingest_no,
                    "received_at": symptom.received_at,
                }
                for symptom in symptoms
            ],
        )


def rewind_symptoms(connection: Connection, starts_us: Mapping[int, int]) -> set[tuple[int, str]]:
    """Take devices' symptoms back to what they were before an instant; return the (device, component) pairs touched.

    What was first noticed at or after the instant is withdrawn; it comes back when the readings say it again. What a
    tick decided stays, for no reading says it again.
    """
    rows = connection.execute(
        """UPDATE symptom s SET
            state = CASE WHEN s.noticed_at >= a.start_at THEN 'withdrawn' WHEN s.healed_at < a.start_at THEN 'healed'
                WHEN s.confirmed_at < a.start_at THEN 'confirmed' ELSE 'pending' END,
            value = CASE WHEN s.confirmed_at >= a.start_at THEN s.noticed_value ELSE s.value END,
            confirmed_at = CASE WHEN s.confirmed_at < a.start_at THEN s.confirmed_at END,
            healed_at = CASE WHEN s.healed_at < a.start_at THEN s.healed_at END
        FROM unnest(%(devices)s::int[], %(starts)s::timestamptz[]) AS a (device_id, start_at)
        WHERE s.device_id = a.device_id AND s.state <> 'withdrawn' AND s.decided_by_ingest_no > 0
            AND greatest(s.noticed_at, s.confirmed_at, s.healed_at) >= a.start_at
        RETURNING s.device_id, s.component""",
        {"devices": list(starts_us), "starts": [from_us(start) for start in starts_us.values()]},
    )
    return {(device_id, component) for device_id, component in rows}


def mark_hours_due(connection: Connection, hours: Sequence[tuple[str, int, int]]) -> None:
    """Mark hours - product, device id, hours since 1970 - whose roll-up is older than their readings.

    A row that is there already is locked until this transaction ends, so that the roll-up waits for its readings; it is
    not written again.
    """
    if not hours:
        return
    products, devices, since_1970 = zip(*sorted(hours), strict=True)
    connection.execute(
        """INSERT INTO rollup_due (product, device_id, hour_at)
        SELECT product, device_id, to_timestamp(3600.0 * hour)
        FROM unnest(%(products)s::text[], %(devices)s::int[], %(hours)s::int[]) AS due (product, device_id, hour)
        ON CONFLICT (product, device_id, hour_at) DO UPDATE SET hour_at = EXCLUDED.hour_at WHERE false""",
        {
            "products": "{" + ",".join(products) + "}",
            "devices": int_array(devices),
            "hours": int_array(since_1970),
        },
    )


def settled_numbers(connection: Connection, partitions: range) -> dict[int, int]:
    """Return up to which ingest number all that readings say beside their values is written, where some is left."""
    rows = connection.execute(
        """SELECT partition, settled_ingest_no FROM ingest_partition
        WHERE partition >= %s AND partition < %s AND settled_ingest_no < last_ingest_no""",
        [partitions.start, partitions.stop],
    )
    return dict(rows.fetchall())


def settle_numbers(connection: Connection, numbers: Mapping[int, int]) -> None:
    """Write up to which ingest number of each partition all is written."""
    connection.execute(
        """UPDATE ingest_partition p SET settled_ingest_no = s.number
        FROM unnest(%(partitions)s::int[], %(numbers)s::bigint[]) AS s (partition, number)
        WHERE p.partition = s.partition""",
        {"partitions": int_array(list(numbers)), "numbers": int_array(list(numbers.values()))},
    )


def save_checkpoints(connection: Connection, checkpoints: Sequence[Checkpoint], saved_at: datetime) -> None:
    """Write checkpoints in the transaction of the batch that they name."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO detector_checkpoint (partition, product, last_ingest_no, state, saved_at)
            VALUES (%s, %s, %s, %s, %s)
            ON CONFLICT (partition, product) DO UPDATE SET last_ingest_no = EXCLUDED.last_ingest_no,
                state = EXCLUDED.state, saved_at = EXCLUDED.saved_at""",
            [(c.partition, c.product, c.last_ingest_no, c.state, saved_at) for c in checkpoints],
        )


def save_anchors(connection: Connection, product: str, anchors: Sequence[tuple[int, int, bytes]]) -> None:
    """Write (device id, instant in microseconds, state) anchors."""
    if not anchors:
        return
    with connection.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO detector_anchor (device_id, product, anchor_at, state) VALUES (%s, %s, %s, %s)
            ON CONFLICT (device_id, product, anchor_at) DO UPDATE SET state = EXCLUDED.state""",
            [(device_id, product, from_us(at_us), state) for device_id, at_us, state in anchors],
        )


def prune_anchors(connection: Connection, product: str, needed_us: Mapping[int, int]) -> None:
    """Drop anchors that are older than the newest one from before the instant still needed, by device."""
    connection.execute(
        """DELETE FROM detector_anchor old
        USING unnest(%(devices)s::int[], %(needed)s::timestamptz[]) AS asked (device_id, needed_at)
        WHERE old.product = %(product)s AND old.device_id = asked.device_id AND old.anchor_at < (
            SELECT max(anchor_at) FROM detector_anchor kept WHERE kept.product = %(product)s
                AND kept.device_id = asked.device_id AND kept.anchor_at <= asked.needed_at)""",
        {"product": product, "devices": list(needed_us), "needed": [from_us(at) for at in needed_us.values()]},
    )


def take_anchors(connection: Connection, product: str, starts_us: Mapping[int, int]) -> dict[int, tuple[int, bytes]]:
    """Return each device's newest anchor at or before an instant, (instant, state), and drop those after it."""
    asked = {
        "product": product,
        "devices": list(starts_us),
        "starts": [from_us(start) for start in starts_us.values()],
    }
    connection.execute(
        """DELETE FROM detector_anchor a
        USING unnest(%(devices)s::int[], %(starts)s::timestamptz[]) AS asked (device_id, start_at)
        WHERE a.product = %(product)s AND a.device_id = asked.device_id AND a.anchor_at > asked.start_at""",
        asked,
    )
    rows = connection.execute(
        """SELECT DISTINCT ON (device_id) device_id, anchor_at, state FROM detector_anchor
        WHERE product = %(product)s AND device_id = ANY(%(devices)s) ORDER BY device_id, anchor_at DESC""",
        asked,
    )
    return {device_id: (to_us(at), state) for device_id, at, state in rows}


def load_checkpoints(connection: Connection, partitions: range) -> list[Checkpoint]:
    """Return the checkpoints of a range of partitions."""
    rows = connection.execute(
        """SELECT partition, product, last_ingest_no, state FROM detector_checkpoint
        WHERE partition >= %s AND partition < %s ORDER BY partition, product""",
        [partitions.start, partitions.stop],
    )
    return [Checkpoint(*row) for row in rows]
