"""Readings: written by COPY into the table of their product type, absorbed by their key when they come twice.

A reading is never updated. Columns follow the declared signals, in their order.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from psycopg import sql
from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from devices.instants import from_us, to_us
from devices.product import ProductType
from devices.readings import Sample, Value
from devices.signals import Kind
from gateway.storage.connection import Connection
from gateway.storage.vectors import use_vectors

_COLUMN_TYPE: Final[Mapping[Kind, str]] = {
    Kind.SCALAR: "float4",
    Kind.COUNTER: "int8",
    Kind.LEVEL: "int2",
    Kind.FLAG: "bool",
    Kind.VECTOR: "float4[]",
    Kind.CODES: "text[]",
}
# No setting lets a day be forgotten so soon.
_REMEMBERED: Final = timedelta(days=10)
_KEY_COLUMNS: Final = {
    "device_id": "int4",
    "claimed_at": "timestamptz",
    "boot": "int8",
    "seq": "int8",
    "sample": "int2",
    "partition": "int2",
    "ingest_no": "int8",
    "received_at": "timestamptz",
    "is_backfill": "bool",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One sample of one device, ready to be stored."""

    device_id: int
    tenant_id: int
    partition: int
    boot: int
    seq: int
    is_backfill: bool
    received_at: datetime
    sample: Sample

    @property
    def key(self) -> tuple[int, int, int, int, int]:
        """The key of its reading: device, claimed time in microseconds, boot, seq, sample."""
        return (self.device_id, self.sample.at_us, self.boot, self.seq, self.sample.number)


@dataclass(frozen=True, slots=True)
class Stored:
    """A reading as the detectors take it in, live or from the table again."""

    device_id: int
    partition: int
    ingest_no: int
    at_us: int
    # Boot, seq and sample: the order of readings with the same claimed time.
    order: tuple[int, int, int]
    received_at: datetime
    values: Mapping[str, Value]


class ReadingTable:
    """The table of one product type's readings."""

    def __init__(self, product: ProductType) -> None:
        self.product = product
        self.name = sql.Identifier(f"{product.name}_reading")
        self._types = [*_KEY_COLUMNS.values(), *(_COLUMN_TYPE[s.kind] for s in product.signals.values()), "jsonb"]
        names = [*_KEY_COLUMNS, *product.signals, "other"]
        self._columns = sql.SQL(", ").join(map(sql.Identifier, names))
        self._days: set[date] = set()

    def write(self, connection: Connection, rows: Sequence[Row], numbers: Sequence[int]) -> list[int]:
        """Write rows inside of the caller's transaction and return the indexes of those that were new.

        Parameters
        ----------
        connection : Connection
            In the role of ingest, in a transaction.
        rows : sequence of Row
            No key twice among them.
        numbers : sequence of int
            Ingest number of each.
        """
        self._ensure_days(connection, rows)
        try:
            with connection.transaction():  # a savepoint: a key that is there already undoes this COPY alone
                self._copy(connection, self.name, rows, numbers)
        except UniqueViolation:
            return self._write_new_only(connection, rows, numbers)
        return list(range(len(rows)))

    def forget_days(self) -> None:
        """Forget which partitions exist, as after a transaction that was undone."""
        self._days.clear()

    def _ensure_days(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Have a partition for each day; that of an old day may have been forgotten since, so it is not remembered."""
        oldest = max(row.received_at for row in rows).date() - _REMEMBERED
        self._days = {day for day in self._days if day > oldest}
        wanted = {from_us(row.sample.at_us).date() for row in rows} - self._days
        if wanted:
            connection.execute(
                "SELECT ensure_day(%s::regclass, day) FROM unnest(%s::date[]) AS day",
                [f"callout.{self.product.name}_reading", sorted(wanted)],
            )
            self._days |= wanted

    def _copy(self, connection: Connection, table: sql.Identifier, rows: Sequence[Row], numbers: Sequence[int]) -> None:
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(table, self._columns)
        signals = list(self.product.signals)
        cursor = connection.cursor()
        use_vectors(cursor)
        with cursor.copy(statement) as copy:
            copy.set_types(self._types)
            for row, number in zip(rows, numbers, strict=True):
                copy.write_row(_fields(row, number, signals))

    def _write_new_only(self, connection: Connection, rows: Sequence[Row], numbers: Sequence[int]) -> list[int]:
        """Write through a staging table that passes over the keys which are there already."""
        staging = sql.Identifier(f"{self.product.name}_staging")
        connection.execute(
            sql.SQL("CREATE TEMPORARY TABLE IF NOT EXISTS {} (LIKE {}) ON COMMIT DELETE ROWS").format(
                staging, self.name
            )
        )
        self._copy(connection, staging, rows, numbers)
        written = connection.execute(
            sql.SQL(
                """INSERT INTO {table} ({columns}) SELECT {columns} FROM {staging} ORDER BY ingest_no
                ON CONFLICT DO NOTHING RETURNING device_id, claimed_at, boot, seq, sample"""
            ).format(table=self.name, columns=self._columns, staging=staging)
        ).fetchall()
        new = {(device, to_us(at), boot, seq, sample) for device, at, boot, seq, sample in written}
        return [index for index, row in enumerate(rows) if row.key in new]

    def moved_since(self, connection: Connection, numbers: Mapping[int, int]) -> list[tuple[int, int, int, int]]:
        """Return the devices that have readings after an ingest number of their partition.

        Parameters
        ----------
        connection : Connection
            In the role of ingest.
        numbers : mapping of int to int
            Partition -> ingest number.

        Returns
        -------
        list of (int, int, int, int)
            Partition, device id, the earliest claimed time among its readings in microseconds, the newest number.
        """
        rows = connection.execute(
            sql.SQL(
                """SELECT r.partition, r.device_id, min(r.claimed_at), max(r.ingest_no)
                FROM unnest(%s::int[], %s::bigint[]) AS asked (partition, ingest_no)
                JOIN {table} r ON r.partition = asked.partition AND r.ingest_no > asked.ingest_no
                GROUP BY r.partition, r.device_id ORDER BY r.partition, r.device_id"""
            ).format(table=self.name),
            [list(numbers), list(numbers.values())],
        )
        return [(partition, device, to_us(at), number) for partition, device, at, number in rows]

    def of_devices(self, connection: Connection, starts_us: Mapping[int, int | None]) -> list[Stored]:
        """Return devices' readings from an instant on (None: all), in the order of time that detectors take them in."""
        statement = sql.SQL(
            """SELECT r.device_id, r.partition, r.ingest_no, r.claimed_at, r.boot, r.seq, r.sample, r.received_at, {signals}
            FROM unnest(%(devices)s::int[], %(starts)s::timestamptz[]) AS asked (device_id, start_at)
            JOIN {table} r ON r.device_id = asked.device_id AND r.claimed_at >= asked.start_at
            ORDER BY r.claimed_at, r.boot, r.seq, r.sample, r.device_id"""
        ).format(
            signals=sql.SQL(", ").join(sql.Identifier("r", signal) for signal in self.product.signals), table=self.name
        )
        starts = ["-infinity" if start is None else from_us(start).isoformat() for start in starts_us.values()]
        rows = connection.execute(statement, {"devices": list(starts_us), "starts": starts}, binary=True)
        return [
            Stored(
                device,
                partition,
                number,
                to_us(at),
                (boot, seq, sample),
                received_at,
                dict(zip(self.product.signals, values, strict=True)),
            )
            for device, partition, number, at, boot, seq, sample, received_at, *values in rows
        ]


def _as_it_is(text: bytes) -> bytes:
    return text


def _fields(row: Row, number: int, signals: Iterable[str]) -> list[object]:
    values = row.sample.values
    other = row.sample.other
    return [
        row.device_id,
        from_us(row.sample.at_us),
        row.boot,
        row.seq,
        row.sample.number,
        row.partition,
        number,
        row.received_at,
        row.is_backfill,
        *(values.get(signal) for signal in signals),
        None if other is None else Jsonb(other, dumps=_as_it_is),
    ]
