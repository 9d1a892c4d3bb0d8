"""Shift: a level that has moved for good, by less than one reading shows, as a sensor that was knocked or a habit that ended.

Each device is its own reference. Readings of one device follow each other: after a high one a high one is likely, so
that a sum of plain residuals would rise by itself. What is summed up is therefore the innovation, the part of a residual
that the one before it did not announce, with the device's own autocorrelation. Innovations have heavy tails; each is
judged by the likelihood ratio of Student's t with four degrees of freedom, shifted against not shifted, so that one
wild reading says little whatever its size. Two sums run, one for a shift up and one for a shift down, never below
zero: Page's CUSUM, in nats. By Wald's inequality a sum of x nats comes about by chance with a probability of the order
of exp(-x); how large exactly is measured over the fleet, by `diagnostics.calibration`.

The learned level is uncertain, and the more so the shorter it was learned. Each sum gives its standard error away:
what could be explained by a level that was guessed too low is no evidence for a shift up.

Level, scale and autocorrelation are learned with the weight 1/n, and remembered for so long as the monitor says. They
stand still while the evidence is beyond the clearing limit, lest the shift be learned as usual. A shift within the first
`first` levels is not known. Over a gap the last reading counts as if it were the one before. There is no season here:
a feature with a daily or weekly rhythm is given by whole days, or as a residual.

Takes [n, w]; the value is the level's change in the feature's unit, smoothed over some twelve levels; the score is the
sum on the monitor's side, or the larger one, in nats, at most 40. Memory: 52 bytes and four bytes for each of `first` levels.

Source: Page, Continuous inspection schemes (1954), for the sums; Harris, Ross and Cumbley, and before them Box and
Jenkins, for residuals of an autoregression; Lange, Little and Taylor, Robust statistical modeling using the t
distribution (1989), for the weights.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from devices.monitors import Shift
from devices.readings import FloatArray, IntArray
from diagnostics import levels
from diagnostics.conditions import BoolArray, Conditions
from diagnostics.detector import Memory, Readings, Values
from diagnostics.rows import stretch
from diagnostics.state import Array

_CLIP: Final = 6.0
# Student's t with four degrees of freedom: its mean absolute value is 1 in units of its scale.
_FREEDOM: Final = 4.0
_POWER: Final = (_FREEDOM + 1) / 2
# Mean absolute deviation to standard deviation, for a normal distribution.
_TO_SIGMA: Final = 1.2533
_MOST_LIKE_BEFORE: Final = 0.95
# In units of the innovations' scale: what is less adds up too slowly, what is more is found anyhow.
_LEAST_STEP: Final = 0.2
_LARGEST_STEP: Final = 2.0
# More would only take longer to fall when all is well again.
_MOST_EVIDENCE: Final = 40.0
_NEWEST: Final = 1 / 12
# A step of the stochastic Newton method for the t distribution's place: one over its Fisher information, 5/7.
_GAIN: Final = 1.4
# For the autocorrelation, which single wild readings would spoil.
_MILD: Final = 3.0
# Innovations are no smaller than this share of the least sigma: beyond a likeness of .95 there is nothing to gain.
_LEAST_SCALE: Final = 0.25
# So many standard errors of the learned level are given away, lest a fleet's worst guesses make its alarms.
_DOUBT: Final = 1.0
_ONE: Final = np.float32(1)
_NONE: Final = np.float32(0)


# All of the memory that every level changes; the first levels are looked at until there are enough of them.
_STATE: Final = (
    "seen", "middle", "sigma", "innovation", "before", "products", "squares", "up", "down", "change", "held",
)  # fmt: skip


class Shifts:
    """The shifts of one monitor over all devices.

    Parameters
    ----------
    monitor : Shift
        What is learned, and limits in nats.

    Examples
    --------
    A probe that reads about 20 degrees, and one and a half sigmas more from the three hundredth hour on:

    >>> row = Shift("off", "Off", "p", "temp_degc", "°C", 1.5, 24, 120, 672, 2000, 0.1, 8, 4, 0)
    >>> shifts = Shifts(row)
    >>> shifts.memory.grow(1, 1)
    >>> chance = np.random.default_rng(3)
    >>> def said(hour):
    ...     value = np.array([[20.0 + chance.standard_normal() + 1.5 * (hour >= 300)]])
    ...     return shifts.judge(np.array([0]), shifts.read(value), np.array([hour]), np.array([3600.0]))
    >>> told = [(hour, now) for hour in range(340) if (now := said(hour)).wrong.item()]
    >>> hour, now = told[0]
    >>> hour, round(now.score.item()), round(now.value.item(), 1)
    (311, 9, 0.9)
    """

    def __init__(self, monitor: Shift) -> None:
        self._monitor = monitor
        of_levels = levels.unknown(monitor.periods) if monitor.periods is not None else {}
        self.memory = Memory(
            of_levels
            | {
                "window": np.full(monitor.first, np.nan, np.float32),
                "seen": np.int32(0),
                "middle": np.float64(0),
                # Mean absolute deviation of the levels as a sigma, and mean absolute innovation.
                "sigma": _ONE,
                "innovation": _ONE,
                # Of residuals in sigmas: the last one, the sum of products with the one before, and of squares.
                "before": _NONE,
                "products": _NONE,
                "squares": _ONE,
                "up": _NONE,
                "down": _NONE,
                "change": _NONE,
                "held": np.int32(0),
            }
        )

    def read(self, feature: FloatArray) -> Values:
        """Take the feature as it is."""
        return Values(feature)

    def judge(self, slots: IntArray, now: Readings, at_us: IntArray, dt_s: FloatArray) -> Conditions:  # noqa: ARG002
        """Learn or judge the levels; the value is the change in the feature's unit, the score is the evidence."""
        if not isinstance(now, Values):
            raise TypeError(f"monitor {self._monitor.name} needs values, not {type(now).__name__}")
        if self._monitor.periods is None:
            return self._judge_levels(slots, now.value)
        level = levels.complete(self._monitor.periods, self.memory, slots, now.value, at_us)
        rows = np.flatnonzero(~np.isnan(level).all(axis=1))
        judged = self._judge_levels(slots[rows], level[rows]) if len(rows) else None
        return Conditions.silent(level.shape) if judged is None else judged.among(len(level), rows)

    def _judge_levels(self, slots: IntArray, level: FloatArray) -> Conditions:
        monitor = self._monitor
        rows = stretch(slots)
        # Kept small, reckoned in double precision.
        kept = {name: self.memory[name][rows].astype(np.float64) for name in _STATE}
        has = ~np.isnan(level)
        is_begun = kept["seen"] >= monitor.first
        known, is_judged = has & is_begun, has & (kept["seen"] >= monitor.learn)
        evidence = self._evidence(kept)
        is_calm = known & (evidence <= monitor.clear)
        kept["seen"] = kept["seen"] + has
        residual, innovation, likeness, scale = self._innovations(kept, level, known)
        if is_judged.any():
            step = np.minimum(np.maximum(monitor.shift * (1.0 - likeness) * scale, _LEAST_STEP), _LARGEST_STEP)
            doubt = (
                _DOUBT
                * scale
                * np.sqrt((1.0 - likeness) * (1.0 + likeness) / np.minimum(kept["seen"], monitor.remember))
            )
            _sum_up(kept, innovation, step, doubt, is_judged)
            evidence = self._evidence(kept)
        self._learn(kept, residual, innovation, likeness, is_calm)
        kept["change"] = _where(known, kept["change"] + _NEWEST * (residual - kept["change"]), kept["change"])
        kept["before"] = _where(known, residual, kept["before"])
        if not is_begun.all():
            self._begin(kept, slots, level, has & ~is_begun)
        kept["held"] = _where(known, np.where(is_calm, 0, kept["held"] + 1), kept["held"])
        is_usual = kept["held"] >= monitor.hold
        if is_usual.any():
            _forget(kept, is_usual)
        for name, values in kept.items():
            self.memory[name][rows] = values
        wrong = is_judged & (evidence >= monitor.limit) & ~is_usual
        well = is_judged & ((evidence <= monitor.clear) | is_usual)
        change = kept["change"] * kept["sigma"]
        return Conditions(change, is_judged, wrong, well, _where(is_judged, evidence, np.nan))

    def _evidence(self, kept: Mapping[str, FloatArray]) -> FloatArray:
        """What there is for a shift on the monitor's side, in nats."""
        match self._monitor.side:
            case "above":
                return kept["up"]
            case "below":
                return kept["down"]
            case "either":
                return np.maximum(kept["up"], kept["down"])

    def _innovations(
        self, kept: Mapping[str, FloatArray], level: FloatArray, known: BoolArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Residual in sigmas, its innovation in innovations' scales, the likeness of neighbours, and sigma in scales."""
        scale = kept["sigma"] / kept["innovation"]
        residual = _where(known, (level - kept["middle"]) / kept["sigma"], 0.0)
        residual = np.minimum(np.maximum(residual, -_CLIP), _CLIP)
        likeness = np.minimum(np.maximum(kept["products"] / kept["squares"], 0.0), _MOST_LIKE_BEFORE)
        return residual, (residual - likeness * kept["before"]) * scale, likeness, scale

    def _learn(
        self,
        kept: dict[str, FloatArray],
        residual: FloatArray,
        innovation: FloatArray,
        likeness: FloatArray,
        on: BoolArray,
    ) -> None:
        """Follow level, scales and likeness where all is calm; a wild reading moves them little."""
        remember = self._monitor.remember
        weight = on / np.minimum(kept["seen"], remember)
        sigma, scale = kept["sigma"], kept["innovation"]
        floor = self._monitor.scale_floor
        towards = (_FREEDOM + 1) * innovation / (_FREEDOM + innovation * innovation)
        kept["middle"] = kept["middle"] + weight * _GAIN * scale / (1.0 - likeness) * towards
        kept["sigma"] = np.maximum(sigma + weight * sigma * (_TO_SIGMA * np.abs(residual) - 1.0), floor)
        moved = scale + weight * scale * (np.minimum(np.abs(innovation), _CLIP) - 1.0)
        kept["innovation"] = np.maximum(moved, _LEAST_SCALE * floor)
        fades = np.where(on, 1.0 - 1.0 / remember, 1.0)
        here, before = (np.minimum(np.maximum(each, -_MILD), _MILD) for each in (residual, kept["before"]))
        kept["products"] = (kept["products"] + on * here * before) * fades
        kept["squares"] = (kept["squares"] + on * here * here) * fades

    def _begin(self, kept: dict[str, FloatArray], slots: IntArray, level: FloatArray, on: BoolArray) -> None:
        """Gather the first levels; when there are enough, their median and scales are where learning begins."""
        window = self.memory["window"][slots]
        window = np.where(on[..., None], np.concatenate([window[..., 1:], level[..., None]], axis=-1), window)
        self.memory["window"][slots] = window
        rows, elements = np.nonzero(on & (kept["seen"] >= self._monitor.first))
        if not len(rows):
            return
        first = window[rows, elements]
        middle = np.median(first, axis=-1)
        away = first - middle[:, None]
        floor = self._monitor.scale_floor
        sigma = np.maximum(_TO_SIGMA * np.abs(away).mean(axis=-1), floor)
        residual = np.clip(away / sigma[:, None], -_MILD, _MILD)
        products = np.maximum((residual[:, 1:] * residual[:, :-1]).sum(axis=-1), 0.0)
        squares = np.maximum((residual * residual).sum(axis=-1), 1.0)
        likeness = np.minimum(products / squares, _MOST_LIKE_BEFORE)
        innovation = np.abs(residual[:, 1:] - likeness[:, None] * residual[:, :-1]).mean(axis=-1) * sigma
        fresh = {
            "middle": middle,
            "sigma": sigma,
            "innovation": np.maximum(innovation, _LEAST_SCALE * floor),
            "products": products,
            "squares": squares,
            "before": np.clip(away[:, -1] / sigma, -_CLIP, _CLIP),
        }
        for name, values in fresh.items():
            kept[name][rows, elements] = values


def _where(known: BoolArray, new: Array, old: Array | float) -> Array:
    """Return the new values where they are known; mostly that is everywhere, and costs nothing."""
    return new if known.all() else np.where(known, new, old)


def _sum_up(
    kept: dict[str, FloatArray], innovation: FloatArray, step: FloatArray, doubt: FloatArray, on: BoolArray
) -> None:
    """Add what an innovation says for a shift by `step` up, and down, in nats.

    Each is held against a level that is off by `doubt` to the same side already.
    """
    for name, sign in (("up", 1.0), ("down", -1.0)):
        unshifted = innovation - sign * doubt
        shifted = unshifted - sign * step
        told = kept[name] + _POWER * np.log((_FREEDOM + unshifted * unshifted) / (_FREEDOM + shifted * shifted))
        told = np.minimum(np.maximum(told, 0.0), _MOST_EVIDENCE)
        kept[name] = _where(on, told, kept[name])


def _forget(kept: dict[str, FloatArray], where: BoolArray) -> None:
    """Begin anew with what has become usual."""
    for name in ("seen", "held", "up", "down", "change", "before"):
        kept[name][where] = 0
