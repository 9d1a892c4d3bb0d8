"""Silences are gathered by region: one incident of a named human for many, the ordinary way for one alone."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway import journey
from gateway.decisions.gathering import close_by_hand
from gateway.decisions.replaying import replay
from gateway.ingest.worker import Worker
from gateway.storage.connection import tenant_transaction
from gateway.storage.receipts import decisions_after
from gateway.sweep import sweep
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.metering import enrol_meters, new_worker, reading

START = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
TICK = timedelta(minutes=2)
SEOUL = [f"s-{number}" for number in range(500)]
FAR = [f"f-{number}" for number in range(30)]


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def worker(desk: SmallDesk) -> Iterator[Worker]:
    made = new_worker(desk)
    yield made
    made.close()


def within_the_hour(names: list[str], at: datetime, seed: int = 1) -> dict[str, datetime]:
    """Each device reports at its own minute of the hour."""
    chance = random.Random(seed)
    return {name: at + timedelta(seconds=chance.randrange(3600)) for name in names}


def pass_time(
    desk: SmallDesk, worker: Worker, since: datetime, until: datetime, reports: dict[str, datetime] | None = None
) -> None:
    """Let the server's clock tick and the desk sweep; devices report at their minute of every hour."""
    at = since
    minutes = {name: (first - since) % HOUR for name, first in (reports or {}).items()}
    while at < until:
        at += TICK
        begins = (at - since) % HOUR
        sent = [reading(name, at) for name, minute in minutes.items() if begins <= minute < begins + TICK]
        if sent:
            worker.take(sent)
        worker.tick(at)
        if at.minute % 10 == 0:
            sweep(desk.work, at)


def skip(desk: SmallDesk, since: datetime, until: datetime) -> Worker:
    """Let time pass in which the server listened and heard nothing: ticks are inputs, so they can be put in."""
    desk.admin.execute(
        """INSERT INTO server_tick SELECT 0, 63, at FROM generate_series(%s::timestamptz, %s::timestamptz, '2 min') AS at
        ON CONFLICT DO NOTHING""",
        [since, until],
    )
    return new_worker(desk)


def jobs(desk: SmallDesk) -> list[tuple[str, int | None]]:
    return desk.rows(
        """SELECT task_name, (args ->> 'device_id')::int FROM jobs.procrastinate_jobs
        WHERE task_name = 'diagnose' AND args ->> 'component' = 'communication' ORDER BY 2"""
    )


def run_jobs(desk: SmallDesk, now: datetime) -> None:
    """Run the diagnoses that were deferred."""
    for _, device_id in jobs(desk):
        assert device_id is not None
        with tenant_transaction(desk.work, desk.tenant_id):
            journey.diagnose(desk.work, device_id=device_id, component="communication", now=now)
    desk.admin.execute("TRUNCATE jobs.procrastinate_jobs CASCADE")


def incidents(desk: SmallDesk) -> list[tuple[object, ...]]:
    return desk.rows("SELECT devices, heard_again, place, closed_at IS NOT NULL FROM incident ORDER BY incident_id")


def blackout(desk: SmallDesk) -> tuple[Worker, datetime]:
    """Five hundred meters of a region report for the last time within an hour; a day later all are silent."""
    enrol_meters(desk, SEOUL, place="Seongsu-dong")
    enrol_meters(desk, FAR, latitude=35.1, longitude=129.0, place="Busan")
    worker = new_worker(desk)
    far = within_the_hour(FAR, START)
    worker.take([reading(name, at) for name, at in within_the_hour(SEOUL, START).items()])
    worker.take([reading(name, at) for name, at in far.items()])
    worker.close()
    worker = skip(desk, START, START + 23 * HOUR)
    worker.take([reading(name, START + 23 * HOUR - TICK) for name in FAR])
    now = START + 26 * HOUR
    pass_time(desk, worker, START + 23 * HOUR, now, far)
    return worker, now


def test_the_silence_of_a_region_is_one_incident_no_request_and_one_notice(desk: SmallDesk) -> None:
    worker, _ = blackout(desk)
    worker.close()
    assert incidents(desk) == [(500, 0, "Seongsu-dong", False)]
    assert desk.value("SELECT count(*) FROM symptom WHERE monitor = 'silent' AND state = 'confirmed'") == 500
    assert desk.value("SELECT count(*) FROM service_request") == 0
    assert jobs(desk) == []
    decisions = desk.rows(
        "SELECT outcome, incident_id IS NOT NULL, device_id FROM decision_receipt ORDER BY decision_id"
    )
    assert decisions[0] == ("incident", True, None)
    assert {decision[0] for decision in decisions[1:]} <= {"joined"}
    with tenant_transaction(desk.work, desk.tenant_id):
        made_again = replay(desk.work, decisions_after(desk.work, 0, 100))
    assert len(made_again) == len(decisions)
    assert [each.differences for each in made_again] == [[]] * len(decisions)
    # A silence that is not there any more, and a receipt whose grounds are gone, are told.
    desk.admin.execute(
        "UPDATE symptom SET since_at = since_at - interval '1 s' WHERE symptom_id = (SELECT min(symptom_id) FROM symptom)"
    )
    with tenant_transaction(desk.work, desk.tenant_id):
        changed = replay(desk.work, decisions_after(desk.work, 0, 100))
    assert [difference.path[:9] for each in changed for difference in each.differences] == ["silences["]
    assert desk.rows("SELECT kind, recipient, incident_id IS NOT NULL FROM notice") == [
        ("incident_opened", "pat@acme.example", True)
    ]
    ((opened_at, due_at, since_at),) = desk.rows("SELECT opened_at, due_at, since_at FROM incident")
    assert since_at < START + timedelta(minutes=1)
    assert START + 24 * HOUR < opened_at < START + 24 * HOUR + timedelta(minutes=20)
    assert due_at == opened_at + 8 * HOUR
    assert desk.value("SELECT count(*) FROM silence_change") == 0


def test_when_most_are_heard_again_it_closes_and_the_others_go_their_own_way(desk: SmallDesk) -> None:
    worker, now = blackout(desk)
    back = within_the_hour(SEOUL[:490], now)
    pass_time(desk, worker, now, now + 2 * HOUR, back)
    assert incidents(desk) == [(500, 490, "Seongsu-dong", False)]
    assert jobs(desk) == []
    pass_time(desk, worker, now + 2 * HOUR, now + 5 * HOUR, {name: at + 2 * HOUR for name, at in back.items()})
    worker.close()
    assert incidents(desk) == [(500, 490, "Seongsu-dong", True)]
    assert len(jobs(desk)) == 10
    run_jobs(desk, now + 5 * HOUR)
    assert desk.value("SELECT count(*) FROM service_request") == 10
    assert desk.value("SELECT count(*) FROM incident_device WHERE released_at IS NOT NULL") == 10


def test_one_alone_is_one_request_that_its_owner_is_offered_dates_for(desk: SmallDesk) -> None:
    enrol_meters(desk, FAR, place="Busan")
    worker = new_worker(desk)
    worker.take([reading(name, START) for name in FAR])
    worker.close()
    worker = skip(desk, START, START + 23 * HOUR)
    others = within_the_hour(FAR[1:], START + 23 * HOUR)
    worker.take([reading(name, START + 23 * HOUR) for name in others])
    pass_time(desk, worker, START + 23 * HOUR, START + 30 * HOUR, others)
    worker.close()
    assert incidents(desk) == []
    assert len(jobs(desk)) == 1
    run_jobs(desk, START + 30 * HOUR)
    assert desk.rows(
        """SELECT r.state, f.code, d.name, g.verdict FROM service_request r JOIN fault f USING (fault_id)
        JOIN diagnosis g USING (diagnosis_id) JOIN device d ON d.device_id = r.device_id"""
    ) == [("open", "not_heard", "f-0", "sure")]
    said = desk.value("SELECT hypotheses -> 0 -> 'evidence_for' -> 0 FROM diagnosis")
    assert (said["monitor"], said["unit"], said["threshold"]) == ("silent", "h", 24.0)


def test_a_request_learns_that_its_silence_has_healed(desk: SmallDesk) -> None:
    enrol_meters(desk, ["m-1"])
    worker = new_worker(desk)
    worker.take([reading("m-1", START)])
    worker.close()
    worker = skip(desk, START, START + 24 * HOUR - TICK)
    pass_time(desk, worker, START + 24 * HOUR - TICK, START + 25 * HOUR)
    run_jobs(desk, START + 25 * HOUR)
    pass_time(desk, worker, START + 25 * HOUR, START + 34 * HOUR, {"m-1": START + 25 * HOUR})
    worker.close()
    run_jobs(desk, START + 34 * HOUR)
    assert [row[0] for row in desk.rows("SELECT event FROM request_event ORDER BY event_id")] == [
        "opened",
        "symptom_healed",
    ]


def test_a_person_closes_it_with_a_word_and_may_ask_for_each_that_is_still_silent(desk: SmallDesk) -> None:
    worker, now = blackout(desk)
    worker.close()
    ((incident_id, staff_id),) = desk.rows("SELECT incident_id, staff_id FROM incident")
    for word in ("A transformer is being replaced", "Another word"):
        with tenant_transaction(desk.work, desk.tenant_id):
            close_by_hand(
                desk.work, incident_id=incident_id, staff_id=staff_id, word=word, one_by_one=word[0] == "A", now=now
            )
    assert desk.rows("SELECT word, closed_by FROM incident") == [("A transformer is being replaced", staff_id)]
    assert len(jobs(desk)) == 500


def test_many_of_a_large_region_are_an_incident_although_most_are_heard(desk: SmallDesk) -> None:
    names = [f"c-{number}" for number in range(300)]
    enrol_meters(desk, names, place="Seoul")
    worker = new_worker(desk)
    worker.take([reading(name, at) for name, at in within_the_hour(names, START).items()])
    worker.close()
    worker = skip(desk, START, START + 23 * HOUR)
    worker.take([reading(name, START + 23 * HOUR) for name in names[60:]])
    pass_time(desk, worker, START + 23 * HOUR, START + 26 * HOUR)
    worker.close()
    assert incidents(desk) == [(60, 0, "Seoul", False)]
    assert jobs(desk) == []


def test_devices_without_a_place_fall_silent_together_too(desk: SmallDesk) -> None:
    names = [f"n-{number}" for number in range(20)]
    enrol_meters(desk, names, latitude=None, longitude=None)
    worker = new_worker(desk)
    worker.take([reading(name, START) for name in names])
    worker.close()
    worker = skip(desk, START, START + 24 * HOUR - TICK)
    pass_time(desk, worker, START + 24 * HOUR - TICK, START + 25 * HOUR)
    worker.close()
    assert incidents(desk) == [(20, 0, "", False)]


def test_tenants_are_apart(desk: SmallDesk, tmp_path: Path) -> None:
    other = open_desk(desk.dsn, tmp_path, tenant="other")
    worker, now = blackout(desk)
    worker.close()
    with tenant_transaction(other.work, other.tenant_id):
        assert other.work.execute("SELECT 1 FROM incident").fetchall() == []
        assert other.work.execute("SELECT 1 FROM incident_device").fetchall() == []
        assert not close_by_hand(other.work, incident_id=1, staff_id=1, word="Not mine", one_by_one=True, now=now)
    other.close()
