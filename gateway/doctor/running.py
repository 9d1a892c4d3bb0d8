"""What runs: processes heard from, open alarms, jobs, letters, and what the door refused lately."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.doctor.point import START_IT, Point, Setup, not_looked, ok, warning, wrong
from gateway.health.alarms import THRESHOLDS, Kind
from gateway.ingest.lease import told
from gateway.storage import alarms, leases

_SHOWN: Final = 6
_ENDED_FOR: Final = timedelta(days=1)
_PROCESSES: Final = ("ingest", "work", "serve")


def processes(setup: Setup) -> Iterable[Point]:
    """Look when each process was last heard from."""
    if setup.database is None:
        yield not_looked("processes", "the database does not answer")
        return
    silent_s = {each.process: each.silent_s for each in alarms.processes(setup.database)}
    limit_s = THRESHOLDS[Kind.INGEST_SILENT].raise_at
    if not any(process in silent_s and silent_s[process] < limit_s for process in _PROCESSES):
        yield not_looked("processes", "none is heard from", START_IT)
        return
    for process in _PROCESSES:
        if process not in silent_s:
            yield wrong(process, "was never heard from", f"Start it: ./callout {process}")
        elif silent_s[process] >= limit_s:
            yield wrong(process, f"not heard from for {silent_s[process]:,.0f} s", f"Start it: ./callout {process}")
        else:
            yield ok(process, "heard from just now")


def ranges(setup: Setup) -> Iterable[Point]:
    """Tell which ingest process holds which partitions, unless none is there at all."""
    if setup.database is None:
        return
    held: dict[tuple[str, int], list[str]] = {}
    for each in leases.held_ranges(setup.database):
        owner = (each.host, each.pid) if each.is_alive else ("", 0)
        held.setdefault(owner, []).append(
            f"{told(range(each.first_partition, each.last_partition + 1))} (epoch {each.epoch})"
        )
    nobodys = held.pop(("", 0), [])
    for (host, pid), names in held.items():
        yield ok(f"ingest {pid}@{host}", f"holds {', '.join(names)}")
    if held and nobodys:
        move = "It passes by itself when another ingest lives; else read its log."
        yield warning("ranges", f"nobody holds {', '.join(nobodys)}", move)


def open_alarms(setup: Setup) -> Iterable[Point]:
    """Tell the alarms that are open."""
    if setup.database is None:
        yield not_looked("alarms", "the database does not answer")
        return
    found = alarms.open_alarms(setup.database)
    if not found:
        yield ok("alarms", "none is open")
    for alarm in found:
        told = f"{alarm}, since {alarm.since_at:%F %T} UTC"
        move = "The points above say more; it ends by itself when its cause has."
        yield (wrong if alarm.is_critical else warning)(f"alarm {alarm.kind}", told, move)
    for alarm in alarms.ended_alarms(setup.database, datetime.now(UTC) - _ENDED_FOR):
        told = f"ended at {alarm.closed_at:%F %T} UTC without being well: {alarm.reason}"
        yield ok(f"alarm {alarm.kind}", told)


def waiting(setup: Setup) -> Iterable[Point]:
    """Look whether jobs, letters and cases wait too long."""
    if setup.database is None:
        return
    oldest_s = alarms.oldest_job_s(setup.database)
    todo = sum(each.count for each in alarms.job_counts(setup.database) if each.state == "todo")
    found = f"{todo} wait, the first that could run for {oldest_s:,.0f} s"
    if oldest_s >= THRESHOLDS[Kind.JOBS_OLD].raise_at:
        yield wrong("jobs", found, "See that `work` runs, and read its log.")
    else:
        yield ok("jobs", found if todo else "none waits")
    backlog = alarms.backlog(setup.database)
    if backlog.cases_overdue:
        late = f"{backlog.cases_overdue} of {backlog.cases_open} are overdue"
        yield warning("cases", late, "Their people find them first in the planner's queue.")
    else:
        yield ok("cases", f"{backlog.cases_open} open, none overdue")
    yield ok("letters", f"{backlog.notices_unsent} in the outbox")


def rejections(setup: Setup) -> Point:
    """Count what the door refused in the last day, by reason."""
    if setup.database is None:
        return not_looked("refused", "the database does not answer")
    rows = setup.database.execute(
        """SELECT reason, count(*) FROM callout.rejection WHERE received_at > now() - interval '1 day'
        GROUP BY reason ORDER BY count(*) DESC, reason"""
    ).fetchall()
    if not rows:
        return ok("refused", "nothing in the last day")
    told = ", ".join(f"{count:,} {reason}" for reason, count in rows[:_SHOWN])
    more = f" and {len(rows) - _SHOWN} more reasons" if len(rows) > _SHOWN else ""
    return warning("refused", f"in the last day: {told}{more}", "See them: ./callout rejections TENANT --reason WORD")


CHECKS: Final = (processes, ranges, open_alarms, waiting, rejections)
