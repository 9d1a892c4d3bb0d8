"""Simulated devices brought before the watch, without broker and database: for the statistical tests of a product.

A product's street is ``tests/devices/products/street_<product>.py``; it holds `open_street` and `KINDS`.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, cast, runtime_checkable

import numpy as np

from devices.instants import to_us
from devices.product import ProductType
from devices.readings import Columns, IntArray
from diagnostics.watch import SymptomChange, Watch

# Twice the cadence is as far apart as samples may be before the watch takes what lies between for a gap.
STEP_CADENCES = 2.0
# Faults that take longer than this to be found may be looked for with coarser steps.
SLOW_AFTER_DAYS = 5


@dataclass(frozen=True, slots=True)
class Ill:
    """What is wrong with a device from the start on: a kind of fault, and how strong in the kind's own unit."""

    kind: str
    strength: float


class Street(Protocol):
    """Devices of one product type that live side by side."""

    def live(self, at: datetime) -> Columns:
        """Live on to an instant and report: one sample of each device."""
        ...


@runtime_checkable
class Sleeper(Protocol):
    """A street whose devices do not all report all the time."""

    def reporting(self, at: datetime) -> IntArray:
        """Which devices report at this instant, int64 [k]."""
        ...


class StreetModule(Protocol):
    """What a product brings along: kinds of faults with the fault codes that name them rightly, and its devices.

    A module whose detectors learn each device may name `LEARNING_DAYS`: so long its devices live before `start_at`, and
    what is told then does not count. It may name `STEP_CADENCES` where samples further apart would see less. For faults
    that take longer than `SLOW_AFTER_DAYS` it may name both again with `SLOW_` before them.
    """

    KINDS: Mapping[str, frozenset[str]]

    def open_street(self, ills: Sequence[Ill | None], seed: int, start_at: datetime, lives_from: datetime) -> Street:
        """Return as many devices as there are places; each has what stands in its place from `start_at`, or nothing."""
        ...


def street_of(product: ProductType) -> StreetModule:
    """Return a product's street; a product without one has no tests of trust, and fails."""
    return cast("StreetModule", importlib.import_module(f"tests.devices.products.street_{product.name}"))


@dataclass(frozen=True, slots=True)
class Told:
    """A symptom that was confirmed, and how long after the start."""

    device: int
    monitor: str
    component: str
    element: int
    value: float
    after: timedelta


def watch(
    product: ProductType,
    ills: Sequence[Ill | None],
    *,
    lasting: timedelta,
    start_at: datetime,
    seed: int,
    is_slow: bool = False,
) -> list[Told]:
    """Let devices live for a time, and return the symptoms that the product's monitors confirm."""
    count = len(ills)
    module = street_of(product)
    # A life before anything is wrong, for detectors that learn each device; a product that needs none has none.
    cadences, learning_days = pace(module, is_slow=is_slow)
    step, at = timedelta(seconds=product.cadence_s * cadences), start_at - timedelta(days=learning_days)
    street = module.open_street(ills, seed, start_at, at)
    guard = Watch(product)
    components = {monitor.name: monitor.component for monitor in product.monitors}
    devices = np.arange(count)
    told: list[Told] = []
    while at < start_at + lasting:
        at += step
        changes = guard.step(devices, np.full(count, to_us(at)), street.live(at))
        if at >= start_at:
            told += [_told(change, components, at - start_at) for change in changes if change.phase == "confirmed"]
    return told


def pace(module: StreetModule, *, is_slow: bool) -> tuple[float, float]:
    """Return how many cadences samples are apart, and how many days devices are learned."""
    cadences, days = getattr(module, "STEP_CADENCES", STEP_CADENCES), getattr(module, "LEARNING_DAYS", 0)
    if is_slow:
        return getattr(module, "SLOW_STEP_CADENCES", cadences), getattr(module, "SLOW_LEARNING_DAYS", days)
    return cadences, days


def _told(change: SymptomChange, components: Mapping[str, str], after: timedelta) -> Told:
    return Told(
        change.device_id, change.monitor, components[change.monitor], change.element, round(change.value, 4), after
    )
