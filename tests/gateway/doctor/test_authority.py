"""The doctor at the certificate authority: well, ending, ended, away."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.admission.certificates import Signer
from gateway.admission.enrolment import enrol
from gateway.authority.folder import Authority, prepare, replace_issuer
from gateway.doctor.point import Level
from gateway.embedded.broker import CertificateDoor, EmbeddedBroker
from gateway.embedded.folder import DataFolder
from gateway.storage.connection import Role, connect
from tests.conftest import free_port
from tests.gateway.admission.test_enrolment import asked
from tests.gateway.authority.keys import DeviceKey
from tests.gateway.desk import SmallDesk
from tests.gateway.doctor.conftest import Examine, levels

DOOR = "mqtts://broker.example:8883"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return prepare(tmp_path / "authority", (), datetime.now(UTC))


def test_a_desk_without_a_door_for_certificates_is_not_looked_at(look: Examine) -> None:
    assert look()["broker: certificates"].level is Level.NOT_LOOKED


def test_a_young_authority_is_well(look: Examine, authority: Authority) -> None:
    found = look(certificate_broker_url=DOOR, authority_dir=authority.path)
    points = {"broker: authority", "broker: broker's certificate", "broker: revocation list"}
    assert points | {"broker: devices' certificates"} <= levels(found, Level.OK)


@pytest.mark.parametrize(
    ("age_days", "level", "said"), [(4, Level.WARNING, "good until"), (8, Level.WRONG, "ended at")]
)
def test_a_list_that_nobody_renews_is_found(
    look: Examine, authority: Authority, age_days: int, level: Level, said: str
) -> None:
    authority.write_list({}, datetime.now(UTC) - timedelta(days=age_days))
    point = look(certificate_broker_url=DOOR, authority_dir=authority.path)["broker: revocation list"]
    assert (point.level, said in point.found, "callout accounts" in point.next_move) == (level, True, True)


def test_devices_whose_last_certificate_ends_soon_are_counted(
    look: Examine, authority: Authority, desk: SmallDesk
) -> None:
    with connect(desk.dsn, Role.SERVE) as serve:
        for number, days in ((1, 20), (2, 200)):
            sign = Signer(authority, timedelta(days=days))
            enrol(serve, asked(device=f"ev-{number}", serial=str(number), certificateRequest=DeviceKey().request()), signer=sign)  # fmt: skip
    point = look(certificate_broker_url=DOOR, authority_dir=authority.path)["broker: devices' certificates"]
    assert point.level is Level.WARNING
    assert point.found.startswith("2 certificates; of 1 device the last one ends within 30 days")


def test_a_former_authority_is_not_forgotten_by_the_doctor(look: Examine, authority: Authority) -> None:
    replace_issuer(authority.path, datetime.now(UTC))
    point = look(certificate_broker_url=DOOR, authority_dir=authority.path)["broker: former authority"]
    assert "--forget-former" in point.next_move


def test_an_authority_that_is_away_is_wrong(look: Examine, authority: Authority) -> None:
    (authority.path / "ca.key").unlink()
    point = look(certificate_broker_url=DOOR, authority_dir=authority.path)["broker: authority"]
    assert (point.level, "ca.key cannot be read" in point.found) == (Level.WRONG, True)


def test_the_door_of_certificates_is_tried_with_the_desk_s_own_authority(
    look: Examine, data_folder: DataFolder, authority: Authority
) -> None:
    door = CertificateDoor(free_port(), authority.path)
    with EmbeddedBroker(data_folder, free_port(), free_port(), certificate_door=door) as broker:
        found = look(certificate_broker_url=broker.certificate_url, authority_dir=authority.path)
        assert found["broker: door of certificates"].level is Level.OK
        elsewhere = prepare(data_folder.path / "other", (), datetime.now(UTC))
        found = look(certificate_broker_url=broker.certificate_url, authority_dir=elsewhere.path)
        assert found["broker: door of certificates"].level is Level.WRONG
