"""Faults put into recordings of registers: what, how strong, from when to when, by a plan that stands in a file."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, Final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from devices.readings import FloatArray, IntArray
from gateway.evaluate.crop import generator

_H_US: Final = 3_600_000_000
_DAY_US: Final = 24 * _H_US


class Kind(BaseModel):
    """How a fault is injected, and within which times after its onset it counts as found."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    severities: Sequence[float]
    unit: str
    within_h: Annotated[Sequence[float], Field(min_length=1)]
    learn_d: float
    room_d: float
    lasts_h: float | None = None
    heard_h: int = 0


class Plan(BaseModel):
    """The plan: a seed, what a recording needs, and each fault."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    seed: int
    fewest: int
    coverage: float
    natural_leak_d: float
    faults: Mapping[str, Kind]


@dataclass(frozen=True, slots=True)
class Label:
    """A fault that is in the data; `end_us` is None where it lasts."""

    device: str
    fault: str
    onset_us: int
    end_us: int | None = None
    severity: float | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """The recording of one meter: `at_us` int64 [n] in order, `register_l` float64 [n]."""

    device: str
    at_us: IntArray
    register_l: FloatArray

    @property
    def years(self) -> float:
        """Length of the recording."""
        return float(self.at_us[-1] - self.at_us[0]) / (365.25 * _DAY_US) if len(self.at_us) else 0.0


def load_plan(name: str = "water.toml") -> Plan:
    """Return the plan that stands in this package."""
    content = tomllib.loads(files("gateway.evaluate").joinpath(name).read_text("utf-8"))
    kinds = {key: content.pop(key) for key in list(content) if isinstance(content[key], dict)}
    return TypeAdapter(Plan).validate_python(content | {"faults": kinds})


def injected(plan: Plan, series: Series, crop_seed: int | None) -> list[tuple[Series, Label]]:
    """Return a copy of a recording for each fault and severity, with its label; none where it is too short.

    Parameters
    ----------
    plan : Plan
        What is injected.
    series : Series
        As it was recorded.
    crop_seed : int or None
        Of the run: other crops have other onsets.
    """
    made: list[tuple[Series, Label]] = []
    if len(series.at_us) < plan.fewest:
        return made
    for fault, kind in plan.faults.items():
        for severity in kind.severities:
            chance = generator(plan.seed + (crop_seed or 0), f"{series.device} {fault} {severity}")
            onset_us = _onset(chance, series, kind, plan.coverage, _IS_SOUND[fault])
            if onset_us is not None:
                end_us = None if kind.lasts_h is None else onset_us + int(kind.lasts_h * _H_US)
                name = f"{series.device} {fault} {severity:g}"
                register_l = _CHANGES[fault](series.at_us, series.register_l, onset_us, end_us, severity)
                made.append((Series(name, series.at_us, register_l), Label(name, fault, onset_us, end_us, severity)))
    return made


def _onset(chance: np.random.Generator, series: Series, kind: Kind, coverage: float, is_sound: "_Sound") -> int | None:
    """Draw an instant with enough recording before and behind it, where the fault is not there by itself; None if there is none."""
    at_us = series.at_us
    first, last = at_us[0] + int(kind.learn_d * _DAY_US), at_us[-1] - int(kind.room_d * _DAY_US)
    hours = np.unique(at_us // _H_US)
    behind = np.searchsorted(hours, hours + int(kind.room_d * 24)) - np.arange(len(hours))
    is_heard = np.searchsorted(hours, hours + kind.heard_h + 1) - np.arange(len(hours)) == kind.heard_h + 1
    is_inside = (hours * _H_US >= first) & (hours * _H_US <= last)
    fits = hours[is_inside & is_heard & (behind >= coverage * kind.room_d * 24)]
    for hour in chance.permutation(fits):
        onset_us = int(hour) * _H_US + int(chance.integers(_H_US))
        if is_sound(series, onset_us, kind.room_d):
            return onset_us
    return None


def _rests(series: Series, onset_us: int, room_d: float) -> bool:  # noqa: ARG001
    """Whether the register stood still from one reading to the next within the day ahead: no leak is there already."""
    begin, end = np.searchsorted(series.at_us, (onset_us - _DAY_US, onset_us))
    return bool((np.diff(series.register_l[begin:end]) == 0).any())


def _moves(series: Series, onset_us: int, room_d: float) -> bool:
    """Whether the register grows in the week ahead and in the days behind: it does not stand already, and is in use."""
    begin, middle, end = np.searchsorted(series.at_us, (onset_us - 7 * _DAY_US, onset_us, onset_us + room_d * _DAY_US))
    ahead, behind = series.register_l[begin:middle], series.register_l[middle:end]
    return all(len(part) > 1 and part[-1] > part[0] for part in (ahead, behind))


def _always(series: Series, onset_us: int, room_d: float) -> bool:  # noqa: ARG001
    return True


def _flows(at_us: IntArray, register: FloatArray, onset_us: int, end_us: int | None, litres_per_h: float) -> FloatArray:
    until = at_us if end_us is None else np.minimum(at_us, end_us)
    return register + np.floor(np.maximum(until - onset_us, 0) / _H_US * litres_per_h)


def _stands(at_us: IntArray, register: FloatArray, onset_us: int, end_us: int | None, _: float) -> FloatArray:
    before = int(np.searchsorted(at_us, onset_us)) - 1
    is_in = (at_us >= onset_us) & (at_us < (end_us or np.iinfo(np.int64).max))
    return np.where(is_in, register[before], register)


def _turned_back(at_us: IntArray, register: FloatArray, onset_us: int, end_us: int | None, litres: float) -> FloatArray:  # noqa: ARG001
    return register - np.where(at_us >= onset_us, litres, 0.0)


def _spikes(at_us: IntArray, register: FloatArray, onset_us: int, end_us: int | None, litres: float) -> FloatArray:  # noqa: ARG001
    """One reading is wrong, and the next is right again."""
    spiked = register.copy()
    spiked[int(np.searchsorted(at_us, onset_us))] += litres
    return spiked


def _counts_less(at_us: IntArray, register: FloatArray, onset_us: int, end_us: int | None, share: float) -> FloatArray:  # noqa: ARG001
    before = register[int(np.searchsorted(at_us, onset_us)) - 1]
    return np.where(at_us >= onset_us, np.floor(before + (register - before) * share), register)


_Sound = Callable[[Series, int, float], bool]
_IS_SOUND: Final[Mapping[str, _Sound]] = {
    "leak": _rests,
    "burst": _always,
    "stuck": _moves,
    "rollback": _always,
    "spike": _always,
    "under_registration": _moves,
}
_Change = Callable[[IntArray, FloatArray, int, int | None, float], FloatArray]
_CHANGES: Final[Mapping[str, _Change]] = {
    "leak": _flows,
    "burst": _flows,
    "stuck": _stands,
    "rollback": _turned_back,
    "spike": _spikes,
    "under_registration": _counts_less,
}
