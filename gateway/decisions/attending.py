"""Attending: which of a component's open symptoms are to be heard now, after ISA-18.2.

What a planner has shelved or taken out of service, what came in a mode of the device that suppresses it, and each single
coming of a monitor that chatters, is kept and shown, and opens nothing. Called by `diagnose`, within its transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from devices.chatter import steady, unsteady
from devices.instants import to_us
from devices.modes import MODE
from devices.monitors import Monitor
from devices.product import ProductType
from diagnostics import diagnosis as diagnosing
from diagnostics.diagnosis import Evidence, Verdict
from gateway import jobs
from gateway.decisions.surveying import Survey, survey
from gateway.storage import attention, receipts
from gateway.storage.attention import Kept, Unsteady
from gateway.storage.connection import Connection
from gateway.storage.findings import OpenSymptom
from gateway.storage.receipts import Ground, Grounds
from workflows.attention import BY_HAND, QUIET, Act, Attention, acts, next_state
from workflows.suppression import Spell, Suppressed, suppression
from workflows.unsteadiness import Coming, Unsteadiness, unsteadiness

# How far back comings are counted at least by the desk's clock: a device may bring days that it has kept to itself.
_LOOK_BACK: Final = timedelta(days=7)

Key = tuple[str, int]


def heard(
    connection: Connection, product: ProductType, device_id: int, component: str, now: datetime
) -> Grounds | None:
    """Return what is to be diagnosed, and what is not heard; None when there are symptoms and all of them are quiet.

    Parameters
    ----------
    connection : Connection
        In a transaction of the device's tenant that holds the device.
    product : ProductType
        The device's.
    device_id, component : int, str
        Whose symptoms. A turn of the device's mode is no symptom: its other components are looked at again.
    now : datetime
        By the desk's clock.
    """
    if component == MODE:
        look_again(connection, device_id, attention.components_of(connection, device_id))
        return None
    grounds = receipts.gather(connection, device_id, component)
    symptoms = grounds.symptoms
    there = {symptom.monitor for symptom in symptoms}
    own = [symptom for symptom in symptoms if steady(symptom.monitor) is None]
    room = _Room(connection, product, device_id, component, now)
    rows = room.settled(own)
    put_aside = {row.monitor for row in rows.values() if row.state in BY_HAND}
    grounds = replace(grounds, unheard=sorted(put_aside - there))
    restless = room.unsteady(rows)
    audible = [each for each in own if each.key not in restless and not _is_quiet(rows, each)]
    audible += [room.told_unsteady(key, found) for key, found in restless.items()]
    shelved = [each for each in own if _is_quiet(rows, each) and rows[each.key].state in BY_HAND]
    # A shelf never hides a danger: where all together are one, all are heard.
    if shelved and _is_danger(
        product, component, [*audible, *shelved], survey(connection, grounds, product, component, now)
    ):
        audible += shelved
    return _heard(grounds, audible) if audible or not symptoms else None


def _heard(grounds: Grounds, audible: Sequence[OpenSymptom]) -> Grounds:
    """Return the grounds with what is heard of them; a chatter that was only found now stands on no single reading."""
    known = {ground.symptom.symptom_id: ground for ground in grounds.open}
    ids = {symptom.symptom_id for symptom in audible}
    return replace(
        grounds,
        open=[
            replace(known[each.symptom_id], symptom=each) if each.symptom_id in known else Ground(each, 0, None, None)
            for each in sorted(audible, key=lambda each: (each.since_at, each.symptom_id))
        ],
        quiet=[
            symptom for symptom in grounds.symptoms if symptom.symptom_id not in ids and not steady(symptom.monitor)
        ],
    )


def look_again(connection: Connection, device_id: int, components: Sequence[str]) -> None:
    """Let components of a device be diagnosed anew once this transaction has been committed."""
    tenant_id = attention.present_tenant(connection)
    jobs.defer(
        connection,
        jobs.DIAGNOSE,
        lock="device-{device_id}",
        calls=[{"tenant_id": tenant_id, "device_id": device_id, "component": each} for each in components],
    )


def _is_quiet(rows: Mapping[Key, Kept], symptom: OpenSymptom) -> bool:
    return rows[symptom.key].state in QUIET


def _is_danger(product: ProductType, component: str, symptoms: Sequence[OpenSymptom], found: Survey) -> bool:
    evidence = [Evidence(each.symptom_id, each.monitor, each.element, to_us(each.since_at)) for each in symptoms]
    diagnosis = diagnosing.diagnose(product, component, evidence, found.well(product, component))
    return diagnosis is not None and diagnosis.verdict is Verdict.SAFETY


def is_danger_alone(product: ProductType, component: str, monitor: str) -> bool:
    """Whether one monitor's symptom is a matter of safety where all else is well: such a one is never made quiet by hand."""
    well = [each.name for each in product.monitors if each.name != monitor]
    found = diagnosing.diagnose(product, component, [Evidence(0, monitor, 0, 0)], well)
    return found is not None and found.verdict is Verdict.SAFETY


@dataclass(frozen=True, slots=True)
class _Room:
    """One component of one device, now."""

    connection: Connection
    product: ProductType
    device_id: int
    component: str
    now: datetime

    @property
    def monitors(self) -> dict[str, Monitor]:
        return {each.name: each for each in self.product.monitors if each.component == self.component}

    def settled(self, own: Sequence[OpenSymptom]) -> dict[Key, Kept]:
        """Bring what symptoms are to people up to date with what is there, and write down what changed."""
        before = {row.key: row for row in attention.kept(self.connection, self.device_id, self.component)}
        there = {symptom.key: symptom for symptom in own}
        suppressed = self._suppressed(own)
        changes: list[tuple[Act, Attention, Kept]] = []
        after = {
            key: self._turned(before.get(key), there.get(key), suppressed.get(key), key, changes)
            for key in sorted(before.keys() | there.keys())
        }
        self._keep([row for key, row in after.items() if row != before.get(key)])
        attention.write_down(self.connection, self.device_id, changes, self.now)
        return after

    def _suppressed(self, own: Sequence[OpenSymptom]) -> dict[Key, Suppressed]:
        by_a_mode = frozenset[str]().union(*(mode.suppresses for mode in self.product.modes))
        wanted = [each for each in own if each.monitor in by_a_mode and not self._is_safety(each.monitor)]
        if not wanted:
            return {}
        visit = next((mode.name for mode in self.product.modes if mode.told_by is None), None)
        spells: list[Spell] = attention.spells_of_modes(self.connection, self.device_id, visit)
        confirmed = attention.confirmed_instants(self.connection, [each.symptom_id for each in wanted])
        found = {
            each.key: suppression(self.product, each.monitor, confirmed[each.symptom_id], spells, self.now)
            for each in wanted
            if each.symptom_id in confirmed
        }
        return {key: each for key, each in found.items() if each is not None}

    def _turned(
        self,
        row: Kept | None,
        there: OpenSymptom | None,
        suppressed: Suppressed | None,
        key: Key,
        changes: list[tuple[Act, Attention, Kept]],
    ) -> Kept:
        onset_at = there.since_at if there is not None else None
        row = row or Kept(*key, self.component, Attention.NORMAL, self.now)
        happened = acts(
            row.state,
            is_there=there is not None,
            is_fresh=there is not None and row.onset_at is not None and row.onset_at != onset_at,
            is_suppressed=suppressed is not None,
            is_quiet_over=self._is_safety(key[0]) or (row.due_at is not None and row.due_at <= self.now),
        )
        for act in happened:
            state = next_state(row.state, act)
            if state is None:
                raise LookupError(f"{key[0]} of device {self.device_id} is {row.state}: {act} cannot happen to it")
            before, row = row.state, _loud(row, state, self.now)
            if state is Attention.SUPPRESSED and suppressed is not None:
                row = replace(row, mode=suppressed.mode, due_at=suppressed.until_at)
            changes.append((act, before, row))
        if row.state is Attention.SUPPRESSED and suppressed is not None:
            row = replace(row, mode=suppressed.mode, due_at=suppressed.until_at)
        return replace(row, onset_at=onset_at or row.onset_at)

    def unsteady(self, rows: Mapping[Key, Kept]) -> dict[Key, Unsteadiness]:
        """Return which monitors chatter, and write until when; a danger is heard each time that it comes."""
        limits = {name: self.product.chatter(each) for name, each in self.monitors.items() if not each.is_safety}
        window = timedelta(seconds=max((each.window_s for each in limits.values()), default=0.0))
        comings = attention.comings(
            self.connection, self.device_id, self.component, self.now - max(_LOOK_BACK, 2 * window)
        )
        found: dict[Key, Unsteadiness] = {}
        for key, row in rows.items():
            came: Sequence[Coming] = comings.get(key, ())
            is_watched = key[0] in limits and row.state not in QUIET
            chatters = unsteadiness(came, limits[key[0]], self.now) if is_watched else None
            if chatters is not None:
                found[key] = chatters
            elif row.unsteady_until_at is not None:
                attention.close_unsteady(self.connection, self.device_id, unsteady(key[0]), key[1], self.now)
        turned = [
            replace(row, unsteady_until_at=found[key].until_at if key in found else None) for key, row in rows.items()
        ]
        self._keep([row for row in turned if row.unsteady_until_at != rows[row.key].unsteady_until_at])
        return found

    def told_unsteady(self, key: Key, found: Unsteadiness) -> OpenSymptom:
        """Return the symptom that a monitor chatters, written once as long as it does."""
        told = Unsteady(
            unsteady(key[0]),
            key[1],
            self.component,
            found.since_at,
            found.newest_at,
            found.count,
            self.product.chatter(self.monitors[key[0]]).times,
            self.now,
        )
        return attention.open_unsteady(self.connection, self.device_id, told)

    def _is_safety(self, name: str) -> bool:
        monitor = self.monitors.get(name)
        return monitor is not None and monitor.is_safety

    def _keep(self, rows: Sequence[Kept]) -> None:
        attention.keep(self.connection, self.device_id, [(row, self._is_safety(row.monitor)) for row in rows])


def _loud(row: Kept, state: Attention, now: datetime) -> Kept:
    """Return a row that has come to a state by itself: what made it quiet is over."""
    return replace(row, state=state, since_at=now, staff_id=None, reason=None, mode=None, due_at=None)
