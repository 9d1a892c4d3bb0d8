"""Ingest end to end with diagnosis on: one worker, ten values a sample, against what the broker alone carries.

``python -m benchmarks.ingest [--messages N] [--devices N] [--samples N] [--profile [FILE]]``. The broker's queue is
filled first, with nobody receiving; then it is emptied: by a consumer that only counts, and by the real worker, which
decodes, detects and stores. With ``--profile`` only the worker runs, slower, under a profiler that says where its main
thread spends its time.
"""

import argparse
import cProfile
import pstats
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from psycopg import sql

from benchmarks.broker import MeasuredBroker, broker
from benchmarks.desk import MeasuredDesk, fresh_desk, server
from benchmarks.drain import Drained, drain, open_session, receive_alone
from benchmarks.figures import Figure, table
from benchmarks.load import PRODUCT, SIGNALS, Load, lived
from benchmarks.publish import finished, started
from benchmarks.report import tell
from benchmarks.wire import Consumer
from devices.identity import PARTITIONS, ROOT
from devices.products import product_type
from gateway.ingest.worker import MOST_MESSAGES
from gateway.settings import ServerAddress
from simulators.progress import ProgressLine

_TOP: Final = 40
_RECEIVE_MAXIMUM: Final = 2000
_ALONE: Final = "benchmark-alone"
_CHANNELS: Final = ("telemetry", "event", "state", "answer")
_COMMIT_ROWS: Final = 1000
_LEAST_SHARE: Final = 0.7


@dataclass(frozen=True, slots=True)
class Street:
    """A load in files, and the servers to measure it on."""

    load: Load
    files: Sequence[Path]
    broker: MeasuredBroker
    dsn: str
    progress: ProgressLine

    @property
    def total(self) -> int:
        """How many messages there are."""
        return len(self.load.messages)


@dataclass(frozen=True, slots=True)
class Ingested:
    """Messages in a second.

    Attributes
    ----------
    worker, broker_per_s
        End to end while the load generator sends as fast as it may: through the worker, and to a consumer that counts.
    worker_full, broker_full_per_s
        From a full queue, with nobody sending.
    receive_per_s, copy_per_s, decode_per_s
        From a full queue through the worker's own source and no further; COPY alone into the same table; decoding alone.
    """

    samples_per_message: int
    worker: Drained
    broker_per_s: float
    worker_full: Drained
    broker_full_per_s: float
    receive_per_s: float
    copy_per_s: float
    decode_per_s: float


def main() -> None:
    """Measure and tell."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    words.add_argument("--messages", type=int, default=180_000)
    words.add_argument("--devices", type=int, default=2000)
    words.add_argument("--samples", type=int, default=1, help="samples in a message")
    words.add_argument("--seed", type=int, default=7)
    words.add_argument("--profile", nargs="?", const="", metavar="FILE", help="profile the worker; FILE for pstats")
    asked = words.parse_args()
    progress = ProgressLine()
    load = lived(asked.devices, asked.messages, asked.samples, asked.seed, progress)
    with tempfile.TemporaryDirectory(prefix="callout-load-") as folder, server() as dsn, broker() as at:
        street = Street(load, load.framed(Path(folder)), at, dsn, progress)
        if asked.profile is None:
            told(measured(street))
        else:
            profiled(street, asked.profile)


def figures(quick: bool, progress: ProgressLine) -> list[Figure]:
    """Measure messages of one sample, and of ten."""
    found: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="callout-load-") as folder, server() as dsn, broker() as at:
        for samples in (1, 10):
            messages = (6000 if quick else 180_000) // (1 if samples == 1 else 6)
            load = lived(1000 if quick else 2000, messages, samples, 7, progress)
            found += _figures(measured(Street(load, load.framed(Path(folder)), at, dsn, progress)))
    return found


def _figures(found: Ingested) -> list[Figure]:
    size = f"{found.samples_per_message * len(SIGNALS)} values a message"
    end_to_end = Figure(
        f"ingest, end to end, {size}",
        found.worker.per_s,
        "messages/s",
        found.broker_per_s,
        "broker alone",
        at_least=_LEAST_SHARE if found.samples_per_message == 1 else None,
        note=f"{found.worker.per_s * found.samples_per_message * len(SIGNALS):,.0f} values/s, beside the load generator on "
        f"the same cores; from a full queue CPU for 1,000 messages: {_told_cpu(found.worker_full)}",
    )
    alone = {
        "broker alone": found.broker_full_per_s,
        "receiving alone": found.receive_per_s,
        "decoding alone": found.decode_per_s,
        "COPY alone": found.copy_per_s,
    }
    return [
        end_to_end,
        *(
            Figure(f"ingest, from a full queue, {size}", found.worker_full.per_s, "messages/s", per_s, name)
            for name, per_s in alone.items()
        ),
    ]


def measured(street: Street) -> Ingested:
    """Measure the worker and, in the same run, its limits."""
    _let_broker_keep(street)
    publishing = started(street.broker.load_url, street.files, street.total)
    broker_per_s = _taken_alone(street)
    finished(publishing)
    _fill(street)
    broker_full_per_s = _taken_alone(street, is_last=True)
    open_session(street.broker.ingest_url)
    _fill(street)
    receive_per_s = street.total / receive_alone(street.broker.ingest_url, street.total, MOST_MESSAGES)
    with fresh_desk(street.dsn) as desk:
        desk.enrol(PRODUCT, street.load.devices)
        publishing = started(street.broker.load_url, street.files, street.total)
        worker = _drained(desk, street)
        finished(publishing)
    with fresh_desk(street.dsn) as desk:
        desk.enrol(PRODUCT, street.load.devices)
        _fill(street)
        worker_full = _drained(desk, street)
        copy_per_s = _copy_alone(desk, street)
    return Ingested(
        street.load.samples_per_message,
        worker,
        broker_per_s,
        worker_full,
        broker_full_per_s,
        receive_per_s,
        copy_per_s,
        _decode_alone(street.load),
    )


def _drained(desk: MeasuredDesk, street: Street) -> Drained:
    drained = drain(desk, street.broker.ingest_url, street.broker.pid, street.total, street.progress)
    _check(desk, street)
    return drained


def told(found: Ingested) -> None:
    """Print a measurement as a table."""
    shown = _figures(found)
    title = f"ingest: {found.worker.messages:,} messages; CPU for 1,000 of them: {_told_cpu(found.worker_full)}"
    tell(title, table(shown), {"benchmark": "ingest", "figures": [figure.as_json() for figure in shown]})


def _told_cpu(drained: Drained) -> str:
    used = {
        "worker": drained.worker_cpu_s,
        "of it main thread": drained.main_thread_cpu_s,
        "database": drained.database_cpu_s,
        "broker": drained.broker_cpu_s,
    }
    return ", ".join(f"{name} {cpu_s * 1e6 / drained.messages:.1f} ms" for name, cpu_s in used.items())


def profiled(street: Street, file: str) -> None:
    """Run the worker under a profiler, and print where its main thread was."""
    profile = cProfile.Profile()
    with fresh_desk(street.dsn) as desk:
        desk.enrol(PRODUCT, street.load.devices)
        open_session(street.broker.ingest_url)
        _fill(street)
        taken = drain(desk, street.broker.ingest_url, street.broker.pid, street.total, street.progress, profile)
        _check(desk, street)
    if file:
        profile.dump_stats(file)
    for order in ("tottime", "cumulative"):
        pstats.Stats(profile).sort_stats(order).print_stats(_TOP)
    print(f"under the profiler: {taken.per_s:,.0f} messages/s; {taken}")


def _fill(street: Street) -> None:
    finished(started(street.broker.load_url, street.files, street.total))


def _let_broker_keep(street: Street) -> None:
    """Open the session of a consumer that only counts."""
    filters = [f"{ROOT}/{partition}/+/+/{channel}" for partition in range(PARTITIONS) for channel in _CHANNELS]
    address = ServerAddress.parse(street.broker.load_url)
    # A former session may have messages left whose acknowledgement came too late; they would come before any answer.
    consumer = Consumer(address, _ALONE, _RECEIVE_MAXIMUM, is_new=True)
    consumer.subscribe(filters)
    consumer.close()


def _taken_alone(street: Street, *, is_last: bool = False) -> float:
    """Messages in a second to a consumer that only counts and acknowledges."""
    consumer = Consumer(ServerAddress.parse(street.broker.load_url), _ALONE, _RECEIVE_MAXIMUM)
    seconds = consumer.drain(street.total)
    if is_last:
        consumer.forget()
    else:
        consumer.close()
    return street.total / seconds


def _check(desk: MeasuredDesk, street: Street) -> None:
    """A figure counts only if all that was sent is stored."""
    wanted, stored = street.total * street.load.samples_per_message, desk.readings()
    if stored != wanted:
        raise RuntimeError(f"{stored:,} of {wanted:,} readings are stored; {desk.count('rejection'):,} were refused")


def _copy_alone(desk: MeasuredDesk, street: Street) -> float:
    """Messages in a second that COPY alone writes into the same table, a commit for each thousand rows."""
    name = sql.Identifier(f"{PRODUCT}_reading")
    described = desk.admin.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(name)).description or ()
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in described)
    with desk.admin.transaction():
        desk.admin.execute(
            sql.SQL(
                "CREATE TEMPORARY TABLE taken ON COMMIT DROP AS SELECT *, row_number() OVER () AS place FROM {}"
            ).format(name)
        )
        rows = desk.count("taken")
        parts = [_copied_out(desk, names, start) for start in range(0, rows, _COMMIT_ROWS)]
    desk.admin.execute(sql.SQL("TRUNCATE {}").format(name))
    into = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(name, names)
    began_s = time.monotonic()
    for part in parts:
        with desk.admin.cursor() as cursor, cursor.copy(into) as copy:
            copy.write(part)
    return rows / street.load.samples_per_message / (time.monotonic() - began_s)


def _copied_out(desk: MeasuredDesk, names: sql.Composable, start: int) -> bytes:
    out = sql.SQL("COPY (SELECT {} FROM taken WHERE place > {} AND place <= {}) TO STDOUT (FORMAT binary)").format(
        names, start, start + _COMMIT_ROWS
    )
    with desk.admin.cursor() as cursor, cursor.copy(out) as copy:
        return b"".join(bytes(part) for part in copy)


def _decode_alone(load: Load) -> float:
    """Messages in a second that the product's decoding reads, one by one."""
    decode = product_type(PRODUCT).decode
    began_s = time.monotonic()
    for _, payload in load.messages:
        decode(payload, "telemetry")
    return len(load.messages) / (time.monotonic() - began_s)


if __name__ == "__main__":
    main()
