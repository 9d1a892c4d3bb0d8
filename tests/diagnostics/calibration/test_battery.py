"""How soon a meter's ebbing battery is found in the simulator, by a fleet's reporting cycles and by the exact rule alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from devices.monitors import Calibrated
from devices.products import product_type
from devices.readings import Columns, FloatArray
from diagnostics.calibration.cycle import FEWEST_CYCLES, POOLED, decide, ends_us, is_null_due
from diagnostics.calibration.null import FEWEST, Null, pool
from diagnostics.scores import Score
from diagnostics.watch import Watch
from simulators.plants.meter_strain import MeterStrain
from simulators.plants.smart_meter import Site, SmartMeters

METER = product_type("smart_meter")
EXACT, STATISTICAL = "battery_ebbs", "battery_shifted"
START = datetime(2026, 1, 5, tzinfo=UTC)
DAY_US, CADENCE = 86_400_000_000, timedelta(hours=6)
ONSET, DAYS, ILL = 45, 75, 30


class Fleet:
    """Meters of which the first ones' batteries ebb from a day on, watched as production does, by readings of six hours."""

    def __init__(self, meters: int, mv_a_day: float) -> None:
        self._meters = meters
        self._mv_a_day = mv_a_day
        monitors = [each for each in METER.monitors if each.name in {EXACT, STATISTICAL}]
        (self._monitor,) = (each for each in monitors if isinstance(each, Calibrated))
        self._watch = Watch(replace(METER, monitors=monitors))
        self._scores: dict[int, FloatArray] = {}
        self._null: Null | None = None
        self._made_at: int | None = None
        self._open = self._before = np.zeros(meters, np.bool_)
        self.exact_days: dict[int, float] = {}
        self.cycle_days: dict[int, float] = {}

    def live(self) -> "Fleet":
        plant = SmartMeters([Site(ZoneInfo("Europe/Berlin"), 52.5)] * self._meters, 11)
        ids = np.arange(1, self._meters + 1)
        strain = MeterStrain.none(self._meters)
        # No battery is used up by itself meanwhile: that would be found, too, and rightly so.
        for step in range(DAYS * 4):
            at = START + (step + 1) * CADENCE
            days = max(0.0, (at - START) / timedelta(days=1) - ONSET)
            strain.battery_sag_v[:ILL] = self._mv_a_day / 1000 * days
            strain.battery_used[:] = -0.2
            plant.step(CADENCE.total_seconds(), at, strain)
            values = Columns({"battery_v": plant.columns()["battery_v"]}, self._meters)
            self._take(ids, np.full(self._meters, int(at.timestamp()) * 1_000_000), values)
        return self

    def _take(self, ids: np.ndarray, at_us: np.ndarray, values: Columns) -> None:
        scores: list[Score] = []
        day = float(at_us[0] / DAY_US - START.timestamp() / 86_400) - ONSET
        for change in self._watch.step(ids, at_us, values, scores):
            if change.monitor == EXACT and change.phase == "confirmed":
                self.exact_days.setdefault(change.device_id, day)
        for score in scores:
            if score.monitor == STATISTICAL:
                end = int(ends_us(self._monitor, at_us[:1])[0] // DAY_US)
                self._scores[end] = np.full(self._meters, np.nan)
                self._scores[end][score.rows] = score.value
                self._decide(end, day)

    def _decide(self, end: int, day: float) -> None:
        pooled = [self._scores[each] for each in sorted(self._scores)[-POOLED:]]
        if is_null_due(self._made_at, len(pooled), end) and len(pooled) >= FEWEST_CYCLES:
            self._null = pool(np.concatenate([each[~self._open] for each in pooled])) or self._null
            self._made_at = end if self._null is not None else None
        if self._null is None:
            return
        decided = decide(self._null, self._scores[end], self._open, self._before)
        self._open, self._before = (self._open | decided.confirmed) & ~decided.well, decided.passed
        # The cycle is decided a quarter of a day after its end.
        for place in np.flatnonzero(decided.confirmed).tolist():
            self.cycle_days.setdefault(place + 1, day + 0.25)


def delays(found: dict[int, float]) -> list[float]:
    return sorted(day for meter, day in found.items() if meter <= ILL)


def test_a_fleet_s_cycles_find_an_ebbing_battery_sooner_than_the_exact_rule() -> None:
    for mv_a_day, within_days in ((20.0, 7), (5.0, 7)):
        seen = Fleet(2_000, mv_a_day).live()
        by_cycles, by_rule = delays(seen.cycle_days), delays(seen.exact_days)
        assert len(by_cycles) == len(by_rule) == ILL
        assert by_cycles[-1] <= within_days
        assert np.median(by_cycles) < np.median(by_rule)
        assert len(seen.cycle_days) - len(by_cycles) <= 3, "found where nothing was wrong"


def test_a_fleet_too_small_for_a_null_falls_back_on_the_exact_rule() -> None:
    seen = Fleet(FEWEST // POOLED - 100, 20.0).live()
    assert seen.cycle_days == {}
    assert len(delays(seen.exact_days)) == ILL
    assert delays(seen.exact_days)[-1] <= 14
