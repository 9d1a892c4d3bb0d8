"""What devices do when they are asked, against a real broker: they say again what they still have, and say what they have not."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from gateway.settings import ServerAddress
from simulators.fleet.orders import obey
from simulators.fleet.ring import Ring
from simulators.link import Outgoing
from tests.conftest import BrokerForTests
from tests.fakes.enrolment_desk import TOKEN, EnrolmentDesk
from tests.simulators.conftest import Ears, wait_until

Start = Callable[..., "subprocess.Popen[str]"]
Ask = Callable[[str, dict[str, Any]], None]
FLEET = ("fleet", "--meters", "2", "--history", "10d", "--catch-up", "1s", "--outages-per-day", "0", "--healthy")


@pytest.fixture
def ask(broker: BrokerForTests) -> Iterator[Ask]:
    """Ask a device something, as the desk does."""
    ready = threading.Event()
    door = ServerAddress.parse(broker.desk_url)
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.username_pw_set(door.username, door.password)
    client.on_connect = lambda *_: ready.set()
    client.connect(door.host, door.port)
    client.loop_start()
    assert ready.wait(10)
    yield lambda topic, command: client.publish(topic, json.dumps(command), qos=1).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


def resend(boot: int, *spans: list[int], name: str = "c-1") -> dict[str, Any]:
    return {"schema": "callout.command/1", "id": name, "command": "resend", "boot": boot, "seqs": list(spans)}


def words(desk: EnrolmentDesk, tenant: str, *more: str) -> tuple[str, ...]:
    door = ("--api-url", desk.url, "--api-token", TOKEN, "--tenant", tenant, "--state-dir", "state")
    return (*FLEET, *door, *more)


def seqs(ears: Ears, device: str) -> list[int]:
    return [message["seq"] for message in ears.of(device, "telemetry", "event")]


def command_topic(ears: Ears, tenant: str, device: str) -> str:
    """Where a device listens; other tests' devices have left their states at the broker."""
    root = next(topic for topic, _ in ears.heard if f"/{tenant}/{device}/" in topic).rpartition("/")[0]
    return f"{root}/command"


def test_what_was_lost_on_the_way_is_said_again_when_the_desk_asks(
    simulator: Start, desk: EnrolmentDesk, ears: Ears, ask: Ask, tenant: str
) -> None:
    simulator(*words(desk, tenant, "--lose-per-mille", "300", "--samples-per-message", "6"))
    wait_until(lambda: max(seqs(ears, "mtr-0001"), default=0) >= 35, timeout_s=40)
    missing = sorted(set(range(1, 35)) - set(seqs(ears, "mtr-0001")))
    assert missing
    ask(command_topic(ears, tenant, "mtr-0001"), resend(1, *([seq, seq] for seq in missing)))
    wait_until(lambda: set(range(1, 35)) <= set(seqs(ears, "mtr-0001")), timeout_s=40)
    wait_until(lambda: bool(ears.of("mtr-0001", "answer")), timeout_s=40)
    (answer,) = ears.of("mtr-0001", "answer")
    assert answer["id"] == "c-1"
    assert answer["schema"] == "callout.answer/1"
    assert answer["outcome"] == "done"


def test_what_is_no_longer_there_is_named_and_a_strange_command_is_refused(
    simulator: Start, desk: EnrolmentDesk, ears: Ears, ask: Ask, tenant: str
) -> None:
    simulator(*words(desk, tenant))
    wait_until(lambda: len(seqs(ears, "mtr-0002")) > 5, timeout_s=40)
    topic = command_topic(ears, tenant, "mtr-0002")
    ask(topic, resend(1, [3, 3], [100_000, 100_009]))
    ask(topic, resend(7, [1, 2], name="c-2"))
    ask(topic, {"schema": "callout.command/1", "id": "c-3", "command": "explode"})
    wait_until(lambda: len(ears.of("mtr-0002", "answer")) == 3, timeout_s=40)
    told = [(answer["outcome"], answer.get("missing")) for answer in ears.of("mtr-0002", "answer")]
    assert told == [("partly", [[100_000, 100_009]]), ("partly", [[1, 2]]), ("refused", None)]


def test_a_wrong_clock_shows_in_every_sample_and_a_silent_place_says_nothing(
    simulator: Start, desk: EnrolmentDesk, ears: Ears, tenant: str
) -> None:
    mishaps = ("--clock-off", "mtr-0001=-2h", "--silent", "mtr-0002@-5d")
    simulator(*words(desk, tenant, *mishaps))
    wait_until(lambda: len(ears.samples("mtr-0001")) > 230, timeout_s=40)
    wait_until(lambda: len(ears.samples("mtr-0002")) > 90, timeout_s=40)
    right, wrong = (datetime.fromisoformat(ears.samples(name)[90]["at"]) for name in ("mtr-0002", "mtr-0001"))
    assert timedelta(hours=1, minutes=59) < right - wrong < timedelta(hours=2, minutes=1)
    assert len(ears.samples("mtr-0002")) < 130


@pytest.mark.parametrize(
    ("payload", "outcome"),
    [
        (b"\xff", None),
        (b"{}", None),
        (b'{"id": "x"}', "refused"),
        (b'{"id": 5}', None),
        (b'{"schema": "callout.command/1", "id": "x", "command": "resend", "seqs": [[2, 1]]}', "refused"),
        (b'{"schema": "callout.command/1", "id": "x", "command": "resend", "seqs": []}', "refused"),
        (b'{"schema": "callout.command/1", "id": "x", "command": "resend", "boot": 1, "seqs": [[1, 1]]}', "done"),
    ],
)
def test_whatever_a_command_holds_a_device_lives_on(payload: bytes, outcome: str | None) -> None:
    ring = Ring()
    ring.keep(1, 1, Outgoing("t", b"{}"))
    reply = obey(payload, ring)
    assert (json.loads(reply.answer)["outcome"] if reply.answer else None) == outcome


def test_a_ring_forgets_its_oldest_messages_first_by_number_and_by_size() -> None:
    ring = Ring(most_messages=100, most_bytes=1000)
    for seq in range(1, 51):
        ring.keep(2, seq, Outgoing("t", b"x" * 100))
    found, missing = ring.find(2, [(1, 50)])
    assert len(found) == 10
    assert missing == [(1, 40)]
