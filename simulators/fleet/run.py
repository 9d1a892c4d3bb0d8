"""Running a fleet: physics step by step, messages out, the past first and fast, then the present."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from simulators.enrolment import DeviceRequest, Enrolment, when_ready
from simulators.errors import SimulatorError
from simulators.faults import Fault, parse_fault, strain_at, write_truth
from simulators.fleet.clock import Clock
from simulators.fleet.memory import Kept, Memory, Notes, load, save
from simulators.fleet.people import roster, site
from simulators.fleet.vehicle import ControlUnit
from simulators.plants.electric_vehicle import ElectricVehicles
from simulators.progress import ProgressLine
from simulators.radio import Radio
from simulators.stopping import Stopping

DEMO_FAULTS = (
    "ev-0003=internal_short@-14h:4.5:48",
    "ev-0007=insulation_breakdown@-3h",
    "ev-0010=tyre_leak@-20h:80:2",
)
"""A cell that drifts, a leak to the body that a trouble code reports, a slow puncture."""

_MOST_WAITING_PER_VEHICLE = 40
_TURN_S = 0.02
_SAVE_EVERY_S = 1.0
_SAVE_SHARE = 20
_PATIENCE_WITH_REFUSAL_S = 30.0
_LATE = timedelta(minutes=10)
_DRAIN_S = 5.0


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """What fleet to run, and how.

    Attributes
    ----------
    vehicles, seed, tenant
        Which fleet.
    faults
        As typed, see :func:`simulators.faults.parse_fault`.
    history, catch_up
        How far in the past it starts, and how long it may take to reach the present.
    cadence, live_cadence
        Time between two samples, in the past and then live.
    samples_per_message
        How many samples a vehicle puts into one message.
    outages_per_day, outage
        How often a vehicle is out of reach, and for how long on average.
    state_folder, truth_file
        Where it keeps its memory, and where the ground truth is written.
    """

    vehicles: int
    seed: int
    tenant: str
    faults: tuple[str, ...]
    history: timedelta
    catch_up: timedelta
    cadence: timedelta
    live_cadence: timedelta
    samples_per_message: int
    outages_per_day: float
    outage: timedelta
    state_folder: Path
    truth_file: Path


def run_fleet(plan: FleetPlan, enrolment: Enrolment, stopping: Stopping, progress: ProgressLine) -> None:
    """Enrol the vehicles, then let them live until told to stop.

    Parameters
    ----------
    plan
        What to run.
    enrolment
        The HTTP door and the memory of credentials.
    stopping
        Says when to stop.
    progress
        Where to say how far it is.

    Raises
    ------
    SimulatorError
        When the plan does not fit what is remembered, or a vehicle cannot be enrolled.
    """
    requests = roster(plan.vehicles, plan.tenant, plan.seed)
    fleet = Fleet(plan, requests, load(plan.state_folder))
    fleet.switch_on(enrolment, progress)
    try:
        while not stopping.is_wanted:
            fleet.turn()
            progress.show(fleet.describe())
    finally:
        fleet.switch_off()
        progress.say(f"stopped: {fleet.describe()}")


class Fleet:
    """Vehicles, their control units and their radio, under one clock.

    Parameters
    ----------
    plan
        What to run.
    requests
        The vehicles' enrolments, in order.
    memory
        What was kept of an earlier run.
    """

    def __init__(self, plan: FleetPlan, requests: list[DeviceRequest], memory: Memory | None) -> None:
        self._plan = plan
        self._requests = requests
        self._devices = [request.device for request in requests]
        self._radio = Radio()
        self._units: list[ControlUnit] = []
        self._plant = ElectricVehicles([site(request) for request in requests], plan.seed)
        now = datetime.now(UTC)
        self._memory = memory
        starts_at = now - plan.history
        if memory is not None:
            self._check_same_fleet(memory.notes)
            self._plant.remember(memory.arrays)
            self._plant.rng.bit_generator.state = memory.notes.generators[0]
            starts_at = max(starts_at, memory.notes.simulated_until)
        self._faults = self._decide_faults(now)
        self._last_at = starts_at
        self._starts_at = starts_at
        self._clock: Clock | None = None
        self._save_next_s = 0.0
        self._enrolment: Enrolment | None = None

    def switch_on(self, enrolment: Enrolment, progress: ProgressLine) -> None:
        """Enrol what is new, connect all, and start the clock."""
        plan = self._plan
        self._enrolment = enrolment
        write_truth(plan.truth_file, list(self._faults.values()), self._devices)
        total = len(self._requests)
        identities = when_ready(enrolment, self._requests, lambda n: progress.show(f"enrolled {n} of {total} vehicles"))
        for number, identity in enumerate(identities):
            rng = np.random.default_rng([plan.seed, 3, number, identity.boot])
            unit = ControlUnit(
                self._radio.link(identity),
                rng,
                samples_per_message=plan.samples_per_message,
                outages_per_day=plan.outages_per_day,
                outage_s=plan.outage.total_seconds(),
                phase=number,
            )
            self._units.append(unit)
        self._recall_messages()
        behind = datetime.now(UTC) - self._starts_at
        share = min(1.0, behind / plan.history) if plan.history else 0.0
        catch_up_s = plan.catch_up.total_seconds() * share
        self._clock = Clock(self._starts_at, catch_up_s, lambda: datetime.now(UTC), time.monotonic)
        progress.say(f"{total} vehicles of {plan.tenant} report from {self._starts_at:%Y-%m-%d %H:%M}Z on")

    def turn(self) -> None:
        """Live through what is due, send and receive, keep memory."""
        ends_s = time.monotonic() + _TURN_S
        while self._live_once() and time.monotonic() < ends_s:
            pass
        self._radio.run(0.0 if self._is_behind() else _TURN_S)
        if time.monotonic() >= self._save_next_s:
            self._renew_refused()
            self._save()

    def switch_off(self) -> None:
        """Send what is batched, wait a little for acknowledgements, keep the rest, hang up."""
        for unit in self._units:
            unit.flush(is_backfill=datetime.now(UTC) - self._last_at > _LATE)
        for link in self._radio.links:
            link.find_signal()
        self._radio.drain(_DRAIN_S)
        if self._units:
            self._save()
        self._radio.close()

    def describe(self) -> str:
        """Say how far the fleet is, in one line."""
        up = sum(link.is_up for link in self._radio.links)
        share = self._clock.share if self._clock else 0.0
        pace = "live" if share >= 1 and not self._is_behind() else f"catching up {share:4.0%}"
        samples = sum(unit.samples_sent for unit in self._units)
        line = (
            f"{self._last_at:%Y-%m-%d %H:%M:%S}Z {pace} | {up}/{len(self._units)} connected | "
            f"{samples:,} samples, {self._radio.acknowledged:,} messages acknowledged, {self._radio.backlog:,} kept"
        )
        troubles = self._radio.troubles()
        return f"{line} | {troubles[0]}" if troubles else line

    def _due_at(self) -> datetime:
        # Steps follow the past's cadence while they lie more than one of them back, then the live one.
        plan, now = self._plan, datetime.now(UTC)
        is_past = now - self._last_at > 2 * plan.cadence
        return self._last_at + (plan.cadence if is_past else plan.live_cadence)

    def _is_behind(self) -> bool:
        return self._clock is not None and self._due_at() <= self._clock.now()

    def _live_once(self) -> bool:
        """Take one step of the physics and one sample of each vehicle; False when nothing is due or all is full."""
        if not self._is_behind() or self._is_crowded():
            return False
        at = self._due_at()
        strain = strain_at(list(self._faults.values()), len(self._units), at)
        self._plant.step((at - self._last_at).total_seconds(), at, strain)
        self._last_at = at
        is_backfill = datetime.now(UTC) - at > _LATE
        for number, (unit, sample) in enumerate(zip(self._units, self._plant.samples(), strict=True)):
            unit.take(sample, self._plant.diagnosis.codes(number), at, is_backfill=is_backfill)
        return True

    def _is_crowded(self) -> bool:
        """Whether the broker does not keep up; vehicles out of reach do not count, they wait by nature."""
        waiting = sum(link.backlog for link in self._radio.links if link.is_up)
        is_connecting = any(link.is_wanted and not link.is_up for link in self._radio.links)
        limit = _MOST_WAITING_PER_VEHICLE * len(self._units)
        return waiting > limit or (is_connecting and self._radio.backlog > 3 * limit)

    def _renew_refused(self) -> None:
        """Ask for new credentials where the broker has refused the old ones for long: they may have been revoked."""
        now_s = time.monotonic()
        for link, request in zip(self._radio.links, self._requests, strict=True):
            since_s = link.refused_since_s
            if self._enrolment is not None and since_s is not None and now_s - since_s > _PATIENCE_WITH_REFUSAL_S:
                link.accept(self._enrolment.enrol(request))

    def _check_same_fleet(self, notes: Notes) -> None:
        plan = self._plan
        if (notes.vehicles, notes.seed, notes.tenant) != (plan.vehicles, plan.seed, plan.tenant):
            raise SimulatorError(
                f"{plan.state_folder} remembers another fleet: {notes.vehicles} vehicles of {notes.tenant} with seed "
                f"{notes.seed}, not {plan.vehicles} of {plan.tenant} with seed {plan.seed}. "
                "Ask for the same fleet, or give it another --state-dir."
            )

    def _decide_faults(self, now: datetime) -> dict[str, Fault]:
        known = self._memory.notes.faults if self._memory else {}
        return {text: known.get(text) or parse_fault(text, self._devices, now) for text in self._plan.faults}

    def _recall_messages(self) -> None:
        if self._memory is None:
            return
        by_device = dict(zip(self._devices, self._units, strict=True))
        for message in self._memory.notes.kept:
            by_device[message.device].link.send(message.topic, message.payload)
        notes = self._memory.notes
        for unit, batch, codes in zip(self._units, notes.batches, notes.codes, strict=True):
            unit.resume(batch, codes)

    def _save(self) -> None:
        began_s = time.monotonic()
        kept = [
            Kept(device, outgoing.topic, outgoing.payload)
            for device, unit in zip(self._devices, self._units, strict=True)
            for outgoing in unit.link.kept()
        ]
        notes = Notes(
            vehicles=self._plan.vehicles,
            seed=self._plan.seed,
            tenant=self._plan.tenant,
            simulated_until=self._last_at,
            generators=[dict(self._plant.rng.bit_generator.state)],
            faults=self._faults,
            codes=[unit.codes for unit in self._units],
            batches=[unit.batch for unit in self._units],
            kept=kept,
        )
        save(self._plan.state_folder, Memory(notes, self._plant.memory()))
        # Often, for what is not kept is lived through again after a kill; but never a burden to a large fleet.
        took_s = time.monotonic() - began_s
        self._save_next_s = time.monotonic() + max(_SAVE_EVERY_S, _SAVE_SHARE * took_s)
