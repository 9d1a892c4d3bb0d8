"""Running a fleet: physics step by step, messages out, the past first and fast, then the present."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from simulators.enrolment import DeviceRequest, Enrolment, when_ready
from simulators.errors import SimulatorError
from simulators.faults import Fault, parse_fault, write_truth
from simulators.fleet.group import LATE, Group, GroupPlan
from simulators.fleet.memory import GroupNotes, Kept, Memory, Notes, load, save
from simulators.fleet.mishaps import Mishaps, Silence, parse_silence
from simulators.fleet.unit import ControlUnit
from simulators.progress import ProgressLine
from simulators.radio import Radio
from simulators.stopping import Stopping

_TURN_S = 0.02
_SAVE_EVERY_S = 1.0
_SAVE_SHARE = 20
_RENEW_EVERY_S = 60.0
_PATIENCE_WITH_REFUSAL_S = 30.0
_DRAIN_S = 5.0


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """What fleet to run, and how.

    Attributes
    ----------
    groups
        Its devices, one group for each product.
    seed, tenant
        Which fleet.
    faults
        As typed, see :func:`simulators.faults.parse_fault`.
    mishaps
        What goes wrong on the way.
    catch_up
        How long it may take to reach the present.
    outages_per_day, outage
        How often a device is out of reach, and for how long on average.
    state_folder, truth_file
        Where it keeps its memory, and where the ground truth is written.
    with_certificates
        Whether its devices have certificates instead of passwords.
    """

    groups: tuple[GroupPlan, ...]
    seed: int
    tenant: str
    faults: tuple[str, ...]
    mishaps: Mishaps
    catch_up: timedelta
    outages_per_day: float
    outage: timedelta
    state_folder: Path
    truth_file: Path
    with_certificates: bool = False


def run_fleet(plan: FleetPlan, enrolment: Enrolment, stopping: Stopping, progress: ProgressLine) -> None:
    """Enrol the devices, then let them live until told to stop.

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
        When the plan does not fit what is remembered, or a device cannot be enrolled.
    """
    fleet = Fleet(plan, load(plan.state_folder))
    fleet.switch_on(enrolment, progress)
    try:
        while not stopping.is_wanted:
            fleet.turn()
            progress.show(fleet.describe())
    finally:
        fleet.switch_off()
        progress.say(f"stopped: {fleet.describe()}")


class Fleet:
    """Devices, their control units and their radio.

    Parameters
    ----------
    plan
        What to run.
    memory
        What was kept of an earlier run.
    """

    def __init__(self, plan: FleetPlan, memory: Memory | None) -> None:
        self._plan = plan
        self._memory = memory
        self._radio = Radio()
        now = datetime.now(UTC)
        if memory is not None:
            self._check_same_fleet(memory.notes)
        self._groups = [self._group(each, now) for each in plan.groups]
        self._requests: list[DeviceRequest] = [each for group in self._groups for each in group.requests]
        self._names = {group.product: [each.device for each in group.requests] for group in self._groups}
        self._faults = self._decide_faults(now)
        self._silences = self._decide_silences(now)
        self._check_clocks()
        self._save_next_s = 0.0
        self._renew_next_s = 0.0
        self._enrolment: Enrolment | None = None

    def switch_on(self, enrolment: Enrolment, progress: ProgressLine) -> None:
        """Enrol what is new, connect all, and start the clocks."""
        plan = self._plan
        self._enrolment = enrolment
        write_truth(plan.truth_file, list(self._faults.values()), self._names)
        total = len(self._requests)
        identities = when_ready(enrolment, self._requests, lambda n: progress.show(f"enrolled {n} of {total} devices"))
        first = 0
        for group in self._groups:
            count = len(group.requests)
            outages = (plan.outages_per_day, plan.outage.total_seconds())
            group.switch_on(identities[first : first + count], self._radio, plan.mishaps, outages, self._faults)
            first += count
        self._recall_messages()
        for group in self._groups:
            group.start_clock(plan.catch_up, lambda: datetime.now(UTC), time.monotonic)
            noun = group.plan.breed.noun
            progress.say(
                f"{len(group.units)} {noun} of {plan.tenant} report from {group.lived_until:%Y-%m-%d %H:%M}Z on"
            )

    def turn(self) -> None:
        """Live through what is due, send and receive, keep memory."""
        ends_s = time.monotonic() + _TURN_S
        faults, silences = list(self._faults.values()), list(self._silences.values())
        # All groups take a step in turn, so that none has to wait for another's past.
        while sum(group.live_once(faults, silences) for group in self._groups) and time.monotonic() < ends_s:
            pass
        self._radio.run(0.0 if any(group.is_behind for group in self._groups) else _TURN_S)
        if time.monotonic() >= self._save_next_s:
            self._renew_refused()
            self._renew_certificates()
            self._save()

    def switch_off(self) -> None:
        """Send what is batched, wait a little for acknowledgements, keep the rest, hang up."""
        for group in self._groups:
            for unit in group.units:
                unit.flush(is_backfill=datetime.now(UTC) - group.lived_until > LATE)
        for link in self._radio.links:
            link.find_signal()
        self._radio.drain(_DRAIN_S)
        if self._units:
            self._save()
        self._radio.close()

    def describe(self) -> str:
        """Say how far the fleet is, in one line."""
        units = self._units
        up = sum(link.is_up for link in self._radio.links)
        line = (
            f"{' | '.join(map(_pace, self._groups))} | {up}/{len(units)} connected | "
            f"{sum(unit.samples_sent for unit in units):,} samples, {self._radio.acknowledged:,} messages acknowledged, "
            f"{self._radio.backlog:,} kept"
        )
        lost, resent = sum(unit.lost for unit in units), sum(unit.resent for unit in units)
        if lost or resent:
            line += f", {lost:,} lost, {resent:,} sent again when asked"
        troubles = self._radio.troubles()
        return f"{line} | {troubles[0]}" if troubles else line

    @property
    def _units(self) -> list[ControlUnit]:
        return [unit for group in self._groups for unit in group.units]

    def _group(self, plan: GroupPlan, now: datetime) -> Group:
        product, starts_at = plan.breed.product, now - plan.history
        if self._memory is None:
            return Group(plan, self._plan.tenant, self._plan.seed, starts_at)
        notes = self._memory.notes.groups[product]
        group = Group(plan, self._plan.tenant, self._plan.seed, max(starts_at, notes.simulated_until))
        group.remember(self._memory.arrays[product], notes.generator)
        return group

    def _renew_refused(self) -> None:
        """Ask for new credentials where the broker has refused the old ones for long: they may have been revoked."""
        now_s = time.monotonic()
        for link, request in zip(self._radio.links, self._requests, strict=True):
            since_s = link.refused_since_s
            if self._enrolment is not None and since_s is not None and now_s - since_s > _PATIENCE_WITH_REFUSAL_S:
                link.accept(self._enrolment.enrol(request))

    def _renew_certificates(self) -> None:
        """Let each device renew its certificate in time; it goes on with its connection, and shows the new one next."""
        now_s = time.monotonic()
        if self._enrolment is None or not self._plan.with_certificates or now_s < self._renew_next_s:
            return
        self._renew_next_s = now_s + _RENEW_EVERY_S
        now = datetime.now(UTC)
        for link in self._radio.links:
            renewed = self._enrolment.renew(link.identity, now)
            if renewed is not link.identity:
                link.accept(renewed)

    def _check_same_fleet(self, notes: Notes) -> None:
        plan = self._plan
        there = (notes.tenant, notes.seed, {product: group.count for product, group in notes.groups.items()})
        wanted = (plan.tenant, plan.seed, {each.breed.product: each.count for each in plan.groups})
        if there != wanted:
            raise SimulatorError(
                f"{plan.state_folder} remembers another fleet: {_told(*there)}, not {_told(*wanted)}. "
                "Ask for the same fleet, or give it another --state-dir."
            )

    def _check_clocks(self) -> None:
        unknown = sorted(set(self._plan.mishaps.clocks_off) - {request.device for request in self._requests})
        if unknown:
            raise SimulatorError(f"--clock-off names {', '.join(unknown)}, which is none of the fleet's devices")

    def _decide_faults(self, now: datetime) -> dict[str, Fault]:
        known = self._memory.notes.faults if self._memory else {}
        return {text: known.get(text) or parse_fault(text, self._names, now) for text in self._plan.faults}

    def _decide_silences(self, now: datetime) -> dict[str, Silence]:
        known = self._memory.notes.silences if self._memory else {}
        asked = self._plan.mishaps.silences
        return {text: known.get(text) or parse_silence(text, self._requests, now) for text in asked}

    def _recall_messages(self) -> None:
        if self._memory is None:
            return
        notes = self._memory.notes
        by_device = {unit.link.identity.device: unit for unit in self._units}
        for message in notes.kept:
            by_device[message.device].link.send(message.topic, message.payload)
        for group in self._groups:
            kept = notes.groups[group.product]
            for unit, batch, codes in zip(group.units, kept.batches, kept.codes, strict=True):
                unit.resume(batch, codes)

    def _save(self) -> None:
        began_s = time.monotonic()
        kept = [
            Kept(unit.link.identity.device, outgoing.topic, outgoing.payload)
            for unit in self._units
            for outgoing in unit.link.kept()
        ]
        groups = {group.product: _noted(group) for group in self._groups}
        notes = Notes(self._plan.seed, self._plan.tenant, groups, self._faults, self._silences, kept)
        save(self._plan.state_folder, Memory(notes, {group.product: group.plant.memory() for group in self._groups}))
        # Often, for what is not kept is lived through again after a kill; but never a burden to a large fleet.
        took_s = time.monotonic() - began_s
        self._save_next_s = time.monotonic() + max(_SAVE_EVERY_S, _SAVE_SHARE * took_s)


def _noted(group: Group) -> GroupNotes:
    return GroupNotes(
        count=len(group.units),
        simulated_until=group.lived_until,
        generator=dict(group.plant.rng.bit_generator.state),
        codes=[unit.codes for unit in group.units],
        batches=[unit.batch for unit in group.units],
    )


def _pace(group: Group) -> str:
    pace = "live" if group.share >= 1 and not group.is_behind else f"catching up {group.share:4.0%}"
    return f"{group.plan.breed.noun} {group.lived_until:%Y-%m-%d %H:%M:%S}Z {pace}"


def _told(tenant: str, seed: int, counts: dict[str, int]) -> str:
    devices = " and ".join(f"{count} of {product}" for product, count in counts.items())
    return f"{devices} of {tenant} with seed {seed}"
