"""A milling machine as AI4I 2020 (Matzka; UCI 601, CC BY 4.0) describes it: file, features, a product type around a forest.

Features are what was measured and three of physics: mechanical power (torque by angular speed), how much warmer the
process is than the air, and wear times torque, the strain on the tool. How they lead to a failure is left to learning.
The rules by which the set's authors made their failures stand apart in `transcribed`: they are documentation, and prove
nothing about learning.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from devices.monitors import Limit
from devices.product import Feature, ProductType
from devices.readings import Columns, FloatArray
from devices.signals import Kind, Signal
from diagnostics.conditions import BoolArray
from diagnostics.forest import Forest
from gateway.evaluate.folder import find_files, read_rows
from gateway.evaluate.messageless import no_messages
from gateway.evaluate.report import EvaluateError

THRESHOLD: Final = 0.5
_COLUMNS: Final = {
    "air_temp_k": "Air temperature [K]",
    "process_temp_k": "Process temperature [K]",
    "speed_rpm": "Rotational speed [rpm]",
    "torque_nm": "Torque [Nm]",
    "tool_wear_min": "Tool wear [min]",
}
_GRADES: Final = {"L": 0.0, "M": 1.0, "H": 2.0}
FEATURES: Final = (*_COLUMNS, "grade", "power_w", "temp_rise_k", "strain_min_nm")
_COMPONENT: Final = "spindle"


@dataclass(frozen=True, slots=True)
class Machines:
    """One reading each of n machines: `measured` float64 [n, 6], `is_wrong` bool [n]; `file` they come from."""

    file: Path
    measured: FloatArray
    is_wrong: BoolArray


def read(folder: Path) -> Machines:
    """Read the set.

    Raises
    ------
    EvaluateError
        When it is not there, or not in its own layout.
    """
    file = find_files(folder, "ai4i", "ai4i2020.csv", "*.csv")[0]
    measured: list[list[float]] = []
    is_wrong: list[bool] = []
    for number, row in enumerate(read_rows(file, [*_COLUMNS.values(), "Type", "Machine failure"]), start=2):
        try:
            numbers = [float(row[column] or "nan") for column in _COLUMNS.values()]
            is_wrong.append(bool(int(row["Machine failure"])))
        except ValueError as error:
            raise EvaluateError(f"{file}, line {number}: {error}. Give it in the set's own layout.") from error
        measured.append([*numbers, _GRADES.get(row["Type"], math.nan)])
    return Machines(file, np.array(measured).reshape(-1, len(_COLUMNS) + 1), np.array(is_wrong, np.bool_))


def features(measured: FloatArray) -> FloatArray:
    """Return all features [n, 9] of what was measured [n, 6], in the order of `FEATURES`; NaN where unknown."""
    air_k, process_k, speed_rpm, torque_nm, wear_min = measured[:, :5].T
    power_w = torque_nm * speed_rpm * (2 * np.pi / 60)
    return np.column_stack([measured, power_w, process_k - air_k, wear_min * torque_nm])


def transcribed(rows: FloatArray) -> BoolArray:
    """Return where the rules that the set's documentation gives say failure (heat, power, overstrain); tool wear is chance."""
    speed_rpm, grade, power_w, rise_k, strain = rows[:, 2], rows[:, 5], rows[:, 6], rows[:, 7], rows[:, 8]
    heat = (rise_k < 8.6) & (speed_rpm < 1380)
    power = (power_w < 3500) | (power_w > 9000)
    return heat | power | (strain > 11_000 + 1000 * grade)


def product(forest: Forest) -> ProductType:
    """Return the machine as a product type: one limit, on the probability that the forest gives."""
    signals = {name: Signal(name, name, "", Kind.COUNTER, (0, 1e6)) for name in (*_COLUMNS, "grade")}

    def probability(columns: Columns) -> FloatArray:
        measured = np.column_stack([columns.counter(name) for name in signals])
        return forest.probability(features(measured))[:, None]

    limit = Limit("fails", "The machine fails", _COMPONENT, "failure", "above", THRESHOLD, THRESHOLD, 0, 0)
    return ProductType(
        name="milling_machine",
        title="Milling machine",
        signals=signals,
        features={"failure": Feature("failure", "Probability of failure", "", probability)},
        monitors=(limit,),
        faults={},
        remedies={},
        components={_COMPONENT: "Spindle"},
        plots={},
        decode=no_messages,
        cadence_s=60.0,
        lateness_s=0.0,
        false_requests_per_device_year=0.0,
        late_after_s=3600.0,
    )
