"""Readings: written by COPY into the table of their product type, absorbed by their key when they come twice.

A reading is never updated. Columns follow the declared signals, in their order.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from operator import itemgetter
from typing import Final

import numpy as np
from psycopg import sql
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row

from devices.instants import from_us, to_us
from devices.product import ProductType
from devices.readings import Columns, IntArray, Value
from devices.signals import Kind
from gateway.storage.connection import Connection
from gateway.storage.copying import binary, documents, instants, numbers, signal_values

_US_PER_DAY: Final = 86_400_000_000
# No setting lets a day be forgotten so soon.
_REMEMBERED: Final = timedelta(days=10)

# What a reading is beside its values, in the order of the key: rows that share a key are the same reading.
_KEY: Final = ("device_id", "at_us", "boot", "seq", "sample")


@dataclass(frozen=True, slots=True)
class Readings:
    """n readings of one product type as columns, int64 [n]; times in microseconds since 1970 UTC.

    `values` holds n raw values by signal, None where there is none; a signal that no reading has is not named. `other`
    is JSON of what came beside them. `ingest_no` counts within a partition, and is 0 as long as none was given.
    """

    device_id: IntArray
    partition: IntArray
    at_us: IntArray
    boot: IntArray
    seq: IntArray
    sample: IntArray
    received_us: IntArray
    is_backfill: IntArray
    ingest_no: IntArray
    values: Mapping[str, Sequence[Value]]
    other: Sequence[bytes | None] | None = None

    def __len__(self) -> int:
        return len(self.device_id)

    @property
    def order(self) -> IntArray:
        """Claimed time, boot, seq and sample, [n, 4]: the order in which a device's detectors take readings in."""
        return np.column_stack([self.at_us, self.boot, self.seq, self.sample])

    def columns(self) -> Columns:
        """Return the values as features want them."""
        return Columns(self.values, len(self))

    def at(self, rows: IntArray) -> "Readings":
        """Return some of the readings, in the order given."""
        places: list[int] = rows.tolist()
        if places == list(range(len(self))):
            return self
        taken = _taking(places)
        return replace(
            self,
            **{name: getattr(self, name)[rows] for name in _ARRAYS},
            values={name: taken(column) for name, column in self.values.items()},
            other=None if self.other is None else [self.other[place] for place in places],
        )

    def numbered(self, numbers: IntArray) -> "Readings":
        """Return the readings with their ingest numbers."""
        return replace(self, ingest_no=numbers)

    def in_order(self) -> "Readings":
        """Return the readings in the order of time, boot, seq and sample; of those that share a key, the first."""
        order = np.lexsort([getattr(self, name) for name in ("device_id", "sample", "seq", "boot", "at_us")])
        keys = np.column_stack([getattr(self, name)[order] for name in _KEY])
        is_new = np.r_[True, (keys[1:] != keys[:-1]).any(axis=1)][: len(order)]
        return self.at(order[is_new])


def _taking(places: Sequence[int]) -> Callable[[Sequence[Value]], Sequence[Value]]:
    """Return what takes the values of some places out of a column."""
    if len(places) < 2:
        return lambda column: [column[place] for place in places]
    # Of one place it would give the bare value.
    return itemgetter(*places)


_ARRAYS: Final = tuple(each.name for each in fields(Readings) if each.name not in {"values", "other"})


_KEY_COLUMNS: Final = (
    "device_id", "claimed_at", "boot", "seq", "sample", "partition", "ingest_no", "received_at", "is_backfill",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Heard:
    """What the readings of one message say beside their values; `hours` since 1970 are those of its samples."""

    device_id: int
    tenant_id: int
    partition: int
    boot: int
    seq: int
    newest_us: int
    received_us: int
    is_backfill: bool
    is_event: bool
    ingest_no: int
    hours: list[int]


# Readings that are looked at again together.
_PORTION: Final = 5000


class ReadingTable:
    """The table of one product type's readings."""

    def __init__(self, product: ProductType) -> None:
        self.product = product
        self.name = sql.Identifier(f"{product.name}_reading")
        names = [*_KEY_COLUMNS, *product.signals, "other"]
        self._columns = sql.SQL(", ").join(map(sql.Identifier, names))
        self._days: set[date] = set()

    def write(
        self, connection: Connection, readings: Readings, meanwhile: Callable[[], None] | None = None
    ) -> IntArray:
        """Write readings inside of the caller's transaction and return the indexes of those that were new, int64 [m].

        Parameters
        ----------
        connection : Connection
            In the role of ingest, in a transaction.
        readings : Readings
            With their ingest numbers, and no key twice among them.
        meanwhile : callable, optional
            Called once the database has all of them and is busy.
        """
        self._ensure_days(connection, readings)
        try:
            with connection.transaction():  # a savepoint: a key that is there already undoes this COPY alone
                self._copy(connection, self.name, readings, meanwhile)
        except UniqueViolation:
            return self._write_new_only(connection, readings)
        return np.arange(len(readings))

    def forget_days(self) -> None:
        """Forget which partitions exist, as after a transaction that was undone."""
        self._days.clear()

    def _ensure_days(self, connection: Connection, readings: Readings) -> None:
        """Have a partition for each day; that of an old day may have been forgotten since, so it is not remembered."""
        oldest = from_us(int(readings.received_us.max(initial=0))).date() - _REMEMBERED
        self._days = {day for day in self._days if day > oldest}
        days = np.unique(readings.at_us // _US_PER_DAY).tolist()
        wanted = {from_us(day * _US_PER_DAY).date() for day in days} - self._days
        if wanted:
            connection.execute(
                "SELECT ensure_day(%s::regclass, day) FROM unnest(%s::date[]) AS day",
                [f"callout.{self.product.name}_reading", sorted(wanted)],
            )
            self._days |= wanted

    def _copy(
        self,
        connection: Connection,
        table: sql.Identifier,
        readings: Readings,
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        signals = self.product.signals
        laid = {
            "device_id": numbers(readings.device_id, ">i4"),
            "claimed_at": instants(readings.at_us),
            "boot": numbers(readings.boot, ">i8"),
            "seq": numbers(readings.seq, ">i8"),
            "sample": numbers(readings.sample, ">i2"),
            "partition": numbers(readings.partition, ">i2"),
            "ingest_no": numbers(readings.ingest_no, ">i8"),
            "received_at": instants(readings.received_us),
            "is_backfill": numbers(readings.is_backfill, "u1"),
        }
        laid |= {name: signal_values(column, signals[name].kind) for name, column in readings.values.items()}
        if readings.other is not None:
            laid["other"] = documents(readings.other)
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
            table, sql.SQL(", ").join(map(sql.Identifier, laid))
        )
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(binary(list(laid.values())))
            if meanwhile is not None:
                meanwhile()

    def _write_new_only(self, connection: Connection, readings: Readings) -> IntArray:
        """Write through a staging table that passes over the keys which are there already."""
        staging = sql.Identifier(f"{self.product.name}_staging")
        connection.execute(
            sql.SQL("CREATE TEMPORARY TABLE IF NOT EXISTS {} (LIKE {}) ON COMMIT DELETE ROWS").format(
                staging, self.name
            )
        )
        connection.execute(sql.SQL("TRUNCATE {}").format(staging))
        self._copy(connection, staging, readings)
        written = connection.execute(
            sql.SQL(
                """INSERT INTO {table} ({columns}) SELECT {columns} FROM {staging} ORDER BY ingest_no
                ON CONFLICT DO NOTHING RETURNING partition, ingest_no"""
            ).format(table=self.name, columns=self._columns, staging=staging),
            binary=True,
        ).fetchall()
        new = set(written)
        given = zip(readings.partition.tolist(), readings.ingest_no.tolist(), strict=True)
        return np.array([index for index, key in enumerate(given) if key in new], dtype=np.int64)

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
        last = dict(connection.execute("SELECT partition, last_ingest_no FROM ingest_partition").fetchall())
        moved = {partition: number for partition, number in numbers.items() if last.get(partition, 0) > number}
        if not moved:
            return []
        # The least number stands there as a constant, by which TimescaleDB leaves packed readings unopened.
        rows = connection.execute(
            sql.SQL(
                """SELECT r.partition, r.device_id, min(r.claimed_at), max(r.ingest_no)
                FROM unnest(%(partitions)s::int[], %(numbers)s::bigint[]) AS asked (partition, ingest_no)
                JOIN {table} r ON r.partition = asked.partition AND r.ingest_no > asked.ingest_no
                WHERE r.ingest_no > {least}
                GROUP BY r.partition, r.device_id ORDER BY r.partition, r.device_id"""
            ).format(table=self.name, least=sql.Literal(min(moved.values()))),
            {"partitions": list(moved), "numbers": list(moved.values())},
        )
        return [(partition, device, to_us(at), number) for partition, device, at, number in rows]

    def heard_since(self, connection: Connection, numbers: Mapping[int, int]) -> Iterator[list[Heard]]:
        """Give the messages whose readings came after an ingest number of their partition, oldest first, in portions.

        Parameters
        ----------
        connection : Connection
            In the role of ingest, between transactions: a portion may be committed before the next one is asked for.
        numbers : mapping of int to int
            Partition -> ingest number.
        """
        codes = [name for name, signal in self.product.signals.items() if signal.kind is Kind.CODES]
        is_event = (
            sql.SQL("bool_and({} IS NOT NULL)").format(sql.Identifier("r", codes[0])) if codes else sql.SQL("false")
        )
        statement = sql.SQL(
            """SELECT d.device_id, d.tenant_id, r.partition, r.boot, r.seq,
                (extract(epoch FROM max(r.claimed_at)) * 1000000)::bigint AS newest_us,
                (extract(epoch FROM r.received_at) * 1000000)::bigint AS received_us, r.is_backfill,
                {is_event} AS is_event, max(r.ingest_no) AS ingest_no,
                array_agg(DISTINCT floor(extract(epoch FROM r.claimed_at) / 3600)::int) AS hours
            FROM (SELECT * FROM {table} WHERE partition = %(partition)s AND ingest_no > %(after)s
                ORDER BY ingest_no LIMIT %(most)s) r
            JOIN device d ON d.device_id = r.device_id
            GROUP BY d.device_id, d.tenant_id, r.partition, r.boot, r.seq, r.received_at, r.is_backfill
            ORDER BY min(r.ingest_no)"""
        ).format(is_event=is_event, table=self.name)
        for partition, after in numbers.items():
            asked = {"partition": partition, "after": after, "most": _PORTION}
            while True:
                with connection.cursor(row_factory=class_row(Heard)) as cursor:
                    heard = cursor.execute(statement, asked).fetchall()
                if not heard:
                    break
                yield heard
                asked["after"] = max(each.ingest_no for each in heard)

    def of_devices(self, connection: Connection, starts_us: Mapping[int, int | None]) -> Readings:
        """Return devices' readings from an instant on (None: all), in the order of time that detectors take them in."""
        signals = list(self.product.signals)
        statement = sql.SQL(
            """SELECT r.device_id, r.partition, (extract(epoch FROM r.claimed_at) * 1000000)::bigint, r.boot, r.seq, r.sample,
                (extract(epoch FROM r.received_at) * 1000000)::bigint, r.is_backfill::int, r.ingest_no, {signals}
            FROM unnest(%(devices)s::int[], %(starts)s::timestamptz[]) AS asked (device_id, start_at)
            JOIN {table} r ON r.device_id = asked.device_id AND r.claimed_at >= asked.start_at
            ORDER BY r.claimed_at, r.boot, r.seq, r.sample, r.device_id"""
        ).format(signals=sql.SQL(", ").join(sql.Identifier("r", signal) for signal in signals), table=self.name)
        starts = ["-infinity" if start is None else from_us(start).isoformat() for start in starts_us.values()]
        rows = connection.execute(statement, {"devices": list(starts_us), "starts": starts}, binary=True).fetchall()
        heads = np.array([row[: len(_ARRAYS)] for row in rows], dtype=np.int64).reshape(len(rows), len(_ARRAYS))
        values = dict(zip(signals, list(zip(*rows, strict=True))[len(_ARRAYS) :], strict=True)) if rows else {}
        return Readings(
            *heads.T,
            values={name: column for name, column in values.items() if column.count(None) < len(rows)},
        )
