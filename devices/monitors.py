"""Monitors: typed rows by which a product type says what to watch. The detectors that run them live upstairs."""

from dataclasses import dataclass
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


Monitor = Limit | Peer | Reported
