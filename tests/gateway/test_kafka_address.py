"""A Kafka's URL becomes the client's settings; a password is nowhere shown."""

import confluent_kafka
import pytest
from pydantic import SecretStr

from gateway.errors import SettingsError
from gateway.kafka_address import KafkaAddress
from gateway.settings import Settings, load_settings


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("kafka://one/callout", {"security.protocol": "plaintext"}),
        ("kafkas://one/callout?ca=/etc/ca.crt", {"security.protocol": "ssl", "ssl.ca.location": "/etc/ca.crt"}),
        (
            "kafkas://desk:p%40ss@one/callout",
            {
                "security.protocol": "sasl_ssl",
                "sasl.mechanism": "SCRAM-SHA-512",
                "sasl.username": "desk",
                "sasl.password": "p@ss",
            },
        ),
        (
            "kafka://desk:word@one/callout?sasl=scram-sha-256",
            {
                "security.protocol": "sasl_plaintext",
                "sasl.mechanism": "SCRAM-SHA-256",
                "sasl.username": "desk",
                "sasl.password": "word",
            },
        ),
        (
            "kafkas://desk:word@one/callout?sasl=plain",
            {
                "security.protocol": "sasl_ssl",
                "sasl.mechanism": "PLAIN",
                "sasl.username": "desk",
                "sasl.password": "word",
            },
        ),
    ],
)
def test_account_and_encryption_are_told_in_the_words_of_the_client(url: str, told: dict[str, str]) -> None:
    settings = KafkaAddress.parse(url).client_settings()
    assert settings == {"bootstrap.servers": "one:9092", **told}
    if "ssl.ca.location" not in settings:
        # The library itself knows each name and value.
        confluent_kafka.Consumer({**settings, "group.id": "g"}).close()


def test_a_mechanism_that_is_not_known_is_refused_with_those_that_are() -> None:
    with pytest.raises(ValueError, match="sasl=GSSAPI is none of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"):
        KafkaAddress.parse("kafkas://desk:word@one/callout?sasl=gssapi")


def test_the_password_can_stand_apart_and_then_counts() -> None:
    settings = Settings(source_url="kafkas://desk@one/callout", source_password=SecretStr("s3cret"))
    assert settings.source.client_settings()["sasl.password"] == "s3cret"
    both = Settings(source_url="kafkas://desk:old@one/callout", source_password=SecretStr("s3cret"))
    assert both.source.password == "s3cret"
    assert Settings(source_url="kafkas://desk:old@one/callout").source.password == "old"


def test_no_password_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(source_url="kafkas://desk:s3cret@one/callout", source_password=SecretStr("s3cret"))
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in repr(settings.source)
    monkeypatch.setenv("CALLOUT_SOURCE_URL", "kafkas://desk:s3cret@one/callout?sasl=gssapi")
    with pytest.raises(SettingsError, match="CALLOUT_SOURCE_URL.*GSSAPI") as refused:
        load_settings()
    assert "s3cret" not in str(refused.value)
