"""PostgreSQL's disk is filled by somebody else while the street sends, stays full for some seconds, and is freed.

A disk of its own needs a mount, and so root. What ends because of it is started again as a household does it. While it
is full nothing is stored, and so nothing may be acknowledged; the alarm is written when there is room for it again.
"""

import contextlib
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from gateway.embedded.program import Program
from gateway.errors import CalloutError
from tests.trust.desk import AWAY, Desk
from tests.trust.ledger import Ledger
from tests.trust.trial import Asked, trial

TIMES = 3
_DISK_MB: Final = 1000
# The log of changes must leave room for the readings: as it is set for users, it alone may fill so small a disk.
_LOG_OF_CHANGES: Final = {"max_wal_size": "160MB"}
# What is left free: less than a segment of the write-ahead log at times, more than one at others.
_LEAST_LEFT_MB, _MOST_LEFT_MB = 2, 24
_FULL_WITHIN_S: Final = 90.0
_ALARM_WITHIN_S: Final = 60.0
_LONGEST_FULL_S: Final = 8.0


def run(asked: Asked) -> Sequence[Ledger]:
    """Strike as often as asked; without the right to mount a disk there is no ledger, and a word about it."""
    mounted: list[Path] = []
    try:
        strikes = [_strike] * (asked.times or TIMES)
        return [trial("disk full and freed", asked, strikes, asked.habit(), lambda desk: mounted.append(_move(desk)))]
    except PermissionError as error:
        print(f"disk: left out: {error}", file=sys.stderr)
        return []
    finally:
        for place in mounted:
            subprocess.run(["umount", "--lazy", place], check=True)
            shutil.rmtree(place.parents[1], ignore_errors=True)


def _move(desk: Desk) -> Path:
    """Move PostgreSQL onto a small disk of its own, and return where that is mounted."""
    place = desk.folder.part("postgres")
    aside = place.with_name("postgres.before")
    desk.ingest.stop()
    desk.postgres.stop()
    place.rename(aside)
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MB}m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        raise PermissionError("mounting a small disk needs root")
    subprocess.run(["cp", "-a", f"{aside}/.", place], check=True)
    shutil.rmtree(aside)
    desk.postgres.server_settings = _LOG_OF_CHANGES
    desk.postgres.start()
    desk.ingest.start()
    return place


def _strike(desk: Desk, chance: random.Random) -> None:
    place = desk.folder.part("postgres")
    began_at = _value(desk, "SELECT now()")
    filler, log_began_at = place / "filler", desk.folder.log("ingest").stat().st_size
    left_bytes = chance.randint(_LEAST_LEFT_MB, _MOST_LEFT_MB) * 1_000_000
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, shutil.disk_usage(place).free - left_bytes))
    worker = _worker(desk).process.pid
    _wait(_FULL_WITHIN_S, lambda: _is_refused(desk, log_began_at))
    _endure(desk, chance.uniform(1.0, _LONGEST_FULL_S))
    if _worker(desk).process.pid != worker or not desk.ingest.is_running:
        desk.crashes.append(f"ingest ended on a full disk: {_worker(desk).said()[-300:]}")
    filler.unlink()
    _endure(desk, 1.0)
    if not _wait(_ALARM_WITHIN_S, lambda: _has_alarm(desk, began_at)):
        desk.crashes.append("no alarm has told of the full disk")


def _is_refused(desk: Desk, log_began_at: int) -> bool:
    """Whether ingest has said since then that the database takes no batch; a server that ended is started again meanwhile."""
    _endure(desk, 0.1)
    with desk.folder.log("ingest").open("rb") as log:
        log.seek(log_began_at)
        return b"did not take a batch" in log.read()


def _endure(desk: Desk, seconds: float) -> None:
    """Do what a household does about a server that ends, in vain as long as there is no room."""
    until_s = time.monotonic() + seconds
    while True:
        if not desk.postgres.is_running:
            with contextlib.suppress(CalloutError):
                desk.postgres.start()
        if time.monotonic() >= until_s:
            return
        time.sleep(0.1)


def _has_alarm(desk: Desk, since_at: object) -> bool:
    _endure(desk, 0.5)
    query = "SELECT count(*) > 0 FROM desk_alarm WHERE last_at >= %s AND kind IN ('disk_full', 'database_away')"
    try:
        return _value(desk, query, since_at) is True
    except AWAY:
        return False


def _value(desk: Desk, query: str, *parameters: object) -> object:
    with desk.connect() as connection:
        row = connection.execute(query, parameters).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return row[0]


def _worker(desk: Desk) -> Program:
    program = desk.ingest._program
    assert program is not None
    return program


def _wait(seconds: float, holds: Callable[[], bool]) -> bool:
    until_s = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < until_s:
        time.sleep(0.05)
    return held
