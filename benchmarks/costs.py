"""What work costs beside time: CPU seconds of processes, since a machine that others use, too, has no honest seconds."""

import contextlib
import os
import resource
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from gateway.storage.connection import Connection

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


def cpu_s(processes: Iterable[int]) -> float:
    """Return the CPU seconds that living processes have used so far, with their threads; 0 for one that has ended."""
    ticks = 0
    for process in processes:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS_PER_S


def database_processes(connection: Connection) -> list[int]:
    """Return the processes that serve the other connections to this database; none where they are on another machine."""
    found = connection.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    ).fetchall()
    return [pid for (pid,) in found if _is_postgres(pid)]


def _is_postgres(process: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/comm").read_text().startswith("postgres")
    return False


def resident_mb() -> float:
    """Return the memory of this process that is in use, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass(frozen=True, slots=True)
class Occupied:
    """CPU seconds of the whole machine, and of this process with those of its children that have ended."""

    machine_s: float
    own_s: float
    at_s: float

    def others_since(self, before: Self) -> float:
        """Return the share of the machine that others have had since then, from 0 to 1."""
        others_s = (self.machine_s - before.machine_s) - (self.own_s - before.own_s)
        return max(0.0, others_s / ((self.at_s - before.at_s) * (os.cpu_count() or 1)))


def occupied() -> Occupied | None:
    """Return how occupied the machine has been so far; None where the system does not say."""
    try:
        ticks = [int(field) for field in Path("/proc/stat").read_text().partition("\n")[0].split()[1:]]
    except OSError:
        return None
    # User, nice, system, then idle and waiting for the disk, which are no work, then interrupts and what was stolen.
    machine_s = (sum(ticks[:8]) - ticks[3] - ticks[4]) / _TICKS_PER_S
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return Occupied(machine_s, sum(each.ru_utime + each.ru_stime for each in used), time.monotonic())


def highest_mb() -> float:
    """Return the most memory that this process has ever had in use, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def log_bytes(connection: Connection) -> int:
    """Return how many bytes the database's write-ahead log has had so far, of all its databases."""
    row = connection.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::int8").fetchone()
    assert row is not None
    return int(row[0])
