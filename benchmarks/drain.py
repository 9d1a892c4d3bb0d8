"""One real ingest worker takes a full queue from a real broker into a real database, and what that cost."""

import cProfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from benchmarks.costs import cpu_s, database_processes
from benchmarks.desk import MeasuredDesk
from devices.identity import PARTITIONS
from gateway.health.measures import IngestMeasures
from gateway.ingest.garbage import collect_rarely
from gateway.ingest.mqtt import MqttSource
from gateway.ingest.source import Message
from gateway.ingest.worker import Worker
from gateway.settings import ServerAddress
from gateway.storage.connection import Role, connect
from simulators.progress import ProgressLine

_PATIENCE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Drained:
    """What taking so many messages took: seconds, CPU seconds of the worker (its main thread apart), database and broker."""

    messages: int
    seconds: float
    worker_cpu_s: float
    main_thread_cpu_s: float
    database_cpu_s: float
    broker_cpu_s: float

    @property
    def per_s(self) -> float:
        """Messages in a second."""
        return self.messages / self.seconds


@dataclass(slots=True)
class CountedSource:
    """The broker's source, which ends the worker with the last acknowledgement that was wanted."""

    inner: MqttSource
    total: int
    progress: ProgressLine
    database: Sequence[int]
    broker: int
    worker: Worker | None = None
    acknowledged: int = 0
    began_s: float = 0.0
    ended_s: float = 0.0
    _before: tuple[float, float, float, float] = field(default=(0.0, 0.0, 0.0, 0.0))
    after: tuple[float, float, float, float] = field(default=(0.0, 0.0, 0.0, 0.0))

    @property
    def is_connected(self) -> bool:
        return self.inner.is_connected

    def receive(self, most: int, timeout_s: float) -> Sequence[Message]:
        """Hand over what came; the clocks run from the first message on."""
        messages = self.inner.receive(most, timeout_s)
        if messages and not self.began_s:
            self._before = self._clocks()
            self.began_s = time.monotonic()
        return messages

    def acknowledge(self, messages: Sequence[Message]) -> None:
        self.inner.acknowledge(messages)
        self.acknowledged += _new(messages)
        passed_s = time.monotonic() - self.began_s
        self.progress.show(f"{self.acknowledged:,} of {self.total:,} messages, {self.acknowledged / passed_s:,.0f}/s")
        if self.acknowledged >= self.total:
            self.ended_s = time.monotonic()
            self.after = self._clocks()
            if self.worker is not None:
                self.worker.stop()

    def close(self) -> None:
        self.inner.close()

    def _clocks(self) -> tuple[float, float, float, float]:
        return (time.process_time(), time.thread_time(), cpu_s(self.database), cpu_s([self.broker]))

    def drained(self) -> Drained:
        """What it took, once the worker has ended."""
        used = [after - before for before, after in zip(self._before, self.after, strict=True)]
        return Drained(self.acknowledged, self.ended_s - self.began_s, *used)


def open_session(url: str) -> None:
    """Let the broker keep messages for ingest from now on, with no worker there."""
    MqttSource(ServerAddress.parse(url), range(PARTITIONS)).close()


def drain(
    desk: MeasuredDesk,
    url: str,
    broker: int,
    total: int,
    progress: ProgressLine,
    profile: cProfile.Profile | None = None,
) -> Drained:
    """Take so many messages through one worker.

    Parameters
    ----------
    desk : MeasuredDesk
        Where the devices are enrolled.
    url, broker : str, int
        The broker with the account of ingest, and its process.
    total : int
        How many messages wait, or will come.
    profile : Profile, optional
        Watches the worker's main thread.
    """
    partitions = range(PARTITIONS)
    inner = MqttSource(ServerAddress.parse(url), partitions)
    source = CountedSource(inner, total, progress, (), broker)
    measures = IngestMeasures(inner.waiting)
    worker = Worker(source, lambda: connect(desk.dsn, Role.INGEST), partitions, measures=measures, commands=inner)
    collect_rarely()
    source.database = database_processes(desk.admin)
    source.worker = worker
    if profile is None:
        worker.run()
    else:
        profile.runcall(worker.run)
    return source.drained()


def receive_alone(url: str, total: int, most: int) -> float:
    """Take and acknowledge so many waiting messages as the worker does, and do nothing with them; gives the seconds."""
    source = MqttSource(ServerAddress.parse(url), range(PARTITIONS))
    began_s = time.monotonic()
    count = 0
    while count < total:
        messages = source.receive(most, _PATIENCE_S)
        if not messages:
            raise RuntimeError(f"the broker gave {count:,} of {total:,} messages, and no more for {_PATIENCE_S:g} s")
        source.acknowledge(messages)
        count += _new(messages)
    seconds = time.monotonic() - began_s
    source.close()
    return seconds


def _new(messages: Sequence[Message]) -> int:
    """How many come for the first time: those that a measurement before this one took last may come again."""
    return sum(not message.is_redelivered for message in messages)
