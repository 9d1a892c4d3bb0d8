"""Alarms about the desk itself: what is measured becomes an alarm, stays one until it is clearly well, and ends.

Pure: it takes measurements and an instant and returns what has changed. It knows no broker, database or page.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

_DAY_S: Final = 86_400.0


class Kind(StrEnum):
    """What can be wrong with the desk; a value is measured of each, and high is bad."""

    QUEUE_FILLS = "queue_fills"
    QUEUE_DROPS = "queue_drops"
    DATABASE_AWAY = "database_away"
    INGEST_BEHIND = "ingest_behind"
    INGEST_SILENT = "ingest_silent"
    WORK_SILENT = "work_silent"
    JOBS_OLD = "jobs_old"
    DISK_FULL = "disk_full"
    BROKER_AWAY = "broker_away"
    CLOCK_JUMPED = "clock_jumped"
    LIST_OLD = "list_old"
    LOG_BEHIND = "log_behind"


@dataclass(frozen=True, slots=True)
class Threshold:
    """From where on a value is an alarm, below which it has ended, and from where on it is critical.

    `text` is a line of the log about a value, and `unit` is "share" (0 to 1), "s", or "messages".
    """

    raise_at: float
    clear_below: float
    critical_at: float
    unit: str
    text: str


THRESHOLDS: Final[Mapping[Kind, Threshold]] = {
    Kind.QUEUE_FILLS: Threshold(0.5, 0.4, 0.9, "share", "the broker's queue for ingest is {value:.0%} full"),
    Kind.QUEUE_DROPS: Threshold(1.0, 1.0, 1.0, "messages", "the broker has dropped {value:.0f} messages"),
    Kind.DATABASE_AWAY: Threshold(5.0, 1.0, 300.0, "s", "the database has not answered for {value:.0f} s"),
    Kind.INGEST_BEHIND: Threshold(60.0, 10.0, 600.0, "s", "the oldest message has waited {value:.0f} s for its commit"),
    Kind.INGEST_SILENT: Threshold(30.0, 15.0, 300.0, "s", "ingest has not been heard from for {value:.0f} s"),
    Kind.WORK_SILENT: Threshold(30.0, 15.0, 300.0, "s", "work has not been heard from for {value:.0f} s"),
    Kind.JOBS_OLD: Threshold(
        300.0, 60.0, 3600.0, "s", "the oldest job that could run, or failed, has waited {value:.0f} s"
    ),
    Kind.DISK_FULL: Threshold(0.95, 0.93, 0.98, "share", "the disk of the data folder is {value:.0%} full"),
    Kind.BROKER_AWAY: Threshold(
        15.0, 1.0, 300.0, "s", "the broker has not had the session of ingest for {value:.0f} s"
    ),
    Kind.CLOCK_JUMPED: Threshold(5.0, 1.0, 300.0, "s", "the machine's clock has jumped by {value:.0f} s"),
    # Signed daily, and good for seven days.
    Kind.LIST_OLD: Threshold(
        3 * _DAY_S, 2 * _DAY_S, 6 * _DAY_S, "s", "the list of revoked certificates was not signed for {value:.0f} s"
    ),
    Kind.LOG_BEHIND: Threshold(
        60.0, 10.0, 600.0, "s", "messages wait in Kafka for {value:.0f} s before ingest takes them"
    ),
}


@dataclass(frozen=True, slots=True)
class NotTaken:
    """A measure that the present set-up does not take at all, and why: no alarm about it can stand or end by itself.

    What could not be measured this time is None instead.
    """

    reason: str


Value = float | NotTaken | None


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm: since when, what was measured last and when, and when it ended; None while it is open.

    `reason` says why it ended when that is not that all is well.
    """

    kind: Kind
    is_critical: bool
    since_at: datetime
    last_at: datetime
    value: float
    closed_at: datetime | None = None
    reason: str = ""

    @property
    def threshold(self) -> float:
        """From where on the value is an alarm."""
        return THRESHOLDS[self.kind].raise_at

    def __str__(self) -> str:
        return THRESHOLDS[self.kind].text.format(value=self.value)


@dataclass(slots=True)
class Alarms:
    """The open alarms of the kinds that one process looks after.

    Examples
    --------
    >>> from datetime import UTC
    >>> alarms, now = Alarms(), datetime(2026, 11, 22, tzinfo=UTC)
    >>> [str(alarm) for alarm in alarms.look({Kind.QUEUE_FILLS: 0.62}, now)]
    ["the broker's queue for ingest is 62% full"]
    >>> alarms.look({Kind.QUEUE_FILLS: 0.45}, now)
    []
    >>> alarms.look({Kind.QUEUE_FILLS: 0.1}, now)[0].closed_at == now
    True
    """

    open: dict[Kind, Alarm] = field(default_factory=dict[Kind, Alarm])

    def look(self, values: Mapping[Kind, Value], now: datetime) -> list[Alarm]:
        """Take measurements in; return alarms that have begun, have become critical, or have ended.

        Parameters
        ----------
        values : mapping
            What was measured; a kind that is None or missing could not be, and its alarm stays as it is; that of one
            that is not taken any more ends with the reason.
        now : datetime
            Aware.
        """
        changed: list[Alarm] = []
        for kind, value in values.items():
            match value:
                case None:
                    pass
                case NotTaken(reason):
                    if (before := self.open.pop(kind, None)) is not None:
                        changed.append(replace(before, closed_at=now, reason=reason))
                case _:
                    changed += self._one(kind, value, now)
        return changed

    def _one(self, kind: Kind, value: float, now: datetime) -> Iterable[Alarm]:
        threshold = THRESHOLDS[kind]
        before = self.open.get(kind)
        if before is None:
            if value < threshold.raise_at:
                return ()
            self.open[kind] = Alarm(kind, value >= threshold.critical_at, now, now, value)
            return (self.open[kind],)
        if value < threshold.clear_below:
            del self.open[kind]
            return (replace(before, closed_at=now),)
        # What was critical once stays so to its end: it is a person's to look at.
        is_critical = before.is_critical or value >= threshold.critical_at
        self.open[kind] = replace(before, is_critical=is_critical, last_at=now, value=value)
        return (self.open[kind],) if is_critical and not before.is_critical else ()

    def adopt(self, alarms: Iterable[Alarm]) -> None:
        """Take over alarms that the process before this one left open; one that is open here already goes on."""
        for alarm in alarms:
            self.open.setdefault(alarm.kind, alarm)
