"""Silence at the door, on a real database: found by the server's clock, told once, and found again after any crash."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.ingest.source import Message
from gateway.ingest.worker import Worker
from tests.gateway.desk import SmallDesk, open_desk, topic
from tests.gateway.metering import enrol_meters, new_worker, reading, state

START = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
TICK = timedelta(minutes=2)

SYMPTOMS = """SELECT d.name, s.state, s.since_at, s.confirmed_at, s.healed_at, s.value FROM symptom s JOIN device d
    USING (device_id) WHERE s.monitor = 'silent' ORDER BY d.name, s.since_at"""
PRESENCE = """SELECT d.name, p.is_online, p.heard_at, p.newest_claimed_at, p.silent_since_at, p.returned_at
    FROM device_heard p JOIN device d USING (device_id) ORDER BY d.name"""


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    enrol_meters(opened, ["m-1", "m-2"])
    yield opened
    opened.close()


@pytest.fixture
def worker(desk: SmallDesk) -> Iterator[Worker]:
    made = new_worker(desk)
    yield made
    made.close()


def listen(worker: Worker, since: datetime, until: datetime, step: timedelta = TICK) -> None:
    """Let the server's clock tick in an interval, its beginning left out."""
    at = since + step
    while at <= until:
        worker.tick(at)
        at += step


def live(worker: Worker, names: list[str], since: datetime, until: datetime) -> None:
    """Report every hour, and listen between."""
    while since < until:
        worker.take([reading(name, since) for name in names])
        listen(worker, since, since + HOUR)
        since += HOUR


def test_a_silent_meter_is_one_symptom_however_long_it_is_silent(desk: SmallDesk, worker: Worker) -> None:
    worker.take([reading("m-1", START)])
    live(worker, ["m-2"], START, START + 72 * HOUR)
    ((name, phase, since, confirmed, healed, value),) = desk.rows(SYMPTOMS)
    assert (name, phase, since, healed) == ("m-1", "confirmed", START, None)
    assert START + 24 * HOUR <= confirmed <= START + 24 * HOUR + 2 * TICK
    assert value == pytest.approx(24.0, abs=0.1)


def test_meters_that_report_as_their_cadence_says_are_never_silent(desk: SmallDesk, worker: Worker) -> None:
    live(worker, ["m-1", "m-2"], START, START + 60 * HOUR)
    assert desk.rows(SYMPTOMS) == []
    assert desk.value("SELECT count(*) FROM silence_change") == 0


def test_any_sign_of_life_ends_a_silence_and_it_heals_when_it_lasts(desk: SmallDesk, worker: Worker) -> None:
    worker.take([reading("m-1", START)])
    listen(worker, START, START + 26 * HOUR)
    # What cannot be read is a sign of life all the same.
    worker.take([Message(topic("m-1"), b"not json", START + 26 * HOUR, (1, 0))])
    listen(worker, START + 26 * HOUR, START + 27 * HOUR)
    assert [row[1] for row in desk.rows(SYMPTOMS)] == ["confirmed"]
    assert desk.rows(PRESENCE)[0][5] == START + 26 * HOUR + TICK
    live(worker, ["m-1"], START + 27 * HOUR, START + 34 * HOUR)
    ((_, phase, since, _, healed, _),) = desk.rows(SYMPTOMS)
    assert (phase, since) == ("healed", START)
    assert healed == START + 33 * HOUR + TICK
    assert desk.rows(PRESENCE)[0][4:] == (None, None)


def test_a_meter_that_says_a_word_now_and_then_is_in_one_silence(desk: SmallDesk, worker: Worker) -> None:
    at = START
    for _ in range(4):
        worker.take([reading("m-1", at)])
        listen(worker, at, at + 26 * HOUR)
        at += 26 * HOUR
    ((_, phase, since, _, healed, _),) = desk.rows(SYMPTOMS)
    assert (phase, since, healed) == ("confirmed", START, None)
    # It was lost again a day after its last word.
    assert desk.rows(PRESENCE)[0][4:] == (START, None)


def test_the_absence_of_the_server_is_nobody_s_silence(desk: SmallDesk, worker: Worker) -> None:
    worker.take([reading("m-1", START), reading("m-2", START)])
    listen(worker, START, START + 23 * HOUR)
    # Three days without a tick: away, behind, or without its broker.
    worker.tick(START + 95 * HOUR)
    assert desk.rows(SYMPTOMS) == []
    worker.take([reading("m-2", START + 95 * HOUR)])
    listen(worker, START + 95 * HOUR, START + 96 * HOUR)
    assert [(row[0], row[1]) for row in desk.rows(SYMPTOMS)] == [("m-1", "confirmed")]


def test_a_lost_worker_finds_each_silence_once_and_at_the_same_tick(desk: SmallDesk) -> None:
    def told(seed: int | None) -> list[tuple[object, ...]]:
        desk.admin.execute(
            "TRUNCATE symptom, smart_meter_reading, device_presence, device_sequence, server_tick, silence_change, detector_checkpoint"
            " CASCADE"
        )
        chance = random.Random(seed)
        worker = new_worker(desk)
        for hour in range(72):
            at = START + hour * HOUR
            sent = [reading("m-1", at)] if hour < 5 or 40 <= hour < 50 or hour > 60 else []
            sent += [reading("m-2", at + timedelta(minutes=minute)) for minute in (0, 20, 40)] if hour < 30 else []
            if seed is not None:
                chance.shuffle(sent)
                sent += sent[:1]
            if sent:
                worker.take(sent)
            if seed is not None and hour % 7 == 3:
                # Lost: closing saves nothing.
                worker.close()
                worker = new_worker(desk)
            listen(worker, at, at + HOUR)
        worker.close()
        return desk.rows(SYMPTOMS) + desk.rows(PRESENCE)

    ordered = told(None)
    assert [row[:2] for row in ordered[:2]] == [("m-1", "healed"), ("m-2", "confirmed")]
    assert told(1) == ordered


def test_a_tick_whose_transaction_is_undone_is_told_by_the_next_one(desk: SmallDesk, worker: Worker) -> None:
    worker.take([reading("m-1", START)])
    listen(worker, START, START + 24 * HOUR - TICK)
    desk.admin.execute("ALTER TABLE silence_change RENAME TO silence_change_away")
    with pytest.raises(Exception, match="silence_change"):
        listen(worker, START + 24 * HOUR - TICK, START + 25 * HOUR)
    desk.admin.execute("ALTER TABLE silence_change_away RENAME TO silence_change")
    worker.close()
    assert desk.rows(SYMPTOMS) == []
    again = new_worker(desk)
    again.tick(START + 25 * HOUR)
    again.close()
    assert [row[1] for row in desk.rows(SYMPTOMS)] == ["confirmed"]
    assert desk.value("SELECT count(*) FROM silence_change") == 1


def test_a_retained_word_and_a_last_will_are_no_sign_of_life(desk: SmallDesk, worker: Worker) -> None:
    worker.take([state("m-1", START, online=True), reading("m-1", START)])
    worker.take([state("m-1", START + HOUR, online=True, is_retained=True)])
    worker.take([state("m-1", START + 2 * HOUR, online=False)])
    ((_, is_online, heard_at, claimed_at, _, _),) = desk.rows(PRESENCE)
    assert (is_online, heard_at, claimed_at) == (False, START, START)


def test_a_word_that_the_broker_repeats_is_news_only_where_it_differs(desk: SmallDesk, worker: Worker) -> None:
    told = "SELECT is_online, told_at FROM device_presence"
    worker.take([state("m-1", START, online=False, is_retained=True)])
    worker.take([reading("m-1", START + HOUR)])
    worker.take([state("m-1", START + 2 * HOUR, online=False, is_retained=True)])
    assert desk.rows(told) == [(False, START)]
    worker.take([state("m-1", START + 3 * HOUR, online=True, is_retained=True)])
    assert desk.rows(told) == [(True, START + 3 * HOUR)]


def test_an_older_word_changes_nothing_and_a_late_reading_hears_nobody_earlier(desk: SmallDesk, worker: Worker) -> None:
    worker.take([reading("m-1", START + HOUR), state("m-1", START + 2 * HOUR, online=True)])
    worker.take([state("m-1", START + 3 * HOUR, online=True)])
    worker.take([state("m-1", START + HOUR, online=False), reading("m-1", START, received_at=START + HOUR)])
    ((_, is_online, heard_at, claimed_at, _, _),) = desk.rows(PRESENCE)
    assert (is_online, heard_at, claimed_at) == (True, START + 3 * HOUR, START + HOUR)


def test_who_is_heard_for_the_first_time_is_kept_beside_those_who_were_heard_before(
    desk: SmallDesk, worker: Worker
) -> None:
    worker.take([reading("m-1", START)])
    worker.take([reading("m-1", START + HOUR), reading("m-2", START + HOUR)])
    worker.take([reading("m-2", START + 2 * HOUR)])
    heard = [(name, heard_at, claimed_at) for name, _, heard_at, claimed_at, *_ in desk.rows(PRESENCE)]
    assert heard == [("m-1", START + HOUR, START + HOUR), ("m-2", START + 2 * HOUR, START + 2 * HOUR)]


def test_late_readings_do_not_take_back_what_a_tick_decided(desk: SmallDesk, worker: Worker) -> None:
    worker.take([reading("m-1", START + HOUR)])
    listen(worker, START + HOUR, START + 26 * HOUR)
    worker.take([reading("m-1", START + 26 * HOUR), reading("m-1", START + 25 * HOUR)])
    worker.take([reading("m-1", START, received_at=START + 26 * HOUR)])
    assert [row[1] for row in desk.rows(SYMPTOMS)] == ["confirmed"]


def test_a_retired_meter_is_not_called_silent(desk: SmallDesk, worker: Worker) -> None:
    worker.take([reading("m-1", START), reading("m-2", START)])
    desk.admin.execute("UPDATE device SET retired_at = %s WHERE name = 'm-1'", [START + HOUR])
    listen(worker, START, START + 26 * HOUR)
    assert [row[0] for row in desk.rows(SYMPTOMS)] == ["m-2"]


def test_the_worker_ticks_only_when_it_has_taken_in_all_and_has_its_broker(desk: SmallDesk) -> None:
    worker = new_worker(desk)
    source = worker._source
    source.is_connected = False  # type: ignore[misc]
    asked = 0

    def receive(most: int, timeout_s: float) -> list[Message]:
        nonlocal asked
        asked += 1
        if asked == 3:
            assert desk.value("SELECT count(*) FROM server_tick") == 0
            source.is_connected = True  # type: ignore[misc]
        if asked == 5:
            worker.stop()
        return []

    source.receive = receive  # type: ignore[method-assign]
    worker.run()
    assert desk.value("SELECT count(*) FROM server_tick") == 1


def test_old_ticks_are_dropped_and_those_that_a_silence_needs_are_kept(desk: SmallDesk, worker: Worker) -> None:
    for day in range(0, 100, 5):
        worker.tick(START + timedelta(days=day))
    oldest, count = desk.rows("SELECT min(tick_at), count(*) FROM server_tick")[0]
    assert oldest >= START + timedelta(days=95 - 63)
    assert count == 13
