"""The tail of a null distribution: how rare scores are beyond the highest per cent, where there is little or no data.

Excesses over a high quantile follow, whatever the distribution was, nearly a generalised Pareto distribution

    P(excess > x) = (1 + shape x / scale) ** (-1 / shape),        exp(-x / scale) for the shape 0

so two numbers that are fitted to some thousand excesses carry on to probabilities that no fleet is large enough to count.

A fleet's scores are no clean null: a few devices are faulty and not yet found, and all of them are in the last pieces of
the tail. Fitted by moments they make the tail seem heavy, the threshold rise and the next faults stay unfound: it
feeds itself. So the highest three tenths of the excesses are censored: that they are beyond a point counts, by how much does
not. The fit is by maximum likelihood: for a given shape the scale solves a monotonic equation, and the shape is the best
one of a fixed grid. What is left says little about the shape, and much hangs on it far out; so it has a prior, half a
normal distribution about 0: evidence that is summed up has an exponential tail or a little more than that, and a bounded
one would promise that some score cannot happen.

Scores in any unit in which more is more abnormal; the fit is equivariant to their scale. What a tail does not know is
whether tomorrow is like the days that it was fitted to: it is fitted anew as time goes on.

Source: Balkema and de Haan (1974) and Pickands (1975) for the limit; Coles, An Introduction to Statistical Modeling of
Extreme Values (2001), 4.3, for the likelihood.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from devices.readings import FloatArray

# Of the excesses, the highest share that is not looked at by its size.
_CENSORED: Final = 0.3
_SHAPES: Final = np.linspace(0.0, 0.15, 31)
_SHAPE_SPREAD: Final = 0.03
_HALVINGS: Final = 60


@dataclass(frozen=True, slots=True)
class Tail:
    """What scores beyond `start` are like: `share` of all are; `shape` has no unit, `scale` is in the scores' unit."""

    start: float
    share: float
    shape: float
    scale: float

    def p_values(self, scores: FloatArray) -> FloatArray:
        """Return how probable at least these scores are, [n] -> [n]; all of them have to be beyond the start.

        >>> Tail(start=5.0, share=0.01, shape=0.0, scale=1.0).p_values(np.array([5.0, 5.0 + np.log(10)])).round(6).tolist()
        [0.01, 0.001]
        """
        excess = np.maximum(scores - self.start, 0.0) / self.scale
        if self.shape == 0:
            return self.share * np.exp(-excess)
        return self.share * (1.0 + self.shape * excess) ** (-1.0 / self.shape)

    def score_of(self, p_value: float) -> float:
        """Return the score that is reached with this probability, which is the tail's share at most.

        >>> round(Tail(start=5.0, share=0.01, shape=0.1, scale=1.0).score_of(1e-6), 2)
        20.12
        """
        odds = self.share / p_value
        excess = np.log(odds) if self.shape == 0 else (odds**self.shape - 1.0) / self.shape
        return float(self.start + self.scale * excess)


def fit(scores: FloatArray, share: float) -> Tail:
    """Fit the tail of scores of which hardly any is a fault's.

    Parameters
    ----------
    scores : float64 [n]
        Pooled over devices and cycles, without unknown ones.
    share : float
        Of them, how much is tail.

    Raises
    ------
    ValueError
        When fewer than fifty excesses are left, or they are all the same: then there is no tail to be fitted.

    Examples
    --------
    One faulty device in two thousand does not bend the tail of an exponential null:

    >>> chance = np.random.default_rng(5)
    >>> scores = np.concatenate([chance.exponential(2.0, 200_000), np.full(100, 40.0)])
    >>> found = fit(scores, 0.01)
    >>> round(found.score_of(1e-6)), round(2.0 * np.log(1e6))
    (31, 28)
    """
    start, last = (float(at) for at in np.quantile(scores, [1.0 - share, 1.0 - share * _CENSORED]))
    excess = scores[scores > start] - start
    limit = last - start
    seen = excess[excess < limit]
    if len(seen) < 50 or limit <= 0:
        raise ValueError(f"{len(seen)} different scores beyond {start:g} are too few to fit a tail: 50 are needed")
    censored = len(excess) - len(seen)
    fits = [_scale_and_likelihood(shape, seen, limit, censored) for shape in _SHAPES.tolist()]
    prior = -0.5 * (_SHAPES / _SHAPE_SPREAD) ** 2
    best = int(np.argmax(prior + np.array([likelihood for _, likelihood in fits])))
    return Tail(start, len(excess) / len(scores), float(_SHAPES[best]), fits[best][0])


def _scale_and_likelihood(shape: float, seen: FloatArray, limit: float, censored: int) -> tuple[float, float]:
    """Return the most probable scale for a shape, and the log likelihood there."""
    low, high = 1e-6 * limit, 1e3 * limit
    for _ in range(_HALVINGS):
        scale = (low * high) ** 0.5
        told = (1.0 + shape) * float((seen / (scale + shape * seen)).sum()) + censored * limit / (scale + shape * limit)
        low, high = (scale, high) if told > len(seen) else (low, scale)
    scale = (low * high) ** 0.5
    if shape == 0:
        return scale, float(-len(seen) * np.log(scale) - seen.sum() / scale - censored * limit / scale)
    grown = float(np.log1p(shape * seen / scale).sum())
    beyond = censored * float(np.log1p(shape * limit / scale)) / shape
    return scale, float(-len(seen) * np.log(scale) - (1.0 + 1.0 / shape) * grown - beyond)
