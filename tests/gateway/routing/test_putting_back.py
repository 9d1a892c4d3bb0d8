"""A planner undoes a plan: each visit is as it was before, unless that cannot be any more; then he is told why."""

from gateway.audit import undoing
from gateway.planner import Done, Refused
from gateway.routing.solve import Solved
from gateway.storage.connection import Role, connect, tenant_transaction
from tests.gateway.desk import SmallDesk
from tests.gateway.routing.test_replan import ask, bookings, check_routes, crossing, desk, now, run
from workflows.routing import Plan, Problem, check

__all__ = ["desk"]


def on_their_sides(problem: Problem, start: Plan, **_: object) -> Solved:
    """Give each of two technicians one side."""
    (first, second), (third, fourth) = start.routes
    plan = Plan(((first, fourth), (third, second)))
    return Solved(plan, check(problem, plan), 0.1, "by_itself", 1, 0)


def acts(desk: SmallDesk) -> list[int]:
    return [row[0] for row in desk.rows("SELECT audit_id FROM audit_record WHERE act = 'replanned' ORDER BY audit_id")]


def undo(desk: SmallDesk, audit_id: int) -> Done | Refused:
    with connect(desk.dsn, Role.SERVE) as connection, tenant_transaction(connection, desk.tenant_id):
        return undoing.undo(connection, audit_id=audit_id, staff_id=1, reason="They know each other.", now=now())


def test_a_visit_goes_back_to_whom_it_was_promised_to_once_he_has_the_time(desk: SmallDesk) -> None:
    crossing(desk)
    before = bookings(desk)
    assert run(desk, ask(desk), on_their_sides).outcome == "moved"
    outcomes = [undo(desk, audit_id) for audit_id in acts(desk)]
    # The one who goes back first may stand in the way of the other, whose place he has not left yet.
    outcomes += [undo(desk, audit_id) for audit_id in acts(desk)]
    assert any(isinstance(outcome, Done) for outcome in outcomes), outcomes
    check_routes(desk)
    moved = {row[0]: row[1:] for row in before}
    put_back = desk.rows(
        """SELECT k.booking_id, k.technician_id, k.arrives_at, a.state FROM audit_record u
        JOIN audit_record r ON r.audit_id = (u.inputs ->> 'audit_id')::bigint
        JOIN booking k ON k.booking_id = (r.inputs ->> 'booking_id')::bigint JOIN appointment a USING (booking_id)
        WHERE u.act = 'undone'"""
    )
    assert put_back
    for booking_id, technician_id, arrives_at, state in put_back:
        assert (technician_id, arrives_at, state) == (moved[booking_id][0], moved[booking_id][3], "confirmed")


def test_a_visit_that_was_called_off_since_is_not_put_back(desk: SmallDesk) -> None:
    crossing(desk)
    assert run(desk, ask(desk), on_their_sides).outcome == "moved"
    audit_id = acts(desk)[0]
    desk.admin.execute(
        """UPDATE appointment SET state = 'cancelled', cancelled_at = now() WHERE request_id = (
            SELECT request_id FROM audit_record WHERE audit_id = %s)""",
        [audit_id],
    )
    assert isinstance(undo(desk, audit_id), Refused)
