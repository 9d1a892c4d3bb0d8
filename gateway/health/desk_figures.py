"""What waits at the desk, as Prometheus figures read from the database: jobs, notices, cases, alarms, processes."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.health.alarms import Kind
from gateway.storage import alarms
from gateway.storage.connection import Connection

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def desk_figures(connection: Connection, now: datetime) -> bytes:
    """Return the desk's figures in Prometheus' text form, from five small queries.

    Parameters
    ----------
    connection : Connection
        In the role of serve; no tenant need be set.
    now : datetime
        Aware; ages are counted up to it.
    """
    registry = CollectorRegistry()
    registry.register(_Read(list(_figures(connection, now))))
    return generate_latest(registry)


class _Read(Collector):
    """Figures that were read already."""

    def __init__(self, figures: list[Metric]) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        return self._figures


def _figures(connection: Connection, now: datetime) -> Iterable[Metric]:
    jobs = GaugeMetricFamily("callout_jobs_open", "Jobs that wait (todo) or run (doing).", labels=["task", "state"])
    for each in alarms.job_counts(connection):
        jobs.add_metric([each.task, each.state], each.count)
    yield jobs
    yield _one(
        "oldest_job_seconds", "How long the first job that could run has waited.", alarms.oldest_job_s(connection)
    )
    yield from _backlog(connection, now)
    heard = GaugeMetricFamily(
        "callout_process_heard_seconds", "Since a process was last heard from.", labels=["process"]
    )
    for process in alarms.processes(connection):
        heard.add_metric([process.process], process.silent_s)
    yield heard
    open_kinds = {alarm.kind: alarm for alarm in alarms.open_alarms(connection)}
    raised = GaugeMetricFamily("callout_alarm", "Alarms about the desk: 0 none, 1 open, 2 critical.", labels=["kind"])
    for kind in Kind:
        alarm = open_kinds.get(kind)
        raised.add_metric([kind.value], 0 if alarm is None else 1 + alarm.is_critical)
    yield raised


def _backlog(connection: Connection, now: datetime) -> Iterable[Metric]:
    backlog = alarms.backlog(connection)
    yield _one("notices_unsent", "Messages to people that have not left.", backlog.notices_unsent)
    since_at = backlog.oldest_notice_at
    age_s = (now - since_at).total_seconds() if since_at else 0.0
    yield _one("oldest_notice_seconds", "Age of the oldest message to people that has not left.", age_s)
    yield _one("cases_open", "Cases that wait for a person.", backlog.cases_open)
    yield _one("cases_overdue", "Cases whose time to decide has run out.", backlog.cases_overdue)


def _one(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"callout_{name}", text, value=value)
