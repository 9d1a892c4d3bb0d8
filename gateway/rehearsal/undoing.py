"""Undoing: planners take back what the desk did by itself, soon or long after, twice, or when it is too late."""

from typing import Final

from gateway.audit import undoing
from gateway.planner import Done, Refused
from gateway.rehearsal.life import Life
from gateway.rehearsal.world import Person
from gateway.storage import audit

_REASON: Final = "I want to see to it myself."


def undo_something(life: Life, person: Person, request_id: int) -> tuple[str, Done | Refused]:
    """Undo one of the desk's acts for a request, any of them; where there is none, nothing."""
    serve = life.desk.serve
    acts = [act for act in audit.of_request(serve, request_id) if act.actor == "desk"]
    if not acts:
        return "finds nothing to undo in", Refused("the desk has done nothing")
    act = life.chance.choice(acts)
    outcome = undoing.undo(serve, audit_id=act.audit_id, staff_id=person.staff_id, reason=_REASON, now=life.now)
    if act.act not in undoing.UNDOABLE | undoing.KEPT.keys():
        raise LookupError(f"nobody can undo what the desk calls {act.act!r}")
    return f"undoes {act.act!r} of", outcome
