"""Monitors that look over many days: drifts, steps, seasons and shifts."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Periods:
    """Whole periods of a device's life, each with one level: the mean of a feature's values.

    Parameters
    ----------
    length_s : float
        Length of a period; periods are aligned to 1970.
    fewest : int
        Samples that a period needs to have a level.
    is_register : bool
        The feature is a cumulative register, and a level is what it grew by in the period.
    rest : float
        A level at or below this says nothing: the thing was not in use.
    """

    length_s: float
    fewest: int
    is_register: bool = False
    rest: float = float("-inf")


@dataclass(frozen=True, slots=True)
class Drift:
    """A level that slowly leaves what was learned of this device.

    Wrong when it has crept to `limit` from its learned level, in the feature's unit and on `side`, with evidence of
    `evidence` robust sigmas summed up beyond a slack of `slack` a period; well within `clear`. `learn` periods are
    learned first; what was learned follows with the time constant `forget_s` while nothing is wrong. A sigma is at least
    `scale_floor`, in the feature's unit; `unit` is what people read (per period for a register).
    """

    name: str
    title: str
    component: str
    feature: str
    unit: str
    side: Literal["above", "below"]
    periods: Periods
    learn: int
    scale_floor: float
    slack: float
    evidence: float
    limit: float
    clear: float
    forget_s: float
    on_delay_s: float
    off_delay_s: float
    is_safety: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A level that changed suddenly and for good.

    Wrong when the median of the last `after` periods is beyond the median of the `before` periods ahead of them by
    `limit` and by `sigmas` standard errors, on `side`; well when it is back within `clear`. With `is_share` the change is
    in per cent of the level before, else in the feature's unit. After `hold` periods the new level is taken for usual.
    The levels' robust scale is at least `scale_floor`, in the unit of the change; `unit` is what people read.
    """

    name: str
    title: str
    component: str
    feature: str
    unit: str
    side: Literal["above", "below"]
    periods: Periods
    before: int
    after: int
    scale_floor: float
    sigmas: float
    limit: float
    clear: float
    hold: int
    on_delay_s: float
    off_delay_s: float
    is_share: bool = False
    is_safety: bool = False


@dataclass(frozen=True, slots=True)
class Seasonal:
    """A value that is not what it usually is at this hour of the week.

    Expected is the device's level, which follows with `level_s`, and its own profile, learned beyond `peers`: what its
    peer group usually adds at each of the 168 hours of a week in UTC, from Monday on, as a share of the level. `learn`
    samples teach first. The residual, cut at `clip` robust scales of at least `scale_floor` in the feature's unit, is
    smoothed with `tau_s` ("ewma", its size judged by this device's own past) or summed up beyond `slack` ("cusum").
    `limit` and `clear` are in sigmas. After an alarm there is no other for `refractory_s`.
    """

    name: str
    title: str
    component: str
    feature: str
    evidence: Literal["ewma", "cusum"]
    learn: int
    level_s: float
    tau_s: float
    slack: float
    clip: float
    scale_floor: float
    limit: float
    clear: float
    refractory_s: float
    on_delay_s: float
    off_delay_s: float
    peers: tuple[float, ...] = ()
    unit: str = "σ"
    is_safety: bool = False


@dataclass(frozen=True, slots=True)
class Shift:
    """A level that has shifted for good, told by evidence that is summed up; a reporting cycle decides, not the delay on.

    Wrong when the evidence for a lasting shift by `shift` sigmas, on `side`, has come to `limit`, well at or below
    `clear`, both in nats (a nat: e times more probable with the shift than without). That alone is a pending symptom:
    it is confirmed by two reporting cycles of `cycle_s` that follow each other. The first `first` levels give a
    reference, `learn` levels pass before anything is said, about `remember` levels are remembered; after `hold` levels
    away from it the new level is taken for usual. A sigma is at least `scale_floor`, in the feature's unit; `unit` is
    what people read. Every sample is a level, or every one of `periods`.
    """

    name: str
    title: str
    component: str
    feature: str
    unit: str
    shift: float
    first: int
    learn: int
    remember: int
    hold: int
    scale_floor: float
    limit: float
    clear: float
    off_delay_s: float
    side: Literal["above", "below", "either"] = "either"
    periods: Periods | None = None
    cycle_s: float = 86_400.0
    is_safety: bool = False

    @property
    def on_delay_s(self) -> float:
        """No time alone confirms it."""
        return float("inf")
