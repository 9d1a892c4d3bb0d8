"""By what factor an appliance's phases of work are longer than they usually are: how likely each factor is, from its phases.

What ages or clogs in a machine that heats, cools or pumps makes it work longer for the same effect, in all of its phases by
about the same factor. A phase's length also depends on what is asked of it, so each one is held against those healthy
phases of the same device that came after a like pause and before a like one, and more against those of about the same
season; a factor is as likely as phases that much shorter are among these. How alike a device's phases are is
learned from its own healthy days: the width under which they foretell each other best.

It knows no kind of appliance and no label, and cannot tell a programme that was chosen longer from one that took longer.

Source: Parzen, On estimation of a probability density function and mode (1962); the width by left-out likelihood after
Habbema, Hermans and van den Broek, A stepwise discriminant analysis program using density estimation (1974).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from devices.readings import FloatArray
from diagnostics.conditions import BoolArray
from diagnostics.phases import Phases

# The factors in question, as logarithms: from a quarter shorter to two and a half times as long.
FACTORS: Final = np.linspace(-0.3, 0.9, 121)
# How alike a device's phases of like place may be, as a share of their length; the widest is believed without healthy days.
_WIDTHS: Final = (0.02, 0.03, 0.045, 0.07, 0.1)
# A length is known to so many minutes, and pauses of like place are alike within so much of theirs.
_KNOWN_TO_MIN: Final = 0.4
_LIKE_PAUSE: Final = 0.3
# How likely a phase is to have no fellow, how far it is then from the others, and how much one with another pause counts.
_ALONE: Final = 0.1
_FAR: Final = 0.4
_ELSEWHERE: Final = 1e-3
# A pause of four hours is as any longer one; more phases than this tell no more, for they share their day.
_LONGEST_PAUSE_MIN: Final = 240.0
_MOST_PHASES: Final = 8
# Water and rooms are about as warm within so many days: further healthy days count less.
_SEASON_D: Final = 30.0
# Differences of length are taken to such steps, up to four and a half times as long or short.
_STEPS: Final = np.linspace(-1.5, 1.5, 401)
_LEAST: Final = 1e-9


def nearness(apart_d: FloatArray) -> FloatArray:
    """Return how much healthy phases count that were so many days before or after, float64 [n]; the nearest counts 1.

    >>> nearness(np.array([10.0, 40.0])).round(2).tolist()
    [1.0, 0.37]
    """
    return np.exp((apart_d.min(initial=np.inf) - apart_d) / _SEASON_D)


def width(days: Sequence[tuple[Phases, Phases, FloatArray]]) -> float:
    """Return how alike the phases of a device are, as a share of their length.

    Parameters
    ----------
    days : sequence of (Phases, Phases, float64 [m])
        Healthy days, each with what it is held against and how much that counts, as for `likelihood`.

    Examples
    --------
    >>> some = np.zeros(4, np.bool_)
    >>> usual = Phases(np.array([10.0, 10, 10, 10]), *(np.full(4, 20.0),) * 2, some, some)
    >>> width([(usual, usual, np.ones(4))]), width([])
    (0.02, 0.1)
    """
    healthy = int(np.abs(FACTORS).argmin())
    told = [(sum(_log_likely(*day, one)[healthy] for day in days), one) for one in _WIDTHS]
    return max(told)[1]


def likelihood(found: Phases, usual: Phases, counts: FloatArray, alike: float) -> FloatArray:
    """Return the logarithm of how likely phases are under each of `FACTORS`.

    Parameters
    ----------
    found, usual : Phases
        The n phases in question, and m that are known to be healthy.
    counts : float64 [m]
        How much each healthy phase counts, above 0; see `nearness`.
    alike : float
        See `width`.

    Returns
    -------
    float64 [factors]
        0 for the likeliest; NaN where there are no phases or none to hold them against.

    Examples
    --------
    >>> here = np.zeros(2, np.bool_)
    >>> usual = Phases(np.array([10.0, 30]), np.array([240.0, 20]), np.array([20.0, 240]), here, here)
    >>> longer = Phases(np.array([12.5, 37.5]), np.array([240.0, 20]), np.array([20.0, 240]), here, here)
    >>> round(float(np.exp(FACTORS[likelihood(longer, usual, np.ones(2), 0.03).argmax()])), 2)
    1.25
    """
    if not (len(found.length_min) and len(usual.length_min)):
        return np.full(len(FACTORS), np.nan)
    log_likely = _log_likely(found, usual, counts, alike)
    log_likely = log_likely * min(1.0, _MOST_PHASES / len(found.length_min))
    return log_likely - log_likely.max()


def expected(log_likely: FloatArray) -> FloatArray:
    """Return the mean logarithm of the factor, float64 [n], where rows of likelihood float64 [n, factors] are all that is known.

    >>> expected(np.where(np.arange(121) == 50, 0.0, -99.0)[None]).round(3).tolist()
    [0.2]
    """
    belief = np.exp(log_likely)
    return (belief * FACTORS).sum(axis=1) / belief.sum(axis=1)


def _log_likely(found: Phases, usual: Phases, counts: FloatArray, alike: float) -> FloatArray:
    if not (len(found.length_min) and len(usual.length_min)):
        return np.zeros(len(FACTORS))
    weight = (np.exp(-0.5 * _apart(found, usual)) + _ELSEWHERE) * counts
    weight = weight / weight.sum(axis=1, keepdims=True)
    own, others = np.log(found.length_min), np.log(usual.length_min)
    among = _histogram(own[:, None] - others[None, :], weight)
    spread = np.sqrt(alike**2 + 2 * (_KNOWN_TO_MIN / found.length_min) ** 2)
    spread = np.maximum(spread.round(3), _WIDTHS[0])
    likely = np.empty((len(own), len(FACTORS)))
    for one in np.unique(spread):
        likely[spread == one] = among[spread == one] @ _bell(_STEPS[:, None] - FACTORS[None, :], one)
    middle = weight @ others
    far = np.sqrt((weight * (others[None, :] - middle[:, None]) ** 2).sum(axis=1) + _FAR**2)[:, None]
    alone = _bell((own - middle)[:, None] - FACTORS[None, :], far)
    return np.log((1 - _ALONE) * likely + _ALONE * alone + _LEAST).sum(axis=0)


def _bell(apart: FloatArray, spread: FloatArray | float) -> FloatArray:
    return np.exp(-0.5 * (apart / spread) ** 2) / spread


def _histogram(apart: FloatArray, weight: FloatArray) -> FloatArray:
    """Return the weight at each step of difference, float64 [n, steps]; what is further lies at the last step."""
    step = np.rint((apart - _STEPS[0]) / (_STEPS[1] - _STEPS[0])).astype(np.int64).clip(0, len(_STEPS) - 1)
    place = step + np.arange(len(step))[:, None] * len(_STEPS)
    counted: FloatArray = np.bincount(place.ravel(), weight.ravel(), len(step) * len(_STEPS)).astype(np.float64)
    return counted.reshape(len(step), len(_STEPS))


def _apart(found: Phases, usual: Phases) -> FloatArray:
    """Return how far the pauses of phases are from each other, squared: float64 [n, m]."""
    before = _pauses_apart(found.before_min, usual.before_min, found.is_first, usual.is_first)
    return before + _pauses_apart(found.after_min, usual.after_min, found.is_last, usual.is_last)


def _pauses_apart(own_min: FloatArray, other_min: FloatArray, own_open: BoolArray, other_open: BoolArray) -> FloatArray:
    """Return distances squared; a pause that is at least so long is no distance from any longer one."""
    longest = _LONGEST_PAUSE_MIN
    apart = np.log(np.minimum(own_min, longest))[:, None] - np.log(np.minimum(other_min, longest))[None, :]
    apart = np.where(own_open[:, None], np.maximum(apart, 0), apart)
    apart = np.where(other_open[None, :], np.minimum(apart, 0), apart)
    return (apart / _LIKE_PAUSE) ** 2
