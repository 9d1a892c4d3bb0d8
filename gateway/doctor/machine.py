"""The machine: Python and its packages, the data folder, the disk, and the programs that `up` would start."""

import os
import re
import shutil
import stat
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from gateway.doctor.point import Point, Setup, not_looked, ok, warning, wrong
from gateway.embedded.mosquitto import present_mosquitto
from gateway.embedded.plain_broker import SHORTCOMINGS
from gateway.embedded.postgres import binaries
from gateway.errors import EmbeddedError
from gateway.health.alarms import THRESHOLDS, Kind
from gateway.settings import CHECKOUT

_PYTHONS: Final = ((3, 11), (3, 14))
_LOCKED: Final = re.compile(r"^([\w.-]+)==([^\s;\\]+) *(;?)", re.MULTILINE)
_LEAST_FREE_BYTES: Final = 200_000_000
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def python(_setup: Setup) -> Point:
    """Look at the version of Python."""
    found = ".".join(map(str, sys.version_info[:3]))
    lowest, above = _PYTHONS
    if lowest <= sys.version_info[:2] < above:
        return ok("Python", found)
    return wrong("Python", f"{found}; 3.11 to 3.13 are wanted", "Install one of them, and start with ./callout again.")


def packages(_setup: Setup) -> Point:
    """Look whether the packages are those of the lock file."""
    lock = CHECKOUT / "requirements.lock"
    if not lock.exists():
        return not_looked("packages", "no lock file lies here: in a container they are the image's")
    locked = _LOCKED.findall(lock.read_text(encoding="utf-8"))
    absent: list[str] = []
    other: list[str] = []
    for name, wanted, condition in locked:
        try:
            if (have := version(name)) != wanted:
                other.append(f"{name} {have} instead of {wanted}")
        except PackageNotFoundError:
            # With a condition it may be for another platform.
            absent += [] if condition else [name]
    if absent:
        return wrong("packages", f"not installed: {', '.join(absent)}", "Start with ./callout, which installs them.")
    if other:
        return warning("packages", "; ".join(other), "Start with ./callout, which installs what was tested.")
    return ok("packages", f"{len(locked)}, as locked")


def data_folder(setup: Setup) -> Iterable[Point]:
    """Look whether the data folder can be written and its secrets are ours alone; nothing is made."""
    folder = setup.folder.path
    place = _nearest(folder)
    move = "Mend it, or name another folder with CALLOUT_DATA_DIR."
    if not place.is_dir():
        yield wrong("data folder", f"{place} is no folder", move)
    elif not os.access(place, os.W_OK | os.X_OK) or os.statvfs(place).f_flag & os.ST_RDONLY:
        yield wrong("data folder", f"{place} cannot be written", move)
    else:
        yield ok("data folder", str(folder) if folder == place else f"{folder}: not made yet; its place can be written")
    secrets = folder / "secrets"
    open_ones = [file.name for file in secrets.iterdir() if file.stat().st_mode & _OTHERS] if secrets.is_dir() else []
    if open_ones:
        yield wrong("secrets", f"others may read {', '.join(open_ones)}", f"Close them: chmod 600 {secrets}/*")
    elif secrets.is_dir():
        yield ok("secrets", "readable by their owner alone")


def disk(setup: Setup) -> Point:
    """Look how much room the disk of the data folder has."""
    place = _nearest(setup.folder.path)
    usage = shutil.disk_usage(place)
    used, threshold = 1 - usage.free / usage.total, THRESHOLDS[Kind.DISK_FULL]
    found = f"{usage.free / 1e9:,.1f} GB of {usage.total / 1e9:,.1f} GB are free"
    if usage.free < _LEAST_FREE_BYTES:
        return wrong("disk", found, "Free some space: the database stops on a full disk.")
    if used >= threshold.raise_at:
        return warning("disk", found, "Free some space before the database stops.")
    return ok("disk", found)


def embedded_postgres(setup: Setup) -> Point:
    """Look whether `up` could start a PostgreSQL."""
    if setup.given.database_url:
        return ok("PostgreSQL", "CALLOUT_DATABASE_URL names one, so none is brought along")
    try:
        binaries()
        return ok("PostgreSQL", f"brought along: embedded-postgres {version('embedded-postgres')}")
    except (EmbeddedError, PackageNotFoundError) as error:
        return wrong("PostgreSQL", str(error), "Start with ./callout, or set CALLOUT_DATABASE_URL.")


def embedded_broker(setup: Setup) -> Point:
    """Look whether `up` could start a mosquitto, and what it means if not."""
    if setup.given.broker_url:
        return ok("broker program", "CALLOUT_BROKER_URL names a broker, so none is started")
    found = present_mosquitto(setup.folder.path / "mosquitto")
    if found is not None:
        return ok("broker program", str(found.program))
    if shutil.which("apt-get") and shutil.which("dpkg-deb"):
        return not_looked("broker program", "no mosquitto yet; `up` unpacks Debian's into the data folder")
    return warning(
        "broker program",
        f"no mosquitto, and no apt-get to unpack one with. Without it {SHORTCOMINGS}",
        "Install mosquitto, or set CALLOUT_BROKER_URL.",
    )


def _nearest(folder: Path) -> Path:
    """Return the folder, or the nearest place above it that exists."""
    return next(each for each in (folder, *folder.parents) if each.exists())


CHECKS: Final = (python, packages, data_folder, disk, embedded_postgres, embedded_broker)
