"""Gaps: waited for, noticed, asked for, filled or given up; and a worker that dies anywhere goes on where it was."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from gateway.ingest.resend import MOST_A_DAY, ask, notice
from gateway.ingest.source import Message
from gateway.storage.connection import Connection, Role, connect, tenant_transaction
from gateway.storage.gaps import gaps_of_device
from tests.gateway.desk import SmallDesk, open_desk, topic
from tests.gateway.ingest.numbers import PATIENCE, START, RememberedCommands, answer, message, new_worker


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    opened.vehicle("ev-1")
    opened.vehicle("ev-2")
    yield opened
    opened.close()


@pytest.fixture
def door(desk: SmallDesk) -> Iterator["Door"]:
    made = Door(desk)
    yield made
    made.close()


class Door:
    """A worker whose time is told to it."""

    def __init__(self, desk: SmallDesk) -> None:
        self.desk = desk
        self.commands = RememberedCommands()
        self.worker = new_worker(desk, self.commands)
        self.now = datetime.now(UTC)
        self.connection: Connection = connect(desk.dsn, Role.INGEST)

    def close(self) -> None:
        self.worker.close()
        self.connection.close()

    def die(self) -> None:
        """Be another worker that knows nothing but what is in the database."""
        self.close()
        self.worker = new_worker(self.desk, self.commands)
        self.connection = connect(self.desk.dsn, Role.INGEST)

    def wait(self, patiences: float = 1.1) -> None:
        self.now += patiences * PATIENCE
        notice(self.connection, self.now, PATIENCE)
        ask(self.connection, self.now, PATIENCE)
        resends = self.worker._resends
        resends._send(self.connection, self.now)

    def take(self, *seqs: int, boot: int = 1, device: str = "ev-1") -> None:
        """Receive numbers now, as the door's clock has it."""
        self.worker.take(
            [
                Message(each.topic, each.payload, self.now + timedelta(seconds=1), each.receipt)
                for each in (message(seq, boot, device) for seq in seqs)
            ]
        )

    @property
    def asked(self) -> list[tuple[int, list[list[int]]]]:
        return [(command["boot"], command["seqs"]) for _, command, _ in self.commands.sent]

    @property
    def gaps(self) -> list[tuple[str, str]]:
        rows = self.desk.rows(
            """SELECT missing::text, CASE WHEN filled_at IS NOT NULL THEN 'filled' WHEN given_up_at IS NOT NULL
                THEN 'given up' WHEN asked_at IS NOT NULL THEN 'asked' ELSE 'noticed' END
            FROM sequence_gap ORDER BY device_id, boot, lower(missing)"""
        )
        return [(row[0], row[1]) for row in rows]

    @property
    def troubles(self) -> list[tuple[str, int]]:
        rows = self.desk.rows("SELECT kind, count FROM door_trouble WHERE closed_at IS NULL ORDER BY kind")
        return [(row[0], row[1]) for row in rows]


def test_a_gap_is_waited_for_then_noticed_asked_and_filled(desk: SmallDesk, door: Door) -> None:
    door.take(1, 2, 6, 9)
    door.wait(0.5)
    assert (door.gaps, door.asked) == ([], [])
    door.wait()
    assert door.asked == [(1, [[3, 5], [7, 8]])]
    place, command, expiry_s = door.commands.sent[0]
    assert place == topic("ev-1", "command")
    assert (command["schema"], command["command"]) == ("callout.command/1", "resend")
    assert 3000 < expiry_s <= 3600
    assert door.gaps == [("[3,6)", "asked"), ("[7,9)", "asked")]
    door.take(3, 4, 5, 7)
    assert door.gaps == [("[3,6)", "filled"), ("[7,9)", "asked")]
    door.take(8)
    door.worker.take([answer(command, "done")])
    assert door.gaps == [("[3,6)", "filled"), ("[7,9)", "filled")]
    door.wait()
    assert desk.rows("SELECT outcome FROM device_command WHERE sent_at IS NOT NULL") == [("done",)]
    assert (len(door.commands.sent), door.troubles) == (1, [])


def test_disorder_that_closes_by_itself_is_never_a_gap(door: Door) -> None:
    door.take(1, 2, 6, 9)
    door.take(8, 7, 3, 5, 4)
    door.wait()
    assert (door.gaps, door.asked) == ([], [])


def test_a_newer_gap_has_its_own_patience(door: Door) -> None:
    door.take(1, 3)
    door.wait(0.6)
    door.take(5)
    door.wait(0.6)
    assert door.gaps == [("[2,3)", "asked")]
    door.wait()
    assert door.gaps == [("[2,3)", "asked"), ("[4,5)", "noticed")]


def test_what_the_device_no_longer_has_is_given_up_at_once_and_told(door: Door) -> None:
    door.take(1, 11, 14)
    door.wait()
    command = door.commands.sent[0][1]
    door.take(5, 6, 7, 8, 9, 10, 12)
    door.worker.take([answer(command, "partly", missing=[[2, 4]])])
    assert door.gaps == [("[2,11)", "given up"), ("[12,14)", "asked")]
    assert door.troubles == [("gap_lost", 3)]
    door.take(13)
    assert door.gaps == [("[2,11)", "given up"), ("[12,14)", "filled")]


def test_a_refusal_gives_up_all_that_was_asked(door: Door) -> None:
    door.take(1, 4)
    door.wait()
    door.worker.take([answer(door.commands.sent[0][1], "refused", detail="no store\0")])
    assert (door.gaps, door.troubles) == ([("[2,4)", "given up")], [("gap_lost", 2)])


def test_a_device_that_is_heard_but_does_not_send_is_asked_five_times_at_growing_pauses(door: Door) -> None:
    door.take(1, 4)
    pauses: list[float] = []
    since = door.now
    for number in range(5, 3000):
        before = len(door.commands.sent)
        door.wait(2.0 if number < 100 else 30.0)
        if len(door.commands.sent) > before:
            pauses.append((door.now - since) / PATIENCE)
            since = door.now
        if door.gaps and door.gaps[0][1] == "given up":
            break
        door.take(number)
    assert len(pauses) == 5
    assert all(later >= 3 * earlier for earlier, later in pairwise(pauses[1:]))
    assert ("gap_lost", 2) in door.troubles


def test_a_device_that_is_silent_is_not_asked_again_until_it_is_heard(door: Door) -> None:
    door.take(1, 4)
    for _ in range(40):
        door.wait(30.0)
    assert len(door.commands.sent) == 1
    assert door.gaps == [("[2,4)", "asked")]
    door.take(5)
    door.wait()
    assert len(door.commands.sent) == 2


@pytest.mark.parametrize("dies_after", range(5))
def test_a_worker_that_dies_between_any_two_steps_loses_no_gap(door: Door, dies_after: int) -> None:
    door.commands.is_away = True
    steps: list[Any] = [
        lambda: door.take(1, 5),
        door.wait,
        lambda: setattr(door.commands, "is_away", False),
        door.wait,
        lambda: door.take(2, 3, 4),
    ]
    for number, step in enumerate(steps):
        step()
        if number == dies_after:
            door.die()
    door.wait()
    assert door.gaps == [("[2,5)", "filled")]
    assert door.asked[0] == (1, [[2, 4]])


def test_a_command_waits_for_a_broker_that_is_away_and_is_sent_once(desk: SmallDesk, door: Door) -> None:
    door.commands.is_away = True
    door.take(1, 3)
    door.wait()
    assert desk.value("SELECT count(*) FROM device_command WHERE sent_at IS NULL") == 1
    door.commands.is_away = False
    door.wait(0.1)
    door.wait(0.1)
    assert len(door.commands.sent) == 1
    assert desk.value("SELECT count(*) FROM device_command WHERE sent_at IS NOT NULL") == 1


def test_a_command_that_the_broker_refuses_is_kept_with_its_reason_and_not_repeated(
    desk: SmallDesk, door: Door
) -> None:
    door.commands.refusal = "Not authorized"
    door.take(1, 3)
    for _ in range(3):
        door.wait(0.5)
    door.wait()
    door.wait(0.2)
    assert len(door.commands.sent) == 1
    assert desk.value("SELECT send_error FROM device_command") == "Not authorized"


def test_a_large_gap_is_asked_for_in_pieces_each_after_the_answer_to_the_one_before(door: Door) -> None:
    door.take(1, 2502)
    door.wait()
    assert door.asked == [(1, [[2, 1001]])]
    door.wait()
    assert len(door.asked) == 1
    door.take(*range(2, 1002))
    door.worker.take([answer(door.commands.sent[-1][1], "done")])
    door.wait()
    assert door.asked[1:] == [(1, [[1002, 2001]])]


def test_a_number_that_leaps_is_told_and_not_asked_for(door: Door) -> None:
    door.take(1, 5_000_000)
    door.wait()
    assert (door.asked, door.gaps, door.troubles) == ([], [], [("gap_lost", 4_999_998)])
    door.wait()
    assert door.troubles == [("gap_lost", 4_999_998)]


def test_a_device_with_gaps_without_end_takes_a_bounded_number_of_rows_and_is_told(door: Door) -> None:
    door.commands.is_away = True
    for start in range(1, 4000, 100):
        door.take(*range(start, start + 100, 2))
        door.wait()
    assert MOST_A_DAY <= len(door.gaps) <= MOST_A_DAY + 100
    assert dict(door.troubles)["gap_lost"] > 500


def test_an_older_boot_is_asked_for_by_its_number(door: Door) -> None:
    door.take(1, 2, 4)
    door.take(1, 2, boot=2)
    door.wait()
    assert door.asked == [(1, [[3, 3]])]


def test_gaps_of_numbers_that_began_anew_are_given_up(door: Door) -> None:
    door.take(*range(1, 30), *range(32, 40))
    door.wait()
    for seq in range(1, 5):
        again = message(seq, at=START + timedelta(seconds=500 + seq))
        door.worker.take([again])
    assert door.gaps == [("[30,32)", "given up")]
    assert door.troubles == [("gap_lost", 2), ("seq_restarted", 1)]


def test_two_devices_are_not_asked_for_the_gaps_between_them(door: Door) -> None:
    for turn in range(6):
        for boot, number in ((5, 500), (7, 20)):
            at = START + timedelta(seconds=20 * turn + boot)
            door.worker.take([message(number + 2 * turn, boot, at=at)])
    door.wait()
    door.wait()
    assert [kind for kind, _ in door.troubles] == ["two_devices"]
    assert door.asked == []


BAD_ANSWERS = {
    b"no JSON": "not_json",
    b"{" * 100_000: "not_json",
    b'{"schema": "callout.answer/1"}': "wrong_form",
    b'{"schema": "callout.answer/9", "id": "%s", "outcome": "done"}' % str(uuid4()).encode(): "unknown_schema",
    b'{"schema": "callout.answer/1", "id": "x", "outcome": "done"}': "wrong_form",
    b'{"schema": "callout.answer/1", "id": "%s", "outcome": "well"}' % str(uuid4()).encode(): "wrong_form",
    b'{"schema": "callout.answer/1", "id": "%s", "outcome": "done"}' % str(uuid4()).encode(): "unknown_command",
    b'{"schema": "callout.answer/1", "id": "%s", "outcome": "partly", "missing": [[5, 2]]}'
    % str(uuid4()).encode(): "wrong_form",
    b'{"schema": "callout.answer/1", "id": "%s", "outcome": "partly", "missing": [[1, 99999999999999999999]]}'
    % str(uuid4()).encode(): "wrong_form",
    b" " * 300_000: "oversized",
}


def test_answers_that_cannot_be_read_or_were_not_asked_for_are_kept_with_their_reason(
    desk: SmallDesk, door: Door
) -> None:
    door.worker.take(
        [Message(topic("ev-1", "answer"), payload, door.now, (1, number)) for number, payload in enumerate(BAD_ANSWERS)]
    )
    kept = {bytes(row[0]): row[1] for row in desk.rows("SELECT payload, reason FROM rejection")}
    assert kept == BAD_ANSWERS


def test_a_device_cannot_answer_for_another(desk: SmallDesk, door: Door) -> None:
    door.take(1, 3)
    door.wait()
    door.worker.take([answer(door.commands.sent[0][1], "refused", device="ev-2")])
    assert door.gaps == [("[2,3)", "asked")]
    assert desk.rows("SELECT reason FROM rejection") == [("unknown_command",)]


def test_an_answer_names_only_what_it_was_asked_for(door: Door) -> None:
    door.take(1, 3)
    door.wait()
    command = door.commands.sent[0][1]
    door.take(6, 9)
    door.wait(3.5)
    door.wait()
    door.worker.take([answer(command, "partly", missing=[[0, 2**40]])])
    assert [state for _, state in door.gaps].count("given up") == 1


def test_a_page_sees_the_gaps_of_a_device_newest_first_with_their_states(desk: SmallDesk, door: Door) -> None:
    door.take(1, 3)
    door.wait()
    door.take(2, 6)
    door.wait()
    door.wait()
    door.take(8)
    door.wait()
    door.wait()
    device_id = desk.value("SELECT device_id FROM device WHERE name = 'ev-1'")
    with tenant_transaction(desk.work, desk.tenant_id):
        gaps = gaps_of_device(desk.work, device_id, limit=10)
        rest = gaps_of_device(desk.work, device_id, before=(gaps[0].noticed_at, gaps[0].gap_id), limit=1)
    assert [(gap.first_seq, gap.last_seq, gap.state) for gap in gaps][1:] == [(4, 5, "asked"), (2, 2, "filled")]
    assert [gap.gap_id for gap in rest] == [gaps[1].gap_id]


def test_the_command_of_a_device_is_what_the_document_says(door: Door) -> None:
    door.take(1, 3)
    door.wait()
    assert json.loads(json.dumps(door.commands.sent[0][1])).keys() == {"schema", "id", "command", "boot", "seqs"}
