"""A kind of appliance as the engine sees it: a product type around a learned labeller, one reading a day.

A set of one label that is likely enough is that label's symptom; any other wants a person. Nothing between them is decided here.
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
from diagnostics.prolongation import FACTORS
from diagnostics.watch import Watch
from gateway.evaluate.messageless import no_messages
from gateway.evaluate.prolongations import FEATURE
from gateway.evaluate.report import EvaluateError
from gateway.learning.labellers import train

COVERAGE: Final = 0.9
# A label that is the only one left opens by itself when it is also at least so likely.
SURE: Final = 0.9
_COMPONENT: Final = "appliance"
_TOLD: Final = "one_label"
_PERSON: Final = "no_one_label"
# Devices of two brands with the same fault work longer by factors about so far apart.
_BRANDS: Final = 0.02


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
    rows : float64 [n, factors]
        What the days said of their factor, best with their own days without the fault; days with a NaN are passed over.
    faults : sequence of str
        Their labels.
    conformal : Conformal
        What the sets are calibrated on.
    """
    labels = sorted(set(faults))
    label, known = places(labels, faults), ~np.isnan(rows).any(axis=1)
    if len(np.unique(label[known])) < 2:
        return Taught(labels, None)
    return Taught(labels, train(rows[known], label[known], len(labels), FACTORS, _BRANDS, conformal))


def decided(taught: Taught, rows: FloatArray) -> list[str | None]:
    """Take one reading of each day through the engine; return the label that opens by itself, None where a person is wanted."""
    if taught.labeller is None or not len(rows):
        return [None] * len(rows)
    ids: IntArray = np.arange(1, len(rows) + 1)
    columns = Columns({FEATURE: rows.tolist()}, len(ids))
    changes = Watch(product(taught.labeller)).step(ids, np.full(len(ids), 1_000_000), columns)
    told: list[str | None] = [None] * len(rows)
    for change in changes:
        if change.phase == "confirmed" and change.monitor == _TOLD:
            told[change.row] = taught.labels[change.element - 1]
    wanted = {change.row for change in changes if change.phase == "confirmed" and change.monitor == _PERSON}
    if wanted != {place for place, label in enumerate(told) if label is None}:
        raise EvaluateError("the engine confirmed a label and wanted a person for the same day; report this.")
    return told


def product(labeller: Labeller) -> ProductType:
    """Return a kind as a product type: a limit on being the only label and sure, for each, and one on there being none such."""

    def alone(columns: Columns) -> FloatArray:
        rows = columns.matrix(FEATURE)
        held = labeller.label_set(rows, COVERAGE)
        is_only = held & (held.sum(axis=1, keepdims=True) == 1)
        return (is_only & (labeller.probabilities(rows) >= SURE)).astype(np.float64)

    def undecided(columns: Columns) -> FloatArray:
        return 1.0 - alone(columns).sum(axis=1, keepdims=True)

    return ProductType(
        name="appliance",
        title="Household appliance",
        signals={FEATURE: Signal(FEATURE, "Likelihood", "", Kind.VECTOR, (-1e4, 0), element="Factor")},
        features={
            "alone": Feature("alone", "The only label that is not ruled out, and sure", "", alone, element="Label"),
            "undecided": Feature("undecided", "No label, several, or one that is not sure", "", undecided),
        },
        monitors=(
            Limit(_TOLD, "One label is left and sure", _COMPONENT, "alone", "above", 0.5, 0.5, 0, 0),
            Limit(_PERSON, "No label is left and sure", _COMPONENT, "undecided", "above", 0.5, 0.5, 0, 0),
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
