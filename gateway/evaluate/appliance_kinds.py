"""A kind of appliance as the engine sees it: a product type around a learned labeller, one reading a day.

A set of one label is that label's symptom; any other set is one that wants a person. Nothing between them is decided here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from devices.monitors import Limit
from devices.product import Feature, ProductType
from devices.readings import Columns, FloatArray, IntArray
from devices.signals import Kind, Signal
from diagnostics.conformal import Conformal, nonconformity
from diagnostics.labeller import Labeller
from diagnostics.watch import Watch
from gateway.evaluate.loads import FEATURES
from gateway.evaluate.messageless import no_messages
from gateway.evaluate.report import EvaluateError
from gateway.learning.labellers import train

COVERAGE: Final = 0.9
_COMPONENT: Final = "appliance"
_TOLD: Final = "one_label"
_PERSON: Final = "no_one_label"
# What both predictors may differ by: the order in which products are added up.
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Taught:
    """What was learned of a kind: its labels in order, and the labeller; None where days of two labels were not there."""

    labels: Sequence[str]
    labeller: Labeller | None

    def probabilities(self, rows: FloatArray) -> FloatArray:
        """Return the probability of each label, float64 [n, k]; NaN where nothing can be said."""
        if self.labeller is None:
            return np.full((len(rows), len(self.labels)), np.nan)
        return self.labeller.probabilities(rows)

    def scores(self, rows: FloatArray, faults: Sequence[str]) -> FloatArray:
        """Return how strange the true labels are, float64 [n]: 1 for one that it was never taught."""
        known = self.probabilities(rows)
        told = np.column_stack([known, np.where(np.isnan(known).any(axis=1), np.nan, 0.0)])
        return nonconformity(told, places(self.labels, faults))


def places(labels: Sequence[str], faults: Sequence[str]) -> IntArray:
    """Return the place of each fault among labels, the one after the last where it is none of them.

    >>> places(["minor", "normal"], ["normal", "moonlight"]).tolist()
    [1, 2]
    """
    return np.array([labels.index(fault) if fault in labels else len(labels) for fault in faults], np.int64)


def teach(rows: FloatArray, faults: Sequence[str], conformal: Conformal) -> Taught:
    """Learn labels from days.

    Parameters
    ----------
    rows : float64 [n, features]
        Days with a NaN are passed over.
    faults : sequence of str
        Their labels.
    conformal : Conformal
        What the sets are calibrated on.

    Raises
    ------
    EvaluateError
        When both predictors disagree.
    """
    labels = sorted(set(faults))
    label, known = places(labels, faults), ~np.isnan(rows).any(axis=1)
    if len(np.unique(label[known])) < 2:
        return Taught(labels, None)
    labeller, differs_by = train(rows[known], label[known], len(labels), conformal)
    if differs_by > _ROUNDING:
        raise EvaluateError(
            f"the stored form of the labeller differs from scikit-learn's own by {differs_by:g}; report this."
        )
    return Taught(labels, labeller)


def decided(taught: Taught, rows: FloatArray) -> list[str | None]:
    """Take one reading of each day through the engine; return the label that opens by itself, None where a person is wanted."""
    if taught.labeller is None or not len(rows):
        return [None] * len(rows)
    ids: IntArray = np.arange(1, len(rows) + 1)
    values = {name: rows[:, place].tolist() for place, name in enumerate(FEATURES)}
    changes = Watch(product(taught.labeller)).step(ids, np.full(len(ids), 1_000_000), Columns(values, len(ids)))
    told: list[str | None] = [None] * len(rows)
    for change in changes:
        if change.phase == "confirmed" and change.monitor == _TOLD:
            told[change.row] = taught.labels[change.element - 1]
    wanted = {change.row for change in changes if change.phase == "confirmed" and change.monitor == _PERSON}
    if wanted != {place for place, label in enumerate(told) if label is None}:
        raise EvaluateError("the engine confirmed a label and wanted a person for the same day; report this.")
    return told


def product(labeller: Labeller) -> ProductType:
    """Return a kind as a product type: a limit on being the only label, for each, and one on being no or several."""

    def sets(columns: Columns) -> FloatArray:
        rows = np.column_stack([columns.array(name) for name in FEATURES])
        return labeller.label_set(rows, COVERAGE).astype(np.float64)

    def alone(columns: Columns) -> FloatArray:
        held = sets(columns)
        return held * (held.sum(axis=1, keepdims=True) == 1)

    def undecided(columns: Columns) -> FloatArray:
        return (sets(columns).sum(axis=1, keepdims=True) != 1).astype(np.float64)

    return ProductType(
        name="appliance",
        title="Household appliance",
        signals={name: Signal(name, name, "", Kind.SCALAR, (-10, 10)) for name in FEATURES},
        features={
            "alone": Feature("alone", "The only label that is not ruled out", "", alone, element="Label"),
            "undecided": Feature("undecided", "No label or several", "", undecided),
        },
        monitors=(
            Limit(_TOLD, "One label is left", _COMPONENT, "alone", "above", 0.5, 0.5, 0, 0),
            Limit(_PERSON, "No label or several are left", _COMPONENT, "undecided", "above", 0.5, 0.5, 0, 0),
        ),
        faults={},
        remedies={},
        components={_COMPONENT: "Appliance"},
        plots={},
        decode=no_messages,
        cadence_s=86_400.0,
        lateness_s=0.0,
        false_requests_per_device_year=0.0,
        late_after_s=2 * 86_400.0,
    )
