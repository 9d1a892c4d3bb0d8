"""Each service's command as the compose file states it, run without its container: a device reports over TLS."""

import json
import os
import signal
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from devices.identity import Identity
from gateway.admission.broker_accounts import password_matches
from gateway.authority.issuer import Issuer
from gateway.settings import CHECKOUT
from tests.conftest import free_port
from tests.deploy.compose import SECRETS
from tests.deploy.stack import ACCOUNT, Stack, wait_until
from tests.gateway.authority.keys import DeviceKey

BY_PASSWORD, BY_CERTIFICATE = "8883", "8884"
ANSWER_S = 30.0


@pytest.fixture(scope="module")
def enrolled(stack: Stack) -> dict[str, Any]:
    """A device with a password, enrolled by the commands that the README names, in the container that it names."""
    configured = stack.run("accounts", "configure", str(CHECKOUT / "simulators" / "worlds" / "demo.toml"))
    assert configured.returncode == 0, configured.stderr
    return enrol(stack, "ev-1")


@pytest.fixture(scope="module")
def certified(stack: Stack, enrolled: dict[str, Any]) -> tuple[str, Path]:
    """The user name of a device with a certificate, and the folder of its certificate and key."""
    assert enrolled
    key, folder = DeviceKey(), stack.home / "ev-2"
    folder.mkdir()
    (folder / "device.csr").write_text(key.request())
    told = enrol(stack, "ev-2", "--csr", str(folder / "device.csr"))
    key.keep(folder, told["credentials"]["certificate"])
    assert told["broker"] == {"host": "localhost", "port": stack.ports[BY_CERTIFICATE], "tls": True}
    return told["credentials"]["username"], folder


def enrol(stack: Stack, device: str, *more: str) -> dict[str, Any]:
    """Enrol a device, and return what its maker is told."""
    words = ("--tenant", "hanbit", "--serial", f"KMH-{device}", "--device", device, "--owner-name", "Lee Min-ji", *more)
    outcome = stack.run("accounts", "enrol", *words, "--owner-email", "minji@example.org")
    assert outcome.returncode == 0, outcome.stderr
    return json.loads(outcome.stdout)


class Device:
    """A device's connection, with what the broker said to it."""

    def __init__(
        self, stack: Stack, port: str, user: str = "", password: str = "", identity: Path | None = None
    ) -> None:
        self.client = Client(CallbackAPIVersion.VERSION2, client_id="any", protocol=MQTTProtocolVersion.MQTTv5)
        context = ssl.create_default_context(cafile=str(stack.home / "authority" / "ca.crt"))
        if identity is not None:
            context.load_cert_chain(identity / "device.crt", identity / "device.key")
        self.client.tls_set_context(context)
        if user:
            self.client.username_pw_set(user, password)
        self.answered = threading.Event()
        self.answer = ""
        self.refusal = ""
        self.client.on_connect = lambda _c, _u, _f, reason, _p: self._answer(str(reason))
        self.client.on_publish = lambda _c, _u, _m, reason, _p: self._published(str(reason))
        self.published: list[str] = []
        try:
            self.client.connect("localhost", stack.ports[port])
            self.client.loop_start()
        except OSError as error:
            self.refusal = str(error)

    def _answer(self, reason: str) -> None:
        self.answer = reason
        self.answered.set()

    def _published(self, reason: str) -> None:
        self.published.append(reason)

    def is_in(self, within_s: float = ANSWER_S) -> bool:
        """Whether the broker lets it in."""
        return self.answered.wait(within_s) and self.answer == "Success"

    def report(self, user: str, code: str) -> str:
        """Publish an event, and return the broker's answer."""
        now = datetime.now(UTC).isoformat()
        event = {
            "schema": "callout.event/1",
            "boot": 1,
            "seq": int(datetime.now(UTC).timestamp()),
            "codes": [code],
            "at": now,
        }
        self.client.publish(f"callout/v1/{user}/event", json.dumps(event), qos=1)
        wait_until(lambda: bool(self.published), "the broker has answered", ANSWER_S)
        return self.published.pop()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
        # paho leaves the pair of sockets by which its thread is woken to the garbage collector.
        self.client._reset_sockets()


def let_in(stack: Stack, user: str, password: str) -> Device:
    """A device that tries until the broker knows it, as devices do."""
    tried: list[Device] = []

    def is_in() -> bool:
        tried.append(Device(stack, BY_PASSWORD, user, password))
        if not tried[-1].is_in():
            tried[-1].close()
        return tried[-1].answer == "Success"

    wait_until(is_in, "the broker lets the device in", ANSWER_S)
    return tried[-1]


def asked(stack: Stack, question: str) -> int:
    """One number from the database."""
    with psycopg.connect(stack.environment("accounts")["CALLOUT_DATABASE_URL"]) as connection:
        row = connection.execute(question.encode()).fetchone()
    assert row is not None
    return int(row[0])


def readings(stack: Stack) -> int:
    return asked(stack, "SELECT count(*) FROM callout.electric_vehicle_reading")


def test_what_a_device_says_over_tls_is_stored_and_its_owner_is_written_to(
    stack: Stack, enrolled: dict[str, Any]
) -> None:
    device = let_in(stack, enrolled["credentials"]["username"], enrolled["credentials"]["password"])
    before = readings(stack)
    assert device.report(enrolled["credentials"]["username"], "P0562") == "Success"
    wait_until(lambda: readings(stack) == before + 1, "the event is stored", ANSWER_S)
    wait_until(lambda: asked(stack, "SELECT count(*) FROM callout.notice") > 0, "its owner is written to", ANSWER_S)
    device.close()


def test_a_device_with_a_certificate_of_the_authority_needs_no_password(
    stack: Stack, certified: tuple[str, Path]
) -> None:
    user, folder = certified
    device = Device(stack, BY_CERTIFICATE, identity=folder)
    assert device.is_in(), device.refusal or device.answer
    before = readings(stack)
    assert device.report(user, "P0563") == "Success"
    wait_until(lambda: readings(stack) == before + 1, "the event is stored", ANSWER_S)
    device.close()


def test_a_certificate_binds_to_its_own_topics(
    stack: Stack, enrolled: dict[str, Any], certified: tuple[str, Path]
) -> None:
    device = Device(stack, BY_CERTIFICATE, identity=certified[1])
    assert device.is_in(), device.refusal or device.answer
    assert device.report(enrolled["credentials"]["username"], "P0562") == "Not authorized"
    device.close()


def test_strangers_are_kept_out(stack: Stack, enrolled: dict[str, Any], tmp_path: Path) -> None:
    user, password = enrolled["credentials"]["username"], enrolled["credentials"]["password"]
    key, now = DeviceKey(), datetime.now(UTC)
    partition, tenant, name = user.split("/")
    foreign = Issuer.new(now).device_certificate(
        Identity(int(partition), tenant, name), key.key.public_key(), now=now, life=timedelta(days=1)
    )
    key.keep(tmp_path, foreign)
    strangers = {
        "a wrong password": Device(stack, BY_PASSWORD, user, "wrong"),
        "no name": Device(stack, BY_PASSWORD),
        "a password at the door of certificates": Device(stack, BY_CERTIFICATE, user, password),
        "a certificate of another authority": Device(stack, BY_CERTIFICATE, identity=tmp_path),
    }
    for who, stranger in strangers.items():
        assert not stranger.is_in(2.0), who
        stranger.close()


def test_a_certificate_that_is_taken_back_opens_no_door_a_moment_later_and_who_is_in_is_put_out(
    stack: Stack, certified: tuple[str, Path]
) -> None:
    inside = Device(stack, BY_CERTIFICATE, identity=certified[1])
    assert inside.is_in(), inside.refusal or inside.answer
    outcome = stack.run("accounts", "revoke", "hanbit", "ev-2")
    assert outcome.returncode == 0, outcome.stderr

    def is_kept_out() -> bool:
        device = Device(stack, BY_CERTIFICATE, identity=certified[1])
        is_in = device.is_in(2.0)
        device.close()
        return not is_in

    wait_until(is_kept_out, "the broker knows the new list", ANSWER_S)
    wait_until(lambda: not inside.client.is_connected(), "who was in is put out", ANSWER_S)
    inside.close()


@pytest.mark.parametrize(
    ("name", "forbidden"),
    [
        ("ingest", "SELECT * FROM callout.owner"),
        ("work", "UPDATE callout.electric_vehicle_reading SET seq = 0"),
        ("serve", "SELECT * FROM callout.electric_vehicle_reading"),
    ],
)
def test_each_process_logs_in_to_the_database_as_a_role_that_cannot_leave_its_rights(
    name: str, forbidden: str, stack: Stack
) -> None:
    with psycopg.connect(stack.environment(name)["CALLOUT_DATABASE_URL"], autocommit=True) as connection:
        assert connection.execute("SELECT session_user").fetchone() == (f"callout_{name}",)
        for statement in (forbidden, "CREATE TABLE callout.mine ()", f"SET ROLE {ACCOUNT}"):
            with pytest.raises(psycopg.Error):
                connection.execute(statement.encode())


def test_each_service_has_a_password_of_its_own_at_the_broker(stack: Stack) -> None:
    hashes = dict(line.split(":", 1) for line in (stack.home / "broker" / "passwords").read_text().splitlines())
    assert password_matches(SECRETS["CALLOUT_INGEST_PASSWORD"], hashes["callout-ingest"])
    assert password_matches(SECRETS["CALLOUT_DESK_PASSWORD"], hashes["callout-desk"])


def test_the_broker_s_folder_holds_no_key_of_the_authority(stack: Stack) -> None:
    present = {path.name for path in (stack.home / "broker").iterdir() if not path.name.startswith(".")}
    assert present == {"passwords", "passwords.acl", "ca.crt", "crl.pem", "broker.crt", "broker.key"}
    for name in ("passwords", "broker.key"):
        assert (stack.home / "broker" / name).stat().st_mode & 0o077 == 0, name


def test_the_doctor_finds_nothing_wrong_where_commands_are_called(stack: Stack, enrolled: dict[str, Any]) -> None:
    assert enrolled
    outcome = stack.run("accounts", "doctor", "--json")
    points = json.loads(outcome.stdout)["points"]
    assert [point for point in points if point["level"] == "wrong"] == []
    assert {"account of ingest", "account of the desk", "devices' connection", "strangers"} <= {
        point["name"] for point in points if point["level"] == "ok"
    }


def test_a_backup_is_made_where_commands_are_called_and_holds_the_authority(
    stack: Stack, enrolled: dict[str, Any]
) -> None:
    assert enrolled
    kept = stack.home / "backups"
    made = stack.run("accounts", "backup", str(kept))
    assert made.returncode == 0, made.stderr
    [folder] = kept.glob("callout-*Z")
    assert (folder / "authority" / "ca.key").is_file()
    assert (folder / "secrets" / "signing").read_text() == SECRETS["CALLOUT_SECRET"]
    checked = stack.run("accounts", "restore", "--check", str(folder))
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("name", ["accounts", "broker", "ingest", "work", "serve", "enrol"])
def test_each_is_healthy_by_the_check_that_is_stated(name: str, stack: Stack) -> None:
    assert stack.is_healthy(name), stack.said(name)


def test_the_image_s_check_fails_where_nobody_answers(stack: Stack) -> None:
    ports = dict(stack.ports)
    stack.ports["serve"] = free_port()
    try:
        assert not stack.is_healthy("serve")
    finally:
        stack.ports = ports


def test_the_broker_s_script_ends_when_its_broker_does_so_that_the_engine_starts_it_again(stack: Stack) -> None:
    script = stack.processes["broker"]
    children = Path(f"/proc/{script.pid}/task/{script.pid}/children")
    if not children.exists():
        pytest.skip("this kernel does not list the children of a process")
    [broker] = [pid for pid in children.read_text().split() if Path(f"/proc/{pid}/comm").read_text() == "mosquitto\n"]
    os.kill(int(broker), signal.SIGKILL)
    assert script.wait(ANSWER_S) == 128 + signal.SIGKILL
    stack.start("broker")
    wait_until(lambda: stack.is_healthy("ingest"), "ingest is connected again", ANSWER_S)


@pytest.mark.parametrize("name", ["work", "serve", "enrol", "ingest", "accounts", "broker"])
def test_sigterm_ends_it_in_order_and_it_starts_again(name: str, stack: Stack) -> None:
    process = stack.processes[name]
    process.send_signal(signal.SIGTERM)
    assert process.wait(ANSWER_S) in {0, -signal.SIGTERM, 128 + signal.SIGTERM}, stack.said(name)
    stack.start(name)
