"""Both ways of reading MQTT against a broker that does what real ones seldom do."""

import datetime as dt
import ipaddress
import logging
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.ingest import mqtt, plain_client
from gateway.ingest.fast_client import FastClient, why_not_fast
from gateway.ingest.inbox import MOST_MESSAGES
from gateway.ingest.mqtt import BrokerUnreachableError, MqttSource, fastest_client
from gateway.ingest.plain_client import PlainClient
from gateway.settings import ServerAddress
from tests.fakes.mqtt_broker import CONNECT, PUBACK, ScriptedBroker, Visit, publish
from tests.gateway.ingest.streets import MQTT_CLIENTS
from tests.gateway.ingest.test_mqtt import wait_until
from tests.gateway.ingest.test_sources import payloads, receive

TOPIC = "callout/v1/7/acme/ev-1/telemetry"
FEW = range(1)


@pytest.fixture(params=MQTT_CLIENTS.values(), ids=MQTT_CLIENTS.keys())
def client(request: pytest.FixtureRequest) -> type[PlainClient]:
    return request.param


@pytest.fixture
def broker() -> Iterator[ScriptedBroker]:
    with ScriptedBroker() as started:
        yield started


@pytest.fixture
def source(broker: ScriptedBroker, client: type[PlainClient]) -> Iterator[MqttSource]:
    opened = MqttSource(broker.address, FEW, client)
    yield opened
    opened.close()


def messages(first: int, last: int, size: int = 4) -> bytes:
    return b"".join(publish(TOPIC, b"%0*d" % (size, mid), mid) for mid in range(first, last + 1))


def test_frames_that_come_in_pieces_are_read_whole(broker: ScriptedBroker, source: MqttSource) -> None:
    stream = messages(1, 3)
    visit = broker.visit()
    for at in range(len(stream)):
        visit.say(stream[at : at + 1])
    assert payloads(receive(source, 3)) == [b"0001", b"0002", b"0003"]


def test_acknowledgements_go_out_in_the_order_of_the_messages_and_none_for_qos_0(
    broker: ScriptedBroker, source: MqttSource
) -> None:
    visit = broker.visit()
    visit.say(messages(1, 500) + publish(TOPIC, b"unpromised") + messages(501, 1000))
    source.acknowledge(receive(source, 1001))
    wait_until(lambda: len(visit.acknowledged) >= 1000)
    assert visit.acknowledged == list(range(1, 1001))


def test_an_acknowledgement_of_a_former_connection_is_never_sent(broker: ScriptedBroker, source: MqttSource) -> None:
    broker.visit(0).say(messages(1, 5))
    old = receive(source, 5)
    broker.visits[0].hang_up()
    visit = broker.visit(1)
    visit.say(messages(9, 9))
    new = receive(source, 1)
    source.acknowledge(old)
    source.acknowledge(new)
    wait_until(lambda: visit.acknowledged)
    assert visit.acknowledged == [9]
    assert visit.first_packets[0] == CONNECT


def test_acknowledgements_while_the_connection_ends_do_not_come_before_the_word_of_greeting(
    broker: ScriptedBroker, source: MqttSource
) -> None:
    for number in range(3):
        visit = broker.visit(number)
        visit.say(messages(1, 50))
        taken = receive(source, 50)
        visit.hang_up()
        while len(broker.visits) == number + 1:
            source.acknowledge(taken)
            time.sleep(0.001)
    assert [visit.first_packets[0] for visit in broker.visits[:3]] == [CONNECT] * 3
    assert PUBACK not in broker.visit(3).first_packets


@pytest.mark.parametrize(
    "malformed", [b"\x30\x04\x00\x09ab", b"\x32\xff\xff\xff\xff\x7f", b"\xf0\x00"], ids=["topic", "length", "packet"]
)
def test_bytes_that_are_no_mqtt_end_the_connection_and_not_the_work(
    broker: ScriptedBroker, source: MqttSource, malformed: bytes
) -> None:
    broker.visit(0).say(messages(1, 1) + malformed)
    broker.visit(1).say(messages(2, 2))
    found = receive(source, 1)
    while found[-1].payload != b"0002":
        found += receive(source, 1)
    assert source.is_connected


def test_half_a_frame_of_a_connection_that_ended_is_forgotten(broker: ScriptedBroker, source: MqttSource) -> None:
    broker.visit(0).say(messages(1, 1)[:-2])
    time.sleep(0.2)
    broker.visits[0].hang_up()
    broker.visit(1).say(messages(1, 2))
    assert payloads(receive(source, 2)) == [b"0001", b"0002"]


@pytest.fixture
def brief_keepalive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "_KEEPALIVE_S", 2)


@pytest.mark.usefixtures("brief_keepalive")
def test_a_session_that_only_receives_pings_and_stays(broker: ScriptedBroker, client: type[PlainClient]) -> None:
    source = MqttSource(broker.address, FEW, client)
    visit = broker.visit()
    for mid in range(1, 36):
        visit.say(messages(mid, mid))
        time.sleep(0.2)
    assert visit.pings >= 2
    assert len(receive(source, 35)) == 35
    assert len(broker.visits) == 1
    source.close()


@pytest.mark.usefixtures("brief_keepalive")
def test_a_broker_that_falls_dumb_is_left_and_asked_again(client: type[PlainClient]) -> None:
    with ScriptedBroker(answers_pings=False) as broker:
        source = MqttSource(broker.address, FEW, client)
        broker.visit(1)
        source.close()


def test_what_a_broker_sends_beyond_all_measure_is_left_in_the_network(
    broker: ScriptedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "_KEEPALIVE_S", 2)
    source = MqttSource(broker.address, FEW, FastClient)
    visit = broker.visit()
    stream = messages(1, 60_000, size=400)
    pieces = iter([stream[at : at + 100_000] for at in range(0, len(stream), 100_000)])
    visit.connection.settimeout(0.5)
    rest = _say_until_full(visit, pieces)
    assert rest, "everything was taken from the network"
    time.sleep(6.0)  # three times as long as a ping may take
    assert len(source.waiting()) < MOST_MESSAGES + 1000  # beside the full inbox, what one reading brings
    assert len(broker.visits) == 1, "a session that waits for the desk's own database must not end"
    visit.connection.settimeout(None)
    found = list(source.receive(1000, 1.0))
    sent = iter([rest, *pieces])
    while len(found) < 60_000:
        if (piece := next(sent, None)) is not None:
            visit.connection.settimeout(0.05)
            left = _say_until_full(visit, iter([piece]))
            sent = iter([left, *sent]) if left else sent
        found += source.receive(1000, 0.01)
    assert payloads(found) == [b"%0400d" % mid for mid in range(1, 60_001)]
    source.close()


def test_an_answer_that_stands_behind_a_long_queue_is_not_waited_for(client: type[PlainClient]) -> None:
    with ScriptedBroker(waiting=messages(1, 9000, size=200)) as broker:
        source = MqttSource(broker.address, FEW, client)
        assert len(receive(source, 9000)) == 9000
        source.close()


def _say_until_full(visit: Visit, pieces: Iterator[bytes]) -> bytes:
    """Send until the network takes no more; gives what is left of the last piece."""
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            try:
                rest = rest[visit.connection.send(rest) :]
            except TimeoutError:
                return bytes(rest)
    return b""


def test_a_broker_whose_packets_are_swallowed_is_given_up(
    client: type[PlainClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain_client, "_CONNECT_TIMEOUT_S", 0.5)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        began_s = time.monotonic()
        with pytest.raises(BrokerUnreachableError, match=rf"127\.0\.0\.1:{port} does not answer"):
            MqttSource(ServerAddress("127.0.0.1", port, None, None, tls=False), FEW, client)
        assert time.monotonic() - began_s < 10.0
        for filler in fillers:
            filler.close()


def test_a_listener_that_says_nothing_is_given_up(client: type[PlainClient], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "_ANSWER_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as dumb:
        port = dumb.getsockname()[1]
        with pytest.raises(BrokerUnreachableError, match="does not answer like an MQTT broker"):
            MqttSource(ServerAddress("127.0.0.1", port, None, None, tls=False), FEW, client)


def test_tls_is_read_to_the_last_byte_that_was_decrypted(
    client: type[PlainClient], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
    with ScriptedBroker(_tls(tmp_path / "server.pem")) as broker:
        source = MqttSource(broker.address, FEW, client)
        visit = broker.visit()
        # Some records of TLS full of frames, then silence: what the library holds back would stay there.
        visit.say(messages(1, 3000, size=40))
        visit.say(publish(TOPIC, b"z" * 900_000, 3001))
        found = receive(source, 3001)
        assert [len(message.payload) for message in found] == [40] * 3000 + [900_000]
        source.acknowledge(found)
        wait_until(lambda: len(visit.acknowledged) >= 3001)
        source.close()


def _tls(path: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def test_the_installed_paho_is_the_one_whose_private_methods_are_used() -> None:
    assert why_not_fast() is None
    assert fastest_client() is FastClient


def test_another_paho_is_read_plainly_and_that_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(paho.mqtt, "__version__", "3.0.0")
    with caplog.at_level(logging.WARNING):
        assert fastest_client() is PlainClient
    assert ["paho-mqtt 3.0.0 is not 2.2.0" in record.getMessage() for record in caplog.records] == [True]


def test_a_paho_without_a_method_or_with_other_parameters_is_read_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as changed:
        changed.setattr("paho.mqtt.client.Client._packet_queue", lambda self, packet: None)
        assert why_not_fast() == "paho's _packet_queue does not take self, command, packet, mid, qos, info"
    with monkeypatch.context() as changed:
        changed.delattr("paho.mqtt.client.Client._sock_recv")
        assert why_not_fast() == "paho's _sock_recv does not take self, bufsize"
    assert why_not_fast() is None
