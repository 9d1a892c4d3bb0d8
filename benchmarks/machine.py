"""The machine that was measured on: without it, a figure says nothing."""

import os
import platform
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Final

from gateway.embedded.mosquitto import present_mosquitto
from gateway.storage.connection import Role, connect

_BLOCK: Final = b"\0" * 8192
_SYNC_FOR_S: Final = 1.0


def described(dsn: str, folder: Path) -> dict[str, str]:
    """Describe the machine, and the servers that are measured.

    Parameters
    ----------
    dsn : str
        The database server.
    folder : Path
        On the disk whose speed is asked.
    """
    return {
        "processor": _processor(),
        "cores": f"{len(os.sched_getaffinity(0))} of {os.cpu_count()}, load before the run {os.getloadavg()[0]:.1f}",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB",
        "disk": f"{_syncs_per_s(folder):,.0f} writes of 8 KiB with fdatasync a second, {_free_gib(folder):.0f} GiB free",
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        **_database(dsn),
        "mosquitto": _mosquitto(folder),
    }


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found.group(1) if found else platform.processor() or platform.machine()


def _syncs_per_s(folder: Path) -> float:
    """How many small writes a second reach the disk: a commit waits for one."""
    count = 0
    path = folder / "syncs"
    with path.open("wb", buffering=0) as file:
        began_s = time.monotonic()
        while time.monotonic() - began_s < _SYNC_FOR_S:
            file.write(_BLOCK)
            os.fdatasync(file.fileno())
            count += 1
        passed_s = time.monotonic() - began_s
    path.unlink()
    return count / passed_s


def _free_gib(folder: Path) -> float:
    return shutil.disk_usage(folder).free / 2**30


def _database(dsn: str) -> dict[str, str]:
    with connect(dsn, Role.ADMIN) as connection:
        version = connection.execute("SHOW server_version").fetchone()
        extension = connection.execute(
            "SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'"
        ).fetchone()
    return {
        "postgresql": str(version[0]) if version else "unknown",
        "timescaledb": str(extension[0]) if extension else "not there: plain PostgreSQL was measured",
    }


def _mosquitto(folder: Path) -> str:
    found = present_mosquitto(folder / "mosquitto")
    if found is None:
        return "not here"
    said = subprocess.run(
        [str(found.program), "-h"], check=False, capture_output=True, text=True, env={**os.environ, **found.environment}
    )
    first = (said.stdout or said.stderr).partition("\n")[0]
    return first.removeprefix("mosquitto version ")
