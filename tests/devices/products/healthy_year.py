"""A year of healthy devices before the watch, and what of it would have opened a request.

Run as ``python -m tests.devices.products.healthy_year PRODUCT`` it tells how it goes on and ends with the figures; the
suite runs it under the mark ``year``. Meters report every hour; vehicles every ten minutes while they are driven or
charged and hourly while they stand, with physics in steps of five minutes.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import sqrt

import numpy as np

from devices.instants import to_us
from devices.product import ProductType
from devices.products import product_type, product_types
from devices.readings import Columns, IntArray
from diagnostics.diagnosis import Evidence, diagnose
from diagnostics.playback import known_well
from diagnostics.watch import SymptomChange, Watch
from tests.devices.products.street import Street, step_of

BEGINS_AT = datetime(2026, 1, 5, tzinfo=UTC)
SEED = 20261122
_WEEK = timedelta(days=7)
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Year:
    """What came of it: device, component and leading fault of each request, what confirmed symptoms, and verdicts."""

    device_years: float
    samples: int
    requests: list[tuple[int, str, str]]
    symptoms: Counter[str]
    verdicts: Counter[str]

    @property
    def rate(self) -> float:
        """False requests per device and year."""
        return len(self.requests) / self.device_years

    @property
    def upper_rate(self) -> float:
        """Upper bound of the rate with 95 %, for a Poisson count (Byar's approximation)."""
        count = len(self.requests) + 1
        return count * (1 - 1 / (9 * count) + 1.645 / (3 * sqrt(count))) ** 3 / self.device_years

    def __str__(self) -> str:
        """Return the figures as people read them."""
        what = ", ".join(f"{name} {count}" for name, count in self.symptoms.most_common()) or "none"
        return (
            f"{self.device_years:.0f} device-years, {self.samples} samples, {len(self.requests)} requests: "
            f"{self.rate:.4f} per device and year (below {self.upper_rate:.4f} with 95 %); verdicts "
            f"{dict(self.verdicts)}; confirmed: {what}"
            + "".join(f"\n  device {device}: {component}, {fault}" for device, component, fault in self.requests)
        )


def live(product: ProductType, devices: int, days: int, tell: Tell = lambda line: None, seed: int = SEED) -> Year:
    """Let healthy devices live so many days under the watch, their learning included.

    Parameters
    ----------
    product : ProductType
        Whose devices.
    devices, days : int
        How many, and how long.
    tell : callable
        Is told after every simulated week.
    seed : int
        Other ones are other devices.
    """
    step = step_of(product, is_slow=True)
    street = Street(product, devices, seed, BEGINS_AT, step)
    watch = Watch(product)
    count = _Count(product, watch)
    samples, at = 0, BEGINS_AT
    while at < BEGINS_AT + timedelta(days=days):
        at, columns = street.live()
        rows, columns = _reported(street.reporting(), columns)
        samples += len(rows)
        for change in watch.step(rows, np.full(len(rows), to_us(at)), columns):
            count.take(change, to_us(at))
        if (at - BEGINS_AT) % _WEEK < step:
            tell(f"{product.name}: day {(at - BEGINS_AT).days} of {days}, {len(count.requests)} requests")
    return Year(devices * days / 365.25, samples, count.requests, count.symptoms, count.verdicts)


def _reported(rows: IntArray, columns: Columns) -> tuple[IntArray, Columns]:
    if len(rows) == columns.length:
        return rows, columns
    chosen = rows.tolist()
    return rows, Columns({name: [column[row] for row in chosen] for name, column in columns.values.items()}, len(rows))


class _Count:
    """Open symptoms of each device and component; the first that opens where none is would open a request."""

    def __init__(self, product: ProductType, watch: Watch) -> None:
        self._product, self._watch = product, watch
        self._components = {monitor.name: monitor.component for monitor in product.monitors}
        self._open: dict[tuple[int, str], dict[tuple[str, int], Evidence]] = {}
        self.requests: list[tuple[int, str, str]] = []
        self.symptoms: Counter[str] = Counter()
        self.verdicts: Counter[str] = Counter()

    def take(self, change: SymptomChange, at_us: int) -> None:
        """Take a change of a symptom; any diagnosis opens a request, be it for a person to decide."""
        component = self._components[change.monitor]
        place, element = (change.device_id, component), (change.monitor, change.element)
        there = self._open.setdefault(place, {})
        if change.phase == "healed":
            there.pop(element, None)
        if change.phase != "confirmed":
            return
        self.symptoms[change.monitor] += 1
        is_first = not there
        there[element] = Evidence(len(there), change.monitor, change.element, change.since_us)
        well = known_well(self._product, self._watch.snapshot([change.device_id]), at_us)
        diagnosis = diagnose(self._product, component, list(there.values()), well)
        if is_first and diagnosis is not None:
            self.verdicts[diagnosis.verdict.value] += 1
            self.requests.append((*place, diagnosis.leading.fault))


def _main() -> None:
    parser = argparse.ArgumentParser(description="A year of healthy devices, and the false requests in it.")
    parser.add_argument("product", choices=sorted(product_types()))
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    year = live(
        product_type(given.product), given.devices, given.days, lambda line: print(line, file=sys.stderr), given.seed
    )
    print(f"{given.product}: {year}")


if __name__ == "__main__":
    _main()
