"""The devices of one product in a fleet: their plant, their control units, and how far they have lived."""

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from simulators.breeds import Breed
from simulators.enrolment import DeviceRequest, Identity
from simulators.faults import Fault, strain_at
from simulators.fleet.clock import Clock
from simulators.fleet.healing import Healing
from simulators.fleet.mishaps import Mishaps, Silence
from simulators.fleet.people import roster
from simulators.fleet.unit import ControlUnit
from simulators.radio import Radio

LATE = timedelta(minutes=10)
"""From this age on a message is declared as one about the past."""

_MOST_WAITING_PER_DEVICE = 40


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """Which devices of a product to run, and how.

    Attributes
    ----------
    breed, count
        What they are, and how many.
    history
        How far in the past they start.
    cadence, live_cadence
        Time between two samples, in the past and then live.
    samples_per_message, live_samples_per_message
        How many samples a device puts into one message, of the past and live.
    """

    breed: Breed
    count: int
    history: timedelta
    cadence: timedelta
    live_cadence: timedelta
    samples_per_message: int
    live_samples_per_message: int


class Group:
    """Devices of one product under one clock of their own.

    Parameters
    ----------
    plan
        Which and how.
    tenant, seed
        Whose, and what decides all that is by chance.
    starts_at
        From when on they live, aware UTC.
    """

    def __init__(self, plan: GroupPlan, tenant: str, seed: int, starts_at: datetime) -> None:
        self.plan = plan
        self.requests: list[DeviceRequest] = roster(plan.breed, plan.count, tenant, seed)
        self.units: list[ControlUnit] = []
        self.plant = plan.breed.build([request.place for request in self.requests], seed)
        self.lived_until = starts_at
        self._starts_at = starts_at
        self._seed = seed
        self._clock: Clock | None = None

    @property
    def product(self) -> str:
        """What they are."""
        return self.plan.breed.product

    @property
    def share(self) -> float:
        """How much of the way to the present is done, 0 to 1."""
        return self._clock.share if self._clock else 0.0

    @property
    def is_behind(self) -> bool:
        """Whether a step is due."""
        return self._clock is not None and self._due_at() <= self._clock.now()

    def remember(self, arrays: Mapping[str, Any], generator: Mapping[str, Any]) -> None:
        """Go on with the plant of an earlier run."""
        self.plant.remember(dict(arrays))
        self.plant.rng.bit_generator.state = generator

    def switch_on(
        self,
        identities: Sequence[Identity],
        radio: Radio,
        mishaps: Mishaps,
        outages: tuple[float, float],
        faults: MutableMapping[str, Fault],
    ) -> None:
        """Give each device its radio; `outages` is how many a day, and how long on average in seconds.

        What a command cures is over in `faults` from then on.
        """
        plan = self.plan
        for number, identity in enumerate(identities):
            letters = int.from_bytes(self.product.encode()[:6], "big")
            chance = np.random.default_rng([self._seed, 5, letters, number, identity.boot])
            healing = Healing(self.product, number, identity.device, faults, mishaps.manners, chance)
            unit = ControlUnit(
                radio.link(identity),
                np.random.default_rng([self._seed, 3, letters, number, identity.boot]),
                samples_per_message=plan.samples_per_message,
                live_samples_per_message=plan.live_samples_per_message,
                outages_per_day=outages[0],
                outage_s=outages[1],
                phase=number,
                clock_off=mishaps.clocks_off.get(identity.device, timedelta()),
                lost_share=mishaps.lost_share,
                act=lambda command, healing=healing: healing(command, self.lived_until),
            )
            self.units.append(unit)

    def start_clock(self, catch_up: timedelta, wall: Any, monotonic_s: Any) -> None:
        """Start to live; what is left of the past is lived through in its share of the time to catch up."""
        behind = wall() - self._starts_at
        share = min(1.0, behind / self.plan.history) if self.plan.history else 0.0
        self._clock = Clock(self._starts_at, catch_up.total_seconds() * share, wall, monotonic_s)

    def live_once(self, faults: Sequence[Fault], silences: Sequence[Silence]) -> bool:
        """Take one step of the physics and one sample of each device; False when nothing is due or all is full."""
        if not self.is_behind or self._is_crowded():
            return False
        at = self._due_at()
        strain = strain_at(self.product, faults, len(self.units), at)
        self.plant.step((at - self.lived_until).total_seconds(), at, strain)
        self.lived_until = at
        is_backfill = datetime.now(UTC) - at > LATE
        for number, (unit, sample) in enumerate(zip(self.units, self.plant.samples(), strict=True)):
            is_silent = bool(strain.mute[number]) or any(
                silence.holds(self.requests[number], at) for silence in silences
            )
            unit.hush(is_silent=is_silent)
            if not is_silent:
                unit.take(sample, self.plant.codes(number), at, is_backfill=is_backfill)
        return True

    def _due_at(self) -> datetime:
        # Steps follow the past's cadence while they lie more than one of them back, then the live one.
        plan, now = self.plan, datetime.now(UTC)
        is_past = now - self.lived_until > 2 * plan.cadence
        return self.lived_until + (plan.cadence if is_past else plan.live_cadence)

    def _is_crowded(self) -> bool:
        """Whether the broker does not keep up; devices out of reach do not count, they wait by nature."""
        links = [unit.link for unit in self.units]
        waiting = sum(link.backlog for link in links if link.is_up)
        is_connecting = any(link.is_wanted and not link.is_up for link in links)
        limit = _MOST_WAITING_PER_DEVICE * len(self.units)
        return waiting > limit or (is_connecting and sum(link.backlog for link in links) > 3 * limit)
