"""Replanning in a rehearsal: days are planned anew by a planner that does the same for the same seed.

The solver of the desk searches for as long as it may, and so finds something else on another machine. Here insertion in
an order that chance draws stands behind the same port; some of its plans are worse than what there is, and while it
thinks the world goes on.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

from gateway.rehearsal.life import Life
from gateway.rehearsal.world import Person
from gateway.routing.evening import ask_in_the_evening
from gateway.routing.replan import replan
from gateway.routing.solve import Solved
from gateway.storage import replans
from gateway.storage.connection import tenant_transaction
from gateway.telling import defer_replan
from workflows.routing import Plan, Problem, check, empty_plan, length_of
from workflows.unplanned import complete

_ORDERS: Final = 6
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Arranger:
    """A solver that is not clever, and the same each time."""

    life: Life

    def __call__(self, problem: Problem, start: Plan, *, limit_s: float, patience: int | None) -> Solved:
        """Return the shortest of some plans, or what there was; now and then something happens meanwhile."""
        del limit_s, patience
        life = self.life
        plans = [self._drawn(problem) for _ in range(_ORDERS)]
        best = min(plans, key=lambda plan: (-len(plan.planned), length_of(problem, plan)))
        if life.chance.random() < 0.1:
            best = start
        if life.chance.random() < 0.3 and life.next_at < min(life.now + _HOUR, life.ends_at):
            _meanwhile(life)
        return Solved(best, check(problem, best), 1.0, "by_itself", len(plans), 0)

    def _drawn(self, problem: Problem) -> Plan:
        plan = empty_plan(problem)
        for call in self.life.chance.sample(range(len(problem.calls)), len(problem.calls)):
            plan = complete(problem, plan, only=[call])
        return plan


def _meanwhile(life: Life) -> None:
    """Let the next planned thing happen to somebody else: he does not die when the one who waits is to die."""
    fuse = life.desk.fuse
    left = fuse.left
    fuse.put_out()
    life.go_on()
    fuse.left = left


def plan_anew(life: Life, tenant_id: int, plan_id: int) -> None:
    """Do what the work does when a day is to be planned anew."""
    replan(life.desk.work, tenant_id=tenant_id, plan_id=plan_id, clock=lambda: life.now, solver=Arranger(life))


def look_in_the_evening(life: Life) -> str:
    """Let the desk ask for tomorrow's plans, as it does beside its sweeps."""
    count = ask_in_the_evening(life.desk.work, life.now)
    return f"asks for {count} days to be planned anew" if count else ""


def ask_by_hand(life: Life, person: Person) -> None:
    """Let a member of staff ask now and then for a day on which somebody is visited."""
    life.plan(life.draw(20 * _HOUR, 90 * _HOUR), person.name, lambda: _ask(life, person))


def _ask(life: Life, person: Person) -> str:
    ask_by_hand(life, person)
    days = life.desk.admin.execute(
        """SELECT DISTINCT t.centre_id, c.name, c.time_zone, lower(k.during) FROM booking k
        JOIN technician t USING (technician_id) JOIN service_centre c ON c.centre_id = t.centre_id
        WHERE k.released_at IS NULL AND lower(k.during) > %s ORDER BY lower(k.during), t.centre_id""",
        [life.now],
    ).fetchall()
    if not days:
        return ""
    centre_id, centre, zone, at = life.chance.choice(days)
    day = at.astimezone(ZoneInfo(zone)).date()
    with tenant_transaction(life.desk.serve, life.world.tenant_id):
        plan_id = replans.begin_plan(life.desk.serve, centre_id, day, f"staff-{person.staff_id}", life.now)
        if plan_id is not None:
            defer_replan(life.desk.serve, plan_id)
    return f"asks for {centre}'s {day} to be planned anew"
