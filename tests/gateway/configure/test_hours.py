"""Other usual hours in a tenant's file: what was promised outside of them is a person's, and nothing is called off."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.configure.tenant import apply
from gateway.dates.outside import OUTSIDE
from gateway.storage import calendars
from tests.gateway.dates.test_rescheduling import book
from tests.gateway.desk import SmallDesk, open_desk

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def promised(desk: SmallDesk) -> tuple[int, date]:
    """The request of a visit that is promised, and its day."""
    request_id = book(desk, "m-1").request_id
    begins_at: datetime = desk.value("SELECT lower(during) FROM appointment")
    zone = desk.value("SELECT time_zone FROM service_centre")
    return request_id, begins_at.astimezone(ZoneInfo(zone)).date()


def left_to_a_person(desk: SmallDesk, request_id: int) -> bool:
    """Whether a person has it, while the date stands."""
    assert desk.value("SELECT state FROM service_request WHERE request_id = %s", request_id) == "confirmed"
    return desk.rows("SELECT request_id, reason FROM human_case WHERE closed_at IS NULL") == [(request_id, OUTSIDE)]


def test_a_promise_of_a_day_on_which_its_technician_works_no_longer_is_a_persons(
    desk: SmallDesk, promised: tuple[int, date], tmp_path: Path
) -> None:
    request_id, day = promised
    file = tmp_path / "acme.toml"
    assert apply(desk.admin, file) == [], "nothing has changed"
    head, _, text = file.read_text("utf-8").partition("[[service_centre.technician]]")
    gone = f'{DAYS[day.weekday()]} = "08:00-18:00"'
    assert gone in text
    other = text.replace(f"{gone}, ", "").replace(f", {gone}", "")
    file.write_text(f"{head}[[service_centre.technician]]{other}", "utf-8")
    assert apply(desk.admin, file) == [request_id]
    assert left_to_a_person(desk, request_id)
    assert apply(desk.admin, file) == [], "it is told once"


def test_a_promise_of_a_day_that_is_a_holiday_by_now_is_a_persons(
    desk: SmallDesk, promised: tuple[int, date], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id, day = promised

    def only_there(country: str, _region: str, _year: int) -> Mapping[date, str]:
        return {day: "Day of the Tests"} if country == "DE" else {}

    monkeypatch.setattr(calendars, "public_holidays", only_there)
    file = tmp_path / "acme.toml"
    text = file.read_text("utf-8")
    assert "country" not in text
    file.write_text(text.replace("[[service_centre]]\n", '[[service_centre]]\ncountry = "DE"\n'), "utf-8")
    assert apply(desk.admin, file) == [request_id]
    assert left_to_a_person(desk, request_id)
