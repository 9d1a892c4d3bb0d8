"""What the desk did by itself is taken back by a planner; and no act can be recorded of which nobody said whether it can be."""

import ast
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

import gateway
from gateway import planner
from gateway.audit import undoing
from gateway.dates import rescheduling
from gateway.notices.mandate_words import ACTS
from gateway.owners import stopping
from gateway.planner import Done, Refused
from gateway.sweep import sweep
from tests.gateway.dates.test_rescheduling import away, book, do, hire, notices
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.remedies.test_remedying import Street
from tests.gateway.test_visits import bookings, confirm, now, offer

REASON = "I see to it myself."


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


def undo(desk: SmallDesk, act: str) -> Done | Refused:
    audit_id = desk.value("SELECT max(audit_id) FROM audit_record WHERE act = %s", act)
    staff_id = desk.value("SELECT min(staff_id) FROM staff")
    return do(desk, undoing.undo, audit_id=audit_id, staff_id=staff_id, reason=REASON)


def test_a_remedy_that_was_sent_is_called_off_and_a_late_answer_changes_nothing(desk: SmallDesk) -> None:
    street = Street(desk)
    try:
        street.reads()
        request_id = street.fails()
        street.offer(request_id)
        (command,) = street.door()
        assert undo(desk, "remedy_sent") == Done("held")
        assert [attempt[1:] for attempt in street.attempts] == [("withdrawn", "withdrawn")]
        street.answers(command, "done")
        street.go_on(request_id)
        assert street.state(request_id) == "held"
        assert desk.rows("SELECT reason FROM human_case WHERE closed_at IS NULL") == [(REASON,)]
        assert undo(desk, "remedy_sent") == Done("held")
        assert street.events(request_id).count("undone") == 1
    finally:
        street.close()


def test_what_is_planned_on_a_device_is_called_off_with_its_request(desk: SmallDesk) -> None:
    street = Street(desk)
    try:
        # Without a fresh reading the command waits for its moment.
        request_id = street.fails()
        street.offer(request_id)
        assert [attempt[1] for attempt in street.attempts] == ["planned"]
        assert undo(desk, "opened") == Done("cancelled")
        assert [attempt[1:] for attempt in street.attempts] == [("withdrawn", "withdrawn")]
        assert street.events(request_id)[-1] == "undone"
    finally:
        street.close()


def test_each_date_that_is_taken_back_is_told_as_one_of_its_own(desk: SmallDesk) -> None:
    booked = book(desk, "m-1")
    assert undo(desk, "offered") == Done("held")
    do(desk, planner.approve, request_id=booked.request_id, staff_id=desk.value("SELECT min(staff_id) FROM staff"))
    assert offer(desk, booked.request_id) is not None
    confirm(desk, booked.request_id, bookings(desk, booked.request_id)[0])
    assert undo(desk, "offered") == Done("held")
    told = desk.rows("SELECT (detail ->> 'appointment_id')::bigint FROM notice WHERE kind = 'cancelled' ORDER BY 1")
    assert told == desk.rows("SELECT appointment_id FROM appointment ORDER BY 1")
    assert len(told) == 2


def test_who_loses_his_date_because_a_planner_holds_his_request_is_told_once(desk: SmallDesk) -> None:
    booked = book(desk, "m-1")
    staff_id = desk.value("SELECT min(staff_id) FROM staff")
    for _ in range(2):
        held = do(desk, planner.hold, request_id=booked.request_id, staff_id=staff_id, reason=REASON)
        assert held == Done("held")
    assert notices(desk, booked.request_id) == ["offer", "confirmed", "cancelled"]


def test_a_visit_that_was_given_to_somebody_else_is_held_and_its_owner_is_told(desk: SmallDesk) -> None:
    booked = book(desk, "m-1")
    hire(desk)
    away(desk)
    sweep(desk.work, now())
    assert undo(desk, "reassigned") == Done("held")
    assert desk.value("SELECT count(*) FROM booking WHERE released_at IS NULL") == 0
    assert notices(desk, booked.request_id)[-1] == "cancelled"
    assert desk.rows("SELECT reason FROM human_case WHERE closed_at IS NULL") == [(REASON,)]


def earlier(desk: SmallDesk) -> int:
    """A confirmed request that was just offered an earlier date."""
    early, late = book(desk, "m-1"), book(desk, "m-2", rank=3)
    do(desk, rescheduling.wish_earlier, request_id=late.request_id)
    do(desk, stopping.stop, request_id=early.request_id)
    sweep(desk.work, now() + timedelta(seconds=1))
    assert len(bookings(desk, late.request_id)) > 1
    return late.request_id


def test_an_earlier_date_that_was_offered_is_taken_back_and_the_confirmed_one_stands(desk: SmallDesk) -> None:
    request_id = earlier(desk)
    kept = desk.rows("SELECT booking_id FROM appointment WHERE state = 'confirmed' AND request_id = %s", request_id)
    assert undo(desk, "earlier_offered") == Done("confirmed")
    assert undo(desk, "earlier_offered") == Done("confirmed")
    assert desk.rows("SELECT booking_id FROM booking WHERE released_at IS NULL") == kept
    assert desk.rows("SELECT outcome FROM offer ORDER BY offer_id DESC LIMIT 1") == [("withdrawn",)]
    assert desk.value("SELECT count(*) FROM request_event WHERE event = 'undone'") == 1
    assert "cancelled" not in notices(desk, request_id)


def test_an_earlier_date_that_was_let_go_cannot_be_taken_back(desk: SmallDesk) -> None:
    do(desk, rescheduling.keep_date, request_id=earlier(desk))
    assert undo(desk, "earlier_offered") == Refused("The other dates are not offered any more.")


class Recorded:
    """All acts that the code of the gateway writes into the audit, read from its text.

    A function that is given what it records is followed to those who call it within its module, or by its module's name.
    """

    def __init__(self) -> None:
        root = Path(gateway.__file__).parent
        texts = {file: file.read_text(encoding="utf-8") for file in root.rglob("*.py")}
        self.trees = {file: ast.parse(text) for file, text in texts.items() if "audit" in text or "noting." in text}
        self.acts: set[str] = set()
        self._follow("record", None)

    def _follow(self, name: str, home: Path | None) -> None:
        for file, tree in self.trees.items():
            for function in (each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)):
                if function.name == "record":
                    continue
                for call in (each for each in ast.walk(function) if isinstance(each, ast.Call)):
                    if self._is_of(call, name, file, home):
                        self._read(file, tree, function, call, name)

    @staticmethod
    def _is_of(call: ast.Call, name: str, file: Path, home: Path | None) -> bool:
        match call.func:
            case ast.Attribute(value=ast.Name(id=module), attr=attr):
                return attr == name and module == ("auditing" if home is None else home.stem)
            case ast.Name(id=attr):
                return attr == name and file == home
            case _:
                return False

    def _read(self, file: Path, tree: ast.Module, function: ast.FunctionDef, call: ast.Call, name: str) -> None:
        names = self._parameters(name, file)
        told = {word.arg: word.value for word in call.keywords} | dict(zip(names, call.args, strict=False))
        self._resolve(told["act"], file, tree, function)

    def _parameters(self, name: str, file: Path) -> list[str]:
        if name == "record":
            return ["connection", "act"]
        trees = [self.trees[file], *self.trees.values()]
        found = (each for tree in trees for each in ast.walk(tree) if isinstance(each, ast.FunctionDef))
        function = next(each for each in found if each.name == name and "act" in [a.arg for a in each.args.args])
        return [argument.arg for argument in function.args.args]

    def _resolve(self, value: ast.expr, file: Path, tree: ast.Module, function: ast.FunctionDef) -> None:
        match value:
            case ast.Constant(value=str(act)):
                self.acts.add(act)
            case ast.IfExp(body=body, orelse=orelse):
                self._resolve(body, file, tree, function)
                self._resolve(orelse, file, tree, function)
            case ast.Subscript(value=ast.Name(id=table)):
                kept = next(n for n in tree.body if isinstance(n, ast.AnnAssign) and ast.unparse(n.target) == table)
                assert isinstance(kept.value, ast.Dict)
                for each in kept.value.values:
                    self._resolve(each, file, tree, function)
            case ast.Name(id=name) if name in [argument.arg for argument in function.args.args]:
                self._follow(function.name, file)
            case ast.Name(id=name):
                given = [
                    n for n in ast.walk(function) if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == name
                ]
                assert given, f"{file.name}: nobody says what {name} is"
                for each in given:
                    self._resolve(each.value, file, tree, function)
            case _:
                pytest.fail(f"{file.name}: cannot read which act {ast.unparse(value)!r} is: name it there")


def test_every_act_that_is_recorded_has_an_undo_or_a_reason_for_none_and_is_said_in_words() -> None:
    acts = Recorded().acts
    assert {"priced", "deposit_counted", "quote_declined", "completed", "share_opened", "mandate_signed"} <= acts
    assert acts == undoing.UNDOABLE | undoing.KEPT.keys()
    assert not undoing.UNDOABLE & undoing.KEPT.keys()
    assert acts <= ACTS.keys()
    assert all(reason.endswith(".") for reason in undoing.KEPT.values())
