"""Scale: what a reading costs when a thousand, a hundred thousand and a million devices are enrolled and remembered.

``python -m benchmarks.scale [--sizes N,N,N] [--readings N]``: batches of a thousand readings, each from another device,
through one real worker; CPU of the worker and of its database connection, and bytes of write-ahead log.
"""

import argparse
import statistics
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from benchmarks.costs import cpu_s, database_processes, log_bytes
from benchmarks.desk import ListSource, MeasuredDesk, fresh_desk, server
from benchmarks.figures import Figure
from benchmarks.fleet import Fleet, lived_fleet
from benchmarks.load import PRODUCT, SIGNALS
from benchmarks.report import tell
from devices.identity import PARTITIONS
from gateway.ingest.worker import Worker
from gateway.storage.connection import Role, connect
from simulators.progress import ProgressLine

_SIZES: Final = (1_000, 100_000, 1_000_000)
_READINGS: Final = 100_000
_BATCH: Final = 1000
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
    plain_us
        The worker's CPU of a reading in a batch that writes no checkpoint: the median one.
    log_bytes
        Write-ahead log of a reading.
    slowest_batch_s
        The longest that a batch has kept those after it waiting.
    restart_s, tick_cpu_s
        Until a new worker is ready; CPU of the clock's tick, once a minute.
    """

    devices: int
    worker_us: float
    database_us: float
    plain_us: float
    log_bytes: float
    slowest_batch_s: float
    restart_s: float
    tick_cpu_s: float

    @property
    def cpu_us(self) -> float:
        """CPU of the worker and of its database connection."""
        return self.worker_us + self.database_us


def main() -> None:
    """Measure and tell."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    words.add_argument("--sizes", default=",".join(map(str, _SIZES)))
    words.add_argument("--readings", type=int, default=_READINGS)
    asked = words.parse_args()
    progress = ProgressLine()
    with server() as dsn:
        costs = [measured(dsn, int(size), asked.readings, progress) for size in asked.sizes.split(",")]
    rows = [
        {
            "devices": cost.devices,
            "worker_us": cost.worker_us,
            "database_us": cost.database_us,
            "ratio": cost.cpu_us / costs[0].cpu_us,
            "plain_us": cost.plain_us,
            "log_bytes": round(cost.log_bytes),
            "slowest_batch_s": cost.slowest_batch_s,
            "restart_s": cost.restart_s,
            "tick_cpu_s": cost.tick_cpu_s,
        }
        for cost in costs
    ]
    tell("scale: CPU microseconds of a reading by the size of the fleet", rows, {"benchmark": "scale"})


def figures(quick: bool, progress: ProgressLine) -> list[Figure]:
    """Measure all sizes; each is compared with the smallest."""
    sizes, readings = ((1_000, 10_000), 10_000) if quick else (_SIZES, _READINGS)
    with server() as dsn:
        first, *others = [measured(dsn, size, readings, progress) for size in sizes]
    return [
        Figure(
            f"cost of a reading, {cost.devices:,} devices",
            cost.cpu_us,
            "CPU us",
            first.cpu_us,
            f"CPU us at {first.devices:,}",
            at_most=_MOST_RATIO,
            note=f"without checkpoints {cost.plain_us:.0f} us against {first.plain_us:.0f}; log {cost.log_bytes:,.0f} bytes "
            f"against {first.log_bytes:,.0f}; slowest batch {cost.slowest_batch_s:.2f} s; a worker starts in "
            f"{cost.restart_s:.1f} s",
        )
        for cost in others
    ]


def measured(dsn: str, size: int, readings: int, progress: ProgressLine) -> Cost:
    """Measure one size of the fleet."""
    with fresh_desk(dsn) as desk:
        fleet = lived_fleet(desk, PRODUCT, size, progress, SIGNALS)
        return _cost(desk, fleet, readings, progress)


def _cost(desk: MeasuredDesk, fleet: Fleet, readings: int, progress: ProgressLine) -> Cost:
    began_s = time.monotonic()
    source = ListSource(iter(()), progress, 0)
    worker = Worker(source, lambda: connect(desk.dsn, Role.INGEST), range(PARTITIONS))
    restart_s = time.monotonic() - began_s
    first, *batches = fleet.batches(_BATCH + readings)
    # The first batch of a worker writes a checkpoint of all that moved, and makes what is made once.
    worker.commit(first)
    database = database_processes(desk.admin)
    before_us, log_before = cpu_s(database) * _US, log_bytes(desk.admin)
    batch_us: list[float] = []
    batch_s: list[float] = []
    for number, batch in enumerate(batches):
        cpu_began_s, began_s = time.process_time(), time.monotonic()
        worker.commit(batch)
        batch_us.append((time.process_time() - cpu_began_s) * _US / len(batch))
        batch_s.append(time.monotonic() - began_s)
        progress.show(
            f"{len(fleet.names):,} devices: {number:,} of {len(batches):,} batches, {_BATCH / batch_s[-1]:,.0f}/s"
        )
    database_us = (cpu_s(database) * _US - before_us) / readings
    log = (log_bytes(desk.admin) - log_before) / readings
    tick_began_s = time.process_time()
    worker.tick(datetime.now(UTC) + timedelta(minutes=2))
    tick_cpu_s = time.process_time() - tick_began_s
    worker.close()
    return Cost(
        len(fleet.names), statistics.fmean(batch_us), database_us, statistics.median(batch_us), log, max(batch_s),
        restart_s, tick_cpu_s,
    )  # fmt: skip


if __name__ == "__main__":
    main()
