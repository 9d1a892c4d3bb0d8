"""What the simulators' tests share: a door that enrols, ears at the broker, and processes of their own."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from simulators.enrolment import Enrolment
from tests.conftest import BrokerForTests
from tests.fakes.enrolment_desk import TOKEN, EnrolmentDesk

CHECKOUT = Path(__file__).parents[2]


def wait_until(is_so: Callable[[], bool], timeout_s: float = 15.0) -> None:
    """Wait for something to become true."""
    ends_s = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < ends_s, "it did not happen in time"
        time.sleep(0.02)


class Ears:
    """A subscriber that hears all that devices say.

    Parameters
    ----------
    broker
        Where to listen.
    """

    def __init__(self, broker: BrokerForTests) -> None:
        self.heard: list[tuple[str, Any]] = []
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.username_pw_set(broker.ingest.username, broker.ingest.password)
        self._client.on_connect = lambda client, *_: client.subscribe("callout/v1/+/+/+/+", qos=1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._on_message
        self._client.connect(broker.ingest.host, broker.ingest.port)
        self._client.loop_start()
        assert self._ready.wait(10)

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        self.heard.append((message.topic, json.loads(message.payload)))

    def of(self, device: str, *channels: str) -> list[Any]:
        """Messages of one device, in order."""
        found = [(topic.split("/"), message) for topic, message in list(self.heard)]
        return [message for parts, message in found if parts[4] == device and parts[5] in channels]

    def samples(self, device: str) -> list[Any]:
        """Samples of one device, in order."""
        return [sample for message in self.of(device, "telemetry") for sample in message["samples"]]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def ears(broker: BrokerForTests) -> Iterator[Ears]:
    listener = Ears(broker)
    yield listener
    listener.close()


@pytest.fixture
def desk(broker: BrokerForTests) -> Iterator[EnrolmentDesk]:
    door = EnrolmentDesk(broker.port, broker.add_account)
    yield door
    door.close()


@pytest.fixture
def enrolment(desk: EnrolmentDesk, tmp_path: Path) -> Iterator[Enrolment]:
    memory = Enrolment(desk.url, TOKEN, tmp_path / "state")
    yield memory
    memory.close()


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> str:
    """A tenant of the test's own, for the broker outlives a test and retains states."""
    return f"t{abs(hash(request.node.nodeid)) % 10**9}"


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a simulator as a process; whatever still runs at the end is stopped."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "simulators", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=15)
