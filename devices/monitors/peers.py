"""Monitors that hold an element, or a channel, against what stands beside it."""

from dataclasses import dataclass


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
class Misread:
    """An element of a vector whose sensor repeats itself or jumps, which its peers tell from the element's own trouble.

    Wrong when its value stands while the peers' median moved by `stands`; and when it left them from one sample to the
    next by `jumps`, and by more than `per_h` an hour of what lies between, although the load is as before: all of them in
    the feature's unit. Samples up to `within_s` apart follow each other.
    """

    name: str
    title: str
    component: str
    feature: str
    stands: float
    jumps: float
    per_h: float
    within_s: float
    on_delay_s: float
    off_delay_s: float
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
