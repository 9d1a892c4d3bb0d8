"""The real mosquitto under our launcher: who gets in, what they may say and hear, and what survives."""

import os
import queue
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.admission.broker_accounts import (
    INGEST_USER,
    BrokerAccounts,
    accounts_at,
    device_accounts,
    hash_password,
    password_matches,
    read_accounts,
)
from gateway.embedded.broker import EmbeddedBroker
from gateway.embedded.folder import DataFolder
from gateway.errors import CalloutError, EmbeddedError
from gateway.settings import ServerAddress
from tests.conftest import BrokerForTests, free_port

DEVICE = "7/acme/ev-1"
NEIGHBOURS = ("7/acme/ev-2", "7/other/ev-1", "8/acme/ev-1", "7/acme/+", "+/+/+", "7/acme/ev-1/x")


class Client:
    """An MQTT 5 client that keeps what it receives and knows how each publish was answered."""

    def __init__(self, address: ServerAddress, client_id: str = "", *, session_s: int = 0) -> None:
        self.received: queue.Queue[mqtt.MQTTMessage] = queue.Queue()
        self.disconnected = threading.Event()
        self.subscribed = threading.Event()
        self._connected: queue.Queue[ReasonCode] = queue.Queue()
        self._answers: queue.Queue[ReasonCode] = queue.Queue()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv5)
        self.client.username_pw_set(address.username, address.password)
        self.client.on_connect = lambda _c, _u, _f, code, _p: self._connected.put(code)
        self.client.on_message = lambda _c, _u, message: self.received.put(message)
        self.client.on_publish = lambda _c, _u, _m, code, _p: self._answers.put(code)
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.client.on_disconnect = lambda *_: self.disconnected.set()
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = session_s
        self.client.connect(address.host, address.port, clean_start=session_s == 0, properties=properties)
        self.client.loop_start()
        self.answer = self._connected.get(timeout=10)

    def publish(self, topic: str, payload: bytes = b"x") -> str:
        self.client.publish(topic, payload, qos=1)
        return str(self._answers.get(timeout=10))

    def subscribe(self, topic: str) -> None:
        self.subscribed.clear()
        self.client.subscribe(topic, qos=1)
        assert self.subscribed.wait(10)

    def topics(self, wait_s: float = 0.3) -> list[str]:
        """The topics of all that has come, once nothing more comes."""
        found: list[str] = []
        while True:
            try:
                found.append(self.received.get(timeout=wait_s).topic)
            except queue.Empty:
                return found

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@contextmanager
def connected(address: ServerAddress, client_id: str = "", *, session_s: int = 0) -> Iterator[Client]:
    client = Client(address, client_id, session_s=session_s)
    try:
        yield client
    finally:
        client.close()


def as_device(broker: BrokerForTests, username: str = DEVICE, password: str = "s3cret") -> ServerAddress:
    broker.add_account(username, password)
    time.sleep(0.1)
    return ServerAddress(broker.host, broker.port, username, password, tls=False)


def test_our_hash_lets_a_device_in_and_a_wrong_password_does_not(broker: BrokerForTests) -> None:
    address = as_device(broker)
    with connected(address) as client:
        assert str(client.answer) == "Success"
    wrong = ServerAddress(broker.host, broker.port, DEVICE, "S3cret", tls=False)
    with connected(wrong) as client:
        assert str(client.answer) == "Not authorized"
    nameless = ServerAddress(broker.host, broker.port, None, None, tls=False)
    with connected(nameless) as client:
        assert str(client.answer) == "Not authorized"


def test_a_device_speaks_under_its_own_root_and_in_its_own_directions_only(broker: BrokerForTests) -> None:
    with connected(as_device(broker)) as client:
        for word in ("telemetry", "event", "state", "answer"):
            assert client.publish(f"callout/v1/{DEVICE}/{word}") in {"Success", "No matching subscribers"}
        for topic in (
            f"callout/v1/{DEVICE}/command",
            f"callout/v1/{DEVICE}",
            f"callout/v1/{DEVICE}/telemetry/more",
            f"callout/v2/{DEVICE}/telemetry",
            "$SYS/broker/uptime",
            *(f"callout/v1/{other}/telemetry" for other in NEIGHBOURS if "+" not in other),
        ):
            assert client.publish(topic) == "Not authorized", topic


def test_a_device_hears_its_own_commands_only_whatever_it_subscribes_to(broker: BrokerForTests) -> None:
    others = [as_device(broker, name, "other") for name in ("7/acme/ev-2", "7/other/ev-1", "8/acme/ev-1")]
    with connected(as_device(broker)) as client, connected(ServerAddress.parse(broker.desk_url)) as desk:
        for pattern in (
            "#",
            "callout/#",
            "callout/v1/+/+/+/command",
            "callout/v1/7/acme/ev-2/command",
            "$share/g/callout/#",
        ):
            client.subscribe(pattern)
        for other in others:
            with connected(other) as neighbour:
                neighbour.publish(f"callout/v1/{other.username}/telemetry")
                neighbour.publish(f"callout/v1/{other.username}/state")
            desk.publish(f"callout/v1/{other.username}/command")
        desk.publish(f"callout/v1/{DEVICE}/command")
        assert set(client.topics()) == {f"callout/v1/{DEVICE}/command"}


@pytest.mark.parametrize("username", ["+/+/+", "7/acme/+", "#", "7/acme/ev\n1", "7/acme/a:b", ""])
def test_a_name_that_could_be_read_as_a_pattern_gets_no_account(broker: BrokerForTests, username: str) -> None:
    with pytest.raises(CalloutError, match="cannot be given to the broker"):
        broker.server.accounts.write({username: hash_password("x")})


def test_a_revoked_device_is_cut_off_at_once_and_others_are_not(broker: BrokerForTests) -> None:
    stays = as_device(broker, "9/acme/stays", "a")
    goes = as_device(broker, "9/acme/goes", "b")
    with connected(stays) as staying, connected(goes) as going:
        assert going.publish("callout/v1/9/acme/goes/telemetry") != "Not authorized"
        broker.remove_account("9/acme/goes")
        assert going.disconnected.wait(5)
        assert not staying.disconnected.is_set()
        assert staying.publish("callout/v1/9/acme/stays/telemetry") != "Not authorized"


def test_a_device_whose_password_is_issued_anew_is_cut_off_until_it_uses_the_new_one(broker: BrokerForTests) -> None:
    with connected(as_device(broker, "9/acme/again", "old")) as client:
        broker.add_account("9/acme/again", "new")
        assert client.disconnected.wait(5)
    with connected(ServerAddress(broker.host, broker.port, "9/acme/again", "new", tls=False)) as client:
        assert str(client.answer) == "Success"


def test_a_device_cannot_take_over_a_services_session_by_calling_itself_like_one(broker: BrokerForTests) -> None:
    with connected(broker.ingest, "callout-ingest-0", session_s=60) as ingest:
        ingest.subscribe("callout/v1/#")
        with connected(as_device(broker), "callout-ingest-0") as thief:
            assert str(thief.answer) == "Success"
            thief.publish(f"callout/v1/{DEVICE}/telemetry")
        assert not ingest.disconnected.is_set()
        assert f"callout/v1/{DEVICE}/telemetry" in ingest.topics()


def test_what_waits_for_a_stopped_receiver_survives_a_restart_of_the_broker(data_folder: DataFolder) -> None:
    first = free_port()
    server = EmbeddedBroker(data_folder, first, free_port())
    with server:
        server.accounts.write({DEVICE: hash_password("s3cret")})
        ingest_address = ServerAddress.parse(server.service_url(INGEST_USER))
        with connected(ingest_address, "receiver", session_s=3600) as ingest:
            ingest.subscribe("callout/v1/#")
        time.sleep(0.1)
        with connected(ServerAddress("127.0.0.1", first, DEVICE, "s3cret", tls=False)) as device:
            for _ in range(500):
                device.publish(f"callout/v1/{DEVICE}/telemetry")
    with server, connected(ingest_address, "receiver", session_s=3600) as ingest:
        assert len(ingest.topics(1.0)) == 500
    # Devices known from the last run come in before anybody has written their accounts again.
    with server, connected(ServerAddress("127.0.0.1", first, DEVICE, "s3cret", tls=False)) as device:
        assert str(device.answer) == "Success"


def test_a_broker_left_behind_by_a_killed_household_is_ended_by_the_next_one(data_folder: DataFolder) -> None:
    port, service_port = free_port(), free_port()
    left_behind = EmbeddedBroker(data_folder, port, service_port)
    left_behind.start()
    with pytest.raises(EmbeddedError, match=rf"port {port} is in use"):
        EmbeddedBroker(data_folder, port, service_port).start()
    with EmbeddedBroker(data_folder, port, service_port, ends_orphans=True) as server:
        assert server.is_running
        assert not left_behind.is_running


def test_a_broker_that_was_killed_starts_again_on_its_data(data_folder: DataFolder) -> None:
    server = EmbeddedBroker(data_folder, free_port(), free_port())
    server.start()
    assert server._program is not None
    os.kill(server._program.process.pid, signal.SIGKILL)
    server._program.process.wait(5)
    assert not server.is_running
    with server:
        assert server.is_running


def test_accounts_that_have_not_changed_are_not_written_again(broker: BrokerForTests) -> None:
    as_device(broker)
    assert broker.server.accounts.write(broker.accounts) is False


def test_a_folder_that_cannot_be_written_is_told_with_the_next_move(data_folder: DataFolder) -> None:
    accounts = BrokerAccounts(data_folder.path / "absent" / "accounts", {})
    with pytest.raises(CalloutError, match="make the file writable"):
        accounts.write({DEVICE: hash_password("x")})


def test_accounts_that_are_no_devices_stay_in_a_file_of_the_operators_own(data_folder: DataFolder) -> None:
    path = data_folder.path / "passwords"
    path.write_text(f"monitoring:{hash_password('m')}\n9/acme/gone:{hash_password('x')}\n")
    accounts = accounts_at(path, {INGEST_USER: "i"})
    accounts.write({DEVICE: hash_password("d")})
    assert set(read_accounts(path)) == {"monitoring", INGEST_USER, DEVICE}
    before = path.read_text()
    assert accounts_at(path, {INGEST_USER: "i"}).write(device_accounts(path)) is False
    assert path.read_text() == before
    accounts_at(path, {INGEST_USER: "new"}).write(device_accounts(path))
    assert password_matches("new", read_accounts(path)[INGEST_USER])
