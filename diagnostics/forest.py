"""A forest of decision trees as plain arrays: it votes on many rows at once, and needs no library that has trained it.

Each node asks whether one feature is at most a threshold, and goes left if so; a leaf holds the share of its training
rows that were wrong. The probability is the mean over the trees. Where a feature is unknown nothing is said: NaN.

Source: Breiman, Random forests (2001).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from devices.readings import FloatArray, IntArray
from diagnostics.state import Array

_LEAF: Final = -1
_ARRAYS: Final = ("feature", "threshold", "left", "right", "share", "roots")


@dataclass(frozen=True, slots=True)
class Forest:
    """Nodes of all trees, one after another.

    Parameters
    ----------
    feature : int64 [nodes]
        Column that a node asks for; -1 for a leaf.
    threshold : float64 [nodes]
        In the feature's unit.
    left, right : int64 [nodes]
        Where it goes on, counted over all nodes.
    share : float64 [nodes]
        Share of the training rows at a node that were wrong, 0 to 1.
    roots : int64 [trees]
        First node of each tree.
    """

    feature: IntArray
    threshold: FloatArray
    left: IntArray
    right: IntArray
    share: FloatArray
    roots: IntArray

    def probability(self, rows: FloatArray) -> FloatArray:
        """Return the probability that each row is wrong.

        Parameters
        ----------
        rows : float64 [n, features]
            NaN where unknown.

        Returns
        -------
        float64 [n]
            0 to 1; NaN for a row with an unknown feature.

        Examples
        --------
        One tree that asks whether the first feature is at most 5:

        >>> tree = Forest(
        ...     np.array([0, -1, -1]), np.array([5.0, 0, 0]), np.array([1, 0, 0]), np.array([2, 0, 0]),
        ...     np.array([0.5, 0.1, 0.9]), np.array([0]),
        ... )
        >>> tree.probability(np.array([[5.0], [5.1], [np.nan]])).tolist()
        [0.1, 0.9, nan]
        """
        total = np.zeros(len(rows))
        for root in self.roots.tolist():
            total += self.share[self._leaves(root, rows)]
        unknown = np.isnan(rows).any(axis=1)
        return np.where(unknown, np.nan, total / len(self.roots))

    def _leaves(self, root: int, rows: FloatArray) -> IntArray:
        place = np.full(len(rows), root, np.int64)
        asking = np.arange(len(rows)) if self.feature[root] != _LEAF else np.zeros(0, np.int64)
        while len(asking):
            node = place[asking]
            is_left = rows[asking, self.feature[node]] <= self.threshold[node]
            place[asking] = np.where(is_left, self.left[node], self.right[node])
            asking = asking[self.feature[place[asking]] != _LEAF]
        return place

    def arrays(self) -> dict[str, Array]:
        """Return all of it by name, as it is stored."""
        return {name: getattr(self, name) for name in _ARRAYS}

    @classmethod
    def of(cls, arrays: dict[str, Array]) -> "Forest":
        """Return the forest that `arrays` gave.

        Raises
        ------
        ValueError
            When an array is missing, or a node leads outside of the forest or back.
        """
        if missing := [name for name in _ARRAYS if name not in arrays]:
            raise ValueError(f"a forest needs the arrays {', '.join(missing)}")
        forest = cls(*(arrays[name] for name in _ARRAYS))
        nodes = len(forest.feature)
        asks = forest.feature != _LEAF
        ahead = np.arange(nodes)[asks]
        for way in (forest.left[asks], forest.right[asks]):
            # A child stands after its parent, so every way ends.
            if ((way <= ahead) | (way >= nodes)).any():
                raise ValueError("a node of the forest leads outside of it or back")
        if not len(forest.roots) or ((forest.roots < 0) | (forest.roots >= nodes)).any():
            raise ValueError("the forest has no tree, or a tree that begins outside of it")
        return forest
