"""Monitors: typed rows by which a product type says what to watch. The detectors that run them live upstairs."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


@dataclass(frozen=True, slots=True)
class Limit:
    """A feature beyond a fixed limit, with hysteresis between `limit` and `clear`, and delays on and off.

    `side` is "above" when values over the limit are wrong, "below" when values under it are. Delays count seconds of
    event time during which the device reported; a gap counts as two cadences at most. A confirmed symptom of a monitor
    with `is_safety` is a named human's case at once, whatever its cause; so it is with the other monitors.
    """

    name: str
    title: str
    component: str
    feature: str
    side: Literal["above", "below"]
    limit: float
    clear: float
    on_delay_s: float
    off_delay_s: float
    is_safety: bool = False


@dataclass(frozen=True, slots=True)
class Peer:
    """An element of a vector that leaves its peers, as a cell leaves its pack.

    The residual against the peers' median, divided by their robust scale (at least `scale_floor`, in the feature's
    unit) and clipped, is smoothed with the time constant `tau_s`; the smoothed score is held against `limit`.
    """

    name: str
    title: str
    component: str
    feature: str
    scale_floor: float
    tau_s: float
    limit: float
    clear: float
    on_delay_s: float
    off_delay_s: float
    is_safety: bool = False


@dataclass(frozen=True, slots=True)
class Reported:
    """A fault that the device reports itself: one of `codes` active in a codes feature.

    With `unless` it fires on any code that is in neither list, so that no report is passed over in silence.
    """

    name: str
    title: str
    component: str
    feature: str
    codes: frozenset[str] = frozenset()
    unless: frozenset[str] = frozenset()
    on_delay_s: float = 0.0
    off_delay_s: float = 0.0
    is_safety: bool = False


class StepKind(StrEnum):
    """What a step of a cumulative register is, when it is not ordinary consumption."""

    ROLLOVER = "rollover"  # it reached its last digit and began again; nothing is lost
    RESET = "reset"  # it began again at about zero
    EXCHANGE = "exchange"  # it went down to an unrelated value: another meter stands in its place
    ROLLBACK = "rollback"  # it went back and counts on from there
    JITTER = "jitter"  # a few units back, or a reading that was overtaken by its successor
    JUMP = "jump"  # more than can have flowed since the last reading
    SPIKE = "spike"  # the return from a single reading that was far too high


@dataclass(frozen=True, slots=True)
class Register:
    """A cumulative register that takes steps which consumption cannot explain; `steps` says which kinds are wrong here.

    Parameters
    ----------
    steps : frozenset of StepKind
        Kinds that count. A register may have several monitors, one for each kind of trouble.
    jitter : float
        A decrease up to this, in the feature's unit, is jitter.
    most_per_h : float
        More than this, in the feature's unit per hour, cannot flow.
    limit, clear : float
        Steps that count, each forgotten with the time constant `tau_s`: wrong at or over `limit` when one comes, well
        at or below `clear`.
    """

    name: str
    title: str
    component: str
    feature: str
    steps: frozenset[StepKind]
    jitter: float
    most_per_h: float
    tau_s: float
    limit: float
    clear: float
    on_delay_s: float
    off_delay_s: float
    is_safety: bool = False


@dataclass(frozen=True, slots=True)
class MinimumFlow:
    """A cumulative register that never rests, as behind a leak: no look's flow is under `limit` for long.

    `limit` and `clear` are in the feature's unit per hour; `unit` is how people read that. The flow is taken over looks
    of `look_s`; where readings are further apart than `longest_look_s` nothing is said. To flow for `usual_s` is usual;
    only then the delay `on_delay_s` begins. `off_delay_s` counts looks at rest.
    """

    name: str
    title: str
    component: str
    feature: str
    unit: str
    look_s: float
    longest_look_s: float
    usual_s: float
    limit: float
    clear: float
    on_delay_s: float
    off_delay_s: float
    is_safety: bool = False


@dataclass(frozen=True, slots=True)
class Stuck:
    """A value that stands still for longer than it ever did.

    Wrong when it has not changed for `limit` days, nor for `factor` times the longest pause remembered (a pause is
    forgotten with the time constant `tau_s`). `learn_s` is how long a device is watched before anything is said; `unit`
    is that of `limit` as people read it.
    """

    name: str
    title: str
    component: str
    feature: str
    limit: float
    factor: float
    learn_s: float
    tau_s: float
    on_delay_s: float
    off_delay_s: float
    unit: str = "d"
    is_safety: bool = False


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
class CrossChannel:
    """A channel that no longer agrees with the device's other channels.

    The feature has one column for each of `channels`. `learn` samples teach how each follows the others, with a ridge of
    `ridge` on their correlations; a channel's sigma is at least its own of `scale_floors`, in that channel's unit. The
    residual, smoothed with `tau_s`, is held against `limit` and `clear`, in sigmas of the smoothed residual; its usual
    level follows with `forget_s` while it is well.
    """

    name: str
    title: str
    component: str
    feature: str
    channels: int
    learn: int
    scale_floors: tuple[float, ...]
    ridge: float
    tau_s: float
    forget_s: float
    limit: float
    clear: float
    on_delay_s: float
    off_delay_s: float
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


@dataclass(frozen=True, slots=True)
class Silence:
    """A device of which nothing is heard, by the server's own clock.

    Parameters
    ----------
    after_s : float
        Wrong when the server has listened for so long since it last heard the device. Time in which the server itself
        was away, behind, or without its broker counts two minutes at most.
    off_delay_s : float
        Well again when the device has come back and is still heard so long after: until then it is one silence.
    unit : str
        That of the silence as people read it.
    """

    name: str
    title: str
    component: str
    after_s: float
    off_delay_s: float
    is_safety: bool = False
    unit: str = "h"


# What looks at readings, and all that there is: silence looks at the absence of them.
OfReadings = Limit | Peer | Reported | Register | MinimumFlow | Stuck | Drift | Step | Seasonal | CrossChannel | Shift
# Statistical monitors: a reporting cycle of the whole fleet confirms their symptoms.
Calibrated = Shift
Monitor = OfReadings | Silence
