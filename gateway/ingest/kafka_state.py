"""Whether what is sent to a Kafka topic arrives now, out of the statistics of the client library. It asks nobody."""

import logging
from typing import Final

import msgspec

from gateway.ingest.log_lag import LogLag, Place

_log = logging.getLogger(__name__)

# More than this still to come, and the desk looks at the past: nobody may be called silent by it.
_MOST_BEHIND: Final = 10_000
_UP: Final = "UP"
_FETCHING: Final = "active"


class _Partition(msgspec.Struct):
    leader: int
    fetch_state: str
    next_offset: int
    app_offset: int
    hi_offset: int


class _Topic(msgspec.Struct):
    partitions: dict[str, _Partition]


class _Server(msgspec.Struct):
    nodeid: int
    state: str


class _Statistics(msgspec.Struct):
    brokers: dict[str, _Server]
    topics: dict[str, _Topic]


class KafkaState:
    """The latest statistics of a topic's partitions.

    Parameters
    ----------
    topic : str
        The topic's name.
    partitions : range
        Those that are fetched.
    """

    def __init__(self, topic: str, partitions: range) -> None:
        self._topic = topic
        self._partitions = partitions
        self.is_up: bool = False
        self.is_current: bool = False
        self.lag = LogLag()

    def told(self, statistics: str) -> None:
        """Take the library's statistics in, a document of JSON."""
        read = msgspec.json.decode(statistics, type=_Statistics)
        topic = read.topics.get(self._topic)
        found = topic.partitions if topic is not None else {}
        wanted = [found[str(number)] for number in self._partitions if str(number) in found]
        up = {server.nodeid for server in read.brokers.values() if server.state == _UP}
        is_up = len(wanted) == len(self._partitions) and all(each.leader in up for each in wanted)
        if is_up != self.is_up:
            _log.info("Kafka %s", "answers for all partitions" if is_up else "does not answer for all partitions")
        self.is_up = is_up
        self.is_current = is_up and _is_current(wanted)
        self.lag.look(_place(number, found[str(number)]) for number in self._partitions if str(number) in found)


def _is_current(partitions: list[_Partition]) -> bool:
    """Whether each partition is being fetched, its end is known, and little is still to come."""
    if any(each.fetch_state != _FETCHING or each.hi_offset < 0 for each in partitions):
        return False
    return sum(max(0, each.hi_offset - each.next_offset) for each in partitions) < _MOST_BEHIND


def _place(partition: int, told: _Partition) -> Place:
    """What was handed out counts as taken; before anything was, what was fetched. Unknown offsets are below zero."""
    taken = told.app_offset if told.app_offset >= 0 else told.next_offset
    return Place(partition, max(0, taken), max(0, told.hi_offset) if taken >= 0 else 0)
