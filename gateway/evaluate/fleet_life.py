"""The life of a fleet, hour by hour: simulated by a plan that stands in a file, or read from a folder with its labels.

Nothing here knows how shifts are found.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from devices.readings import FloatArray, IntArray
from gateway.evaluate.folder import find_files, read_rows
from gateway.evaluate.report import EvaluateError

H_US: Final = 3_600_000_000
# Simulated fleets begin on a Monday.
_BEGINS_US: Final = 1_735_516_800_000_000
_WARMS_UP_H: Final = 100
_LATEST_H: Final = 48
_NAME: Final = "fleet.toml"


class Plan(BaseModel):
    """What is simulated; the keys are explained in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    seed: int
    devices: Annotated[int, Field(ge=2)]
    days: Annotated[int, Field(ge=1)]
    likeness: Annotated[float, Field(ge=0, lt=1)]
    freedom: Annotated[float, Field(gt=2)]
    shifts: Annotated[int, Field(ge=0)]
    shift_sigmas: float
    from_day: int
    to_day: int
    within_h: float


@dataclass(frozen=True, slots=True)
class Life:
    """Hours of n devices.

    Parameters
    ----------
    devices : sequence of str
        Their names, [n].
    begins_us : int
        Of the first hour, in microseconds since 1970.
    length_h : int
        Number of hours.
    onsets_us, ends_us : int64 [n]
        From when to when a device is faulty; the largest integer where never.
    within_h : float
        Within which time after its onset a fault counts as found.
    hours : iterator of float64 [n]
        The values of each hour, NaN where there is none.
    """

    devices: Sequence[str]
    begins_us: int
    length_h: int
    onsets_us: IntArray
    ends_us: IntArray
    within_h: float
    hours: Iterator[FloatArray]


NEVER: Final = int(np.iinfo(np.int64).max)


def load_plan(folder: Path) -> Plan:
    """Return the plan of a folder, or this package's own one.

    Raises
    ------
    EvaluateError
        When the folder's plan cannot be read.
    """
    own = folder / _NAME
    text = own.read_text("utf-8") if own.is_file() else files("gateway.evaluate").joinpath(_NAME).read_text("utf-8")
    try:
        return Plan.model_validate(tomllib.loads(text))
    except (ValidationError, tomllib.TOMLDecodeError) as error:
        raise EvaluateError(f"{own} is no plan of a fleet: {error}. See gateway/evaluate/{_NAME}.") from error


def simulated(plan: Plan, crop_seed: int | None) -> Life:
    """Return the life that a plan describes; with a crop the chance is another, and devices begin up to two days late."""
    chance = np.random.default_rng([plan.seed, 0 if crop_seed is None else crop_seed + 1])
    faulty = chance.choice(plan.devices, min(plan.shifts, plan.devices), replace=False)
    onset_h = chance.integers(plan.from_day * 24, plan.to_day * 24, len(faulty))
    up = chance.choice([-1.0, 1.0], len(faulty))
    onsets_us = np.full(plan.devices, NEVER)
    onsets_us[faulty] = _BEGINS_US + onset_h * H_US
    begins_h = np.full(plan.devices, plan.days * 24)
    begins_h[faulty] = onset_h
    sigma = (plan.freedom / (plan.freedom - 2) / (1 - plan.likeness**2)) ** 0.5
    shift = np.zeros(plan.devices)
    shift[faulty] = up * plan.shift_sigmas * sigma

    late_h = chance.integers(0, _LATEST_H, plan.devices) if crop_seed is not None else np.zeros(plan.devices, np.int64)

    def hours() -> Iterator[FloatArray]:
        value = np.zeros(plan.devices)
        for hour in range(-_WARMS_UP_H, plan.days * 24):
            value = plan.likeness * value + chance.standard_t(plan.freedom, plan.devices)
            if hour >= 0:
                said = value + np.where(begins_h <= hour, shift, 0.0)
                yield said if hour >= _LATEST_H else np.where(late_h <= hour, said, np.nan)

    names = [str(device) for device in range(plan.devices)]
    ends_us = np.full(plan.devices, NEVER)
    return Life(names, _BEGINS_US, plan.days * 24, onsets_us, ends_us, plan.within_h, hours())


def recorded(folder: Path, labels: Path, within_h: float) -> Life:
    """Return the life that a folder holds, already injected.

    Parameters
    ----------
    folder : Path
        Either one .npy file, a matrix of hours and devices, or CSV files (device, at, value): `at` as ISO 8601 or in
        hours; values of one hour are averaged.
    labels : Path
        CSV (device, fault, onset, end). Devices of a matrix are called by their columns, counted from 0; `onset` and
        `end` are instants or hours as `at` is, hours of a matrix are counted from 0; without `end` a fault lasts.
    within_h : float
        Within which time after its onset a fault counts as found.

    Raises
    ------
    EvaluateError
        When data or labels cannot be read, or do not fit each other.
    """
    found = find_files(folder, "fleet", "*.npy", "*.csv", "*.csv.gz", "*.zip")
    data = [file for file in found if file.resolve() != labels.resolve()]
    matrices = [file for file in data if file.suffix == ".npy"]
    if len(matrices) > 1 or not data:
        raise EvaluateError(f"--data {folder}: there are {len(data)} files of readings. Give one .npy, or CSV files.")
    devices, begins_us, matrix = _read_matrix(matrices[0]) if matrices else _read_csv(data)
    onsets_us, ends_us = _read_labels(labels, devices)
    hours = (np.asarray(row, np.float64) for row in matrix)
    return Life(devices, begins_us, len(matrix), onsets_us, ends_us, within_h, hours)


def _read_matrix(file: Path) -> tuple[Sequence[str], int, FloatArray]:
    try:
        matrix: FloatArray = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise EvaluateError(f"{file} cannot be read: {error}. Save it by numpy.save, without pickle.") from error
    if matrix.ndim != 2 or matrix.dtype.kind not in "fiu" or not matrix.size:
        raise EvaluateError(
            f"{file} holds {matrix.shape} of {matrix.dtype}: give a matrix of numbers [hours, devices]."
        )
    return [str(column) for column in range(matrix.shape[1])], 0, matrix


def _read_csv(data: Sequence[Path]) -> tuple[Sequence[str], int, FloatArray]:
    names: dict[str, int] = {}
    places: list[int] = []
    hours: list[int] = []
    values: list[float] = []
    for file in data:
        for row in read_rows(file, ("device", "at", "value")):
            try:
                value = float(row["value"] or "nan")
            except ValueError as error:
                raise EvaluateError(f"{file}: {row['value']!r} is no number. Leave unknown values empty.") from error
            places.append(names.setdefault(row["device"], len(names)))
            hours.append(instant_us(file, row["at"]) // H_US)
            values.append(value)
    if not values:
        raise EvaluateError(f"{data[0]} has no rows. Give at least one reading.")
    first, last = min(hours), max(hours)
    if last - first > 24 * 366 * 10:
        raise EvaluateError(
            f"{data[0]}: readings lie {last - first} hours apart. Are they of one fleet, in one kind of time?"
        )
    total, count = (np.zeros((last - first + 1, len(names))) for _ in range(2))
    known = ~np.isnan(values)
    where = np.array(hours)[known] - first, np.array(places)[known]
    np.add.at(total, where, np.array(values)[known])
    np.add.at(count, where, 1)
    with np.errstate(invalid="ignore"):
        return list(names), first * H_US, total / count


def _read_labels(file: Path, devices: Sequence[str]) -> tuple[IntArray, IntArray]:
    places: Mapping[str, int] = {name: place for place, name in enumerate(devices)}
    onsets_us, ends_us = np.full(len(devices), NEVER), np.full(len(devices), NEVER)
    if not file.is_file():
        raise EvaluateError(f"--labels {file}: there is no such file. Name a CSV (device, fault, onset, end).")
    for row in read_rows(file, ("device", "onset")):
        if row["device"] not in places:
            raise EvaluateError(f"{file} names device {row['device']!r}, which has no readings.")
        place = places[row["device"]]
        if onsets_us[place] != NEVER:
            raise EvaluateError(f"{file} names device {row['device']!r} twice: one fault for each device is scored.")
        onsets_us[place] = instant_us(file, row["onset"])
        if row.get("end"):
            ends_us[place] = instant_us(file, row["end"])
    return onsets_us, ends_us


def instant_us(file: Path, text: str) -> int:
    """Return an instant, given as ISO 8601 (UTC where nothing is said) or in hours, in microseconds since 1970.

    >>> instant_us(Path("x"), "2.5"), instant_us(Path("x"), "1970-01-01T01:00:00")
    (9000000000, 3600000000)
    """
    try:
        return int(float(text) * H_US)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise EvaluateError(f"{file}: {text!r} is no instant. Write ISO 8601, or hours.") from error
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1e6)
