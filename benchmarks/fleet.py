"""A large fleet that has lived already: copies of a few devices that really reported, in the tables and in the checkpoints.

To let a million devices report twenty times would take hours. So a few dozen do, through the real worker, and all that is
stored and remembered of each is copied to thousands of others. What is measured afterwards is real again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final

import numpy as np
from psycopg import sql

from benchmarks.desk import MeasuredDesk, topic
from benchmarks.load import life, message_bytes, sample_bytes
from devices.identity import PARTITIONS
from devices.products import product_type
from diagnostics.state import pack, unpack
from diagnostics.watch import Watch
from gateway.ingest.source import Message
from gateway.storage.door import Checkpoint, load_checkpoints, save_checkpoints
from simulators.breeds import Sample, breed_of
from simulators.progress import ProgressLine

_MODELS: Final = 100
# A device's clock is measured from so many of its newest messages: copies have a full store of them.
_PAST: Final = 20
_FUTURE: Final = 120
# A morning: the sun shines, and vehicles are on the road.
_LIFE_BEGINS_AT: Final = datetime(2026, 5, 12, 9, 0, tzinfo=UTC)
_PAST_EVERY: Final = timedelta(seconds=4)
_FUTURE_EVERY: Final = timedelta(seconds=0.2)
# Between what the models said and what is said now; a message that comes five minutes late would be a clock that is wrong.
_PAST_ENDS_AGO: Final = timedelta(seconds=150)
_FUTURE_BEGINS_AGO: Final = timedelta(seconds=125)
BATCH: Final = 1000


@dataclass(frozen=True, slots=True)
class Fleet:
    """Devices of one product with their past, and what they will say next."""

    product: str
    names: Sequence[str]
    future: Sequence[Sequence[Sample]]

    def batches(self, devices: int) -> Iterator[list[Message]]:
        """Messages of one sample that come now, a thousand each time, without end.

        They are of so many devices from all over the fleet, or of all; each of these reports before one reports again.
        """
        begins_at = datetime.now(UTC) - _FUTURE_BEGINS_AGO
        order = np.random.default_rng(7).permutation(len(self.names))[:devices].tolist()
        for start in count(0, BATCH):
            yield [
                self._message(index // len(order), order[index % len(order)], begins_at, index)
                for index in range(start, start + BATCH)
            ]

    def _message(self, turn: int, device: int, begins_at: datetime, index: int) -> Message:
        # In a fleet of any size, readings next to each other come from models next to each other.
        sample = self.future[turn % len(self.future)][device % _MODELS]
        at = begins_at + _FUTURE_EVERY * turn
        payload = message_bytes(_PAST + turn + 1, [sample_bytes(at, sample)])
        return Message(topic(self.names[device]), payload, datetime.now(UTC), (1, index))


def lived_fleet(
    desk: MeasuredDesk, product: str, size: int, progress: ProgressLine, signals: Sequence[str] | None = None
) -> Fleet:
    """Put so many devices with a past into a desk; they report these signals, or all that their plant has."""
    models = [f"model-{product}-{number}" for number in range(_MODELS)]
    desk.enrol(product, models)
    steps = _steps(product, signals)
    past = list(_past(models, steps[:_PAST]))
    # The worker that takes in the last ones begins with a checkpoint of them all.
    desk.take(past[:-_MODELS], len(past) - _MODELS, progress)
    desk.take(past[-_MODELS:], _MODELS, progress)
    fleet = Fleet(product, breed_of(product).names(size), steps[_PAST:])
    progress.say(f"{product}: copying {_MODELS} devices to {size:,}")
    desk.enrol(product, fleet.names, is_searched=False)
    _copy_tables(desk, product)
    _copy_checkpoints(desk, product)
    desk.admin.execute("VACUUM ANALYZE")
    desk.admin.execute("CHECKPOINT")
    return fleet


def same_fleet(product: str, size: int, signals: Sequence[str] | None = None) -> Fleet:
    """Return a fleet that another process has put into a desk."""
    return Fleet(product, breed_of(product).names(size), _steps(product, signals)[_PAST:])


def _steps(product: str, signals: Sequence[str] | None) -> list[list[Sample]]:
    return [
        [{name: sample[name] for name in signals or sample} for sample in samples]
        for _, samples in life(product, _MODELS, _LIFE_BEGINS_AT, _PAST + _FUTURE, seed=7)
    ]


def _past(models: Sequence[str], steps: Sequence[Sequence[Sample]]) -> Iterator[Message]:
    ends_at = datetime.now(UTC) - _PAST_ENDS_AGO
    for step, samples in enumerate(steps, 1):
        at = ends_at - _PAST_EVERY * (len(steps) - step)
        for name, sample in zip(models, samples, strict=True):
            yield Message(topic(name), message_bytes(step, [sample_bytes(at, sample)]), datetime.now(UTC), (1, step))


def _copy_tables(desk: MeasuredDesk, product: str) -> None:
    """Copy what every table says of a model to its copies; of readings the newest alone."""
    with desk.admin.transaction():
        desk.admin.execute(
            """CREATE TEMPORARY TABLE twin ON COMMIT DROP AS
            SELECT c.device_id, c.partition, m.device_id AS model_id
            FROM (SELECT device_id, partition, row_number() OVER (ORDER BY device_id) - 1 AS place FROM device
                WHERE product = %(product)s AND name NOT LIKE 'model-%%') c
            JOIN (SELECT device_id, row_number() OVER (ORDER BY device_id) - 1 AS place FROM device
                WHERE product = %(product)s AND name LIKE 'model-%%') m ON m.place = c.place %% %(models)s""",
            {"product": product, "models": _MODELS},
        )
        desk.admin.execute("ANALYZE twin")
        desk.admin.execute("UPDATE ingest_partition SET last_ingest_no = greatest(last_ingest_no, 1)")
        for table, columns in _tables_of_devices(desk):
            _copy_table(desk, table, columns)


def _tables_of_devices(desk: MeasuredDesk) -> list[tuple[str, list[str]]]:
    """Return every table that says something of a device, with the columns that can be written."""
    rows = desk.admin.execute(
        """SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'callout'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
            AND c.relname NOT IN ('device', 'device_search', 'device_history', 'device_owner', 'mandate')
            AND a.attnum > 0 AND NOT a.attisdropped
            AND a.attidentity = '' AND a.attgenerated = ''
        GROUP BY c.oid, c.relname HAVING bool_or(a.attname = 'device_id') ORDER BY c.relname"""
    )
    return [(table, list(columns)) for table, columns in rows]


def _copy_table(desk: MeasuredDesk, table: str, columns: Sequence[str]) -> None:
    replaced = {"device_id": sql.SQL("twin.device_id"), "partition": sql.SQL("twin.partition")}
    is_reading = "ingest_no" in columns
    if is_reading:
        replaced["ingest_no"] = sql.SQL("1")
    newest = sql.SQL("WHERE r.seq = {}").format(_PAST) if is_reading else sql.SQL("")
    desk.admin.execute(
        sql.SQL(
            "INSERT INTO {table} ({columns}) SELECT {values} FROM {table} r JOIN twin ON twin.model_id = r.device_id {newest}"
        ).format(
            table=sql.Identifier(table),
            columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
            values=sql.SQL(", ").join(replaced.get(name, sql.Identifier("r", name)) for name in columns),
            newest=newest,
        )
    )


def _copy_checkpoints(desk: MeasuredDesk, product: str) -> None:
    """Write checkpoints in which each device remembers what its model does."""
    watch = Watch(product_type(product))
    known = [
        device_id
        for each in load_checkpoints(desk.admin, range(PARTITIONS))
        if each.product == product
        for device_id in watch.restore(each.state)
    ]
    numbers = dict(desk.admin.execute("SELECT partition, last_ingest_no FROM ingest_partition").fetchall())
    rows = np.array(
        desk.admin.execute(
            "SELECT device_id, partition FROM device WHERE product = %s AND name NOT LIKE 'model-%%' ORDER BY device_id",
            [product],
        ).fetchall()
    )
    models = np.sort(np.array(known, dtype=np.int64))[np.arange(len(rows)) % _MODELS]
    checkpoints: list[Checkpoint] = []
    for partition, last_no in numbers.items():
        here = np.flatnonzero(rows[:, 1] == partition)
        # The same model stands in for several devices: what is remembered of it is told once for each, under their names.
        of_models = unpack(watch.snapshot(models[here].tolist()))
        state = pack(of_models | {"device_ids": rows[here, 0].astype(np.int64)})
        checkpoints.append(Checkpoint(partition, product, last_no, state))
    save_checkpoints(desk.admin, checkpoints, datetime.now(UTC))
