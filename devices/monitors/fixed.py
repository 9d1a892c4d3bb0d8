"""Monitors that hold a device against fixed limits, codes and clocks."""

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


@dataclass(frozen=True, slots=True)
class Stuck:
    """A value that stands still for longer than it ever did.

    Wrong when it has not changed for `limit` days, nor for `factor` times the longest pause remembered (a pause is
    forgotten with the time constant `tau_s`); or for `at_most` days, whatever is remembered. `learn_s` is how long a device is watched before anything is said; `unit`
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
    at_most: float = float("inf")
    is_safety: bool = False


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
