"""Detectors for the conformance suite: each file below diagnostics/detectors with a monitor, and values that it reacts to."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from devices.faults import FaultCode
from devices.monitors import (
    CrossChannel,
    Drift,
    Limit,
    MinimumFlow,
    Misread,
    Monitor,
    Peer,
    Periods,
    Register,
    Seasonal,
    Shift,
    Step,
    StepKind,
    Stuck,
)
from devices.product import Feature, ProductType
from devices.readings import Columns, Refusal
from devices.signals import Kind, Signal
from diagnostics import detectors

HOUR_S, DAY_S = 3600.0, 86_400.0
DAILY = Periods(DAY_S, fewest=4)
DEVICES, SAMPLES = 6, 40 * 24
_SILENT, _GAPPY = 4, 5

Make = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""Hours [n] and a generator -> values [n] or [n, w] of a device that goes wrong in the middle of its life."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A monitor, and a life over which it has to say something."""

    monitor: Monitor
    life: Make
    is_vector: bool = False


def _level(before: float, after: float, noise: float) -> Make:
    def life(hours: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return np.where(hours < len(hours) / 2, before, after) + noise * rng.standard_normal(len(hours))

    return life


def _ebbing(hours: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return 3.6 - 0.02 / 24 * np.clip(hours - len(hours) / 2, 0, None) + 0.003 * rng.standard_normal(len(hours))


def _pack(hours: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    cells = 3.7 + 0.002 * rng.standard_normal((len(hours), 6))
    cells[:, 2] -= np.where(hours > len(hours) / 2, 0.08, 0.0)
    return cells


def _repeating(hours: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    cells = 3.7 + 0.1 * np.sin(hours / 5)[:, None] + 0.002 * rng.standard_normal((len(hours), 6))
    cells[hours > len(hours) / 2, 2] = cells[len(hours) // 2, 2]
    return cells


def _jumping(hours: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    cells = 3.7 + 0.1 * np.sin(hours / 5)[:, None] + 0.002 * rng.standard_normal((len(hours), 6))
    cells[:, 2] += np.where(hours > len(hours) / 2, 0.3, 0.0)
    return cells


def _draws(hours: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.where(hours % 24 < 5, 0, rng.integers(0, 40, len(hours)))


def _register(change: Make) -> Make:
    return lambda hours, rng: np.floor(1e5 + np.cumsum(change(hours, rng)))


def _turned_back(hours: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.floor(1e5 + np.cumsum(_draws(hours, rng))) - np.where(hours > len(hours) / 2, 4000, 0)


def _leaking(hours: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return _draws(hours, rng) + np.where(hours > len(hours) / 2, 3, 0)


def _stopping(hours: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return _draws(hours, rng) * (hours < len(hours) / 2)


def _bypassed(hours: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return _draws(hours, rng) * np.where(hours < len(hours) / 2, 1.0, 0.3)


def _machine(hours: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    load = np.sin(hours / 5)[:, None] + 0.05 * rng.standard_normal((len(hours), 4))
    load[:, 1] -= np.where(hours > len(hours) / 2, 1.0, 0.0)
    return load


def _daily(hours: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    more = np.where(hours > len(hours) / 2, 0.8, 0.0)
    return 5 + 2 * np.sin(hours / 24 * 2 * np.pi) + 0.2 * rng.standard_normal(len(hours)) + more


def _row(make: type, *given: object, **more: object) -> Monitor:
    return make("m", "M", "part", "value", *given, **more)


SUBJECTS: Mapping[str, Subject] = {
    "limit": Subject(_row(Limit, "above", 80, 60, 2 * HOUR_S, HOUR_S), _level(50.0, 90.0, 1.0)),
    "peer": Subject(_row(Peer, 0.005, 6 * HOUR_S, 4.0, 2.0, HOUR_S, HOUR_S), _pack, is_vector=True),
    "misread": Subject(_row(Misread, 0.012, 0.025, 0.01, 2 * HOUR_S, HOUR_S, HOUR_S), _repeating, is_vector=True),
    "register": Subject(
        _row(Register, frozenset({StepKind.ROLLBACK}), 10, 4000, 30 * DAY_S, 1.0, 0.5, 0.0, DAY_S), _turned_back
    ),
    "minimum_flow": Subject(
        _row(MinimumFlow, "l/h", HOUR_S, 3 * HOUR_S, 12 * HOUR_S, 0.9, 0.5, DAY_S, DAY_S), _register(_leaking)
    ),
    "stuck": Subject(_row(Stuck, 5.0, 3.0, 7 * DAY_S, 180 * DAY_S, 0.0, HOUR_S), _register(_stopping)),
    "drift": Subject(_row(Drift, "V", "below", DAILY, 10, 0.01, 0.5, 6.0, 0.1, 0.05, 730 * DAY_S, 0.0, 0.0), _ebbing),
    "cross_channel": Subject(
        _row(CrossChannel, 4, 240, (0.01,) * 4, 0.1, 6 * HOUR_S, 1e9, 6.0, 3.0, HOUR_S, HOUR_S), _machine, is_vector=True
    ),
    "seasonal": Subject(
        _row(Seasonal, "cusum", 168, 14 * DAY_S, 3 * HOUR_S, 0.5, 6.0, 0.01, 25.0, 5.0, DAY_S, 0.0, HOUR_S), _daily
    ),
    "step": Subject(
        _row(
            Step, "%", "below", Periods(DAY_S, 4, is_register=True, rest=5), 10, 7, 5.0, 3.0, 50.0, 25.0, 90, 0.0, 0.0,
            is_share=True,
        ),
        _register(_bypassed),
    ),
    "shift": Subject(
        Shift("shifted", "M", "part", "value", "", 1.5, 24, 5 * 24, 28 * 24, 90 * 24, 0.1, 8, 4, 0.0),
        _level(50.0, 53.0, 1.0),
    ),
}  # fmt: skip
# Codes are no numbers, and silence is the absence of readings: both are tried elsewhere.
WITHOUT_NUMBERS = {"reported", "silence"}


# A detector file whose monitor has more than one way of working: the others, tried like detectors of their own.
VARIANTS: Mapping[str, Subject] = {
    "misread, jumping": Subject(
        _row(Misread, 0.012, 0.1, 0.01, 2 * HOUR_S, HOUR_S, HOUR_S), _jumping, is_vector=True
    ),
    "seasonal, smoothed": Subject(
        _row(
            Seasonal, "ewma", 168, 14 * DAY_S, 3 * HOUR_S, 0.0, 6.0, 0.01, 2.5, 1.5, DAY_S, 0.0, HOUR_S,
            peers=tuple(0.1 * np.sin(np.arange(168) / 24 * 2 * np.pi)),
        ),
        lambda hours, rng: _daily(hours, rng) + np.where(hours > len(hours) / 2, 1.2, 0.0),
    ),
}  # fmt: skip


def detector_files() -> list[str]:
    """Names of all detector files."""
    return sorted(module.name for module in pkgutil.iter_modules(detectors.__path__))


def subject_of(name: str) -> Subject:
    """A subject by its detector's file, or by its variant."""
    return SUBJECTS[name] if name in SUBJECTS else VARIANTS[name]


def documented(name: str) -> str:
    """What a detector file says of itself."""
    return importlib.import_module(f"diagnostics.detectors.{name}").__doc__ or ""


def product_of(subject: Subject) -> ProductType:
    """Make a product type that has this one monitor."""
    kind = Kind.VECTOR if subject.is_vector else Kind.COUNTER
    feature = Feature(
        "value",
        "Value",
        "",
        lambda columns: columns.matrix("v") if subject.is_vector else columns.counter("v")[:, None],
        element="Part" if subject.is_vector else "",
    )
    faults: dict[str, FaultCode] = {}
    return ProductType(
        "subject", "Subject", {"v": Signal("v", "V", "", kind, (0, 1))}, {"value": feature}, (subject.monitor,), faults,
        {}, {"part": "Part"}, {}, lambda payload, kind: Refusal("none", "none"), HOUR_S, DAY_S, 0.01, 2 * HOUR_S,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Life:
    """Samples of some devices in order of time: ids [n], instants [n] in microseconds, values."""

    ids: np.ndarray
    at_us: np.ndarray
    values: list[object]

    def part(self, rows: slice | np.ndarray) -> "Life":
        places = np.arange(len(self.ids))[rows].tolist()
        return Life(self.ids[rows], self.at_us[rows], [self.values[place] for place in places])

    @property
    def columns(self) -> Columns:
        return Columns({"v": self.values}, len(self.ids))  # type: ignore[dict-item]


@cache
def life_of(name: str) -> Life:
    """Forty days of six devices, hourly; the fifth never says anything, the sixth has gaps and odd instants."""
    subject = subject_of(name)
    rng = np.random.default_rng(11)
    hours = np.arange(SAMPLES, dtype=np.float64)
    lives = [subject.life(hours, rng) for _ in range(DEVICES)]
    ids, at_us, values = [], [], []
    for hour in range(SAMPLES):
        for device in range(DEVICES):
            known = device != _SILENT and not (device == _GAPPY and rng.random() < 0.2)
            late_us = int(rng.integers(0, 900_000_000)) if device == _GAPPY else 0
            value = lives[device][hour]
            ids.append(100 + device)
            at_us.append(1_700_000_000_000_000 + hour * 3_600_000_000 + late_us)
            values.append(None if not known else [float(v) for v in value] if subject.is_vector else float(value))
    return Life(np.array(ids), np.array(at_us), values)
