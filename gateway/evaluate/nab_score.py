"""The score of the Numenta Anomaly Benchmark, as its authors define it.

Rows of the probationary period (the first 15 %, at most 750 rows) are not scored. In a window of an anomaly the earliest
alarm counts, and later ones do not; it is worth nearly 1 at the window's begin and sinks to 0 towards its end along a
sigmoid. An alarm outside of all windows costs: little right after a window, ever more away from it, by the same sigmoid
over the width of that window, and all of it ahead of the first one. A window without an alarm costs a miss. Three
profiles weigh misses and false alarms. The sum over all series is set between a detector that never speaks (0) and one
that speaks at the begin of each window only (100).

Source: Lavin and Ahmad, Evaluating Real-time Anomaly Detection Algorithms, the Numenta Anomaly Benchmark (2015).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from devices.readings import FloatArray, IntArray

_PROBATION_SHARE: Final = 0.15
_PROBATION_MOST: Final = 5000
_STEEPNESS: Final = 5.0
_FAR_AWAY: Final = 3.0
_OUTSIDE: Final = -1


@dataclass(frozen=True, slots=True)
class Profile:
    """What a false alarm and a missed window cost, where a window found at once is worth 1."""

    false_alarm: float
    miss: float


PROFILES: Final[Mapping[str, Profile]] = {
    "standard": Profile(0.11, 1.0),
    "low_fp": Profile(0.22, 1.0),
    "low_fn": Profile(0.11, 2.0),
}


@dataclass(frozen=True, slots=True)
class Marks:
    """What alarms at each of n rows are worth: `window` int64 [n] (-1: outside), `worth` float64 [n], -1 to 1."""

    window: IntArray
    worth: FloatArray
    probation: int
    windows: int


@dataclass(frozen=True, slots=True)
class Tally:
    """Of one series, or of all: windows, those found, false alarms, what was earned by hits, what false alarms weigh."""

    windows: int
    found: int
    false_alarms: int
    earned: float
    false_weight: float

    def score(self, profile: Profile) -> float:
        """Return the score between the detector that never speaks (0) and the perfect one (100); NaN without windows."""
        if not self.windows:
            return math.nan
        missed = self.windows - self.found
        raw = self.earned + profile.false_alarm * self.false_weight - profile.miss * missed
        never = -profile.miss * self.windows
        return 100.0 * (raw - never) / (self.windows - never)


def probation(rows: int) -> int:
    """Return how many rows at the begin of a series are not scored.

    >>> probation(1000), probation(20_000)
    (150, 750)
    """
    return int(min(_PROBATION_SHARE * rows, _PROBATION_SHARE * _PROBATION_MOST))


def marks(rows: int, windows: Sequence[tuple[int, int]]) -> Marks:
    """Say what an alarm at each row is worth.

    Parameters
    ----------
    rows : int
        Length of the series.
    windows : sequence of tuple of int
        First and last row of each window, in order, without overlap.

    Examples
    --------
    >>> marks(12, [(4, 7)]).worth.round(2).tolist()
    [-1.0, -1.0, -1.0, -1.0, 1.0, 0.97, 0.86, 0.56, -0.68, -0.93, -0.99, -1.0]
    """
    window, worth = np.full(rows, _OUTSIDE, np.int64), np.full(rows, -1.0)
    most = float(_sigmoid(np.array([-1.0]))[0])
    firsts = [*(first for first, _ in windows), rows]
    for place, (first, last) in enumerate(windows):
        end = firsts[place + 1]
        width = last - first + 1
        inside, after = np.arange(first, last + 1), np.arange(last + 1, end)
        window[inside] = place
        worth[inside] = _sigmoid(-(last - inside + 1) / width) / most
        worth[after] = _sigmoid((after - last) / max(width - 1, 1))
    quiet = probation(rows)
    return Marks(window, worth, quiet, len(set(window[quiet:].tolist()) - {_OUTSIDE}))


def _sigmoid(position: FloatArray) -> FloatArray:
    """Return 1 far inside, 0 at a window's end, -1 from three widths behind it."""
    return np.where(
        position > _FAR_AWAY, -1.0, 2.0 / (1.0 + np.exp(_STEEPNESS * np.minimum(position, _FAR_AWAY))) - 1.0
    )


def tally(of: Marks, alarms: IntArray) -> Tally:
    """Count what the alarms of one series at these rows have earned and cost."""
    counted = alarms[alarms >= of.probation]
    window, worth = of.window[counted], of.worth[counted]
    is_false = window == _OUTSIDE
    found = np.unique(window[~is_false])
    earned = sum(float(worth[window == place].max()) for place in found.tolist())
    return Tally(of.windows, len(found), int(is_false.sum()), earned, float(worth[is_false].sum()))


def total(tallies: Sequence[Tally]) -> Tally:
    """Add up the tallies of all series."""
    return Tally(
        sum(each.windows for each in tallies),
        sum(each.found for each in tallies),
        sum(each.false_alarms for each in tallies),
        sum(each.earned for each in tallies),
        sum(each.false_weight for each in tallies),
    )
