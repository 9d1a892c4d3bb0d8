"""Machines: symptoms of the world's devices begin and heal, written and handed on as the ingest worker does it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from devices.instants import from_us, to_us
from devices.monitors import Calibrated, Silence
from devices.products import product_type
from diagnostics.watch import Phase, SymptomChange
from gateway.ingest.detect import Outcome, Told
from gateway.ingest.directory import Known
from gateway.ingest.symptoms import tell
from gateway.rehearsal.life import Life
from gateway.rehearsal.world import Machine
from gateway.storage.door import take_numbers

_DAY: Final = timedelta(days=1)
# What is mostly sure by itself; the rest of the monitors come as often together.
_PLAIN: Final = frozenset(
    {
        "low_voltage_low", "coolant_hot", "tyre_soft", "brake_pad_thin", "electricity_stuck", "gas_back", "water_back",
        "water_never_rests", "heat_stuck", "cell_leaves_pack", "battery_low", "bus_silent",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Symptom:
    """One symptom of a machine, from its onset."""

    machine: Machine
    monitor: str
    since_us: int


def live(life: Life, machine: Machine, days: int) -> None:
    """Plan a machine's troubles for some days; some have few, some many, and some of them two at a time."""
    for _ in range(life.chance.choice((1, 1, 2, 2, 3))):
        begins = life.draw(timedelta(minutes=5), days * _DAY * 0.8)
        monitor = _pick(life, machine)
        life.plan(begins, machine.name, lambda monitor=monitor: _begin(life, machine, monitor))
        if life.chance.random() < 0.25:
            other = _beside(life, machine, monitor)
            later = begins + life.draw(timedelta(minutes=1), 2 * _DAY)
            life.plan(later, machine.name, lambda other=other: _begin(life, machine, other))


def _pick(life: Life, machine: Machine) -> str:
    names = [each.name for each in product_type(machine.product).monitors if not isinstance(each, Silence | Calibrated)]
    plain = [name for name in names if name in _PLAIN]
    return life.chance.choice(plain if life.chance.random() < 0.6 else names)


def _beside(life: Life, machine: Machine, monitor: str) -> str:
    """Return a monitor of the same component, the same one where there is no other."""
    monitors = {each.name: each for each in product_type(machine.product).monitors}
    component = monitors[monitor].component
    others = [
        each.name
        for each in monitors.values()
        if each.component == component and not isinstance(each, Silence | Calibrated)
    ]
    return life.chance.choice(others)


def _begin(life: Life, machine: Machine, monitor: str) -> str:
    row = life.desk.admin.execute(
        "SELECT FROM symptom WHERE device_id = %s AND monitor = %s AND state = 'confirmed'",
        [machine.device_id, monitor],
    ).fetchone()
    if row is not None:
        return ""
    since_us = to_us(life.now - life.draw(timedelta(minutes=1), timedelta(hours=4)))
    symptom = Symptom(machine, monitor, since_us)
    _tell(life, symptom, "confirmed")
    if life.chance.random() < 0.45:
        life.plan(life.draw(timedelta(minutes=2), 12 * _DAY), machine.name, lambda: _heal(life, symptom))
    return f"{monitor} is confirmed"


def _heal(life: Life, symptom: Symptom) -> str:
    row = life.desk.admin.execute(
        "SELECT FROM symptom WHERE device_id = %s AND monitor = %s AND since_at = %s AND state = 'confirmed'",
        [symptom.machine.device_id, symptom.monitor, from_us(symptom.since_us)],
    ).fetchone()
    if row is None:
        return ""
    _tell(life, symptom, "healed")
    return f"{symptom.monitor} has healed"


def heal_all(life: Life, machine: Machine) -> str:
    """Let all open symptoms of a machine heal, as after a restart."""
    rows = life.desk.admin.execute(
        "SELECT monitor, since_at FROM symptom WHERE device_id = %s AND state = 'confirmed' ORDER BY symptom_id",
        [machine.device_id],
    ).fetchall()
    for monitor, since_at in rows:
        _tell(life, Symptom(machine, monitor, to_us(since_at)), "healed")
    return ", ".join(monitor for monitor, _ in rows) + " healed" if rows else ""


def _tell(life: Life, symptom: Symptom, phase: Phase) -> None:
    machine, now_us = symptom.machine, to_us(life.now)
    change = SymptomChange(0, machine.device_id, symptom.monitor, 0, phase, symptom.since_us, 1.0, 0.5, "")
    known = Known(machine.device_id, life.world.tenant_id, machine.partition, machine.product)
    with life.desk.ingest.transaction():
        (number,) = take_numbers(life.desk.ingest, {machine.partition: 1}).values()
        outcome = Outcome([Told(change, now_us, number, now_us)], set())
        tell(life.desk.ingest, machine.product, outcome, {machine.device_id: known})
