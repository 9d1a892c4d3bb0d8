"""A topic of Kafka in the place of the broker's sessions: the log keeps what comes for all partitions, served or not."""

import threading
from collections.abc import Callable, Sequence

from gateway.ingest.commands_out import MqttCommands
from gateway.ingest.kafka import KafkaSource
from gateway.ingest.log_lag import Behind
from gateway.ingest.sessions import DrainingSource, RangeSource
from gateway.ingest.source import Message, NoCommands, Return
from gateway.kafka_address import KafkaAddress
from gateway.settings import ServerAddress


class KafkaSessions:
    """Ranges of a topic's partitions, and commands to their devices over MQTT.

    Parameters
    ----------
    address : KafkaAddress
        Servers, topic and the account of the ingest service.
    broker : ServerAddress or None
        Where devices hear commands; without it they wait in their outbox.
    """

    def __init__(self, address: KafkaAddress, broker: ServerAddress | None) -> None:
        self._address = address
        self._broker = broker

    def open(self, partitions: range) -> RangeSource:
        """Return the source of a range, from where the one before it was committed."""
        source = KafkaSource(self._address, partitions)
        return KafkaRange(source, MqttCommands(self._broker, partitions) if self._broker is not None else None)

    def prepare(self, partitions: range) -> None:
        """Do nothing: the log keeps what comes, and how far it is committed it knows for each partition."""

    def drain(self, partitions: range, is_ours: Callable[[], bool]) -> DrainingSource:
        """Return what is empty: what waits does so in its partition, and belongs to whichever range has that."""
        del partitions, is_ours
        return KafkaDrain()


class KafkaRange:
    """A range of the topic, with commands to its devices."""

    def __init__(self, source: KafkaSource, commands: MqttCommands | None) -> None:
        self._source = source
        self._over_mqtt = commands
        self._commands = commands or NoCommands()

    @property
    def is_connected(self) -> bool:
        """Whether what devices send would arrive now."""
        return self._source.is_connected

    def behind(self) -> Behind | None:
        """Return what waits in the log, and for how long; None as long as nobody knows."""
        return self._source.behind()

    def receive(self, most: int, timeout_s: float) -> Sequence[Message]:
        """Return at most `most` messages, waiting up to `timeout_s` seconds for the first."""
        return self._source.receive(most, timeout_s)

    def waiting(self) -> Sequence[Message]:
        """Return what has arrived and was not received yet."""
        return self._source.waiting()

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Tell Kafka that these are committed."""
        self._source.acknowledge(messages)

    def send(self, topic: str, payload: bytes, expiry_s: int, answer: Return | None = None) -> int | None:
        """Publish a command that is worth nothing after `expiry_s` seconds; None when nobody is there to take it."""
        return self._commands.send(topic, payload, expiry_s, answer)

    def receipts(self) -> Sequence[tuple[int, str | None]]:
        """Return the numbers of commands that were answered for since the last call."""
        return self._commands.receipts()

    def close(self) -> None:
        """Leave Kafka and the broker."""
        self._source.close()
        if self._over_mqtt is not None:
            self._over_mqtt.close()


class KafkaDrain:
    """A source without messages."""

    is_connected = False
    is_drained = True

    def __init__(self) -> None:
        self._is_closed = threading.Event()

    def receive(self, most: int, timeout_s: float) -> Sequence[Message]:
        """Return nothing, after `timeout_s` seconds."""
        del most
        self._is_closed.wait(timeout_s)
        return ()

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Do nothing: nothing was handed over."""

    def close(self) -> None:
        """Let whoever waits go."""
        self._is_closed.set()
