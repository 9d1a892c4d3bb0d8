"""The health of ingest: whether it is ready, what it measures of itself and of the broker, and its alarms."""

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gateway.health.alarms import Kind, NotTaken, Value
from gateway.health.clock import Jumps
from gateway.health.door import HealthDoor
from gateway.health.measures import IngestMeasures
from gateway.health.pulse import Pulse
from gateway.ingest.queue_watch import Bound, QueueWatch
from gateway.ingest.sharing import Sharing
from gateway.ingest.unconnected import Away
from gateway.settings import Settings
from gateway.storage.connection import Connection, Role

# The worker looks for messages twice a second, and a batch takes a second at most when all is well.
_LOOKED_WITHIN_S: Final = 30.0
# The alarm about dropped messages ends when none was dropped for so long.
_DROPS_FORGOTTEN_S: Final = 900.0
_JUMPS_REMEMBERED_S: Final = 3600.0
_KINDS: Final = (
    Kind.QUEUE_FILLS, Kind.QUEUE_DROPS, Kind.DATABASE_AWAY, Kind.INGEST_BEHIND, Kind.DISK_FULL, Kind.BROKER_AWAY,
    Kind.CLOCK_JUMPED, Kind.LOG_BEHIND,
)  # fmt: skip
_NO_LOG: Final = NotTaken("messages come from the broker, and no log is read")
_NO_QUEUE: Final = NotTaken("messages come from Kafka, and no broker's queue is read")


class Drops:
    """How many messages the broker has dropped lately; its own counter begins anew when it is started again.

    Examples
    --------
    >>> drops = Drops()
    >>> drops.seen(7, 0.0), drops.seen(9, 1.0), drops.seen(9, 2.0), drops.seen(0, 3.0), drops.seen(0, 5000.0)
    (0, 2, 2, 2, 0)
    """

    def __init__(self) -> None:
        self._before: int | None = None
        self._lately = 0
        self._last_at_s = 0.0

    def seen(self, dropped: int, now_s: float) -> int:
        """Take the broker's counter in; return how many were dropped since the last quiet quarter of an hour."""
        new = 0 if self._before is None else dropped - self._before if dropped >= self._before else dropped
        self._before = dropped
        if new:
            self._lately += new
            self._last_at_s = now_s
        elif now_s - self._last_at_s > _DROPS_FORGOTTEN_S:
            self._lately = 0
        return self._lately


class IngestHealth:
    """Watches an ingest process until it is stopped, and shows what it sees where the settings say."""

    def __init__(self, settings: Settings, sharing: Sharing, measures: IngestMeasures) -> None:
        self._settings = settings
        self._sharing = sharing
        self._measures = measures
        self._drops = Drops()
        self._away = Away()
        self._jumps = Jumps(_JUMPS_REMEMBERED_S)
        bound = Bound(settings.broker_queue_messages, settings.broker_queue_bytes)
        # A log keeps what waits by its own rules, and tells nobody over MQTT.
        self._watch = None if settings.source_url else QueueWatch(settings.broker, bound)
        self._pulse = Pulse("ingest", settings.required("database_url"), Role.INGEST, _KINDS, self._measure)
        self._pulse.start()
        self._door = self._opened()

    def _opened(self) -> HealthDoor | None:
        settings = self._settings
        if not settings.ingest_metrics_port:
            return None
        return HealthDoor(
            "ingest",
            settings.metrics_host,
            settings.ingest_metrics_port,
            self._measures.registry,
            self.troubles,
            settings.api_token.get_secret_value(),
        )

    def troubles(self) -> list[str]:
        """Return why ingest is not ready; nothing when it is."""
        self._measures.keep_only(self._sharing.serving)
        found = [self._pulse.trouble(), *self._sharing.troubles()]
        looked_s = time.monotonic() - self._measures.looked_s
        if looked_s > _LOOKED_WITHIN_S:
            found.append(f"the batch in hand has not been committed for {looked_s:.0f} s")
        return [trouble for trouble in found if trouble]

    def stop(self) -> None:
        """End the watch."""
        self._pulse.stop()
        if self._watch is not None:
            self._watch.close()
        if self._door is not None:
            self._door.close()

    def _measure(self, _connection: Connection | None, _now: datetime) -> Mapping[Kind, Value]:
        self._measures.keep_only(self._sharing.serving)
        values: dict[Kind, Value] = {
            Kind.INGEST_BEHIND: max(self._measures.lags_s().values()),
            Kind.DISK_FULL: max(_full_share(folder) for folder in _disks(self._settings)),
            Kind.BROKER_AWAY: self._away.seen(is_connected=self._sharing.is_connected, now_s=time.monotonic()),
            # Both clocks are looked at in one moment: whatever takes time between them would be a jump.
            Kind.CLOCK_JUMPED: self._jumps.look(datetime.now(UTC), time.monotonic()),
        }
        behind = self._measures.behind()
        if not self._settings.source_url:
            values[Kind.LOG_BEHIND] = _NO_LOG
        elif behind is not None:
            self._measures.log_messages.set(behind.messages)
            self._measures.log_wait_s.set(behind.waited_s)
            values[Kind.LOG_BEHIND] = behind.waited_s
        if self._watch is None:
            return {**values, Kind.QUEUE_FILLS: _NO_QUEUE, Kind.QUEUE_DROPS: _NO_QUEUE}
        fill = self._watch.fill()
        if fill is not None:
            self._measures.queue_fill.set(fill.ratio)
            self._measures.queue_messages.set(fill.messages)
            self._measures.queue_dropped.set(fill.dropped)
            values[Kind.QUEUE_FILLS] = fill.ratio
            values[Kind.QUEUE_DROPS] = self._drops.seen(fill.dropped, time.monotonic())
        return values


def _disks(settings: Settings) -> list[Path]:
    """Return the data folder, or the nearest one above it that exists, and what may have disks of their own below it."""
    folder = settings.data_dir
    home = next(each for each in (folder, *folder.parents) if each.exists())
    return [home, *(part for part in (folder / "postgres", folder / "broker") if part.exists())]


def _full_share(folder: Path) -> float:
    """Return how full a disk is for those who are not root, to whom its last part is closed."""
    disk = os.statvfs(folder)
    used, left = disk.f_blocks - disk.f_bfree, disk.f_bavail
    return used / (used + left) if used + left else 1.0
