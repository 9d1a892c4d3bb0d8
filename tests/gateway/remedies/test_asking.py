"""Asking an owner: once, by letter and page; what he answers leads on, and so does his silence."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.planner import Done, Refused
from gateway.remedies import asking
from gateway.storage import requests
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.remedies.test_remedying import Street
from workflows.asking import Answer


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def street(desk: SmallDesk) -> Iterator[Street]:
    made = Street(desk)
    made.component = "heating_station"
    yield made
    made.close()


def asked(street: Street) -> int:
    street.desk.symptom(street.device_id, "heat_cools_less", component=street.component)
    street.diagnose()
    request_id = street.desk.value("SELECT request_id FROM service_request")
    street.offer(request_id)
    return request_id


def answer(street: Street, request_id: int, said: Answer) -> bool:
    with street.working() as connection:
        return asking.answer(connection, request_id=request_id, said=said, now=street.now)


def test_what_an_owner_can_mend_himself_is_asked_of_him_once_and_the_comparison_is_kept(street: Street) -> None:
    request_id = asked(street)
    assert street.state(request_id) == "asking"
    assert street.desk.rows("SELECT kind, name FROM owner_ask") == [("guide", "valves_and_bleeding")]
    assert street.desk.rows("SELECT kind, recipient FROM notice") == [("ask", "mtr-1@owners.example")]
    detail = street.desk.value("SELECT detail FROM request_event WHERE event = 'weighed'")
    assert detail["chosen"] == "self_help"
    assert detail["options"][0]["way"] == "self_help"
    assert {"visit", "case"} <= {each["way"] for each in detail["options"]}


def test_a_deed_that_shows_in_the_readings_solves_the_request(street: Street) -> None:
    request_id = asked(street)
    assert answer(street, request_id, Answer.DONE)
    assert not answer(street, request_id, Answer.NOT_DONE)
    assert street.state(request_id) == "asking"
    street.now += timedelta(days=2)
    street.heals()
    assert street.state(request_id) == "solved"
    assert street.desk.value("SELECT count(*) FROM offer") == 0
    assert street.desk.rows("SELECT detail FROM notice WHERE kind = 'healed'") == [({"guide": "valves_and_bleeding"},)]


@pytest.mark.parametrize(
    ("said", "days", "event"),
    [(Answer.NOT_DONE, 0, "owner_answered"), (None, 3.1, "not_answered"), (Answer.DONE, 9, "deed_not_proven")],
)
def test_who_cannot_does_not_answer_or_does_it_in_vain_gets_dates(
    street: Street, said: Answer | None, days: float, event: str
) -> None:
    request_id = asked(street)
    if said is not None:
        assert answer(street, request_id, said)
    street.passes(days=days)
    street.passes(days=0)
    assert event in street.events(request_id)
    assert street.state(request_id) == "open"
    street.offer(request_id)
    assert street.state(request_id) in {"offered", "waiting"}
    assert street.desk.value("SELECT count(*) FROM owner_ask") == 1


@pytest.mark.parametrize(
    ("said", "event"), [(Answer.NOT_DONE, "owner_answered"), (None, "not_answered"), (Answer.DONE, "deed_not_proven")]
)
def test_who_is_asked_by_a_person_answers_to_a_person(street: Street, said: Answer | None, event: str) -> None:
    street.component = "water_pipes"
    street.desk.symptom(street.device_id, "water_never_rests", component="water_pipes")
    street.diagnose()
    request_id = street.desk.value("SELECT request_id FROM service_request")
    staff_id = street.desk.value("SELECT staff_id FROM staff LIMIT 1")
    street.desk.admin.execute("UPDATE service_request SET state = 'held'")
    for _ in range(2):
        with street.working() as connection:
            done = asking.ask_by_hand(
                connection, request_id=request_id, staff_id=staff_id, name="close_what_runs", now=street.now
            )
            assert done == Done("asking")
    assert street.desk.value("SELECT count(*) FROM notice WHERE kind = 'ask'") == 1
    if said is not None:
        assert answer(street, request_id, said)
    street.passes(days=4)
    assert event in street.events(request_id)
    assert street.state(request_id) == "held"
    assert street.desk.rows("SELECT reason FROM human_case WHERE closed_at IS NULL") == [(asking.ANSWERED,)]
    with street.working() as connection:
        again = asking.ask_by_hand(
            connection, request_id=request_id, staff_id=staff_id, name="close_what_runs", now=street.now
        )
    assert again == Refused("The owner cannot be asked this now.")


def test_a_fault_that_an_answer_singles_out_began_when_the_trouble_did(street: Street) -> None:
    """What pays for it is what was in force at its onset, and not what is by the time that its owner answers."""
    street.component = "water_meter"
    street.desk.symptom(street.device_id, "water_back", component="water_meter")
    street.diagnose()
    request_id, onset_at = street.desk.rows(
        "SELECT request_id, since_at FROM service_request JOIN fault USING (fault_id)"
    )[0]
    street.desk.admin.execute(
        """UPDATE diagnosis SET hypotheses = '[{"fault": "water_meter_faulty", "probability": 0.3},
            {"fault": "water_use_fell", "probability": 0.7}]'"""
    )
    with street.working() as connection:
        request = requests.lock_request(connection, request_id)
        assert request is not None
        asking.begin(connection, request, kind="check", name="fewer_people", now=street.now)
    street.now += timedelta(days=2)
    assert answer(street, request_id, Answer.YES)
    street.offer(request_id)
    assert street.desk.rows("SELECT code, since_at FROM fault WHERE closed_at IS NULL") == [
        ("water_use_fell", onset_at)
    ]


def test_nobody_is_asked_about_a_danger(street: Street) -> None:
    street.component = "electricity_meter"
    street.desk.symptom(street.device_id, "terminal_hot", component="electricity_meter")
    street.diagnose()
    with street.working() as connection:
        request = requests.lock_request(connection, street.desk.value("SELECT request_id FROM service_request"))
        assert request is not None
        assert asking.may_ask(connection, request) == []


def test_an_answer_of_another_kind_or_to_nothing_changes_nothing(street: Street) -> None:
    request_id = asked(street)
    assert not answer(street, request_id, Answer.YES)
    assert not answer(street, request_id + 1, Answer.DONE)
    assert street.state(request_id) == "asking"


def test_a_danger_is_told_to_the_device_at_once_and_once_and_never_weighed(street: Street) -> None:
    street.component = "electricity_meter"
    street.desk.symptom(street.device_id, "terminal_hot", component="electricity_meter")
    street.diagnose()
    street.diagnose()
    request_id = street.desk.value("SELECT request_id FROM service_request")
    (command,) = street.door()
    assert (command["command"], command["arguments"]) == ("stop_using", {"fault": "terminals_overheat"})
    assert street.desk.rows("SELECT kind FROM notice WHERE kind = 'safety'") == [("safety",)]
    street.offer(request_id)
    assert not {"weighed", "remedy_planned", "asked"} & set(street.events(request_id))
