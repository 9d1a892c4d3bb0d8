"""A broker that does not let ingest in: at the start it is said and the process ends, later it is tried again without end."""

import logging
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import pytest

from gateway.errors import SettingsError
from gateway.health.measures import IngestMeasures
from gateway.ingest.health import IngestHealth
from gateway.ingest.mqtt import BrokerUnreachableError, MqttSource
from gateway.settings import ServerAddress, Settings, load_settings
from tests.conftest import free_port
from tests.fakes.refusing_broker import LET_IN, TOO_OLD, RefusingBroker, refusal
from tests.gateway.ingest.test_mqtt import wait_until

REFUSALS = [
    (refusal(0x86), "Bad user name or password.*Check the account"),
    (refusal(0x87), "Not authorized.*Check the account"),
    (refusal(0x88), "Server unavailable.*the broker keeps what comes"),
    (refusal(0x89), "Server busy.*the broker keeps what comes"),
    (refusal(0x97), "Quota exceeded.*the broker keeps what comes"),
    (refusal(0x9D), "Server moved.*Name the server that it means"),
    (refusal(0x8A), "Banned.*Lift the ban"),
    (TOO_OLD, "Unsupported protocol version.*Ingest needs MQTT 5"),
]


class OneRange:
    """A process that serves one range from one source, as its health sees it."""

    serving: Mapping[range, object] = MappingProxyType({})

    def __init__(self, kept: MqttSource) -> None:
        self._kept = kept

    @property
    def is_connected(self) -> bool:
        return self._kept.is_connected

    def troubles(self) -> list[str]:
        return [trouble] if (trouble := self._kept.trouble()) else []


def source(url: str) -> MqttSource:
    return MqttSource(ServerAddress.parse(url), range(64))


@pytest.mark.parametrize(("connack", "told"), REFUSALS)
def test_at_the_start_the_reason_of_a_refusal_is_said_with_the_next_move(connack: bytes, told: str) -> None:
    with RefusingBroker(connack) as broker, pytest.raises(BrokerUnreachableError, match=told) as refused:
        source(broker.url)
    assert "secret" not in str(refused.value)


def test_at_the_start_a_broker_that_grants_no_topic_is_said() -> None:
    with RefusingBroker(LET_IN, topics_reason=0x87) as broker:
        with pytest.raises(BrokerUnreachableError, match="refuses ingest: 256 of 256 topics.*its rights"):
            source(broker.url)


def test_later_a_refusal_is_tried_again_ever_more_slowly_until_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    with RefusingBroker(LET_IN) as broker:
        kept = source(broker.url)
        assert kept.trouble() == ""
        with caplog.at_level(logging.WARNING):
            broker.connack = refusal(0x89)
            broker.hang_up()
            wait_until(lambda: len(broker.came_at_s) >= 4)
        assert not kept.is_connected
        assert kept.receive(10, 0.0) == []
        assert "Server busy" in kept.trouble()
        assert "the broker refuses ingest: Server busy" in caplog.text
        _, first, second, third = broker.came_at_s[:4]
        broker.connack = LET_IN
        wait_until(lambda: kept.is_connected)
        assert kept.trouble() == ""
        kept.close()
    assert third - second > second - first > 0.9


def test_later_topics_that_are_refused_are_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.ingest.mqtt._ASK_AGAIN_S", 0.2)
    with RefusingBroker(LET_IN) as broker:
        kept = source(broker.url)
        broker.topics_reason = 0x87
        broker.hang_up()
        wait_until(lambda: "256 of 256 topics" in kept.trouble())
        broker.topics_reason = 1
        wait_until(lambda: not list(kept.receive(10, 0.1)) and kept.is_connected)
        assert kept.trouble() == ""
        kept.close()


@pytest.mark.slow
def test_a_broker_that_goes_away_and_a_port_that_swallows_what_is_sent_are_trouble_until_they_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with RefusingBroker(LET_IN) as broker:
        kept = source(broker.url)
    with caplog.at_level(logging.WARNING):
        wait_until(lambda: "does not answer" in kept.trouble() and "Connection refused" in caplog.text)
    kept.close()
    with RefusingBroker(b"") as deaf:
        began_s = time.monotonic()
        with pytest.raises(BrokerUnreachableError, match="does not answer like an MQTT broker within 15 s"):
            source(deaf.url)
        assert time.monotonic() - began_s < 25


def test_an_alarm_says_that_the_broker_is_away_and_ends_when_it_lets_us_in(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway.storage.alarms import open_alarms
    from gateway.storage.connection import Role, connect

    with RefusingBroker(LET_IN) as broker, connect(database, Role.INGEST) as connection:
        given = Settings(database_url=database, broker_url=broker.url)
        kept = source(broker.url)
        health = IngestHealth(given, OneRange(kept), IngestMeasures())
        assert not [each for each in health.troubles() if "broker" in each]
        broker.connack = refusal(0x88)
        broker.hang_up()
        wait_until(lambda: [str(each.kind) for each in open_alarms(connection)] == ["broker_away"])
        assert [each for each in health.troubles() if "Server unavailable" in each]
        broker.connack = LET_IN
        wait_until(lambda: open_alarms(connection) == [])
        health.stop()
        kept.close()


@dataclass(frozen=True)
class Encrypted:
    """A mosquitto with a certificate for the name localhost, signed by an authority of its own."""

    port: int
    ca_file: Path

    def url(self, host: str = "localhost") -> str:
        return f"mqtts://{host}:{self.port}"


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encrypted]:
    folder = tmp_path_factory.mktemp("tls")
    made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    subprocess.run(
        ["openssl", *made, "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.crt"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    subprocess.run(
        ["openssl", *made, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-CA", "ca.crt",
         "-CAkey", "ca.key", "-keyout", "broker.key", "-out", "broker.crt"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    port = free_port()
    lines = [f"listener {port} 127.0.0.1", "allow_anonymous true", "user root", f"certfile {folder}/broker.crt"]
    lines += [f"keyfile {folder}/broker.key"]
    (folder / "mosquitto.conf").write_text("\n".join(lines))
    with subprocess.Popen(["mosquitto", "-c", folder / "mosquitto.conf"], stderr=subprocess.DEVNULL) as process:
        time.sleep(1)
        yield Encrypted(port, folder / "ca.crt")
        process.terminate()


# paho lets go of a socket whose TLS has failed without closing it; Python closes it, and says so.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_broker_of_a_private_authority_is_trusted_when_it_is_named_and_only_then(encrypted: Encrypted) -> None:
    with pytest.raises(BrokerUnreachableError, match="not trusted.*CALLOUT_BROKER_CA_FILE"):
        source(encrypted.url())
    trusted = Settings(broker_url=encrypted.url(), broker_ca_file=encrypted.ca_file).broker
    kept = MqttSource(trusted, range(64))
    assert kept.is_connected
    kept.close()
    with pytest.raises(BrokerUnreachableError, match="not trusted.*mismatch.*Write its name"):
        MqttSource(replace(trusted, host="127.0.0.1"), range(64))


# paho lets go of a socket whose TLS has failed without closing it; Python closes it, and says so.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.slow
def test_tls_with_who_speaks_none_is_told_apart_from_silence(encrypted: Encrypted) -> None:
    with (
        RefusingBroker(LET_IN) as plain,
        pytest.raises(BrokerUnreachableError, match="TLS with the broker at .* fails"),
    ):
        source(plain.url.replace("mqtt:", "mqtts:"))
    with pytest.raises(BrokerUnreachableError, match="does not answer like an MQTT broker|refuses|does not answer"):
        source(f"mqtt://localhost:{encrypted.port}")


def test_a_file_of_authorities_that_is_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for name in ("ca.pem", "missing.pem"):
        monkeypatch.setenv("CALLOUT_BROKER_CA_FILE", str(tmp_path / name))
        with pytest.raises(SettingsError, match=rf"CALLOUT_BROKER_CA_FILE: .*{name} is no file with certificates"):
            load_settings()
