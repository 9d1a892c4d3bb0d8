"""Stores: staff count what lies there, and find less or more; they take deliveries in, late or never, or write them off."""

from datetime import timedelta
from typing import Final

from gateway.parts import storekeeping
from gateway.rehearsal.life import Life
from gateway.rehearsal.processes import tenant
from gateway.rehearsal.world import Person

_HOUR: Final = timedelta(hours=1)
_REASON: Final = "Counted by hand."


def keep(life: Life, person: Person) -> None:
    """Let a member of staff go through the stores now and then."""
    life.plan(life.draw(3 * _HOUR, 60 * _HOUR), person.name, lambda: _go_through(life, person))


def _go_through(life: Life, person: Person) -> str:
    keep(life, person)
    if life.chance.random() < 0.03:
        life.desk.fuse.light(life.chance.randrange(45))
    choice = life.chance.random()
    if choice < 0.35:
        return _count(life, person)
    return _take_in(life, person) if choice < 0.9 else _write_off(life)


def _count(life: Life, person: Person) -> str:
    rows = life.desk.admin.execute(
        """SELECT s.centre_id, c.name, s.part_no, s.on_hand, s.allocated FROM stock_level s
        JOIN service_centre c USING (centre_id) ORDER BY c.name, s.part_no"""
    ).fetchall()
    promised = [row for row in rows if row[4]]
    if not rows:
        return ""
    centre_id, centre, part_no, on_hand, _ = life.chance.choice(
        promised if promised and life.chance.random() < 0.5 else rows
    )
    counted = max(0, on_hand + life.chance.choice((-1, -1, 0, 1)))
    with tenant(life, life.desk.serve):
        outcome = storekeeping.count(
            life.desk.serve,
            centre_id=centre_id,
            part_no=part_no,
            counted=counted,
            staff_id=person.staff_id,
            reason=_REASON,
            now=life.now,
        )
    return f"counts {counted} of {part_no} at {centre} in place of {on_hand}: {type(outcome).__name__}"


def _take_in(life: Life, person: Person) -> str:
    row = _delivery(life)
    if row is None:
        return ""
    with tenant(life, life.desk.serve):
        outcome = storekeeping.receive(life.desk.serve, inbound_id=row[0], staff_id=person.staff_id, now=life.now)
    return f"takes {row[1]} in: {outcome}"


def _write_off(life: Life) -> str:
    row = _delivery(life)
    if row is None:
        return ""
    with tenant(life, life.desk.serve):
        outcome = storekeeping.write_off(life.desk.serve, inbound_id=row[0], now=life.now)
    return f"writes {row[1]} off: {outcome}"


def _delivery(life: Life) -> tuple[int, str] | None:
    """Return a delivery, mostly one that is under way; by what it is, for its number is the database's own affair."""
    rows = life.desk.admin.execute(
        """SELECT i.inbound_id, i.part_no, i.ended_at IS NULL FROM inbound i ORDER BY i.part_no, i.expected_at, i.inbound_id"""
    ).fetchall()
    living = [(inbound_id, part_no) for inbound_id, part_no, is_living in rows if is_living]
    if living and life.chance.random() < 0.9:
        return life.chance.choice(living)
    return life.chance.choice([(inbound_id, part_no) for inbound_id, part_no, _ in rows]) if rows else None
