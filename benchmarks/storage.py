"""Bytes per value as readings lie in their tables: as PostgreSQL stores them, and in TimescaleDB's columnstore.

``python -m benchmarks.storage [--quick]``: a day of healthy devices of each product, from their plants, taken in by the
real worker. A value is a number, flag or code of a signal, each element of a vector one; indexes are counted in. On a
server without TimescaleDB (``CALLOUT_TEST_DSN`` names another one) the columnstore is said not to be measured.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from psycopg import sql

from benchmarks.desk import MeasuredDesk, fresh_desk, server, topic
from benchmarks.figures import Figure, table
from benchmarks.report import tell
from devices.codecs.own_json import TELEMETRY_SCHEMA
from devices.product import ProductType
from devices.products import product_type
from devices.signals import Kind
from gateway.ingest.source import Message
from gateway.storage.connection import Connection
from gateway.storage.timescale import has_timescale
from simulators.breeds import breed_of
from simulators.fleet.people import roster
from simulators.progress import ProgressLine

_DAY: Final = timedelta(days=1)
_CADENCE: Final = timedelta(minutes=1)
_DEVICES: Final = {"electric_vehicle": 20, "smart_meter": 40}
_DEVICES_QUICK: Final = {"electric_vehicle": 4, "smart_meter": 4}
_TOGETHER: Final = 30
_SEED: Final = 7


@dataclass(frozen=True, slots=True)
class Stored:
    """What a table of readings takes: rows, the values in them, and bytes with the indexes; None: not measured."""

    rows: int
    values: int
    plain_bytes: int
    columnstore_bytes: int | None


def figures(quick: bool, progress: ProgressLine, /) -> Sequence[Figure]:
    """Measure the tables of both products.

    Parameters
    ----------
    quick : bool
        A few devices: shows that it works; small tables have worse figures.
    progress : ProgressLine
        Told how far it is.
    """
    found: list[Figure] = []
    with server() as dsn:
        for product, devices in (_DEVICES_QUICK if quick else _DEVICES).items():
            with fresh_desk(dsn) as desk:
                found += _told(product, measure(desk, product, devices, progress))
    return found


def measure(desk: MeasuredDesk, product: str, devices: int, progress: ProgressLine) -> Stored:
    """Take a day of so many devices in, and look how much room it needs."""
    desk.enrol(product, breed_of(product).names(devices))
    total = devices * -(-int(_DAY / _CADENCE) // _TOGETHER)
    desk.take(_day(product, devices), total, progress)
    desk.admin.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(f"{product}_reading")))
    rows, values = _values(desk.admin, product_type(product))
    plain_bytes = _bytes(desk.admin, product)
    return Stored(rows, values, plain_bytes, _columnstore_bytes(desk.admin, product))


def _told(product: str, stored: Stored) -> Iterator[Figure]:
    per_value = stored.plain_bytes / stored.values
    size = f"{stored.rows:,} rows of {stored.values / stored.rows:.1f} values"
    yield Figure(
        f"{product}, plain", per_value, "bytes/value", note=f"{size}, {stored.plain_bytes / stored.rows:.0f} bytes each"
    )
    if stored.columnstore_bytes is not None:
        yield Figure(
            f"{product}, columnstore",
            stored.columnstore_bytes / stored.values,
            "bytes/value",
            per_value,
            "plain",
            note=f"{size}, {stored.columnstore_bytes / stored.rows:.0f} bytes each",
        )


def _day(product: str, devices: int) -> Iterator[Message]:
    """A whole day in UTC, as devices send it: so many samples in one message."""
    breed = breed_of(product)
    begins_at = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - 2 * _DAY
    plant = breed.build([each.place for each in roster(breed, devices, "measured", _SEED)], _SEED)
    names = breed.names(devices)
    waiting: list[list[dict[str, object]]] = [[] for _ in names]
    steps = int(_DAY / _CADENCE)
    for step in range(steps):
        at = begins_at + _CADENCE * step
        plant.step(_CADENCE.total_seconds(), at, breed.no_strain(devices))
        for name, samples, sample in zip(names, waiting, plant.samples(), strict=True):
            samples.append({"at": at.isoformat(), **sample})
            if len(samples) == _TOGETHER or step == steps - 1:
                yield _message(name, step, samples)
                samples.clear()


def _message(name: str, seq: int, samples: list[dict[str, object]]) -> Message:
    content = {"schema": TELEMETRY_SCHEMA, "boot": 1, "seq": seq // _TOGETHER, "samples": samples}
    return Message(topic(name), msgspec.json.encode(content), datetime.now(UTC), (1, seq))


def _values(connection: Connection, product: ProductType) -> tuple[int, int]:
    """Count the rows of a product's table, and the values in them."""
    counts = [
        sql.SQL(
            "coalesce(cardinality({}), 0)" if signal.kind in {Kind.VECTOR, Kind.CODES} else "num_nonnulls({})"
        ).format(sql.Identifier(signal.name))
        for signal in product.signals.values()
    ]
    query = sql.SQL("SELECT count(*), sum({}) FROM {}").format(
        sql.SQL(" + ").join(counts), sql.Identifier(f"{product.name}_reading")
    )
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def _bytes(connection: Connection, product: str) -> int:
    row = connection.execute(
        "SELECT sum(pg_total_relation_size(piece)) FROM reading_pieces(%s::regclass)", [f"{product}_reading"]
    ).fetchone()
    assert row is not None
    return int(row[0])


def _columnstore_bytes(connection: Connection, product: str) -> int | None:
    """Turn all of a product's readings into the columnstore and return what they take then; None where there is none."""
    if not has_timescale(connection):
        return None
    connection.execute(
        "SELECT count(public.compress_chunk(piece)) FROM reading_pieces(%s::regclass)", [f"{product}_reading"]
    )
    row = connection.execute("SELECT public.hypertable_size(%s::regclass)", [f"{product}_reading"]).fetchone()
    assert row is not None
    return int(row[0])


def main() -> None:
    """Measure and tell."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    words.add_argument("--quick", action="store_true", help="a few devices, to see that it works")
    found = figures(words.parse_args().quick, ProgressLine())
    is_half = not any("columnstore" in figure.name for figure in found)
    left_out = "; columnstore not measured: this server has no TimescaleDB" if is_half else ""
    rows = [{**row, "note": figure.note} for row, figure in zip(table(found), found, strict=True)]
    tell(f"storage: bytes per value{left_out}", rows, {"benchmark": "storage", "has_columnstore": not is_half})


if __name__ == "__main__":
    main()
