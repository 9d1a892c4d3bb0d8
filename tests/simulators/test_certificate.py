"""A simulated device with a certificate: taken back it keeps its readings, comes back and loses nothing."""

import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.embedded.folder import DataFolder
from simulators.breeds import breed_of
from simulators.certificate import Certificate, make_request
from simulators.enrolment import DeviceRequest, Enrolment
from simulators.errors import SimulatorError
from simulators.fleet.people import roster
from simulators.link import Link
from simulators.radio import Radio
from tests.gateway.certified import TOKEN, CertifiedDesk, certified_desk
from tests.gateway.embedded.test_broker import connected


@pytest.fixture
def certified(database: str, data_folder: DataFolder, tmp_path: Path, tenant: str) -> Iterator[CertifiedDesk]:
    with certified_desk(database, data_folder, tmp_path, tenant) as desk:
        yield desk


@pytest.fixture
def keeper(certified: CertifiedDesk, tmp_path: Path) -> Iterator[Enrolment]:
    made = Enrolment(certified.url, TOKEN, tmp_path / "fleet", with_certificates=True)
    yield made
    made.close()


@pytest.fixture
def request_(tenant: str) -> DeviceRequest:
    return roster(breed_of("electric_vehicle"), 1, tenant, 7)[0]


def run_until(radio: Radio, link: Link, timeout_s: float = 30.0, **wanted: object) -> bool:
    """Let the radio run until the link's attributes are as wanted."""
    until = datetime.now(UTC) + timedelta(seconds=timeout_s)
    while datetime.now(UTC) < until:
        if all(getattr(link, name) == value for name, value in wanted.items()):
            return True
        radio.run(0.02)
    return False


def test_a_device_that_was_taken_back_keeps_its_readings_and_comes_back_with_all_of_them(
    certified: CertifiedDesk, keeper: Enrolment, request_: DeviceRequest, tmp_path: Path, tenant: str
) -> None:
    identity = keeper.start(request_)
    assert identity.credentials.password == ""
    assert identity.broker.tls
    (kept,) = (tmp_path / "fleet" / tenant).iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    radio = Radio()
    link = radio.link(identity)
    with connected(certified.ingest, "ears") as ears:
        ears.subscribe("callout/v1/+/+/+/telemetry")
        for number in range(5):
            link.send(identity.topics.telemetry, b"%d" % number)
        assert run_until(radio, link, backlog=0, is_up=True)
        certified.desk.admin.execute(
            "UPDATE callout.device_certificate SET revoked_at = now(), revoked_because = 'revoked'"
        )
        assert run_until(radio, link, is_up=False)
        for number in range(5, 10):
            link.send(identity.topics.telemetry, b"%d" % number)
        radio.run(1.0)
        assert link.backlog == 5
        assert link.refused_since_s is not None
        assert "refuses the certificate" in link.trouble
        link.accept(keeper.enrol(request_))
        assert run_until(radio, link, backlog=0, is_up=True)
        heard = [bytes(ears.received.get(timeout=10).payload) for _ in range(10)]
    radio.close()
    assert heard == [b"%d" % number for number in range(10)]
    assert certified.told == []


def test_a_certificate_is_renewed_in_time_by_the_device_alone_and_the_new_one_opens_the_door(
    certified: CertifiedDesk, keeper: Enrolment, request_: DeviceRequest
) -> None:
    identity = keeper.start(request_)
    shown = identity.credentials.shown
    assert shown is not None
    assert keeper.renew(identity, datetime.now(UTC)) is identity
    renewed = keeper.renew(identity, shown.ends_at - timedelta(days=100))
    assert renewed.credentials.certificate != identity.credentials.certificate
    assert renewed.credentials.key != identity.credentials.key
    assert keeper.known(request_.tenant, request_.device) == renewed
    # One that has ended cannot be renewed; nothing is tried.
    assert keeper.renew(identity, shown.ends_at) is identity
    radio = Radio()
    link = radio.link(renewed)
    assert run_until(radio, link, is_up=True)
    radio.close()


def test_a_device_goes_from_password_to_certificate_and_the_password_is_gone(
    certified: CertifiedDesk, keeper: Enrolment, request_: DeviceRequest, tmp_path: Path
) -> None:
    before = Enrolment(certified.url, TOKEN, tmp_path / "fleet")
    assert before.start(request_).credentials.password
    before.close()
    identity = keeper.start(request_)
    assert identity.credentials.shown is not None
    assert identity.boot == 2
    assert certified.desk.value("SELECT count(*) FROM device_credential WHERE revoked_at IS NULL") == 0


def test_a_certificate_without_its_key_is_told() -> None:
    with pytest.raises(SimulatorError, match="without its key"):
        Certificate("x", "x", datetime.now(UTC), "").context()
    key, request = make_request("ev-1")
    assert "PRIVATE KEY" in key
    assert "CERTIFICATE REQUEST" in request
    assert key not in repr(Certificate("x", "x", datetime.now(UTC), key))
