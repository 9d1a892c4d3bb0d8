"""Where messages wait, as the settings name it: in sessions at the MQTT broker, or in a topic of Kafka."""

from gateway.errors import SettingsError
from gateway.ingest.sessions import MqttSessions, Sessions
from gateway.settings import Settings


def choose_sessions(settings: Settings) -> Sessions:
    """Return the sessions at `source_url` when it is set, else those at the MQTT broker; nothing is connected yet.

    Raises
    ------
    SettingsError
        When nothing is set, or Kafka is and its client is not installed.
    """
    if not settings.source_url:
        return MqttSessions(settings.broker)
    try:
        from gateway.ingest.kafka_sessions import KafkaSessions  # an extra: only those who set it need have it
    except ImportError as error:
        raise SettingsError(
            f"CALLOUT_SOURCE_URL names Kafka, and its client cannot be loaded ({error}). Install it with "
            "`pip install confluent-kafka` (the extra `kafka`), or unset CALLOUT_SOURCE_URL to receive over MQTT."
        ) from error
    return KafkaSessions(settings.source, settings.broker if settings.broker_url else None)
