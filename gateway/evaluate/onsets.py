"""Scoring of faults that have an onset: which were found in time, and which onsets nobody put there.

A fault is found when one of the symptoms that speak for it is confirmed between its onset and the stated time after it.
Where such a symptom is open at the onset already, somebody has been asked to come for it and no other one can come: such
a fault counts neither as found nor as missed, but as open already; `strict_recall` counts it as missed. So that a symptom
which never ends earns nothing, the share of time is given in which one is open in the recordings as they are.

All other confirmations of these symptoms are other onsets: with injected copies those in the recordings as they are, with
labelled data those that no label of the device explains. A flow that by the recording itself rested in no hour for days
is a natural leak: it is listed apart, for nobody can say that it was none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from gateway.evaluate.injection import Label, Plan, Series
from gateway.evaluate.report import Metric

_H_US: Final = 3_600_000_000
_DAY_US: Final = 24 * _H_US
# A reading this much later than the one before makes a look of an hour; a flow below one litre an hour is a rest.
_LOOK_H: Final = 0.9
_RESTS_L_H: Final = 1.0

# Which symptoms speak for a fault, and which it may show beside them.
SPEAKS: Final[Mapping[str, frozenset[str]]] = {
    "leak": frozenset({"water_never_rests"}),
    "burst": frozenset({"water_bursts"}),
    "stuck": frozenset({"water_stuck"}),
    "rollback": frozenset({"water_back", "water_restarts"}),
    "spike": frozenset({"water_jumps"}),
    "under_registration": frozenset({"water_counts_less"}),
}
_BESIDE: Final[Mapping[str, frozenset[str]]] = {
    "leak": frozenset({"water_bursts"}),
    "burst": frozenset({"water_never_rests"}),
    "stuck": frozenset({"water_counts_less"}),
    "rollback": frozenset({"water_jumps", "water_unsteady"}),
    "spike": frozenset({"water_back", "water_unsteady"}),
    "under_registration": frozenset({"water_stuck"}),
}
_FLOWS: Final = SPEAKS["leak"] | SPEAKS["burst"]


@dataclass(frozen=True, slots=True)
class Onset:
    """A symptom's confirmation, and when it healed (None: not by the end); `since_us` as the symptom says."""

    device: str
    monitor: str
    at_us: int
    since_us: int
    value: float
    healed_us: int | None


@dataclass(frozen=True, slots=True)
class Found:
    """A label with how long after its onset it was found (None: never), and whether a symptom was open before."""

    label: Label
    delay_h: float | None
    was_open: bool


@dataclass(frozen=True, slots=True)
class Scores:
    """What was found of each fault, the other onsets, each with whether it is a natural leak, and for how long they stood."""

    plan: Plan
    found: Mapping[str, Sequence[Found]]
    other: Sequence[tuple[Onset, bool]]
    open_share: Mapping[str, float]
    meter_years: float

    @staticmethod
    def recall(found: Sequence[Found], within_h: float) -> float:
        """Return the share that was found within a time after its onset; NaN where there is none."""
        return (
            float(np.mean([one.delay_h is not None and one.delay_h <= within_h for one in found])) if found else np.nan
        )

    @staticmethod
    def median_delay_h(found: Sequence[Found]) -> float:
        """Return the median delay of those that were found; NaN where none was."""
        delays_h = [one.delay_h for one in found if one.delay_h is not None]
        return float(np.median(delays_h)) if delays_h else np.nan

    def of(self, fault: str) -> dict[str, Metric]:
        """Return a fault's metrics."""
        kind = self.plan.faults[fault]
        found = [one for one in self.found[fault] if not one.was_open]
        natural = [is_natural for onset, is_natural in self.other if onset.monitor in SPEAKS[fault]]
        figures: dict[str, Metric] = {"recall": self.recall(found, kind.within_h[-1])}
        figures |= {f"recall_{_time(within_h)}": self.recall(found, within_h) for within_h in kind.within_h}
        figures |= {f"strict_recall_{_time(hours)}": self.recall(self.found[fault], hours) for hours in kind.within_h}
        figures["median_delay_h"] = self.median_delay_h(found)
        years = self.meter_years or np.nan
        figures["other_onsets_per_meter_year"] = (len(natural) - sum(natural)) / years
        figures["natural_onsets_per_meter_year"] = sum(natural) / years
        figures["open_share_of_time"] = self.open_share[fault]
        figures["injected"] = len(self.found[fault])
        figures["open_already"] = len(self.found[fault]) - len(found)
        return figures


def _time(within_h: float) -> str:
    """Return a time as it stands in a metric's name: hours up to two days, then days."""
    return f"{within_h:g}h" if within_h <= 48 else f"{within_h / 24:g}d"


def score(plan: Plan, recorded: Sequence[Series], labels: Sequence[Label], onsets: Sequence[Onset]) -> Scores:
    """Hold onsets against labels.

    Parameters
    ----------
    plan : Plan
        The stated times.
    recorded : sequence of Series
        The recordings in which other onsets are looked for.
    labels : sequence of Label
        What was injected, there or into copies.
    onsets : sequence of Onset
        All that were confirmed.
    """
    by_device: dict[str, list[Onset]] = {}
    for onset in sorted(onsets, key=lambda onset: onset.at_us):
        by_device.setdefault(onset.device, []).append(onset)
    found = {fault: [_found(one, by_device) for one in labels if one.fault == fault] for fault in plan.faults}
    of_device: dict[str, list[Label]] = {}
    for label in labels:
        of_device.setdefault(label.device, []).append(label)
    spoken = frozenset[str]().union(*SPEAKS.values())
    other = [
        (onset, onset.monitor in _FLOWS and never_rests(series, onset.since_us, plan.natural_leak_d))
        for series in recorded
        for onset in by_device.get(series.device, [])
        if onset.monitor in spoken and not any(_explains(label, onset) for label in of_device.get(series.device, []))
    ]
    last_us = {series.device: int(series.at_us[-1]) for series in recorded if len(series.at_us)}
    years = sum(series.years for series in recorded)
    share = {
        fault: sum(
            (one.healed_us or last_us[one.device]) - one.at_us for one, _ in other if one.monitor in SPEAKS[fault]
        )
        / (365.25 * _DAY_US * years or np.nan)
        for fault in plan.faults
    }
    return Scores(plan, found, other, share, years)


def _found(label: Label, by_device: Mapping[str, Sequence[Onset]]) -> Found:
    speaking = [one for one in by_device.get(label.device, []) if one.monitor in SPEAKS[label.fault]]
    after_us = [one.at_us for one in speaking if one.at_us >= label.onset_us]
    was_open = any(
        one.at_us < label.onset_us and (one.healed_us is None or one.healed_us > label.onset_us) for one in speaking
    )
    return Found(label, (after_us[0] - label.onset_us) / _H_US if after_us else None, was_open)


def _explains(label: Label, onset: Onset) -> bool:
    """Whether a symptom was confirmed after a fault's onset, began before its end, and is one that it may show."""
    is_its = onset.monitor in SPEAKS[label.fault] | _BESIDE[label.fault]
    return is_its and onset.at_us >= label.onset_us and (label.end_us is None or onset.since_us <= label.end_us)


def never_rests(series: Series, begin_us: int, days: float) -> bool:
    """Whether a recording shows flow in every look of an hour, from an instant on and for so many days."""
    rows = (series.at_us >= begin_us) & (series.at_us <= begin_us + int(days * _DAY_US)) & ~np.isnan(series.register_l)
    at_us, register_l = series.at_us[rows], series.register_l[rows]
    if len(at_us) < 2 or at_us[-1] - at_us[0] < 0.9 * days * _DAY_US:
        return False
    place, rests = 0, False
    for later in range(1, len(at_us)):
        elapsed_h = (at_us[later] - at_us[place]) / _H_US
        if elapsed_h >= _LOOK_H:
            rests |= bool(register_l[later] - register_l[place] < _RESTS_L_H * elapsed_h)
            place = later
    return not rests
