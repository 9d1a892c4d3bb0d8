"""Which source the settings name, and by which way commands go to devices."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.errors import SettingsError
from gateway.ingest.commands_out import MqttCommands
from gateway.ingest.mqtt import MqttSource
from gateway.ingest.source import Commands, NoCommands
from gateway.kafka_address import KafkaAddress
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.ingest.kafka import KafkaSource


@dataclass(frozen=True, slots=True)
class Opened:
    """A source for a range of partitions, and what takes commands for its devices."""

    source: "MqttSource | KafkaSource"
    commands: Commands


def open_source(settings: Settings, partitions: range) -> Opened:
    """Connect to where messages come from: `source_url` when it is set, else the MQTT broker.

    Raises
    ------
    SettingsError
        When nothing is set, or Kafka is and its client is not installed.
    CalloutError
        When the source cannot be reached or read.
    """
    if not settings.source_url:
        source = MqttSource(settings.broker, partitions)
        return Opened(source, source)
    kafka = _kafka(KafkaAddress.parse(settings.source_url), partitions)
    commands = MqttCommands(settings.broker, partitions) if settings.broker_url else NoCommands()
    return Opened(kafka, commands)


def _kafka(address: KafkaAddress, partitions: range) -> "KafkaSource":
    try:
        from gateway.ingest.kafka import KafkaSource  # an extra: only those who set it need have it
    except ImportError as error:
        raise SettingsError(
            f"CALLOUT_SOURCE_URL names Kafka, and its client cannot be loaded ({error}). Install it with "
            "`pip install confluent-kafka` (the extra `kafka`), or unset CALLOUT_SOURCE_URL to receive over MQTT."
        ) from error
    return KafkaSource(address, partitions)
