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

from benchmarks.broker import MeasuredBroker, broker
from benchmarks.desk import MeasuredDesk, fresh_desk, server
from benchmarks.drain import Drained, drain, open_session
from benchmarks.load import PRODUCT, SIGNALS, Load, lived
from benchmarks.publish import finished, started
from benchmarks.report import tell
from benchmarks.wire import Consumer
from devices.identity import PARTITIONS, ROOT
from devices.products import product_type
from gateway.settings import ServerAddress
from simulators.progress import ProgressLine

_TOP: Final = 40
_RECEIVE_MAXIMUM: Final = 2000
_ALONE: Final = "benchmark-alone"
_CHANNELS: Final = ("telemetry", "event", "state", "answer")
_COMMIT_ROWS: Final = 1000


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
    """Messages in a second: through the worker from a full queue and beside the load generator, and each limit alone."""

    samples_per_message: int
    worker: Drained
    beside_load: Drained
    broker_per_s: float
    copy_per_s: float
    decode_per_s: float

    @property
    def share_of_broker(self) -> float:
        """The worker's part of what the broker alone carries."""
        return self.worker.per_s / self.broker_per_s


def main() -> None:
    """Measure and tell."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    words.add_argument("--messages", type=int, default=60_000)
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


def measured(street: Street) -> Ingested:
    """Measure the worker and, in the same run, its limits."""
    broker_per_s = _broker_alone(street)
    with fresh_desk(street.dsn) as desk:
        desk.enrol(PRODUCT, street.load.devices)
        open_session(street.broker.ingest_url)
        _fill(street)
        worker = drain(desk, street.broker.ingest_url, street.broker.pid, street.total, street.progress)
        _check(desk, street)
        copy_per_s = _copy_alone(desk, street)
    with fresh_desk(street.dsn) as desk:
        desk.enrol(PRODUCT, street.load.devices)
        publishing = started(street.broker.load_url, street.files, street.total)
        beside_load = drain(desk, street.broker.ingest_url, street.broker.pid, street.total, street.progress)
        finished(publishing)
        _check(desk, street)
    decode_per_s = _decode_alone(street.load)
    return Ingested(street.load.samples_per_message, worker, beside_load, broker_per_s, copy_per_s, decode_per_s)


def told(ingested: Ingested) -> None:
    """Print a measurement as a table."""
    values = ingested.samples_per_message * len(SIGNALS)
    limits = {
        "broker alone": ingested.broker_per_s,
        "worker, queue full": ingested.worker.per_s,
        "worker, beside the load": ingested.beside_load.per_s,
        "COPY alone": ingested.copy_per_s,
        "decode alone": ingested.decode_per_s,
    }
    rows = [
        {"what": name, "messages_per_s": round(per_s), "values_per_s": round(per_s * values),
         "of_broker": per_s / ingested.broker_per_s}
        for name, per_s in limits.items()
    ]  # fmt: skip
    drained = ingested.worker
    tell(
        f"ingest: {drained.messages:,} messages of {values} values: {ingested.share_of_broker:.0%} of the broker alone; "
        f"CPU per 1,000 messages: worker {_per_1000(drained.worker_cpu_s, drained):.1f} ms (its main thread "
        f"{_per_1000(drained.main_thread_cpu_s, drained):.1f}), database {_per_1000(drained.database_cpu_s, drained):.1f}, "
        f"broker {_per_1000(drained.broker_cpu_s, drained):.1f}",
        rows,
        {"benchmark": "ingest", "share_of_broker": round(ingested.share_of_broker, 3)},
    )


def _per_1000(cpu_s: float, drained: Drained) -> float:
    """CPU milliseconds for a thousand messages."""
    return cpu_s * 1e6 / drained.messages


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


def _broker_alone(street: Street) -> float:
    """Messages in a second to a consumer that only counts and acknowledges, from a full queue."""
    address = ServerAddress.parse(street.broker.load_url)
    filters = [f"{ROOT}/{partition}/+/+/{channel}" for partition in range(PARTITIONS) for channel in _CHANNELS]
    first = Consumer(address, _ALONE, _RECEIVE_MAXIMUM)
    first.subscribe(filters)
    first.close()
    _fill(street)
    began_s = time.monotonic()
    consumer = Consumer(address, _ALONE, _RECEIVE_MAXIMUM)
    consumer.drain(street.total)
    seconds = time.monotonic() - began_s
    consumer.forget()
    return street.total / seconds


def _check(desk: MeasuredDesk, street: Street) -> None:
    """A figure counts only if all that was sent is stored."""
    wanted, stored = street.total * street.load.samples_per_message, desk.readings()
    if stored != wanted:
        raise RuntimeError(f"{stored:,} of {wanted:,} readings are stored; {desk.count('rejection'):,} were refused")


def _copy_alone(desk: MeasuredDesk, street: Street) -> float:
    """Messages in a second that COPY alone writes into the same table, a commit for each thousand rows."""
    table = f"{PRODUCT}_reading"
    with desk.admin.transaction():
        desk.admin.execute(f"CREATE TEMPORARY TABLE taken ON COMMIT DROP AS SELECT *, row_number() OVER () AS place FROM {table}")
        rows = desk.count("taken")
        names = ", ".join(column.name for column in desk.admin.execute(f"SELECT * FROM {table} LIMIT 0").description or ())
        parts = [
            b"".join(map(bytes, _copied_out(desk, f"SELECT {names} FROM taken WHERE place > {start} AND place <= {start + _COMMIT_ROWS}")))
            for start in range(0, rows, _COMMIT_ROWS)
        ]
    desk.admin.execute(f"TRUNCATE {table}")
    began_s = time.monotonic()
    for part in parts:
        with desk.admin.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN (FORMAT binary)") as copy:
            copy.write(part)
    return rows / street.load.samples_per_message / (time.monotonic() - began_s)


def _copied_out(desk: MeasuredDesk, query: str) -> list[bytes]:
    with desk.admin.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT binary)") as copy:
        return [bytes(part) for part in copy]


def _decode_alone(load: Load) -> float:
    """Messages in a second that the product's decoding reads, one by one."""
    decode = product_type(PRODUCT).decode
    began_s = time.monotonic()
    for _, payload in load.messages:
        decode(payload, "telemetry")
    return len(load.messages) / (time.monotonic() - began_s)


if __name__ == "__main__":
    main()
