"""A remedy from afar: tried when it may be, proven by readings and by nothing else, and a date follows where it fails."""

import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from gateway import journey, planner
from gateway.ingest.source import Message
from gateway.owners import owning
from gateway.remedies import remedying
from gateway.storage.commands import Order, write_order
from gateway.storage.connection import Connection, Role, connect, tenant_transaction
from gateway.sweep import sweep
from tests.gateway.desk import SmallDesk, open_desk, topic
from tests.gateway.ingest.numbers import RememberedCommands, new_worker
from workflows.mandate import USUAL, Clause

METER = ("bus_code", "meter_bus")


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def street(desk: SmallDesk) -> Iterator["Street"]:
    made = Street(desk)
    yield made
    made.close()


class Street:
    """One meter whose bus is lost, its desk, and a clock that is told."""

    def __init__(self, desk: SmallDesk) -> None:
        self.desk = desk
        self.now = datetime.now(UTC)
        self.device_id = desk.meter("mtr-1")
        desk.sign(self.device_id, *USUAL, Clause.REMOTE_RESET)
        self.commands = RememberedCommands()
        self.worker = new_worker(desk, self.commands)
        self.component = "meter_bus"

    def close(self) -> None:
        self.worker.close()

    def reads(self, **values: object) -> None:
        """Write a reading of the meter that is as fresh as can be."""
        self.desk.admin.execute("SELECT ensure_day('smart_meter_reading', %s)", [self.now.date()])
        self.desk.admin.execute(
            """INSERT INTO smart_meter_reading (device_id, claimed_at, boot, seq, sample, partition, ingest_no,
                received_at, is_backfill, is_supply_on)
            SELECT device_id, %(at)s, 1, extract(epoch FROM %(at)s)::bigint, 0, partition, 1, %(at)s, false, %(on)s
            FROM device WHERE device_id = %(id)s""",
            {"at": self.now, "on": values.get("is_supply_on", True), "id": self.device_id},
        )

    def fails(self) -> int:
        """Let its bus be lost; return the request."""
        self.desk.symptom(self.device_id, "bus_code", component=self.component)
        self.diagnose()
        return self.desk.value("SELECT max(request_id) FROM service_request")

    def heals(self) -> None:
        self.desk.admin.execute("UPDATE symptom SET state = 'healed', healed_at = now() WHERE state = 'confirmed'")
        self.diagnose()

    def diagnose(self) -> None:
        with self.working() as connection:
            journey.diagnose(connection, device_id=self.device_id, component=self.component, now=self.now)

    def offer(self, request_id: int) -> int | None:
        with self.working() as connection:
            return journey.offer(connection, request_id=request_id, now=self.now)

    def go_on(self, request_id: int) -> None:
        """Each look comes twice: what has moved on does not move again."""
        for _ in range(2):
            with self.working() as connection:
                remedying.go_on(connection, request_id=request_id, now=self.now)

    def passes(self, **span: float) -> None:
        self.now += timedelta(**span)
        sweep(self.desk.work, self.now)

    @contextmanager
    def working(self) -> Generator[Connection]:
        with tenant_transaction(self.desk.work, self.desk.tenant_id):
            yield self.desk.work

    def door(self) -> list[dict[str, Any]]:
        """Let the door publish what waits; return all commands that went out so far."""
        resends = self.worker._resends
        resends._send(resends._connected(), self.now)
        return [command for _, command, _ in self.commands.sent]

    def answers(self, command: dict[str, Any], outcome: str, device: str = "mtr-1") -> None:
        payload = {"schema": "callout.answer/1", "id": command["id"], "outcome": outcome}
        self.worker.take([Message(topic(device, "answer"), json.dumps(payload).encode(), self.now, (0, 0))])

    def state(self, request_id: int) -> str:
        return self.desk.value("SELECT state FROM service_request WHERE request_id = %s", request_id)

    @property
    def attempts(self) -> list[tuple[str, str, str]]:
        return [
            (row[0], row[1], row[2])
            for row in self.desk.rows("SELECT rung, state, why FROM remedy_attempt ORDER BY attempt_id")
        ]

    def events(self, request_id: int) -> list[str]:
        rows = self.desk.rows("SELECT event FROM request_event WHERE request_id = %s ORDER BY event_id", request_id)
        return [row[0] for row in rows]


RUNG = "restart_communication_module"


def test_a_device_that_obeys_and_heals_solves_its_request_without_a_visit(street: Street) -> None:
    street.reads()
    request_id = street.fails()
    assert street.offer(request_id) is None
    assert street.state(request_id) == "remedying"
    (command,) = street.door()
    assert (command["command"], command["schema"]) == (RUNG, "callout.command/1")
    street.answers(command, "done")
    street.go_on(request_id)
    assert street.attempts == [(RUNG, "verifying", "done")]
    street.heals()
    assert street.attempts == [(RUNG, "holding", "healed")]
    street.passes(seconds=20)
    assert street.state(request_id) == "remedying"
    street.passes(seconds=20)
    assert street.attempts == [(RUNG, "proven", "held")]
    assert street.state(request_id) == "solved"
    assert street.desk.value("SELECT count(*) FROM fault WHERE closed_at IS NULL") == 0
    assert "solved" in street.events(request_id)
    assert street.desk.value("SELECT count(*) FROM offer") == 0
    street.go_on(request_id)
    healed = "SELECT recipient, detail ->> 'rung' FROM notice WHERE kind = 'healed'"
    assert street.desk.rows(healed) == [("mtr-1@owners.example", RUNG)], "he is told once, and after the proof alone"


@pytest.mark.parametrize(
    ("outcome", "wait", "why"),
    [("refused", {}, "refused"), ("", {"minutes": 6}, "unanswered"), ("done", {"hours": 1}, "not_proven")],
)
def test_refusal_silence_and_a_lie_lead_on_to_dates(
    street: Street, outcome: str, wait: dict[str, float], why: str
) -> None:
    street.reads()
    request_id = street.fails()
    street.offer(request_id)
    (command,) = street.door()
    if outcome:
        street.answers(command, outcome)
        street.go_on(request_id)
    street.passes(**wait)
    assert street.attempts == [(RUNG, "failed", why)]
    assert street.desk.value("SELECT count(*) FROM notice WHERE kind = 'healed'") == 0
    assert street.state(request_id) == "open"
    street.offer(request_id)
    assert street.state(request_id) in {"offered", "waiting"}
    assert len(street.attempts) == 1


def test_nothing_is_sent_before_its_conditions_hold_and_it_is_given_up_in_time(street: Street) -> None:
    street.reads(is_supply_on=False)
    request_id = street.fails()
    street.offer(request_id)
    assert street.door() == []
    assert street.attempts[0][1] == "planned"
    street.passes(minutes=5)
    assert street.door() == []
    street.now += timedelta(minutes=1)
    street.reads()
    street.passes(minutes=2)
    assert len(street.door()) == 1


def test_conditions_that_never_come_true_lead_on_to_dates(street: Street) -> None:
    request_id = street.fails()
    street.offer(request_id)
    street.passes(minutes=61)
    assert street.attempts == [(RUNG, "failed", "never_ready")]
    assert street.state(request_id) == "open"


def test_a_cure_that_does_not_last_speaks_against_the_diagnosis_and_is_not_tried_again(street: Street) -> None:
    street.reads()
    first = street.fails()
    street.offer(first)
    street.answers(street.door()[0], "done")
    street.heals()
    street.passes(minutes=1)
    assert street.state(first) == "solved"
    street.passes(days=3)
    street.reads()
    second = street.fails()
    assert second != first
    street.offer(second)
    assert len(street.attempts) == 1
    assert "remedy_did_not_last" in street.events(second)
    assert street.state(second) in {"offered", "waiting"}


def test_answers_that_are_late_doubled_or_of_others_change_nothing(street: Street) -> None:
    street.reads()
    other = street.desk.meter("mtr-2")
    request_id = street.fails()
    street.offer(request_id)
    (command,) = street.door()
    street.answers(command, "done", device="mtr-2")
    assert street.desk.value("SELECT reason FROM rejection WHERE device_id = %s", other) == "unknown_command"
    street.go_on(request_id)
    assert street.attempts[0][1] == "sent"
    street.answers(command, "refused")
    street.answers(command, "done")
    street.go_on(request_id)
    assert street.attempts == [(RUNG, "failed", "refused")]
    assert street.desk.value("SELECT outcome FROM device_command") == "refused"
    street.answers(command, "done")
    street.go_on(request_id)
    assert street.attempts == [(RUNG, "failed", "refused")]
    assert street.state(request_id) == "open"


def take_away(connection: Connection, how: str, request_id: int, street: Street) -> None:
    # By a clock that is ahead of the door's.
    at = street.now + timedelta(seconds=5)
    if how == "cancel":
        planner.cancel(connection, request_id=request_id, staff_id=1, reason="It is done.", now=at)
    elif how == "hold":
        planner.hold(connection, request_id=request_id, staff_id=1, reason="I look at it.", now=at)
    else:
        owning.revoke(connection, device_id=street.device_id, owner_id=street.desk.value(OWNER), now=at)


OWNER = "SELECT owner_id FROM device"


@pytest.mark.parametrize("how", ["cancel", "hold", "revoke"])
def test_what_waits_to_be_sent_is_not_sent_once_nobody_wants_it_and_no_sweep_is_needed_for_that(
    street: Street, how: str
) -> None:
    street.reads()
    request_id = street.fails()
    street.offer(request_id)
    assert street.desk.value("SELECT count(*) FROM device_command WHERE sent_at IS NULL") == 1
    with connect(street.desk.dsn, Role.SERVE) as serve:
        with tenant_transaction(serve, street.desk.tenant_id):
            take_away(serve, how, request_id, street)
            # Neither while it is being taken away, nor after that.
            assert street.door() == []
    street.now += timedelta(seconds=1)
    assert street.door() == []
    street.passes(seconds=10)
    assert street.door() == []
    assert street.attempts == [(RUNG, "withdrawn", "withdrawn")]


def test_a_warning_of_a_danger_leaves_whatever_becomes_of_its_request(street: Street) -> None:
    street.reads()
    request_id = street.fails()
    street.offer(request_id)
    with street.working() as connection:
        order = Order(uuid4(), street.device_id, "stop_using", {"fault": "any"}, request_id)
        write_order(connection, order, street.now, street.now + timedelta(hours=1))
    with connect(street.desk.dsn, Role.SERVE) as serve, tenant_transaction(serve, street.desk.tenant_id):
        take_away(serve, "cancel", request_id, street)
    assert [command["command"] for command in street.door()] == ["stop_using"]


def test_a_danger_or_a_planner_takes_the_request_and_the_attempt_is_withdrawn(street: Street) -> None:
    request_id = street.fails()
    street.offer(request_id)
    assert street.attempts[0][1] == "planned"
    street.desk.symptom(street.device_id, "terminal_hot", component="electricity_meter")
    street.reads()
    street.passes(minutes=2)
    assert street.attempts == [(RUNG, "withdrawn", "withdrawn")]
    assert street.door() == []
    assert street.state(request_id) == "open"


def test_what_is_tried_for_a_cancelled_request_makes_way_for_the_next_ones_remedy_before_any_sweep(
    street: Street,
) -> None:
    street.reads()
    first = street.fails()
    street.offer(first)
    street.answers(street.door()[0], "done")
    street.go_on(first)
    assert street.attempts == [(RUNG, "verifying", "done")]
    with street.working() as connection:
        planner.cancel(connection, request_id=first, staff_id=1, reason="looks well", now=street.now)
    street.desk.admin.execute("UPDATE symptom SET state = 'healed', healed_at = now()")
    second = street.fails()
    assert second != first
    street.offer(second)
    assert street.attempts == [(RUNG, "withdrawn", "withdrawn"), (RUNG, "sent", "sent")]
    assert street.state(second) == "remedying"


def test_without_the_clause_nothing_is_sent_and_dates_are_looked_for(street: Street) -> None:
    street.desk.sign(street.device_id, *USUAL)
    street.reads()
    request_id = street.fails()
    street.offer(request_id)
    assert (street.attempts, street.door()) == ([], [])
    assert "remedy_not_allowed" in street.events(request_id)
    assert street.state(request_id) in {"offered", "waiting"}


def test_a_mandate_that_is_taken_back_before_the_command_goes_out_keeps_it_from_going(street: Street) -> None:
    request_id = street.fails()
    street.offer(request_id)
    assert street.attempts[0][1] == "planned"
    street.desk.sign(street.device_id, *USUAL)
    street.reads()
    street.passes(minutes=2)
    assert street.attempts == [(RUNG, "withdrawn", "withdrawn")]
    assert street.door() == []


def test_what_only_a_person_could_decide_is_tried_from_afar_first_and_then_given_to_him(street: Street) -> None:
    street.desk.symptom(street.device_id, "other_code", component="meter")
    street.component = "meter"
    street.diagnose()
    request_id = street.desk.value("SELECT request_id FROM service_request")
    assert street.state(request_id) == "open"
    street.offer(request_id)
    (command,) = street.door()
    assert command["command"] == "clear_event_register"
    street.answers(command, "refused")
    street.go_on(request_id)
    street.offer(request_id)
    assert street.state(request_id) == "held"
    assert street.desk.rows("SELECT queue FROM human_case WHERE closed_at IS NULL") == [("judgement",)]
