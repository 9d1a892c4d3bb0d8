"""What work costs beside time: CPU seconds of processes, since a machine that others use, too, has no honest seconds."""

import contextlib
import os
import resource
from collections.abc import Iterable
from pathlib import Path
from typing import Final

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


def highest_mb() -> float:
    """Return the most memory that this process has ever had in use, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def log_bytes(connection: Connection) -> int:
    """Return how many bytes the database's write-ahead log has had so far, of all its databases."""
    row = connection.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::int8").fetchone()
    assert row is not None
    return int(row[0])
