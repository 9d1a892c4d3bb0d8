"""The real mosquitto at the door of devices with certificates: who gets in, as whom, and how he is put out."""

import queue
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from devices.identity import Identity, partition_of
from gateway.admission.broker_accounts import DESK_USER, INGEST_USER, hash_password
from gateway.admission.certificates import Signer
from gateway.admission.credentials import Grant, take_away
from gateway.authority.folder import Authority, open_authority, prepare, replace_issuer
from gateway.authority.issuer import Issuer, Revoked
from gateway.embedded.account_sync import AccountSync
from gateway.embedded.broker import CertificateDoor, EmbeddedBroker
from gateway.embedded.certificate_sync import PUT_OUT_AFTER, CertificateSync
from gateway.embedded.folder import DataFolder
from gateway.embedded.put_out import put_out
from gateway.settings import ServerAddress
from gateway.storage.connection import tenant_transaction
from tests.conftest import free_port
from tests.gateway.authority.keys import DeviceKey
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.embedded.test_broker import connected

NAME = Identity(partition_of("acme", "ev-1"), "acme", "ev-1")
DAY = timedelta(days=1)


@dataclass
class Door:
    """A broker whose third door takes certificates."""

    server: EmbeddedBroker
    folder: Path

    @property
    def authority(self) -> Authority:
        return open_authority(self.folder)

    @property
    def port(self) -> int:
        assert self.server.certificate_door is not None
        return self.server.certificate_door.port

    @property
    def desk(self) -> ServerAddress:
        return ServerAddress.parse(self.server.service_url(DESK_USER))

    def certificate(self, identity: Identity, key: DeviceKey, *, life: timedelta = DAY) -> x509.Certificate:
        return self.authority.issuer.device_certificate(identity, key.key.public_key(), now=now(), life=life)


class Caller:
    """A device that connects with a certificate, or tries to; `answer` is the broker's, or how TLS ended."""

    def __init__(self, door: Door, files: tuple[Path, Path] | None, *, user: str = "", client_id: str = "") -> None:
        self.disconnected = threading.Event()
        self._connected: queue.Queue[str] = queue.Queue()
        self._answers: queue.Queue[str] = queue.Queue()
        context = ssl.create_default_context(cafile=str(door.folder / "ca.crt"))
        if files is not None:
            context.load_cert_chain(*files)
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv5, reconnect_on_failure=False
        )
        self.client.tls_set_context(context)
        if user:
            self.client.username_pw_set(user, "s3cret")
        self.client.on_connect = lambda _c, _u, _f, code, _p: self._connected.put(str(code))
        self.client.on_publish = lambda _c, _u, _m, code, _p: self._answers.put(str(code))
        self.client.on_disconnect = lambda *_: self._gone()
        try:
            self.client.connect("127.0.0.1", door.port)
            self.client.loop_start()
            self.answer = self._connected.get(timeout=20)
        except OSError as error:
            self.answer = f"refused: {error}"

    def _gone(self) -> None:
        self.disconnected.set()
        self._connected.put("refused: hung up")

    def publish(self, topic: str) -> str:
        self.client.publish(topic, b"x", qos=1)
        return self._answers.get(timeout=20)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def calling(door: Door, files: tuple[Path, Path] | None, **more: str) -> Iterator[Caller]:
    caller = Caller(door, files, **more)
    try:
        yield caller
    finally:
        caller.close()


def is_let_in(door: Door, files: tuple[Path, Path] | None) -> bool:
    with calling(door, files) as caller:
        return caller.answer == "Success"


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        if holds():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def door(data_folder: DataFolder) -> Iterator[Door]:
    folder = data_folder.path / "authority"
    prepare(folder, (), now())
    server = EmbeddedBroker(
        data_folder, free_port(), free_port(), certificate_door=CertificateDoor(free_port(), folder)
    )
    with server:
        yield Door(server, folder)


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


def test_a_device_is_who_its_certificate_names_whatever_it_says(door: Door, tmp_path: Path) -> None:
    key = DeviceKey()
    files = key.keep(tmp_path / "a", door.certificate(NAME, key))
    other = Identity(9, "acme", "ev-2")
    with calling(door, files, user=INGEST_USER, client_id="callout-ingest-0") as caller:
        assert caller.answer == "Success"
        assert caller.publish(NAME.topic("telemetry")) == "No matching subscribers"
        assert caller.publish(other.topic("telemetry")) == "Not authorized"
    with calling(door, files, user=other.username) as caller:
        assert caller.publish(other.topic("telemetry")) == "Not authorized"


def test_the_broker_hears_ingest_and_a_device_with_a_certificate_together(door: Door, tmp_path: Path) -> None:
    key = DeviceKey()
    with connected(ServerAddress.parse(door.server.service_url(INGEST_USER)), "callout-ingest-0") as ingest:
        ingest.subscribe("callout/v1/#")
        with calling(
            door, key.keep(tmp_path / "a", door.certificate(NAME, key)), client_id="callout-ingest-0"
        ) as device:
            assert device.publish(NAME.topic("event")) == "Success"
        assert not ingest.disconnected.is_set()
        assert ingest.topics() == [NAME.topic("event")]


def test_a_password_does_not_open_the_door_of_certificates(door: Door) -> None:
    door.server.accounts.write({NAME.username: hash_password("s3cret")})
    with calling(door, None, user=NAME.username) as caller:
        assert caller.answer.startswith("refused")
    # It opens the other one.
    with connected(ServerAddress("127.0.0.1", door.server.port, NAME.username, "s3cret", tls=False)) as device:
        assert str(device.answer) == "Success"


def forged(issuer: Issuer, name: str, key: DeviceKey, organisation: str = "Callout") -> x509.Certificate:
    """A certificate for a client of any name, as our signing would never make it."""
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer.certificate.subject)
        .subject_name(subject)
        .public_key(key.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - DAY)
        .not_valid_after(now() + DAY)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(issuer.key, hashes.SHA256())
    )


@pytest.mark.parametrize("name", [INGEST_USER, DESK_USER])
def test_even_a_certificate_signed_by_mistake_for_a_service_opens_nothing(
    door: Door, tmp_path: Path, name: str
) -> None:
    key = DeviceKey()
    issuer = door.authority.issuer
    assert not is_let_in(door, key.keep(tmp_path / "a", forged(issuer, name, key)))
    assert not is_let_in(door, key.keep(tmp_path / "b", forged(issuer, name, key, organisation="Other")))
    # It is the name, not the making: the same for a device would do.
    assert is_let_in(door, key.keep(tmp_path / "c", forged(issuer, NAME.username, key)))


def test_what_is_foreign_expired_of_the_wrong_purpose_or_of_another_s_key_is_refused(
    door: Door, tmp_path: Path
) -> None:
    key, other = DeviceKey(), DeviceKey()
    authority = door.authority
    foreign = Issuer.new(now()).device_certificate(NAME, key.key.public_key(), now=now(), life=DAY)
    assert not is_let_in(door, key.keep(tmp_path / "foreign", foreign))
    # A foreign authority may even call itself like ours.
    twin = Issuer(authority.issuer.certificate, ec.generate_private_key(ec.SECP256R1()))
    lookalike = twin.device_certificate(NAME, key.key.public_key(), now=now(), life=DAY)
    assert not is_let_in(door, key.keep(tmp_path / "twin", lookalike))
    expired = authority.issuer.device_certificate(NAME, key.key.public_key(), now=now() - DAY, life=DAY / 2)
    assert not is_let_in(door, key.keep(tmp_path / "expired", expired))
    early = authority.issuer.device_certificate(NAME, key.key.public_key(), now=now() + 3 * DAY, life=DAY)
    assert not is_let_in(door, key.keep(tmp_path / "early", early))
    assert not is_let_in(door, (door.folder / "broker.crt", door.folder / "broker.key"))
    with pytest.raises(ssl.SSLError, match="KEY_VALUES_MISMATCH"):
        is_let_in(door, other.keep(tmp_path / "other", door.certificate(NAME, key)))
    assert is_let_in(door, key.keep(tmp_path / "good", door.certificate(NAME, key)))


def test_a_device_whose_clock_is_wrong_sees_it_and_the_broker_does_not_mind(door: Door, tmp_path: Path) -> None:
    key = DeviceKey()
    certificate, private = key.keep(tmp_path / "a", door.certificate(NAME, key))
    words = ["openssl", "s_client", "-connect", f"127.0.0.1:{door.port}", "-CAfile", str(door.folder / "ca.crt")]
    words += ["-cert", str(certificate), "-key", str(private), "-verify_return_error", "-brief"]
    for at_s, said in ((1000.0, b"certificate is not yet valid"), (now().timestamp(), b"Verification: OK")):
        outcome = subprocess.run(
            [*words, "-attime", f"{at_s:.0f}"], check=False, capture_output=True, input=b"", timeout=60
        )
        assert said in outcome.stdout + outcome.stderr


def enrolled(desk: SmallDesk, door: Door, key: DeviceKey, name: str = "ev-1") -> x509.Certificate:
    """Enrol a device with a certificate, as serve does."""
    device_id = desk.vehicle(name)
    grant = Grant.prepare(
        Identity(partition_of("acme", name), "acme", name), key.request(), Signer(door.authority, 300 * DAY)
    )
    with tenant_transaction(desk.admin, desk.tenant_id):
        given = grant.give(desk.admin, device_id)
    return x509.load_pem_x509_certificate(given.certificate.encode())  # type: ignore[union-attr]


def test_a_revoked_device_is_put_out_at_once_and_kept_out_and_others_stay(
    desk: SmallDesk, door: Door, tmp_path: Path
) -> None:
    told: list[str] = []
    keys = {name: DeviceKey() for name in ("ev-1", "ev-2")}
    files = {name: key.keep(tmp_path / name, enrolled(desk, door, key, name)) for name, key in keys.items()}
    sync = CertificateSync(door.folder, partial(put_out, door.desk), door.server.take_certificates)
    accounts = AccountSync(desk.dsn, door.server.accounts, told.append, sync)
    accounts.start()
    try:
        with calling(door, files["ev-1"]) as revoked, calling(door, files["ev-2"]) as other:
            assert (revoked.answer, other.answer) == ("Success", "Success")
            with tenant_transaction(desk.admin, desk.tenant_id):
                device_id = desk.value("SELECT device_id FROM device WHERE name = 'ev-1'")
                take_away(desk.admin, device_id, "revoked", now())
            assert revoked.disconnected.wait(20)
            assert not other.disconnected.is_set()
        assert not is_let_in(door, files["ev-1"])
        assert is_let_in(door, files["ev-2"])
        assert within(20, lambda: desk.value("SELECT count(*) FROM device_certificate WHERE times_put_out = 1") == 1)
    finally:
        accounts.stop()
    assert told == []


def test_a_session_that_tls_could_resume_does_not_outlive_the_revocation(
    desk: SmallDesk, door: Door, tmp_path: Path
) -> None:
    key = DeviceKey()
    certificate = enrolled(desk, door, key)
    context = ssl.create_default_context(cafile=str(door.folder / "ca.crt"))
    context.load_cert_chain(*key.keep(tmp_path / "a", certificate))
    first, session = shaken(context, door.port, None)
    assert first == b"\x20"
    resumed, _ = shaken(context, door.port, session)
    assert resumed == b"\x20"
    authority = door.authority
    authority.write_list({authority.issuer.fingerprint: [Revoked(certificate.serial_number, now())]}, now())
    assert door.server.take_certificates(authority.files())
    assert within(10, lambda: shaken(context, door.port, None)[0] == b"")
    assert shaken(context, door.port, session)[0] == b""


def shaken(context: ssl.SSLContext, port: int, session: ssl.SSLSession | None) -> tuple[bytes, ssl.SSLSession | None]:
    """Say CONNECT over TLS, with a session that is to be resumed; return the first byte of the answer, if any."""
    import socket

    greeting = b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01a"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as bare, suppress(OSError):
        with context.wrap_socket(bare, server_hostname="127.0.0.1", session=session) as wrapped:
            wrapped.sendall(greeting)
            return wrapped.recv(64)[:1], wrapped.session
    return b"", None


def test_a_list_that_has_ended_keeps_everybody_out_until_it_is_signed_anew(
    desk: SmallDesk, door: Door, tmp_path: Path
) -> None:
    key = DeviceKey()
    files = key.keep(tmp_path / "a", enrolled(desk, door, key))
    door.authority.write_list({}, now() - timedelta(days=30))
    door.server.take_certificates(door.authority.files())
    assert within(10, lambda: not is_let_in(door, files))
    CertificateSync(door.folder, partial(put_out, door.desk), door.server.take_certificates).look(desk.admin)
    assert within(10, lambda: is_let_in(door, files))


def test_who_was_put_out_is_put_out_again_soon_and_when_old_handshakes_have_ended(desk: SmallDesk, door: Door) -> None:
    enrolled(desk, door, DeviceKey())
    device_id = desk.value("SELECT device_id FROM device")
    at, done = now(), list[list[str]]()
    clock = [at]
    sync = CertificateSync(door.folder, lambda names: done.append(list(names)), clock=lambda: clock[0])
    with tenant_transaction(desk.admin, desk.tenant_id):
        take_away(desk.admin, device_id, "revoked", at)
    for passed in PUT_OUT_AFTER:
        for later in (timedelta(), timedelta(seconds=5)):
            clock[0] = at + passed + later
            sync.look(desk.admin)
    clock[0] = at + DAY
    sync.look(desk.admin)
    assert done == [[NAME.username]] * 3


def test_a_device_whose_certificate_ends_while_it_is_connected_is_put_out(desk: SmallDesk, door: Door) -> None:
    certificate = enrolled(desk, door, DeviceKey())
    done: list[list[str]] = []
    end = certificate.not_valid_after_utc
    clock = [end - timedelta(seconds=1)]
    sync = CertificateSync(door.folder, lambda names: done.append(list(names)), clock=lambda: clock[0])
    sync.look(desk.admin)
    assert done == []
    clock[0] = end
    sync.look(desk.admin)
    assert done == [[NAME.username]]


def test_certificates_of_a_former_authority_count_beside_those_of_the_present_one(door: Door, tmp_path: Path) -> None:
    old, new = DeviceKey(), DeviceKey()
    old_files = old.keep(tmp_path / "old", door.certificate(NAME, old))
    changed = replace_issuer(door.folder, now())
    door.server.take_certificates(changed.files())
    new_files = new.keep(tmp_path / "new", door.certificate(Identity(1, "acme", "ev-9"), new))
    assert within(10, lambda: is_let_in(door, new_files))
    assert is_let_in(door, old_files)
