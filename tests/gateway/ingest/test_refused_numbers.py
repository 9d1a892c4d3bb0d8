"""The number of a refused message came: nobody is asked for it again, and its message is taken in when it comes corrected."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway.ingest.replay import Replays
from gateway.ingest.source import Message
from gateway.storage import rejections
from gateway.storage.connection import tenant_transaction
from tests.gateway.desk import SmallDesk, telemetry, topic
from tests.gateway.ingest.numbers import START, message, two_vehicles
from tests.gateway.ingest.test_resend import Door


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    yield from two_vehicles(database, tmp_path)


@pytest.fixture
def door(desk: SmallDesk) -> Iterator[Door]:
    made = Door(desk)
    yield made
    made.close()


def received(desk: SmallDesk) -> list[tuple[object, ...]]:
    return desk.rows("SELECT boot, received::text FROM device_sequence ORDER BY boot")


def stored(desk: SmallDesk) -> list[int]:
    return [row[0] for row in desk.rows("SELECT seq FROM electric_vehicle_reading ORDER BY boot, seq")]


def spoiled(seq: int, boot: int = 1) -> Message:
    """A message with a NaN, which is no JSON."""
    sound = message(seq, boot)
    return Message(sound.topic, sound.payload.replace(b"50.0", b"NaN"), sound.received_at, sound.receipt)


def told(payload: bytes, channel: str = "telemetry") -> Message:
    return Message(topic("ev-1", channel), payload, START + timedelta(seconds=60), (1, 3))


REFUSED = {
    "not_json": spoiled(3),
    "unknown_schema": told(telemetry(3, schema="callout.telemetry/9")),
    "wrong_form": told(telemetry(3, samples="none")),
    "oversized": told(telemetry(3, {"at": "x" * 300_000})),
    "bad_time": told(b'{"schema":"callout.event/1","boot":1,"seq":3,"at":"noon","codes":[]}', "event"),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_nobody_is_asked_for_what_was_refused_but_for_what_was_lost(desk: SmallDesk, door: Door, reason: str) -> None:
    door.worker.take([message(1), message(2)])
    door.worker.take([REFUSED[reason]])
    door.worker.take([message(5)])
    door.wait()
    assert desk.rows("SELECT reason FROM rejection") == [(reason,)]
    assert (door.gaps, door.asked) == ([("[4,5)", "asked")], [(1, [[4, 4]])])
    door.worker.take([message(4)])
    assert (received(desk), door.troubles) == ([(1, "{[1,6)}")], [])


def test_text_that_was_cut_says_no_number_and_its_sound_copy_is_asked_for(desk: SmallDesk, door: Door) -> None:
    sound = message(2)
    cut = Message(sound.topic, sound.payload[:-20], sound.received_at, sound.receipt)
    door.worker.take([message(1), cut, message(3)])
    door.wait()
    assert door.asked == [(1, [[2, 2]])]
    door.worker.take([sound])
    assert (stored(desk), door.gaps) == ([1, 2, 3], [("[2,3)", "filled")])


def test_a_gap_whose_message_comes_and_is_refused_is_not_asked_for_again(door: Door) -> None:
    door.worker.take([message(1), message(3)])
    door.wait()
    assert door.gaps == [("[2,3)", "asked")]
    door.worker.take([spoiled(2)])
    door.wait(4)
    assert (door.gaps, len(door.asked)) == ([("[2,3)", "filled")], 1)


@pytest.mark.parametrize("dies", [False, True])
def test_what_comes_corrected_is_taken_in_and_looks_like_no_restart(desk: SmallDesk, door: Door, dies: bool) -> None:
    door.worker.take([message(1), message(2)])
    door.worker.take([spoiled(seq) for seq in (3, 4, 5, 6)])
    if dies:
        door.die()
    # A batch that was committed and not acknowledged comes again.
    door.worker.take([spoiled(seq) for seq in (3, 4, 5, 6)])
    door.worker.take([message(seq) for seq in (3, 4, 5, 6)])
    door.worker.take([message(7)])
    door.wait()
    assert (stored(desk), received(desk)) == ([1, 2, 3, 4, 5, 6, 7], [(1, "{[1,8)}")])
    assert (door.gaps, door.troubles) == ([], [])


def test_what_comes_corrected_after_later_messages_is_taken_in_too(desk: SmallDesk, door: Door) -> None:
    door.worker.take([message(1), spoiled(2), spoiled(3), spoiled(4), message(5)])
    door.worker.take([message(seq) for seq in (2, 3, 4)])
    door.wait()
    assert (stored(desk), door.gaps, door.troubles) == ([1, 2, 3, 4, 5], [], [])


def test_a_boot_whose_first_message_is_refused_misses_nothing(desk: SmallDesk, door: Door) -> None:
    door.worker.take([message(1), message(2)])
    door.worker.take([spoiled(1, boot=2)])
    door.die()
    door.worker.take([message(2, boot=2)])
    door.wait()
    assert (received(desk), door.gaps, door.troubles) == ([(1, "{[1,3)}"), (2, "{[1,3)}")], [], [])


def test_a_device_that_was_refused_once_goes_on_in_memory(desk: SmallDesk, door: Door) -> None:
    door.worker.take([message(1), message(2)])
    door.worker.take([spoiled(3)])
    door.worker.take([message(4)])
    assert desk.rows("SELECT received::text, noticed::text FROM device_sequence") == [("{[1,5)}", "{}")]
    device_id = desk.value("SELECT device_id FROM device WHERE name = 'ev-1'")
    held = door.worker._settling._numbering._runs.held([device_id])
    assert held.highest.tolist() == [4]


def test_a_rejection_of_the_newest_messages_is_replayed_and_looks_like_no_restart(desk: SmallDesk, door: Door) -> None:
    """What the desk's own clock, an hour behind, had refused as future, before any later message came."""
    door.worker.take([message(1), message(2)])
    ahead = [message(seq) for seq in (3, 4, 5, 6)]
    behind = [Message(each.topic, each.payload, each.received_at - timedelta(hours=1), each.receipt) for each in ahead]
    door.worker.take(behind)
    assert desk.rows("SELECT DISTINCT reason FROM rejection") == [("future",)]
    desk.admin.execute(
        """INSERT INTO desk_alarm (kind, is_critical, since_at, last_at, value, threshold)
        SELECT 'clock_jumped', true, min(received_at), now(), -3600, 5 FROM rejection"""
    )
    _replay(desk, door, START)
    assert desk.rows("SELECT DISTINCT outcome FROM rejection") == [("stored",)]
    assert (stored(desk), received(desk)) == ([1, 2, 3, 4, 5, 6], [(1, "{[1,7)}")])
    assert (door.gaps, [kind for kind, _ in door.troubles if kind != "clock_off"]) == ([], [])


def _replay(desk: SmallDesk, door: Door, now: datetime) -> None:
    with tenant_transaction(desk.work, desk.tenant_id):
        assert rejections.ask_replay(desk.work, now)
    assert Replays(door.worker).look() == 4
