"""Regional silence: which of the devices that fell silent did so with many others around them.

A power cut, a dead antenna or an expired certificate silences a region, and each device of it is found only when its own
time has run out, one by one within a cadence. So a silent device is held against all of its region that fell quiet at
about the same time, whether their silence is confirmed yet or not.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from devices.readings import IntArray
from diagnostics.conditions import BoolArray

# Fewer than this many are a coincidence.
FEWEST: Final = 5
# So large a share of the region's living devices is one cause ...
LARGE_SHARE: Final = 0.5
# ... and so is so large a number, however many others are heard: a district of a city.
MANY: Final = 50


def at_once(since_us: IntArray, quiet_us: IntArray, alive: int, window_us: int) -> BoolArray:
    """Say which silent devices fell silent with their region.

    Parameters
    ----------
    since_us : int64 [n]
        When each newly silent device was last heard.
    quiet_us : int64 [m]
        When each device of the region was last heard that was not heard since, these n among them; in any order.
    alive : int
        Devices of the region that were heard at all at that time or later.
    window_us : int
        Last heard within so long before or after each other is at about the same time.

    Returns
    -------
    bool [n]
        True where many were last heard at about the same time.

    Examples
    --------
    Six of ten meters within a minute, and one a week before:

    >>> minute = 60_000_000
    >>> quiet = np.array([0, *range(10_080 * minute, 10_080 * minute + 6)])
    >>> at_once(quiet, quiet, 10, 5 * minute).tolist()
    [False, True, True, True, True, True, True]
    """
    ordered = np.sort(quiet_us)
    beside = np.searchsorted(ordered, since_us + window_us, "right") - np.searchsorted(
        ordered, since_us - window_us, "left"
    )
    return (beside >= FEWEST) & ((beside >= LARGE_SHARE * alive) | (beside >= MANY))


@dataclass(frozen=True, slots=True)
class Quietness:
    """What is known of a region when some of its devices were found to be silent.

    Parameters
    ----------
    device_ids, since_us : int64 [n]
        The devices, and when each was last heard.
    quiet_us : int64 [m]
        When each device of the region was last heard that was not heard since; none where nobody had to ask.
    alive : int
        Devices of the region that were heard at that time or later.
    window_us : int
        Last heard within so long before or after each other is at about the same time.
    incident_since_us : int or None
        Since when the region's open incident lasts; None where none is open.
    """

    device_ids: IntArray
    since_us: IntArray
    quiet_us: IntArray
    alive: int
    window_us: int
    incident_since_us: int | None


def follows(since_us: IntArray, incident_since_us: int | None, window_us: int) -> BoolArray:
    """Say which devices fell silent since an incident began, or at about that time; none where there is no incident."""
    if incident_since_us is None:
        return np.zeros(len(since_us), np.bool_)
    return since_us >= incident_since_us - window_us


def together(quietness: Quietness) -> BoolArray:
    """Say which of the silent devices are their region's incident, [n]; each of the others goes its own way.

    Examples
    --------
    One that was heard later than an incident's beginning is of it, whoever else is silent:

    >>> hour = 3_600_000_000
    >>> late = Quietness(np.array([7]), np.array([9 * hour]), np.zeros(0, np.int64), 0, hour, 8 * hour)
    >>> together(late).tolist()
    [True]
    """
    joins = follows(quietness.since_us, quietness.incident_since_us, quietness.window_us)
    rest = np.flatnonzero(~joins)
    joins[rest] = at_once(quietness.since_us[rest], quietness.quiet_us, quietness.alive, quietness.window_us)
    return joins
