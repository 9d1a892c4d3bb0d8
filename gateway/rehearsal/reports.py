"""Reports: owners begin themselves: they tell a trouble, ask for a date or a price, for what is known and what is not."""

from datetime import timedelta
from typing import Final

from devices.products import product_type
from gateway.owners import beginning
from gateway.owners.beginning import Begun, NotHis, Report
from gateway.rehearsal.life import Life
from gateway.rehearsal.processes import tenant
from gateway.rehearsal.world import Machine
from workflows.beginning import Wish

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_WORDS: Final = ("", "", "It makes a noise.", "It smells.", "I am away on Monday.")


def begin(life: Life, machine: Machine) -> None:
    """Let some owners report something, once or twice, on any of the days."""
    for _ in range(life.chance.choice((0, 0, 1, 2))):
        name = machine.email.partition("@")[0]
        life.plan(life.draw(_HOUR, 27 * _DAY), name, lambda: _report(life, machine))


def _report(life: Life, machine: Machine) -> str:
    row = life.desk.admin.execute("SELECT owner_id FROM device WHERE device_id = %s", [machine.device_id]).fetchone()
    if row is None:
        raise LookupError(f"the device {machine.name} is nobody's")
    report = _drawn(life, machine)
    told = _say(life, machine, row[0], report)
    if life.chance.random() < 0.2:
        name = machine.email.partition("@")[0]
        life.plan(life.draw(timedelta(seconds=1), _DAY), name, lambda: _say(life, machine, row[0], report))
    return told


def _drawn(life: Life, machine: Machine) -> Report:
    """Draw what he says: mostly of what is in hand, with the fault that is thought of, or another, or none."""
    product = product_type(machine.product)
    known = life.desk.admin.execute(
        """SELECT r.component, f.code FROM service_request r JOIN fault f USING (fault_id)
        WHERE r.device_id = %s AND r.closed_at IS NULL ORDER BY r.request_id""",
        [machine.device_id],
    ).fetchall()
    wish = life.chance.choice(tuple(Wish))
    words = life.chance.choice(_WORDS)
    if known and life.chance.random() < 0.6:
        component, fault = life.chance.choice(known)
        return Report(component, fault if life.chance.random() < 0.6 and fault in product.faults else "", words, wish)
    component = life.chance.choice(sorted(product.components))
    faults = sorted(name for name, fault in product.faults.items() if fault.component == component)
    return Report(component, life.chance.choice([*faults, ""]), words, wish)


def _say(life: Life, machine: Machine, owner_id: int, report: Report) -> str:
    with tenant(life, life.desk.serve):
        outcome = beginning.report(
            life.desk.serve, device_id=machine.device_id, owner_id=owner_id, report=report, now=life.now
        )
    about = f"reports {report.fault or 'something'} ({report.wish}) of {machine.name}/{report.component}"
    match outcome:
        case Begun(is_new=is_new):
            return f"{about}: {'a new request' if is_new else 'added'}"
        case NotHis():
            return f"{about}: it is not his"
