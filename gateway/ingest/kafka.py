"""Kafka as a source: a topic of 64 partitions, those of a range assigned by hand, offsets committed after the database.

A record is a message of one device: the key is ``{tenant}/{device}``, the value is the payload, the header ``channel``
says which channel it came on (telemetry without it), and the partition of the log is the partition of the device. The
topic is put together out of these, so that a device in a wrong partition is nobody's and is refused, not mixed in.

Who owns a range is decided by the desk's own leases: there is no consumer group that hands partitions out, only the
name under which Kafka keeps the offsets. It needs the extra `kafka`, and is imported by those who ask for it.
"""

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka import Message as Record

from devices.identity import PARTITIONS, ROOT
from gateway.errors import CalloutError
from gateway.ingest.client_log import quiet_logger
from gateway.ingest.kafka_state import KafkaState
from gateway.ingest.log_lag import Behind
from gateway.ingest.offsets import Offsets
from gateway.ingest.source import SUBSCRIBED, Message
from gateway.kafka_address import KafkaAddress

_log = logging.getLogger(__name__)

GROUP: Final = "callout-ingest"
_ANSWER_S: Final = 10.0
_SAID_AGAIN_S: Final = 60.0
_TELEMETRY: Final = b"telemetry"
_STATISTICS_MS: Final = 1000
# A worker that died may have committed more than it could tell Kafka: at most what it had in hand and in the log's reach.
_PERHAPS_AGAIN: Final = 10_000
_TRIED_AGAIN: Final = {"fetch.error.backoff.ms": 500, "reconnect.backoff.max.ms": 5000}
_BOUNDS: Final = {"queued.min.messages": 10_000, "queued.max.messages.kbytes": 32_768}
_QUICK: Final = {"fetch.wait.max.ms": 100, "fetch.queue.backoff.ms": 10}
_UNUSABLE: Final = {
    KafkaError.UNKNOWN_TOPIC_OR_PART: "the topic is not there",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "the account may not read the topic",
    KafkaError.GROUP_AUTHORIZATION_FAILED: f"the account may not use the group {GROUP}",
}


class KafkaUnusableError(CalloutError):
    """Kafka does not answer, refuses the account, or has no topic of the right form."""


class KafkaSource:
    """The partitions of a range.

    Parameters
    ----------
    address : KafkaAddress
        Servers, topic and the account of the ingest service.
    partitions : range
        Partitions that are wanted; number n of ours is number n of the topic.

    Raises
    ------
    KafkaUnusableError
        When Kafka does not answer at the start, or the topic cannot be read as it must.
    """

    def __init__(self, address: KafkaAddress, partitions: range) -> None:
        self._address = address
        self._partitions = partitions
        self._state = KafkaState(address.topic, partitions)
        self._trouble: str | None = None
        self._said = ""
        self._said_at_s: dict[int, float] = {}
        self._offsets = Offsets()
        self._redelivered_below: dict[int, int] = {}
        self._is_untold = False
        self._is_closed = False
        self._consumer = Consumer(
            {
                **address.client_settings(),
                **_TRIED_AGAIN, **_BOUNDS, **_QUICK,
                "client.id": f"callout-ingest-{partitions.start:02d}-{partitions.stop - 1:02d}",
                "group.id": GROUP,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                # What Kafka has deleted before it was received is said aloud, and never skipped in silence.
                "auto.offset.reset": "error",
                "statistics.interval.ms": _STATISTICS_MS,
                "stats_cb": self._state.told,
                "error_cb": self._on_error,
                "on_commit": self._on_commit,
            },
            logger=quiet_logger(__name__),
        )  # fmt: skip
        try:
            self._check_topic()
            self._assign()
        except KafkaException as error:
            # The library tells why only to those who ask it for news.
            self._consumer.poll(0.0)
            self._consumer.close()
            raise KafkaUnusableError(self._told(str(error.args[0].str()))) from error
        except KafkaUnusableError:
            self._consumer.close()
            raise
        _log.info("%s %d partitions of the topic %s", SUBSCRIBED, len(partitions), address.topic)

    def _check_topic(self) -> None:
        topic = self._consumer.list_topics(self._address.topic, timeout=_ANSWER_S).topics[self._address.topic]
        if topic.error is not None:
            raise KafkaUnusableError(self._told(_UNUSABLE.get(topic.error.code(), str(topic.error.str()))))
        if len(topic.partitions) != PARTITIONS:
            raise KafkaUnusableError(
                self._told(
                    f"the topic has {len(topic.partitions)} partitions, and a device's number is one of {PARTITIONS}"
                )
            )

    def _assign(self) -> None:
        wanted = [TopicPartition(self._address.topic, partition) for partition in self._partitions]
        for place in self._consumer.committed(wanted, timeout=_ANSWER_S):
            if place.error is not None:
                raise KafkaUnusableError(self._told(place.error.str()))
            if place.offset >= 0:
                self._redelivered_below[place.partition] = place.offset + _PERHAPS_AGAIN
        self._consumer.assign(
            [
                TopicPartition(
                    self._address.topic,
                    partition,
                    self._redelivered_below[partition] - _PERHAPS_AGAIN
                    if partition in self._redelivered_below
                    else OFFSET_BEGINNING,
                )
                for partition in self._partitions
            ]
        )

    @property
    def is_connected(self) -> bool:
        """Whether the leaders of all partitions answer, and nothing but the latest is still to come."""
        return self._trouble is None and self._state.is_current

    def behind(self) -> Behind | None:
        """Return what waits in the log for this range, and for how long; None as long as nobody knows."""
        return self._state.lag.behind()

    def receive(self, most: int, timeout_s: float) -> Sequence[Message]:
        """Return what has arrived, at most `most`; wait up to `timeout_s` seconds for the first.

        Raises
        ------
        KafkaUnusableError
            When the topic is gone, or the account has lost its rights.
        """
        if self._trouble is not None:
            raise KafkaUnusableError(self._told(self._trouble))
        if self._is_untold:
            self._tell_kafka()
        first = self._consumer.poll(timeout_s)
        if first is None:
            return ()
        received_at = datetime.now(UTC)
        records = [first, *(self._consumer.consume(most - 1, 0.0) if most > 1 else ())]
        found: list[Message] = []
        for record in records:
            if (error := record.error()) is None:
                found.append(self._message(record, received_at))
            else:
                self._notice(record, error)
        return found

    def _message(self, record: Record, received_at: datetime) -> Message:
        # Only what stands for an error has neither; a record that had none would be refused, and kept.
        partition, offset = record.partition() or 0, record.offset() or 0
        self._offsets.deliver(partition, offset)
        headers: dict[str, str | bytes | None] = dict(record.headers() or [])
        topic = f"{ROOT}/{partition}/{_text(record.key())}/{_text(headers.get('channel', _TELEMETRY))}"
        return Message(
            topic,
            _bytes(record.value()),
            received_at,
            (partition, offset),
            is_redelivered=offset < self._redelivered_below.get(partition, 0),
            is_retained=headers.get("retain") == b"1",
        )

    def _notice(self, record: Record, error: KafkaError) -> None:
        """Something else than a record came: what ends the work is told by the next `receive`."""
        code, partition = error.code(), record.partition()
        if code == KafkaError._AUTO_OFFSET_RESET and partition is not None:  # noqa: SLF001  # its public name
            _log.error("partition %s: Kafka has deleted records before they were received (%s)", partition, error.str())
            again = TopicPartition(self._address.topic, partition, OFFSET_BEGINNING)
            self._consumer.incremental_unassign([again])
            self._consumer.incremental_assign([again])
        elif code in _UNUSABLE:
            self._trouble = _UNUSABLE[code]
        else:
            _log.warning("Kafka says of partition %s: %s", partition, error.str())

    def waiting(self) -> Sequence[Message]:
        """Return nothing: what was fetched and not received yet is the library's own affair."""
        return ()

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Move the offsets on, as far as all before them are committed, too; Kafka is told in the background."""
        for message in messages:
            self._offsets.finish(*message.receipt)
        self._tell_kafka()

    def _tell_kafka(self) -> None:
        places = self._places()
        self._is_untold = False
        if places:
            self._consumer.commit(offsets=places, asynchronous=True)

    def _places(self) -> list[TopicPartition]:
        topic = self._address.topic
        return [TopicPartition(topic, partition, offset) for partition, offset in self._offsets.untold().items()]

    def _on_commit(self, error: KafkaError | None, places: list[TopicPartition]) -> None:
        errors = [each for each in (error, *(place.error for place in places)) if each is not None]
        if errors:
            self._is_untold = True
            _log.warning("Kafka did not take how far we are: %s; it is told again", errors[0].str())
        else:
            self._offsets.told({place.partition: place.offset for place in places})

    def _on_error(self, error: KafkaError) -> None:
        """Keep what the library says, and say a kind of error once a minute: it comes for each partition and attempt."""
        self._said = error.str()
        if error.code() in _UNUSABLE:
            self._trouble = _UNUSABLE[error.code()]
        now_s = time.monotonic()
        if now_s - self._said_at_s.get(error.code(), -_SAID_AGAIN_S) >= _SAID_AGAIN_S:
            self._said_at_s[error.code()] = now_s
            _log.warning("Kafka: %s", error.str())

    def close(self) -> None:
        """Leave; what was not acknowledged comes again later."""
        if self._is_closed:
            return
        self._is_closed = True
        places = self._places()
        if places and self._state.is_up:
            try:
                self._consumer.commit(offsets=places, asynchronous=False)
            except KafkaException as error:
                _log.warning("Kafka did not take how far we are (%s): some records come again", error)
        self._consumer.close()

    def _told(self, problem: str) -> str:
        said = f", {self._said}" if self._said else ""
        address = self._address
        return (
            f"the topic {address.topic} at {address.servers} cannot be read: {problem}{said}. Check that Kafka runs there, "
            f"that the topic has {PARTITIONS} partitions, and the account, in CALLOUT_SOURCE_URL."
        )


def _text(value: str | bytes | None) -> str:
    """Read a key or a header; what is no UTF-8 is no device either, and is refused as such further on."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""


def _bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""
