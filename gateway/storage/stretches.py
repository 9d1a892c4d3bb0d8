"""Stretches of devices' readings: those between two instants and up to an ingest number, many stretches in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from psycopg import sql

from devices.instants import from_us
from devices.product import ProductType
from devices.readings import IntArray
from gateway.storage.connection import Connection
from gateway.storage.readings import Readings

# As many microseconds since 1970 as no reading claims: before 2000 and after the year 9999 none is taken in.
_EARLIEST: Final = "-infinity"
_HEAD: Final = 9


@dataclass(frozen=True, slots=True)
class Span:
    """Readings of a device claimed from `begins_us` (None: from its first) to `ends_us`, both included.

    Those with an ingest number beyond `last_ingest_no` came later and do not belong to it.
    """

    device_id: int
    begins_us: int | None
    ends_us: int
    last_ingest_no: int


def readings_of(connection: Connection, product: ProductType, spans: Sequence[Span]) -> tuple[IntArray, Readings]:
    """Return the readings of some spans, by span, in the order in which detectors take them in.

    Returns
    -------
    tuple of int64 [n] and Readings
        To which span each reading belongs, from 0; and the readings.
    """
    signals = list(product.signals)
    statement = sql.SQL(
        """SELECT asked.place, r.device_id, r.partition, (extract(epoch FROM r.claimed_at) * 1000000)::bigint, r.boot, r.seq,
            r.sample, (extract(epoch FROM r.received_at) * 1000000)::bigint, r.is_backfill::int, r.ingest_no, {signals}
        FROM unnest(%(places)s::int[], %(devices)s::int[], %(begins)s::timestamptz[], %(ends)s::timestamptz[],
            %(numbers)s::bigint[]) AS asked (place, device_id, begins_at, ends_at, last_ingest_no)
        JOIN {table} r ON r.device_id = asked.device_id AND r.claimed_at >= asked.begins_at
            AND r.claimed_at <= asked.ends_at AND r.ingest_no <= asked.last_ingest_no
        WHERE r.claimed_at >= {earliest} AND r.claimed_at <= {latest}
        ORDER BY asked.place, r.claimed_at, r.boot, r.seq, r.sample"""
    ).format(
        signals=sql.SQL(", ").join(sql.Identifier("r", signal) for signal in signals),
        table=sql.Identifier(f"{product.name}_reading"),
        # They stand there as constants, by which pieces of the table are left unopened.
        earliest=sql.Literal(min(map(_begins, spans), default=_EARLIEST)),
        latest=sql.Literal(max((_written(span.ends_us) for span in spans), default=_EARLIEST)),
    )
    rows = connection.execute(
        statement,
        {
            "places": list(range(len(spans))),
            "devices": [span.device_id for span in spans],
            "begins": [_begins(span) for span in spans],
            "ends": [_written(span.ends_us) for span in spans],
            "numbers": [span.last_ingest_no for span in spans],
        },
        binary=True,
    ).fetchall()
    heads = np.array([row[: _HEAD + 1] for row in rows], dtype=np.int64).reshape(len(rows), _HEAD + 1)
    values = dict(zip(signals, list(zip(*rows, strict=True))[_HEAD + 1 :], strict=True)) if rows else {}
    readings = Readings(
        *heads[:, 1:].T, values={name: column for name, column in values.items() if column.count(None) < len(rows)}
    )
    return heads[:, 0], readings


def _begins(span: Span) -> str:
    return _EARLIEST if span.begins_us is None else _written(span.begins_us)


def _written(at_us: int) -> str:
    return from_us(at_us).isoformat()
