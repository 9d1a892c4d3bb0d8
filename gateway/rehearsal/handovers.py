"""Handovers: devices are sold in the middle of everything, and get second owners; who was one still has his old letters."""

from datetime import timedelta
from typing import Final

from devices.products import product_type
from gateway.owners import beginning, owning
from gateway.owners.beginning import NotHis, Report
from gateway.owners.owning import NotAnOwner
from gateway.rehearsal.life import Life
from gateway.rehearsal.processes import tenant
from gateway.rehearsal.world import Machine
from gateway.storage.owners import known_owner
from workflows.beginning import Wish
from workflows.mandate import USUAL

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_SOLD: Final = 0.12
_SHARED: Final = 0.1


def hand_over(life: Life, machine: Machine) -> None:
    """Let some devices be sold, and some get a second owner."""
    seller = machine.email.partition("@")[0]
    if life.chance.random() < _SOLD:
        life.plan(life.draw(_DAY, 24 * _DAY), seller, lambda: _sell(life, machine))
    if life.chance.random() < _SHARED:
        life.plan(life.draw(_DAY, 24 * _DAY), seller, lambda: _share(life, machine))


def _sell(life: Life, machine: Machine) -> str:
    serve, staff = life.desk.serve, life.world.staff[0]
    former = _owner(life, machine)
    with tenant(life, serve):
        buyer = _person(life, machine, "buyer")
        if life.chance.random() < 0.06:
            life.desk.fuse.light(life.chance.randrange(45))
        opened = owning.transfer(
            serve, device_id=machine.device_id, owner_id=buyer, actor=f"staff-{staff.staff_id}", now=life.now
        )
    life.plan(life.draw(timedelta(minutes=1), 3 * _DAY), "former", lambda: _meddle(life, machine, former))
    if life.chance.random() < 0.7:
        life.plan(life.draw(timedelta(minutes=1), 4 * _DAY), "buyer", lambda: _sign(life, machine, buyer))
    return f"sells {machine.name}, of which {len(opened)} requests go on"


def _share(life: Life, machine: Machine) -> str:
    with tenant(life, life.desk.serve):
        owner_id = _person(life, machine, "second")
        owning.join(
            life.desk.serve,
            device_id=machine.device_id,
            owner_id=owner_id,
            actor=f"staff-{life.world.staff[0].staff_id}",
            now=life.now,
        )
    if life.chance.random() < 0.5:
        life.plan(life.draw(timedelta(minutes=1), 6 * _DAY), "second", lambda: _revoke(life, machine, owner_id))
    return f"lets somebody own {machine.name} beside himself"


def _person(life: Life, machine: Machine, kind: str) -> int:
    email = f"{kind}-of-{machine.name}@home.example"
    return known_owner(life.desk.serve, name=kind.title(), email=email, language="en", time_zone="UTC")


def _sign(life: Life, machine: Machine, owner_id: int) -> str:
    with tenant(life, life.desk.serve):
        outcome = owning.sign(
            life.desk.serve,
            device_id=machine.device_id,
            owner_id=owner_id,
            clauses=dict.fromkeys(USUAL),
            expires_at=None,
            now=life.now,
        )
    return f"signs for {machine.name}: {type(outcome).__name__}"


def _revoke(life: Life, machine: Machine, owner_id: int) -> str:
    with tenant(life, life.desk.serve):
        outcome = owning.revoke(life.desk.serve, device_id=machine.device_id, owner_id=owner_id, now=life.now)
    return f"takes the mandate of {machine.name} back: {type(outcome).__name__}"


def _meddle(life: Life, machine: Machine, former: int) -> str:
    """Let who sold a device try to report something of it, and to sign for it: neither is his any more."""
    report = Report(min(product_type(machine.product).components), "", "It was mine.", Wish.TROUBLE)
    serve, device_id = life.desk.serve, machine.device_id
    with tenant(life, serve):
        told = beginning.report(serve, device_id=device_id, owner_id=former, report=report, now=life.now)
        signed = owning.sign(
            serve, device_id=device_id, owner_id=former, clauses=dict.fromkeys(USUAL), expires_at=None, now=life.now
        )
    if _owner(life, machine) != former and not (isinstance(told, NotHis) and isinstance(signed, NotAnOwner)):
        raise LookupError(f"who sold {machine.name} was heard as if it were his")
    return f"would still have a say about {machine.name}: {type(told).__name__}, {type(signed).__name__}"


def _owner(life: Life, machine: Machine) -> int:
    row = life.desk.admin.execute("SELECT owner_id FROM device WHERE device_id = %s", [machine.device_id]).fetchone()
    if row is None:
        raise LookupError(f"the device {machine.name} is nobody's")
    return int(row[0])
