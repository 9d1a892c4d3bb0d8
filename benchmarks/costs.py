"""What work costs beside time: CPU seconds of processes, since a machine that others use, too, has no honest seconds."""

import contextlib
import os
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
    """Return the numbers of a database server's processes on this machine; none where it is on another one."""
    found = connection.execute("SELECT pid FROM pg_stat_activity").fetchall()
    return [pid for (pid,) in found if _is_postgres(pid)]


def _is_postgres(process: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/comm").read_text().startswith("postgres")
    return False
