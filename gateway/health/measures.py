"""What ingest and work measure of themselves, as Prometheus figures: counted per batch and per job, never per reading.

No tenant, device or person stands in a label: whoever may see figures need not see people.
"""

import functools
import time
from collections import Counter as Tally
from collections.abc import Callable, Container, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, ParamSpec, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from devices.identity import PARTITIONS
from gateway.ingest.decode import Decoded
from gateway.ingest.log_lag import Behind
from gateway.ingest.source import Message

_BATCH_MESSAGES: Final = (1, 3, 10, 30, 100, 300, 1000)
_BATCH_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)
_JOB_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)

P = ParamSpec("P")
R = TypeVar("R")


def _now() -> datetime:
    return datetime.now(UTC)


def new_registry() -> CollectorRegistry:
    """Return a registry that shows the process itself: memory, processor time, open files."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry


def _nothing_known() -> Behind | None:
    return None


@dataclass(slots=True)
class InHand:
    """What has come in for a worker and is not committed: in its source, and in its hand; and when it last looked."""

    waiting: Callable[[], Sequence[Message]]
    # By the clock that only goes forward.
    looked_s: float
    messages: Sequence[Message] = ()
    # What waits in a log before it comes in; a broker's queue is watched apart.
    behind: Callable[[], Behind | None] = _nothing_known


class IngestMeasures(Collector):
    """The figures of an ingest worker; as a collector, the lag of each partition at the moment of the question.

    Parameters
    ----------
    waiting : callable
        Messages that have come in and that the worker has not taken yet, the oldest first.
    now : callable
        The clock.
    """

    def __init__(self, waiting: Callable[[], Sequence[Message]] = tuple, now: Callable[[], datetime] = _now) -> None:
        self._now = now
        self.in_hand = InHand(waiting, time.monotonic())
        self._ranges: dict[range, InHand] = {}
        self.registry = new_registry()
        self._messages = self._counter("messages", "Messages committed and acknowledged.")
        self._readings = self._counter("readings", "Readings stored, and those that were there already.", "outcome")
        self._rejections = self._counter("rejections", "Messages or pieces of them refused, by reason.", "reason")
        self._waits = self._counter("database_waits", "Times that a batch had to wait for the database.")
        self._batch_messages = Histogram(
            "callout_ingest_batch_messages", "Messages in a batch.", buckets=_BATCH_MESSAGES, registry=self.registry
        )
        self._batch_s = Histogram(
            "callout_ingest_batch_seconds",
            "From a batch taken in hand to its commit, waits for the database included.",
            buckets=_BATCH_S,
            registry=self.registry,
        )
        self._committed_at = Gauge(
            "callout_ingest_last_commit_timestamp_seconds", "When a batch was last committed.", registry=self.registry
        )
        self.queue_fill = self._gauge("broker_queue_fill_ratio", "Share of the broker's bound that waits for ingest.")
        self.queue_messages = self._gauge("broker_queue_messages", "Messages that wait for ingest at the broker.")
        self.queue_dropped = self._gauge(
            "broker_dropped_messages", "Messages that the broker has dropped since it runs."
        )
        self.log_messages = self._gauge("log_waiting_messages", "Messages that wait for ingest in Kafka.")
        self.log_wait_s = self._gauge("log_wait_seconds", "For how long the oldest of them has been waiting.")
        self.registry.register(self)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"callout_ingest_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        gauge = Gauge(f"callout_{name}", text, registry=self.registry)
        # Nobody has measured yet, which is not the same as none.
        gauge.set(float("nan"))
        return gauge

    def of_range(self, partitions: range, source: object) -> "IngestMeasures":
        """Return measures that count here, and have in hand what the worker of one range has.

        Parameters
        ----------
        partitions
            The range; what a worker before had of it in hand is forgotten.
        source
            Its source; what waits in it counts as received when it can say so.
        """
        made = copy(self)
        made.in_hand = self._ranges[partitions] = InHand(
            getattr(source, "waiting", tuple),
            time.monotonic(),
            behind=getattr(source, "behind", _nothing_known),
        )
        return made

    def keep_only(self, ranges: Container[range]) -> None:
        """Forget what workers have in hand whose ranges are served here no longer."""
        for each in tuple(self._ranges):
            if each not in ranges:
                del self._ranges[each]

    @property
    def looked_s(self) -> float:
        """When the worker last looked for messages, on the clock that only goes forward; of several the longest ago; else now."""
        return min((each.looked_s for each in tuple(self._ranges.values())), default=time.monotonic())

    def received(self, messages: Sequence[Message]) -> None:
        """Note what the worker has in hand, in the order in which it will commit it."""
        self.in_hand.messages = messages
        self.in_hand.looked_s = time.monotonic()

    @contextmanager
    def committing(self, batch: Sequence[Message]) -> Generator[None]:
        """Measure a batch from here to its commit; it is no longer in hand then."""
        began_s = time.perf_counter()
        yield
        self._batch_s.observe(time.perf_counter() - began_s)
        self._batch_messages.observe(len(batch))
        self._messages.inc(len(batch))
        self._committed_at.set(self._now().timestamp())
        self.in_hand.messages = self.in_hand.messages[len(batch) :]

    def stored(self, decoded: Decoded, new: int) -> None:
        """Count what a committed transaction held; `new` of its readings were not there before."""
        self._readings.labels("stored").inc(new)
        self._readings.labels("absorbed").inc(decoded.samples - new)
        for reason, count in Tally(each.refusal.reason for each in decoded.rejected).items():
            self._rejections.labels(reason).inc(count)

    def refused(self, reason: str) -> None:
        """Count a message that the database did not take."""
        self._rejections.labels(reason).inc()

    def waited(self) -> None:
        """Count a wait for the database."""
        self._waits.inc()

    def lags_s(self) -> Mapping[int, float]:
        """Return for each partition for how many seconds its oldest uncommitted message has been here; 0 for none.

        Counted from the message's receipt by this process: what waits at the broker is shown by the queue's fill.
        """
        now = self._now()
        oldest: dict[int, datetime] = {}
        here = (self.in_hand, *tuple(self._ranges.values()))
        for message in (message for each in here for message in (*each.messages, *each.waiting())):
            partition = _partition(message.topic)
            if partition is not None:
                oldest.setdefault(partition, message.received_at)
        return {
            partition: (now - oldest[partition]).total_seconds() if partition in oldest else 0.0
            for partition in range(PARTITIONS)
        }

    def behind(self) -> Behind | None:
        """Return what waits in the log for all ranges that are served here; None without a log, or before it was seen."""
        known = [found for each in tuple(self._ranges.values()) if (found := each.behind()) is not None]
        if not known:
            return None
        return Behind(sum(each.messages for each in known), max(each.waited_s for each in known))

    def collect(self) -> Iterable[Metric]:
        """Return the lag of each partition."""
        lag = GaugeMetricFamily(
            "callout_ingest_lag_seconds", "Age of the oldest message received but not committed.", labels=["partition"]
        )
        for partition, lag_s in self.lags_s().items():
            lag.add_metric([str(partition)], lag_s)
        yield lag


def _partition(topic: str) -> int | None:
    """Return the partition that a topic names, without the care that decoding takes."""
    parts = topic.split("/", 3)
    return int(parts[2]) if len(parts) == 4 and parts[2].isdecimal() and parts[2].isascii() else None


class WorkMeasures:
    """The figures of the work process: jobs by task and how they ended, and the sweep."""

    def __init__(self) -> None:
        self.registry = new_registry()
        self._jobs = Counter(
            "callout_jobs", "Jobs that have ended, by task; one that fails is tried again.", ("task", "outcome"),
            registry=self.registry,
        )  # fmt: skip
        self._job_s = Histogram(
            "callout_job_seconds", "Seconds that a job took.", ("task",), buckets=_JOB_S, registry=self.registry
        )
        self._sweep_s = Histogram(
            "callout_sweep_seconds", "Seconds that a sweep of the clocks took.", buckets=_JOB_S, registry=self.registry
        )
        self._swept_at = Gauge(
            "callout_last_sweep_timestamp_seconds", "When a sweep last ended well.", registry=self.registry
        )

    def job(self, task: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Return a decorator that counts and times a task."""

        def measured(step: Callable[P, R]) -> Callable[P, R]:
            @functools.wraps(step)
            def run(*args: P.args, **kwargs: P.kwargs) -> R:
                outcome, began_s = "failed", time.perf_counter()
                try:
                    result = step(*args, **kwargs)
                    outcome = "done"
                    return result
                finally:
                    self._jobs.labels(task, outcome).inc()
                    self._job_s.labels(task).observe(time.perf_counter() - began_s)

            return run

        return measured

    @contextmanager
    def sweeping(self) -> Generator[None]:
        """Measure a sweep that ends well."""
        began_s = time.perf_counter()
        yield
        self._sweep_s.observe(time.perf_counter() - began_s)
        self._swept_at.set_to_current_time()
