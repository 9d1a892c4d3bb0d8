"""Memory: what an ingest worker holds for a hundred thousand devices that it knows and remembers, by product type.

``python -m benchmarks.memory [--devices N] [--product NAME]``. A process of its own holds the worker: its memory is
looked at when it has started on an empty desk, when it has taken over the fleet, and when every device has reported.
"""

import argparse
import gc
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Final

from benchmarks.costs import highest_mb, resident_mb
from benchmarks.desk import ListSource, fresh_desk, server
from benchmarks.figures import Figure
from benchmarks.fleet import BATCH, lived_fleet, same_fleet
from benchmarks.report import tell
from devices.identity import PARTITIONS
from devices.products import product_types
from gateway.ingest.garbage import collect_rarely
from gateway.ingest.worker import Worker
from gateway.settings import CHECKOUT
from gateway.storage.connection import Role, connect
from gateway.storage.door import load_checkpoints
from simulators.progress import ProgressLine

_DEVICES: Final = 100_000
_PER: Final = 100_000
_DESK: Final = "CALLOUT_DATABASE_URL"


@dataclass(frozen=True, slots=True)
class Held:
    """What a worker holds: MB of the process, and bytes of checkpoint for each device."""

    product: str
    devices: int
    without_mb: float
    taken_over_mb: float
    reported_mb: float
    highest_mb: float
    checkpoint_bytes: float

    @property
    def mb_per_100_000(self) -> float:
        """MB that the worker added to the process, for a hundred thousand devices."""
        return (self.reported_mb - self.without_mb) * _PER / self.devices


def main() -> None:
    """Measure and tell."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    words.add_argument("--devices", type=int, default=_DEVICES)
    words.add_argument("--product", choices=sorted(product_types()))
    words.add_argument("--alone", action="store_true", help=f"hold the fleet of the desk at {_DESK} in this process")
    asked = words.parse_args()
    progress = ProgressLine()
    if asked.alone:
        print(json.dumps(asdict(_held(os.environ[_DESK], asked.product, asked.devices, progress))), flush=True)
        return
    products = [asked.product] if asked.product else sorted(product_types())
    with server() as dsn:
        held = [_measured(dsn, product, asked.devices, progress) for product in products]
    rows = [{**asdict(each), "mb_per_100_000": each.mb_per_100_000} for each in held]
    tell("memory of an ingest worker", rows, {"benchmark": "memory"})


def figures(quick: bool, progress: ProgressLine) -> list[Figure]:
    """Measure all product types."""
    devices = _DEVICES // 50 if quick else _DEVICES
    with server() as dsn:
        return [_figure(_measured(dsn, product, devices, progress)) for product in sorted(product_types())]


def _figure(held: Held) -> Figure:
    note = (
        f"measured with {held.devices:,} devices that report all their signals; {held.highest_mb:,.0f} MB at the most, "
        f"{held.without_mb:,.0f} MB without the worker; checkpoint {held.checkpoint_bytes:,.0f} bytes a device"
    )
    return Figure(f"memory per 100,000 devices, {held.product}", held.mb_per_100_000, "MB", note=note)


def _measured(dsn: str, product: str, devices: int, progress: ProgressLine) -> Held:
    """Let a fresh process, whose memory nobody has used before, hold a fleet."""
    command = [sys.executable, "-m", "benchmarks.memory", "--alone", "--product", product, "--devices", str(devices)]
    with fresh_desk(dsn) as desk:
        lived_fleet(desk, product, devices, progress)
        environment = {**os.environ, _DESK: desk.dsn}
        done = subprocess.run(command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return Held(**json.loads(done.stdout.splitlines()[-1]))


def _held(dsn: str, product: str, devices: int, progress: ProgressLine) -> Held:
    """Take over the fleet of a desk, and let every device report once."""
    fleet = same_fleet(product, devices)
    without_mb = _settled_mb()
    worker = Worker(ListSource(iter(()), progress, 0), lambda: connect(dsn, Role.INGEST), range(PARTITIONS))
    collect_rarely()
    taken_over_mb = _settled_mb()
    for number, batch in enumerate(islice(fleet.batches(devices), devices // BATCH)):
        worker.commit(batch)
        progress.show(f"{product}: {number:,} thousand of {devices:,} devices have reported")
    reported_mb = _settled_mb()
    worker.close()
    with connect(dsn, Role.ADMIN) as connection:
        states = [each.state for each in load_checkpoints(connection, range(PARTITIONS)) if each.product == product]
    checkpoint_bytes = sum(map(len, states)) / devices
    return Held(product, devices, without_mb, taken_over_mb, reported_mb, highest_mb(), checkpoint_bytes)


def _settled_mb() -> float:
    """Return the memory in use, MB, when what nobody holds any more is gone."""
    gc.collect()
    return resident_mb()


if __name__ == "__main__":
    main()
