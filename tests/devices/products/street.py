"""Sound simulated devices brought before the watch, without broker and database: for the statistical tests of a product.

They stand in all climates, as their breed scatters them. What is wrong with devices is tried by `callout evaluate products`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from devices.instants import to_us
from devices.product import ProductType
from devices.readings import Columns, IntArray, Value
from diagnostics.watch import Watch
from simulators.breeds import breed_of

# Samples this many cadences apart: a leak is looked for hour by hour; vehicles are followed closely for some days, and
# every ten minutes for months.
STEP_CADENCES: Mapping[str, float] = {"smart_meter": 1.0, "electric_vehicle": 2.0}
SLOW_STEP_CADENCES: Mapping[str, float] = {"electric_vehicle": 10.0}
# How many live how long where nothing may be said, and how long they are learned before; others as usual.
HEALTHY: Mapping[str, tuple[int, int, int]] = {"smart_meter": (300, 60, 30)}
_HEALTHY_USUALLY = (100, 4, 0)


class _Plant(Protocol):
    def step(self, dt_s: float, at: datetime, strain: object, /) -> None: ...
    def columns(self) -> dict[str, list[Value]]: ...
    def codes(self, row: int, /) -> tuple[str, ...]: ...


class _Use(Protocol):
    is_charging: NDArray[np.bool_]


class _Body(Protocol):
    speed_kmh: NDArray[np.float64]


@runtime_checkable
class _Sleeper(Protocol):
    """A plant whose devices sleep when they are not used."""

    use: _Use
    body: _Body


class Street:
    """So many sound devices of a product that live side by side from an instant on, and report every `step`."""

    def __init__(self, product: ProductType, count: int, seed: int, lives_from: datetime, step: timedelta) -> None:
        breed = breed_of(product.name)
        self._plant = cast("_Plant", breed.scatter([""] * count, seed, step.total_seconds()))
        self._well = breed.no_strain(count)
        (self._codes_signal,) = {feature.of_codes for feature in product.features.values() if feature.of_codes}
        self._codes: list[tuple[str, ...] | None] = [None] * count
        self._at, self._step = lives_from, step

    def live(self) -> tuple[datetime, Columns]:
        """Live on by a step and report, each device with one sample; codes are told when they change, as events do."""
        self._at += self._step
        self._plant.step(self._step.total_seconds(), self._at, self._well)
        codes: Sequence[Value] = [self._changed_codes(row) for row in range(len(self._codes))]
        return self._at, Columns({**self._plant.columns(), self._codes_signal: codes}, len(self._codes))

    def reporting(self) -> IntArray:
        """Which devices report now: of those that sleep, the ones in use and every one at the full hour, int64 [k]."""
        if not isinstance(self._plant, _Sleeper) or self._at.minute == 0:
            return np.arange(len(self._codes))
        return np.flatnonzero(self._plant.use.is_charging | (self._plant.body.speed_kmh > 0))

    def _changed_codes(self, row: int) -> list[str] | None:
        codes = self._plant.codes(row)
        if codes == self._codes[row]:
            return None
        self._codes[row] = codes
        return list(codes)


def step_of(product: ProductType, *, is_slow: bool) -> timedelta:
    """Return how far samples are apart."""
    usual = STEP_CADENCES[product.name]
    cadences = SLOW_STEP_CADENCES.get(product.name, usual) if is_slow else usual
    return timedelta(seconds=product.cadence_s * cadences)


@dataclass(frozen=True, slots=True)
class Told:
    """A symptom that was confirmed, and how long after the start."""

    device: int
    monitor: str
    component: str
    value: float
    after: timedelta


def watch_healthy(product: ProductType, start_at: datetime, seed: int) -> tuple[list[Told], float]:
    """Let sound devices live, learned before `start_at`, and return what is confirmed from then on, and device-days."""
    devices, days, learning_days = HEALTHY.get(product.name, _HEALTHY_USUALLY)
    at = start_at - timedelta(days=learning_days)
    street = Street(product, devices, seed, at, step_of(product, is_slow=False))
    guard, ids, told = Watch(product), np.arange(devices), list[Told]()
    components = {monitor.name: monitor.component for monitor in product.monitors}
    while at < start_at + timedelta(days=days):
        at, columns = street.live()
        changes = guard.step(ids, np.full(devices, to_us(at)), columns)
        told += [
            Told(change.device_id, change.monitor, components[change.monitor], change.value, at - start_at)
            for change in changes
            if change.phase == "confirmed" and at >= start_at
        ]
    return told, devices * days
