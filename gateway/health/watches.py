"""The watches of work and of serve: each beats for itself, and looks after alarms about the others.

Serve notices that ingest or work are not heard from, work that jobs wait too long: nobody has to report his own death.
"""

import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from gateway.health.alarms import Kind, NotTaken, Value
from gateway.health.door import HealthDoor
from gateway.health.measures import WorkMeasures
from gateway.health.pulse import Pulse
from gateway.settings import Settings
from gateway.storage import alarms
from gateway.storage.connection import Connection, Role

_SILENT: Final[Mapping[str, Kind]] = {"ingest": Kind.INGEST_SILENT, "work": Kind.WORK_SILENT}


class WorkHealth:
    """Watches a work process until it is stopped, and shows what it sees where the settings say."""

    def __init__(self, settings: Settings, measures: WorkMeasures) -> None:
        database_url, sends_letters = settings.required("database_url"), bool(settings.smtp_url)
        self._pulse = Pulse(
            "work", database_url, Role.WORK, (Kind.JOBS_OLD,), _waiting_jobs, sends_letters=sends_letters
        )
        self._pulse.start()
        self._door: HealthDoor | None = None
        if settings.work_metrics_port:
            self._door = HealthDoor(
                "work",
                settings.metrics_host,
                settings.work_metrics_port,
                measures.registry,
                self.troubles,
                settings.api_token.get_secret_value(),
            )

    def troubles(self) -> list[str]:
        """Return why work is not ready, its job queue among it; nothing when it is."""
        trouble = self._pulse.trouble()
        return [trouble] if trouble else []

    def stop(self) -> None:
        """End the watch."""
        self._pulse.stop()
        if self._door is not None:
            self._door.close()


def watch_serve(settings: Settings) -> Pulse:
    """Begin the pulse of a serve process, which looks after the silence of ingest and work, and after that of `accounts`.

    Whoever keeps the broker's accounts signs the list of revoked certificates every day: an old one tells that nobody does.
    """
    revocation_list = settings.authority_folder / "crl.pem" if settings.certificate_broker_url else None

    heard = Heard()

    def measure(connection: Connection | None, now: datetime) -> Mapping[Kind, Value]:
        return {**heard.silences(connection, now), Kind.LIST_OLD: _age_s(revocation_list, now)}

    kinds = (*_SILENT.values(), Kind.LIST_OLD)
    pulse = Pulse("serve", settings.required("database_url"), Role.SERVE, kinds, measure)
    pulse.start()
    return pulse


def _age_s(file: Path | None, now: datetime) -> Value:
    """Return how old a file is; None where it is away, which is told by whoever needs it."""
    if file is None:
        return NotTaken("devices have no certificates in the present set-up")
    try:
        return now.timestamp() - file.stat().st_mtime
    except OSError:
        return None


def _waiting_jobs(connection: Connection | None, _now: datetime) -> Mapping[Kind, Value]:
    return {} if connection is None else {Kind.JOBS_OLD: alarms.oldest_job_s(connection)}


class Heard:
    """When processes were last heard from, by the clock that only goes forward: the machine's may be set."""

    def __init__(self) -> None:
        self._heard: dict[str, tuple[datetime, float]] = {}

    def silences(self, connection: Connection | None, _now: datetime) -> Mapping[Kind, float | None]:
        """Return for how long processes have not been heard from; one that never was is not missed."""
        if connection is None:
            return {}
        silent_s = {each.process: self._silent_s(each) for each in alarms.processes(connection)}
        return {kind: silent_s.get(process) for process, kind in _SILENT.items()}

    def _silent_s(self, row: alarms.ProcessRow) -> float:
        now_s = time.monotonic()
        before = self._heard.get(row.process)
        if before is None:
            # What was before our first look, the database's clock alone knows.
            self._heard[row.process] = row.heard_at, now_s - max(0.0, row.silent_s)
        elif before[0] != row.heard_at:
            self._heard[row.process] = row.heard_at, now_s
        return now_s - self._heard[row.process][1]
