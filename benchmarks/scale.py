"""Scale: what a reading costs when a thousand, a hundred thousand and a million devices are enrolled and remembered.

``python -m benchmarks.scale [--sizes N,N,N] [--readings N]``: batches of a thousand readings of devices from all over the
fleet, through one real worker; CPU of the worker and of its database connection, and bytes of write-ahead log. The
devices that are measured have reported to this worker once; what that first time cost more is told apart.
"""

import argparse
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from benchmarks.costs import cpu_s, database_processes, log_bytes
from benchmarks.desk import ListSource, MeasuredDesk, fresh_desk, server
from benchmarks.figures import Figure
from benchmarks.fleet import BATCH, Fleet, lived_fleet
from benchmarks.load import PRODUCT, SIGNALS
from benchmarks.report import tell
from devices.identity import PARTITIONS
from gateway.ingest.garbage import collect_rarely
from gateway.ingest.source import Message
from gateway.ingest.worker import Worker
from gateway.storage.connection import Role, connect
from simulators.progress import ProgressLine

_SIZES: Final = (1_000, 100_000, 1_000_000)
_READINGS: Final = 60_000
_LEAST_S: Final = 25.0
_US: Final = 1e6
_MOST_RATIO: Final = 1.3


@dataclass(frozen=True, slots=True)
class Cost:
    """What a reading costs at a size of the fleet.

    Attributes
    ----------
    devices
        How many.
    worker_us, database_us
        CPU of a reading, checkpoints included.
    first_us, again_us
        The worker's CPU of a reading in the median batch, which writes no checkpoint: of devices that the worker has
        not met yet, and of those that it has met.
    log_bytes
        Write-ahead log of a reading.
    slowest_batch_s
        The longest that a batch has kept those after it waiting.
    restart_s, after_kill_s
        Until a new worker is ready: when all was written down, and when the last one ended in the middle of its work.
    tick_cpu_s
        CPU of the clock's tick, once a minute.
    """

    devices: int
    worker_us: float
    database_us: float
    first_us: float
    again_us: float
    log_bytes: float
    slowest_batch_s: float
    restart_s: float
    after_kill_s: float
    tick_cpu_s: float

    @property
    def cpu_us(self) -> float:
        """CPU of the worker and of its database connection."""
        return self.worker_us + self.database_us


def main() -> None:
    """Measure and tell."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    words.add_argument("--sizes", default=",".join(map(str, _SIZES)))
    words.add_argument(
        "--readings",
        type=int,
        default=_READINGS,
        help="devices that report before one reports again, a thousand or more",
    )
    words.add_argument("--seconds", type=float, default=_LEAST_S, help="how long they go on; checkpoints go by time")
    asked = words.parse_args()
    progress = ProgressLine()
    with server() as dsn:
        costs = [measured(dsn, int(size), asked.readings, asked.seconds, progress) for size in asked.sizes.split(",")]
    rows = [
        {
            "devices": cost.devices,
            "worker_us": cost.worker_us,
            "database_us": cost.database_us,
            "ratio": cost.cpu_us / costs[0].cpu_us,
            "first_us": cost.first_us,
            "again_us": cost.again_us,
            "log_bytes": round(cost.log_bytes),
            "slowest_batch_s": cost.slowest_batch_s,
            "restart_s": cost.restart_s,
            "after_kill_s": cost.after_kill_s,
            "tick_cpu_s": cost.tick_cpu_s,
        }
        for cost in costs
    ]
    tell("scale: CPU microseconds of a reading by the size of the fleet", rows, {"benchmark": "scale"})


def figures(quick: bool, progress: ProgressLine) -> list[Figure]:
    """Measure all sizes; each is compared with the smallest."""
    sizes, readings, seconds = ((1_000, 3_000), 3_000, 1.0) if quick else (_SIZES, _READINGS, _LEAST_S)
    with server() as dsn:
        first, *others = [measured(dsn, size, readings, seconds, progress) for size in sizes]
    return [
        Figure(
            f"cost of a reading, {cost.devices:,} devices",
            cost.cpu_us,
            "CPU us",
            first.cpu_us,
            f"CPU us at {first.devices:,}",
            at_most=_MOST_RATIO,
            note=f"worker without checkpoints: {cost.first_us:.0f} us for devices met the first time, {cost.again_us:.0f} us "
            f"again, against {first.again_us:.0f}; log {cost.log_bytes:,.0f} bytes against {first.log_bytes:,.0f}; slowest batch {cost.slowest_batch_s:.2f} s; a worker starts in "
            f"{cost.restart_s:.1f} s, after a kill in {cost.after_kill_s:.1f} s",
        )
        for cost in others
    ]


def measured(dsn: str, size: int, readings: int, least_s: float, progress: ProgressLine) -> Cost:
    """Measure one size of the fleet."""
    with fresh_desk(dsn) as desk:
        fleet = lived_fleet(desk, PRODUCT, size, progress, SIGNALS)
        return _cost(desk, fleet, readings, least_s, progress)


def _cost(desk: MeasuredDesk, fleet: Fleet, readings: int, least_s: float, progress: ProgressLine) -> Cost:
    worker, restart_s = _started(desk, progress)
    title = f"{len(fleet.names):,} devices"
    batches = fleet.batches(readings)
    # The first batch of a worker writes a checkpoint of all that moved, and makes what is made once.
    first = _taken(worker, islice(batches, readings // BATCH), 0.0, f"{title}, met the first time", progress)
    database = database_processes(desk.admin)
    before_us, log_before = cpu_s(database) * _US, log_bytes(desk.admin)
    again = _taken(worker, batches, least_s, f"{title}, again", progress)
    database_us = (cpu_s(database) * _US - before_us) / again.readings
    log = (log_bytes(desk.admin) - log_before) / again.readings
    tick_began_s = time.process_time()
    worker.tick(datetime.now(UTC) + timedelta(minutes=2))
    tick_cpu_s = time.process_time() - tick_began_s
    # What it has not written down of its memory is gone with it, as after a kill.
    worker.close()
    del worker
    successor, after_kill_s = _started(desk, progress)
    successor.close()
    return Cost(
        devices=len(fleet.names),
        worker_us=statistics.fmean(again.batch_us),
        database_us=database_us,
        first_us=statistics.median(first.batch_us),
        again_us=statistics.median(again.batch_us),
        log_bytes=log,
        slowest_batch_s=again.slowest_s,
        restart_s=restart_s,
        after_kill_s=after_kill_s,
        tick_cpu_s=tick_cpu_s,
    )


@dataclass(frozen=True, slots=True)
class _Taken:
    """CPU of a reading in each batch, in microseconds, and the longest that a batch took."""

    batch_us: Sequence[float]
    slowest_s: float

    @property
    def readings(self) -> int:
        return len(self.batch_us) * BATCH


def _taken(
    worker: Worker, batches: Iterable[Sequence[Message]], least_s: float, title: str, progress: ProgressLine
) -> _Taken:
    """Let a worker commit batches: all of them, or for so many seconds."""
    batch_us: list[float] = []
    slowest_s, ends_s = 0.0, time.monotonic() + least_s
    for batch in batches:
        cpu_began_s, began_s = time.process_time(), time.monotonic()
        worker.commit(batch)
        batch_us.append((time.process_time() - cpu_began_s) * _US / len(batch))
        passed_s = time.monotonic() - began_s
        slowest_s = max(slowest_s, passed_s)
        progress.show(f"{title}: {len(batch_us) * BATCH:,} readings, {len(batch) / passed_s:,.0f}/s")
        if least_s and time.monotonic() >= ends_s:
            break
    return _Taken(batch_us, slowest_s)


def _started(desk: MeasuredDesk, progress: ProgressLine) -> tuple[Worker, float]:
    """Start a worker; give the seconds until it was ready."""
    began_s = time.monotonic()
    source = ListSource(iter(()), progress, 0)
    worker = Worker(source, lambda: connect(desk.dsn, Role.INGEST), range(PARTITIONS))
    collect_rarely()
    return worker, time.monotonic() - began_s


if __name__ == "__main__":
    main()
