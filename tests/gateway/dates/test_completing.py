"""The end of a date on a real database: what was found, what becomes of the parts, and who is told."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway import journey, planner
from gateway.audit.verifying import verify
from gateway.dates import completing
from gateway.dates.completing import OTHER_PARTS, TOO_EARLY, WHY_NOT, Report
from gateway.notices.matters import write
from gateway.notices.notice import Notice
from gateway.planner import Done, Refused
from gateway.storage.connection import Role, connect, tenant_transaction
from gateway.sweep import sweep
from gateway.texts import Language, translator
from tests.dashboards.scene import settings
from tests.gateway.dates.test_rescheduling import Booked, book, notices
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.test_visits import now, offer, state
from workflows.completing import Found, Next


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def booked(desk: SmallDesk) -> Booked:
    return book(desk, "m-1")


def begun(desk: SmallDesk) -> datetime:
    begins_at: datetime = desk.value("SELECT lower(during) FROM appointment")
    return begins_at + timedelta(minutes=40)


def said(desk: SmallDesk, booked: Booked, report: Report, at: datetime) -> Done | Refused:
    staff_id = desk.value("SELECT staff_id FROM staff")
    with connect(desk.dsn, Role.SERVE) as connection, tenant_transaction(connection, desk.tenant_id):
        return completing.complete(
            connection, request_id=booked.request_id, by=f"staff-{staff_id}", report=report, now=at
        )


def reserved(desk: SmallDesk) -> int:
    return desk.value("SELECT reservation_id FROM reservation WHERE released_at IS NULL")


def level(desk: SmallDesk) -> tuple[int, int]:
    ((on_hand, allocated),) = desk.rows("SELECT on_hand, allocated FROM stock_level WHERE part_no = 'MTR-WATER'")
    return on_hand, allocated


def events(desk: SmallDesk, request_id: int) -> list[tuple[str, str]]:
    return desk.rows("SELECT event, actor FROM request_event WHERE request_id = %s ORDER BY event_id", request_id)


def test_a_repair_uses_its_part_at_its_own_instant_and_solves_the_request(desk: SmallDesk, booked: Booked) -> None:
    at, part = begun(desk), reserved(desk)
    assert level(desk) == (2, 1)
    assert said(desk, booked, Report(Found.REPAIRED, frozenset({part})), at) == Done("solved")
    assert level(desk) == (1, 0)
    assert desk.rows("SELECT moved_at FROM stock_movement WHERE kind = 'issue'") == [(at,)]
    assert desk.rows("SELECT issued_at, released_at FROM reservation") == [(at, at)]
    assert desk.rows("SELECT state, completed_at, ended_why FROM appointment") == [("completed", at, "repaired")]
    assert desk.rows("SELECT closed_at FROM fault") == [(at,)]
    assert notices(desk, booked.request_id) == ["offer", "confirmed", "completed"]
    staff = f"staff-{desk.value('SELECT staff_id FROM staff')}"
    assert events(desk, booked.request_id)[-1] == ("completed", staff)
    assert desk.rows("SELECT actor, act FROM audit_record ORDER BY audit_id DESC LIMIT 1") == [(staff, "completed")]
    with tenant_transaction(desk.admin, desk.tenant_id):
        assert verify(desk.admin).misfit is None


def test_said_twice_a_part_is_used_once(desk: SmallDesk, booked: Booked) -> None:
    at, report = begun(desk), Report(Found.REPAIRED, frozenset({reserved(desk)}))
    assert said(desk, booked, report, at) == Done("solved")
    assert said(desk, booked, report, at + timedelta(minutes=1)) == Done("solved")
    assert desk.value("SELECT count(*) FROM stock_movement WHERE kind = 'issue'") == 1
    assert desk.value("SELECT count(*) FROM notice WHERE kind = 'completed'") == 1


def test_a_part_that_is_not_ticked_goes_back_to_stock(desk: SmallDesk, booked: Booked) -> None:
    assert said(desk, booked, Report(Found.REPAIRED), begun(desk)) == Done("solved")
    assert level(desk) == (2, 0)
    assert desk.value("SELECT count(*) FROM stock_movement WHERE kind = 'issue'") == 0
    assert [event for event, _ in events(desk, booked.request_id)][-2:] == ["part_released", "completed"]


def test_where_nothing_is_wrong_all_parts_go_back(desk: SmallDesk, booked: Booked) -> None:
    at, part = begun(desk), reserved(desk)
    assert said(desk, booked, Report(Found.NO_FAULT, frozenset({part})), at) == Refused(OTHER_PARTS)
    assert said(desk, booked, Report(Found.NO_FAULT), at) == Done("solved")
    assert level(desk) == (2, 0)
    assert desk.value("SELECT ended_why FROM appointment") == "no_fault"


def test_what_could_not_be_done_gets_other_dates_and_keeps_its_part(desk: SmallDesk, booked: Booked) -> None:
    at = begun(desk)
    assert said(desk, booked, Report(Found.NOT_DONE), at) == Refused(WHY_NOT)
    assert said(desk, booked, Report(Found.NOT_DONE, note="The valve is stuck."), at) == Done("open")
    assert desk.rows("SELECT state, ended_why FROM appointment") == [("failed", "not_done")]
    assert level(desk) == (2, 1)
    assert offer(desk, booked.request_id) is not None
    assert state(desk, booked.request_id) == "offered"
    assert notices(desk, booked.request_id) == ["offer", "confirmed", "completed", "offer"]


def test_what_could_not_be_done_goes_to_a_person_where_that_is_said(desk: SmallDesk, booked: Booked) -> None:
    at = begun(desk)
    sweep(desk.work, at + timedelta(days=2))
    report = Report(Found.NOT_DONE, note="Nobody can reach the pit.", next_step=Next.PERSON)
    assert said(desk, booked, report, at + timedelta(days=2)) == Done("held")
    assert level(desk) == (2, 0)
    assert desk.rows("SELECT reason FROM human_case WHERE closed_at IS NULL") == [("Nobody can reach the pit.",)]


def test_nothing_is_found_before_the_date_begins(desk: SmallDesk, booked: Booked) -> None:
    early = begun(desk) - timedelta(hours=1)
    assert said(desk, booked, Report(Found.REPAIRED), early) == Refused(TOO_EARLY)
    assert state(desk, booked.request_id) == "confirmed"


def test_a_page_that_is_out_of_date_uses_no_part_of_another_request(desk: SmallDesk, booked: Booked) -> None:
    foreign = Report(Found.REPAIRED, frozenset({reserved(desk) + 1}))
    assert said(desk, booked, foreign, begun(desk)) == Refused(OTHER_PARTS)
    assert level(desk) == (2, 1)


def test_what_shows_again_soon_after_the_work_goes_to_a_person(desk: SmallDesk, booked: Booked) -> None:
    assert said(desk, booked, Report(Found.REPAIRED), begun(desk)) == Done("solved")
    device_id = desk.value("SELECT device_id FROM device")
    desk.admin.execute("UPDATE symptom SET state = 'healed', healed_at = now()")
    desk.symptom(device_id, "water_back", component="water_meter")
    with tenant_transaction(desk.work, desk.tenant_id):
        journey.diagnose(desk.work, device_id=device_id, component="water_meter", now=now())
    assert desk.rows("SELECT r.state, c.reason FROM service_request r JOIN human_case c USING (request_id)") == [
        ("held", "Somebody was there lately, and it shows again: find out whether the work has helped.")
    ]


@pytest.mark.parametrize("finding", list(Found))
@pytest.mark.parametrize("language", ["en", "ko", "ja"])
def test_the_owner_is_told_in_his_language(desk: SmallDesk, booked: Booked, finding: Found, language: Language) -> None:
    desk.admin.execute("UPDATE owner SET language = %s", [language])
    said(desk, booked, Report(finding, note="Because."), begun(desk))
    ((notice_id, detail),) = desk.rows("SELECT notice_id, detail FROM notice WHERE kind = 'completed'")
    notice = Notice(notice_id, desk.tenant_id, booked.request_id, None, "completed", "o@x.example", language, detail)
    with tenant_transaction(desk.work, desk.tenant_id):
        written = write(desk.work, settings(desk.dsn), notice, "https://desk.example/o/x", now())
    first = {
        Found.REPAIRED: "The work is done. If anything is still wrong, please call us and name the reference.",
        Found.NO_FAULT: "We have looked at it and found nothing wrong. No part was used.",
        Found.NOT_DONE: "We are sorry: the work could not be done at your date.",
    }[finding]
    assert translator(language).gettext(first) in written.letter.paragraphs
    assert (first in written.letter.paragraphs) is (language == "en")
    assert written.calendar is None


def test_an_old_page_opens_no_case_of_a_request_that_is_solved(desk: SmallDesk, booked: Booked) -> None:
    at = begun(desk)
    assert said(desk, booked, Report(Found.REPAIRED), at) == Done("solved")
    with tenant_transaction(desk.work, desk.tenant_id):
        asked = planner.ask_for_human(desk.work, request_id=booked.request_id, reason="None of the dates suits", now=at)
    assert asked == Refused("The request is solved; this cannot be done now.")
    assert desk.value("SELECT count(*) FROM human_case WHERE closed_at IS NULL") == 0
