"""Train a forest with scikit-learn, and take it over into arrays of our own that give the very same probabilities.

scikit-learn compares in single precision, where two readings that differ in the last digit are one. So each feature is
handed to it as its rank among the training values, which is exact, and each threshold is turned back into the middle
between the two neighbouring values.
"""

from collections.abc import Sequence
from typing import Final, Protocol, cast

import numpy as np
from sklearn.ensemble import RandomForestClassifier  # pyright: ignore[reportMissingTypeStubs]

from devices.readings import FloatArray, IntArray
from diagnostics.conditions import BoolArray
from diagnostics.forest import Forest

TREES: Final = 100
# Of how many features, chosen at random, a node may take the best.
_FEATURES_A_NODE: Final = 5


class _Tree(Protocol):
    feature: IntArray
    threshold: FloatArray
    children_left: IntArray
    children_right: IntArray
    value: FloatArray


class _Estimator(Protocol):
    tree_: _Tree


class _Trained(Protocol):
    estimators_: Sequence[_Estimator]

    def fit(self, rows: FloatArray, labels: BoolArray) -> object: ...

    def predict_proba(self, rows: FloatArray) -> FloatArray: ...


def train(rows: FloatArray, labels: BoolArray, seed: int) -> tuple[Forest, float]:
    """Train a forest on labelled rows.

    Parameters
    ----------
    rows : float64 [n, features]
        Without NaN.
    labels : bool [n]
        Which were wrong; both kinds have to be there.
    seed : int
        Of the choice of rows and features.

    Returns
    -------
    Forest, float
        The forest, and the largest difference of its probabilities from scikit-learn's own on the training rows.
    """
    middles = [_middles(rows[:, place]) for place in range(rows.shape[1])]
    ranks = _ranked(rows, middles)
    fewest = min(_FEATURES_A_NODE, rows.shape[1])
    # scikit-learn's own hint knows only its default, a text.
    trained = cast(
        "_Trained",
        RandomForestClassifier(TREES, max_features=cast("str", fewest), random_state=seed, n_jobs=1),
    )
    trained.fit(ranks, labels)
    forest = _taken_over(trained, middles)
    own = trained.predict_proba(ranks)[:, 1]
    return forest, float(np.abs(forest.probability(rows) - own).max())


def _middles(column: FloatArray) -> FloatArray:
    known = np.unique(column)
    return (known[1:] + known[:-1]) / 2


def _ranked(rows: FloatArray, middles: Sequence[FloatArray]) -> FloatArray:
    return np.stack([np.searchsorted(middle, rows[:, place]) for place, middle in enumerate(middles)], axis=1).astype(
        float
    )


def _taken_over(trained: _Trained, middles: Sequence[FloatArray]) -> Forest:
    parts: list[tuple[IntArray, FloatArray, IntArray, IntArray, FloatArray]] = []
    roots: list[int] = []
    count = 0
    for estimator in trained.estimators_:
        tree = estimator.tree_
        is_leaf = tree.children_left < 0
        feature = np.where(is_leaf, -1, tree.feature).astype(np.int64)
        threshold = np.array(
            [
                0.0 if leaf else middles[place][int(rank)]
                for leaf, place, rank in zip(is_leaf, feature, tree.threshold, strict=True)
            ]
        )
        share = tree.value[:, 0, 1] / tree.value[:, 0, :].sum(axis=1)
        left, right = (
            np.where(is_leaf, 0, way + count).astype(np.int64) for way in (tree.children_left, tree.children_right)
        )
        parts.append((feature, threshold, left, right, share))
        roots.append(count)
        count += len(feature)
    feature, threshold, left, right, share = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Forest(feature, threshold, left, right, share, np.array(roots, np.int64))
