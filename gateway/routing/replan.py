"""Replanning on the desk: a centre's day is planned anew behind the windows that owners were told.

Three steps. What is promised is loaded; the solver works, with no lock held and no transaction open; then the requests
and routes are locked in the order in which everybody locks them, what is promised is loaded again, and only when it is
exactly what it was, the new plan is written, in one transaction. An owner who cancels or confirms meanwhile is not kept
waiting, and the plan is given up.

Who comes may change, what was told does not: window, centre and skills stay. Each change is the desk's act on the owner's
clause that lets it offer dates; whose mandate lacks it keeps his technician, who then keeps his whole day. A planner who
asked for the plan answers for it himself.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal, Protocol
from zoneinfo import ZoneInfo

from psycopg.errors import CheckViolation, ExclusionViolation

from gateway.audit import auditing
from gateway.owners.mandates import Ordered, allow
from gateway.routing.solve import Solved, has_solver
from gateway.routing.split import solve_all
from gateway.storage import promises, replans, requests
from gateway.storage.connection import Connection, tenant_transaction
from gateway.telling import tell_owner
from workflows.dates import Interval
from workflows.mandate import Allowed, Clause
from workflows.replanning import Day, Move, Person, Promised, day_of, gain_of, moves_of
from workflows.routing import Plan, Problem, length_of
from workflows.unplanned import reasons

_log = logging.getLogger(__name__)

LIMIT_S: Final = 15.0
# Rounds without a better plan after which a day is good enough; a small one takes a second.
_PATIENCE: Final = 2_000

Outcome = Literal["moved", "nothing_better", "nothing_to_plan", "changed_meanwhile", "no_solver"]


class Solver(Protocol):
    """What finds a plan."""

    def __call__(self, problem: Problem, start: Plan, *, limit_s: float, patience: int | None) -> Solved:
        """Return the best plan within a limit."""
        ...


@dataclass(frozen=True, slots=True)
class Replanned:
    """What came of planning a day anew: metres driven before and after, and visits that nobody can make, with why."""

    outcome: Outcome
    visits: int = 0
    technicians: int = 0
    moved: int = 0
    before_m: int = 0
    after_m: int = 0
    unplanned: Sequence[dict[str, object]] = ()


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What was promised when the solver began, and of whom, without the technicians whose days stay as they are."""

    day: Day
    visits: tuple[Promised, ...]
    people: tuple[Person, ...]


def replan(
    connection: Connection,
    *,
    tenant_id: int,
    plan_id: int,
    clock: Callable[[], datetime],
    limit_s: float = LIMIT_S,
    solver: Solver = solve_all,
) -> Replanned:
    """Plan the day anew that a row of `route_plan` asks for, and write into it what came of it; a second time does nothing.

    Parameters
    ----------
    connection : Connection
        In the role of work, in autocommit mode.
    tenant_id, plan_id : int
        Of which tenant, and the row.
    clock : callable
        The present instant; solving takes time.
    limit_s : float
        For the solver.
    solver : Solver
        PyVRP, or another for tests.

    Raises
    ------
    LookupError
        There is no such row.
    """
    with tenant_transaction(connection, tenant_id):
        asked = replans.find_plan(connection, plan_id)
        if asked is None:
            raise LookupError(f"there is no route plan {plan_id}")
        if asked.outcome:
            return Replanned("nothing_to_plan")
        loaded = _load(connection, asked.centre_id, asked.day, asked.asked_by, clock())
    if solver is solve_all and not has_solver():
        result = Replanned("no_solver", len(loaded.visits), len(loaded.people))
    elif not loaded.visits or not loaded.people:
        result = Replanned("nothing_to_plan", len(loaded.visits), len(loaded.people))
    else:
        solved = solver(loaded.day.problem, loaded.day.standing, limit_s=limit_s, patience=_PATIENCE)
        if solved.ended == "broken":
            _log.error("route plan %d: the solver broke: %s", plan_id, solved.words)
        result = _keep(connection, tenant_id, asked, loaded, solved.plan, clock())
    with tenant_transaction(connection, tenant_id):
        figures = asdict(result)
        figures["unplanned"] = list(result.unplanned)
        replans.end_plan(connection, plan_id, figures.pop("outcome"), figures, clock())
    return result


def _load(connection: Connection, centre_id: int, day: date, asked_by: str, now: datetime) -> _Loaded:
    """Load what is promised on a day, and who works; people who have set out already, or may not be changed, are left out."""
    zone = ZoneInfo(replans.time_zones(connection)[centre_id])
    begins_at = datetime.combine(day, datetime.min.time(), zone)
    whole_day = Interval(begins_at, begins_at + timedelta(days=1, hours=2))
    visits = [
        visit
        for visit in replans.promised_visits(connection, centre_id, whole_day)
        if visit.window.start_at.astimezone(zone).date() == day
    ]
    people = replans.people_on(connection, centre_id, day, zone, now)
    staying = {visit.technician_id for visit in visits if visit.during.start_at <= now} | {
        visit.technician_id for visit in visits if _permission(connection, visit, asked_by, now) is None
    }
    free = tuple(person for person in people if person.technician_id not in staying and person.shift.end_at > now)
    movable = tuple(visit for visit in visits if visit.technician_id not in staying)
    return _Loaded(day_of(movable, free, now), movable, free)


def _permission(connection: Connection, visit: Promised, asked_by: str, now: datetime) -> Allowed | Ordered | None:
    """Return on whose word a visit may be changed; None when nobody has said that it may."""
    if asked_by != "desk":
        return Ordered(int(asked_by.removeprefix("staff-")))
    permission = allow(connection, visit.device_id, Clause.OFFER_DATES, now)
    return permission if isinstance(permission, Allowed) else None


def _keep(
    connection: Connection, tenant_id: int, asked: replans.RoutePlan, loaded: _Loaded, plan: Plan, now: datetime
) -> Replanned:
    """Write a plan, if it is worth it and everything is still as it was."""
    day = loaded.day
    gain = gain_of(day, plan)
    kept = plan if gain is not None and gain.is_worth_it else day.standing
    unplanned: list[dict[str, object]] = [
        {"request_id": day.visits[found.call].request_id, "reason": found.reason}
        for found in reasons(day.problem, kept)
    ]
    if gain is None or not gain.is_worth_it:
        standing_m = length_of(day.problem, day.standing)
        return _result("nothing_better", loaded, 0, standing_m, standing_m, unplanned)
    moves = moves_of(day, plan)
    try:
        with tenant_transaction(connection, tenant_id):
            if not _is_unchanged(connection, asked, loaded, now):
                return _result("changed_meanwhile", loaded, 0, gain.before_m, gain.before_m, [])
            replans.move_visits(connection, moves, now)
            for move in moves:
                _note(connection, asked, move, now)
    except (ExclusionViolation, CheckViolation, _NoPermissionError) as error:
        _log.info("route plan %d is given up: %s", asked.plan_id, str(error).partition("\n")[0])
        return _result("changed_meanwhile", loaded, 0, gain.before_m, gain.before_m, [])
    return _result("moved", loaded, len(moves), gain.before_m, gain.after_m, unplanned)


def _result(
    outcome: Outcome, loaded: _Loaded, moved: int, before_m: int, after_m: int, unplanned: Sequence[dict[str, object]]
) -> Replanned:
    return Replanned(outcome, len(loaded.visits), len(loaded.people), moved, before_m, after_m, unplanned)


class _NoPermissionError(Exception):
    """A mandate was taken back while the solver worked."""


def _is_unchanged(connection: Connection, asked: replans.RoutePlan, loaded: _Loaded, now: datetime) -> bool:
    """Lock what the plan is about, and see whether everything is as it was when the solver began."""
    replans.lock_day(
        connection,
        [visit.request_id for visit in loaded.visits],
        [person.technician_id for person in loaded.people],
    )
    again = _load(connection, asked.centre_id, asked.day, asked.asked_by, now)
    return again.visits == loaded.visits and again.people == loaded.people


def _note(connection: Connection, asked: replans.RoutePlan, move: Move, now: datetime) -> None:
    """Append what was changed to the request's history, and to the audit on whose word."""
    visit = move.promised
    detail: dict[str, object] = {
        "plan_id": asked.plan_id,
        "booking_id": visit.booking_id,
        "technician_before": visit.technician_id,
        "technician": move.technician_id,
        "arrives_before": visit.arrives_at.isoformat(),
        "sets_out_before": visit.during.start_at.isoformat(),
        "arrives": move.arrives_at.isoformat(),
    }
    permission = _permission(connection, visit, asked.asked_by, now)
    if permission is None:
        raise _NoPermissionError(f"the mandate for request {visit.request_id} does not hold any more")
    _tell_who_comes(connection, asked, move, now)
    requests.append_event(connection, visit.request_id, "replanned", now, actor=asked.asked_by, detail=detail)
    auditing.record(
        connection,
        "replanned",
        device_id=visit.device_id,
        request_id=visit.request_id,
        permission=permission,
        inputs=detail,
        now=now,
    )


def _tell_who_comes(connection: Connection, asked: replans.RoutePlan, move: Move, now: datetime) -> None:
    """Send the confirmation once more where another one comes than its owner was told; his calendar's entry is renewed."""
    visit = move.promised
    appointment = promises.living_appointment(connection, visit.request_id)
    if move.technician_id == visit.technician_id or appointment is None or appointment[1] != visit.booking_id:
        return
    request = requests.lock_request(connection, visit.request_id)
    if request is None:
        return
    promises.renew_appointment(connection, appointment[0])
    cause = f"plan-{asked.plan_id}-{visit.booking_id}"
    tell_owner(connection, request, "confirmed", cause, {"appointment_id": appointment[0]}, now)
