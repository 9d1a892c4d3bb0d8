"""What a device remembers of its enrolment."""

from pathlib import Path

import pytest

from simulators.breeds import breed_of
from simulators.enrolment import Enrolment, read_identity
from simulators.errors import SimulatorError
from simulators.fleet.people import roster
from tests.fakes.enrolment_desk import EnrolmentDesk


def test_a_device_is_enrolled_once_and_counts_its_boots(enrolment: Enrolment, desk: EnrolmentDesk, tenant: str) -> None:
    request = roster(breed_of("electric_vehicle"), 1, tenant, 7)[0]
    boots = [enrolment.start(request).boot for _ in range(3)]
    assert boots == [1, 2, 3]
    assert len(desk.issued) == 1


def test_a_device_that_is_known_to_the_desk_only_gets_new_credentials(
    enrolment: Enrolment, desk: EnrolmentDesk, tenant: str, tmp_path: Path
) -> None:
    request = roster(breed_of("electric_vehicle"), 1, tenant, 7)[0]
    first = enrolment.start(request)
    (tmp_path / "state" / tenant / "ev-0001.json").unlink()
    second = enrolment.start(request)
    assert second.credentials.username == first.credentials.username
    assert second.credentials.password != first.credentials.password


def test_a_password_does_not_show_when_an_identity_is_printed(enrolment: Enrolment, tenant: str) -> None:
    identity = enrolment.start(roster(breed_of("electric_vehicle"), 1, tenant, 7)[0])
    assert identity.credentials.password not in repr(identity)


def test_damaged_credentials_are_said_with_the_next_move(tmp_path: Path) -> None:
    path = tmp_path / "ev-0001.json"
    path.write_text('{"tenant": "hanbit"}')
    with pytest.raises(SimulatorError, match="delete it to enrol anew"):
        read_identity(path)


def test_owners_live_around_the_world_and_no_two_share_an_address() -> None:
    requests = roster(breed_of("electric_vehicle"), 100, "hanbit", 7)
    assert {request.owner.language for request in requests} == {"en", "ko", "ja"}
    assert len({request.owner.email for request in requests}) == 100
    assert len({request.serial for request in requests}) == 100
    assert {request.place.timeZone for request in requests} == {"Asia/Seoul", "Asia/Tokyo", "Europe/Berlin"}


def test_a_missing_token_is_said_at_once(desk: EnrolmentDesk, tenant: str, tmp_path: Path) -> None:
    memory = Enrolment(desk.url, "", tmp_path / "state")
    with pytest.raises(SimulatorError, match="--api-token or CALLOUT_API_TOKEN"):
        memory.enrol(roster(breed_of("electric_vehicle"), 1, tenant, 7)[0])
    memory.close()


def test_an_address_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match="--api-url 'localhost' is no address"):
        Enrolment("localhost", "token", tmp_path)
