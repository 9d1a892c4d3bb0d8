"""A large fleet: how many of few, small, lasting shifts are found, how soon, and how many requests are false.

Values are hourly, follow each other and have heavy tails; a fixed plan (`fleet.toml`) says how many devices, how large the
shifts are and when they arrive. Every hour of all devices is one step of the engine, with a product type of one signal
and one monitor. At the end of each day the reporting cycle looks at all scores; who passes two cycles that follow each
other, and has a pending symptom, gets a request. Requests on a device that is not faulty at that time are false.

With labels the folder holds data that is already injected: see `recorded`. Without, the folder may bring a plan of its own.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from devices.monitors import Shift
from devices.product import Feature, ProductType
from devices.readings import Columns, FloatArray, IntArray
from devices.signals import Kind, Signal
from diagnostics.calibration import cycle as reporting
from diagnostics.calibration.null import Null, pool
from diagnostics.conditions import BoolArray
from diagnostics.scores import Score
from diagnostics.watch import Watch
from gateway.evaluate.drawing import Line, Panel, draw
from gateway.evaluate.fleet_life import H_US, NEVER, Life, load_plan, recorded, simulated
from gateway.evaluate.messageless import no_messages
from gateway.evaluate.report import Cell, Options, Plot, Progress, Report, Table

_DAY_H: Final = 24
_MONITOR: Final = Shift(
    name="shifted",
    title="The value has shifted",
    component="probe",
    feature="value",
    unit="",
    shift=1.5,
    first=24,
    learn=5 * _DAY_H,
    remember=28 * _DAY_H,
    hold=90 * _DAY_H,
    scale_floor=1e-6,
    limit=8.0,
    clear=4.0,
    off_delay_s=0.0,
)
PRODUCT: Final = ProductType(
    name="fleet",
    title="Device of the fleet",
    signals={"value": Signal("value", "Value", "", Kind.SCALAR, (-1e6, 1e6))},
    features={"value": Feature("value", "Value", "", lambda columns: columns.array("value")[:, None])},
    monitors=(_MONITOR,),
    faults={},
    remedies={},
    components={"probe": "Probe"},
    plots={},
    decode=no_messages,
    cadence_s=3600.0,
    lateness_s=86_400.0,
    false_requests_per_device_year=0.01,
    late_after_s=7200.0,
)


@dataclass(frozen=True, slots=True)
class CycleRow:
    """What a cycle came to."""

    day: int
    null: Null
    threshold: reporting.Threshold
    confirmed: int


@dataclass(slots=True)
class Outcome:
    """Requests, one row each (device's place, instant in microseconds), and the cycles."""

    devices: list[int] = field(default_factory=list[int])
    at_us: list[int] = field(default_factory=list[int])
    cycles: list[CycleRow] = field(default_factory=list[CycleRow])


def evaluate(folder: Path, options: Options, progress: Progress) -> Report:
    """Run the fleet: simulated by its plan, or already injected where there are labels."""
    plan = load_plan(folder)
    life = (
        simulated(plan, options.crop_seed)
        if options.labels is None
        else recorded(folder, options.labels, plan.within_h)
    )
    return _report(life, run(life, progress))


def run(life: Life, progress: Progress) -> Outcome:
    """Let the engine and the reporting cycles live through all hours."""
    watch, ids = Watch(PRODUCT), np.arange(1, len(life.devices) + 1)
    cycles, outcome = _Cycles(len(ids)), Outcome()
    is_pending = np.zeros(len(ids), np.bool_)
    scores = np.full(len(ids), np.nan)
    for hour, values in enumerate(life.hours):
        at_us = life.begins_us + hour * H_US
        said: list[Score] = []
        # Only at the end of a cycle does anybody ask for the scores.
        ends = (at_us + H_US) % (_DAY_H * H_US) == 0
        changes = watch.step(ids, np.full(len(ids), at_us), _columns(values), said if ends else None)
        for change in changes:
            is_pending[change.row] = change.phase != "healed"
        if ends:
            scores[:] = np.nan
            for score in said:
                scores[score.rows] = score.value
            confirmed = cycles.decide(at_us // (_DAY_H * H_US), scores, outcome) & is_pending
            places = np.flatnonzero(confirmed).tolist()
            outcome.devices += places
            outcome.at_us += [at_us + H_US] * len(places)
            progress("fleet", hour + 1, life.length_h)
    return outcome


def _columns(values: FloatArray) -> Columns:
    # The engine takes any sequence, and an array is the fastest one.
    return Columns({"value": values}, len(values))  # pyright: ignore[reportArgumentType]


class _Cycles:
    """What the cycles of n devices remember: scores of the last ones, the present null, who passed, who is open."""

    def __init__(self, count: int) -> None:
        self._pooled: deque[NDArray[np.float32]] = deque(maxlen=reporting.POOLED)
        self._null: tuple[Null, int, int] | None = None
        self._is_open: BoolArray = np.zeros(count, np.bool_)
        self._passed: BoolArray = np.zeros(count, np.bool_)

    def decide(self, number: int, scores: FloatArray, outcome: Outcome) -> BoolArray:
        """Decide a cycle and return who is confirmed."""
        if not np.isnan(scores).all():
            self._pooled.append(scores.astype(np.float32))
        self._renew(number)
        if self._null is None:
            return np.zeros(len(scores), np.bool_)
        decided = reporting.decide(self._null[0], scores, self._is_open, self._passed)
        self._is_open = (self._is_open | decided.confirmed) & ~decided.well
        self._passed = decided.passed
        outcome.cycles.append(CycleRow(number, self._null[0], decided.threshold, int(decided.confirmed.sum())))
        return decided.confirmed

    def _renew(self, number: int) -> None:
        made_at, cycles_in_it = (None, 0) if self._null is None else self._null[1:]
        if len(self._pooled) < reporting.FEWEST_CYCLES or not reporting.is_null_due(made_at, cycles_in_it, number):
            return
        null = pool(np.concatenate([scores[~self._is_open] for scores in self._pooled]).astype(np.float64))
        if null is not None:
            self._null = null, number, len(self._pooled)


def _report(life: Life, outcome: Outcome) -> Report:
    devices, at_us = np.array(outcome.devices, np.int64), np.array(outcome.at_us, np.int64)
    is_true = (at_us > life.onsets_us[devices]) & (at_us <= life.ends_us[devices])
    faulty = np.flatnonzero(life.onsets_us != NEVER)
    delays_h = np.full(len(faulty), np.inf)
    for place, device in enumerate(faulty.tolist()):
        found = at_us[(devices == device) & is_true]
        if len(found):
            delays_h[place] = (found.min() - life.onsets_us[device]) / H_US
    is_found = delays_h <= life.within_h
    days = life.length_h / _DAY_H
    spread_d = _spread_d(life, faulty)
    metrics: Mapping[str, float] = {
        "found_share": _share(is_found.sum(), len(faulty)),
        "found_within_3_days_share": _share((delays_h <= 72).sum(), len(faulty)),
        "median_delay_d": float(np.median(delays_h)) / _DAY_H if len(faulty) else float("nan"),
        "false_share": _share((~is_true).sum(), len(is_true)),
        "requests": float(len(is_true)),
        "false_requests": float((~is_true).sum()),
        "faulty": float(len(faulty)),
        "arrivals_per_day": len(faulty) / spread_d if spread_d else float("nan"),
        "arrivals_per_device_year": len(faulty) / len(life.devices) / (days / 365.25),
        "false_requests_per_device_year": float((~is_true).sum()) / len(life.devices) / (days / 365.25),
        "devices": float(len(life.devices)),
        "days": days,
    }
    weeks = (at_us - life.begins_us - 1) // (7 * _DAY_H * H_US)
    return Report(
        metrics,
        (_by_week(life, outcome, weeks, is_true), _slowest(life, faulty, delays_h)),
        (_drawn(life, at_us, is_true, faulty),) if len(at_us) else (),
    )


def _share(count: int, of: int) -> float:
    return float(count) / of if of else float("nan")


def _spread_d(life: Life, faulty: IntArray) -> float:
    onsets_us = life.onsets_us[faulty]
    return float(onsets_us.max() - onsets_us.min()) / H_US / _DAY_H if len(faulty) > 1 else 0.0


def _by_week(life: Life, outcome: Outcome, weeks: IntArray, is_true: BoolArray) -> Table:
    onset_weeks = (life.onsets_us[life.onsets_us != NEVER] - life.begins_us) // (7 * _DAY_H * H_US)
    first_day = life.begins_us // (_DAY_H * H_US)
    rows: list[Sequence[Cell]] = []
    for week in range(-(-life.length_h // (7 * _DAY_H))):
        until = weeks <= week
        last = [row for row in outcome.cycles if row.day - first_day < 7 * (week + 1)]
        rows.append(
            (
                7 * (week + 1),
                int((onset_weeks == week).sum()),
                int((is_true & (weeks == week)).sum()),
                int((~is_true & (weeks == week)).sum()),
                _share((~is_true & until).sum(), until.sum()),
                f"{last[-1].threshold.p_value:.1e}" if last else None,
                last[-1].null.tail.score_of(last[-1].threshold.p_value) if last else None,
            )
        )
    head = ("until day", "faults arrive", "true requests", "false ones", "false share so far", "p asked", "score asked")
    return Table("Week by week", head, rows)


def _slowest(life: Life, faulty: IntArray, delays_h: FloatArray) -> Table:
    order = np.argsort(-delays_h, kind="stable")[:10]
    rows = [
        (
            life.devices[int(faulty[place])],
            float(life.onsets_us[faulty[place]] - life.begins_us) / H_US / _DAY_H,
            float(delays_h[place]) / _DAY_H if np.isfinite(delays_h[place]) else None,
        )
        for place in order.tolist()
    ]
    return Table("The slowest ten", ("device", "onset on day", "days to its request"), rows)


def _drawn(life: Life, at_us: IntArray, is_true: BoolArray, faulty: IntArray) -> Plot:
    days = np.arange(life.length_h // _DAY_H + 1, dtype=np.float64)

    def until(instants_us: IntArray) -> FloatArray:
        passed_d = (np.sort(instants_us) - life.begins_us) / H_US / _DAY_H
        return np.searchsorted(passed_d, days, side="right").astype(np.float64)

    lines = [
        Line("faults", days, until(life.onsets_us[faulty])),
        Line("true requests", days, until(at_us[is_true])),
        Line("false requests", days, until(at_us[~is_true])),
    ]
    return draw("fleet", "Faults and requests", [Panel("So far", "", lines)], "day")
