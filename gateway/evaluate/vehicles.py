"""Recordings of electric vehicles after GB/T 32960: their columns, their clock, and what in them is no value."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from devices.instants import from_us, to_us
from devices.readings import FloatArray, IntArray
from diagnostics.conditions import BoolArray
from gateway.evaluate.folder import read_rows
from gateway.evaluate.report import EvaluateError

_CHINA: Final = ZoneInfo("Asia/Shanghai")
_FORM: Final = "%Y-%m-%d %H:%M:%S"
_NO_VALUE: Final = (255.0, 511.0, 65535.0)
_NO_LEVEL: Final = (254.0, 255.0)
_RAW_OFFSET: Final = 40.0
# A stop, and the share of a recording in which one is looked for.
_STOP_US: Final = 1_800_000_000
_LARGEST_SHARE: Final = 0.25
# Rows by which it is told whether probes are raw.
_TELLING: Final = 100
_SCALARS: Final = {
    "pack_voltage_v": ("BMSBatteryVoltage", 1.0, _NO_VALUE[2:]),
    "pack_current_a": ("BMSBatteryCurrent", -1.0, _NO_VALUE[2:]),
    "soc_pct": ("vehBMSPackSOC", 1.0, _NO_LEVEL),
    "bms_level": ("BMSWarningInformation", 1.0, _NO_LEVEL),
    "insulation_kohm": ("insulationResistance", 1.0, (65534.0, 65535.0)),
    "odometer_m": ("vehOdo", 1000.0, ()),
    "speed_kmh": ("vehSpeed", 1.0, (6553.4, 6553.5)),
}


@dataclass(frozen=True, slots=True)
class Recording:
    """One vehicle: `at_us` int64 [n] in order, each signal float64 [n] or [n, w] with NaN.

    `carries_cells` bool [n] says which rows say anything of cells, be it that there is no value; `untimed` counts rows that
    had no time.
    """

    name: str
    at_us: IntArray
    signals: Mapping[str, FloatArray]
    cell_names: Sequence[str]
    carries_cells: BoolArray
    untimed: int


def read(file: Path) -> Recording:
    """Read one vehicle's file.

    Raises
    ------
    EvaluateError
        When it is not in the set's columns, or has no row with a time.
    """
    name = re.sub(r"(_processed)?\.(zip|csv|csv\.gz)$", "", file.name)
    rows = list(read_rows(file, ["tboxTime", "V_1"]))
    timed = [(at_us, row) for row in rows if (at_us := _at_us(row["tboxTime"])) is not None]
    if not timed:
        raise EvaluateError(f"{file} has no row with a time such as 2019-04-15 18:09:06 in tboxTime.")
    # As production takes them in: by claimed time.
    timed.sort(key=lambda one: one[0])
    at_us, kept = np.array([at_us for at_us, _ in timed], dtype=np.int64), [row for _, row in timed]
    columns = list(rows[0])
    cells, probes = _numbered(columns, "V_"), _numbered(columns, "T_")
    signals = {
        signal: _cleared(_numbers(kept, [column])[:, 0], none) * scale
        for signal, (column, scale, none) in _SCALARS.items()
        if column in columns
    }
    said = _numbers(kept, cells)
    signals["cell_voltages_v"] = _cleared(said, _NO_VALUE)
    if probes:
        raw = _cleared(_numbers(kept, probes), (*_NO_VALUE, 254.0))
        highest = _numbers(kept, ["BMSProbeTempMax"])[:, 0] if "BMSProbeTempMax" in columns else None
        signals["probe_temps_degc"] = raw - probe_offset(raw, highest)
    return Recording(name, at_us, signals, cells, np.asarray(~np.isnan(said).all(axis=1)), len(rows) - len(timed))


def probe_offset(raw: FloatArray, highest: FloatArray | None) -> float:
    """Tell whether probes are raw, in kelvin to take off: by the first rows that have both them and the highest one.

    Parameters
    ----------
    raw : float64 [n, w]
        Probes as they came, NaN for no value.
    highest : float64 [n] or None
        The battery's own highest probe in °C.

    Examples
    --------
    >>> probe_offset(np.array([[66.0, 65.0], [66.0, np.nan]]), np.array([26.0, 26.0]))
    40.0
    >>> probe_offset(np.array([[26.0, 25.0]]), np.array([26.0]))
    0.0
    """
    if highest is None:
        return _RAW_OFFSET
    apart = np.fmax.reduce(raw, axis=1, initial=-np.inf) - _cleared(highest, _NO_VALUE)
    apart = apart[np.isfinite(apart)][:_TELLING]
    return _RAW_OFFSET if not len(apart) or np.median(apart) > _RAW_OFFSET / 2 else 0.0


def cropped(recording: Recording, kept: slice) -> Recording:
    """Return some rows of a recording."""
    signals = {name: values[kept] for name, values in recording.signals.items()}
    return Recording(
        recording.name,
        recording.at_us[kept],
        signals,
        recording.cell_names,
        recording.carries_cells[kept],
        recording.untimed,
    )


def driven_twice(recording: Recording, chance: np.random.Generator) -> Recording:
    """Return a recording whose beginning, up to a stop in its first quarter, comes twice; as it is where there is none.

    A vehicle that stood for half an hour may be found charged, cooled or warmed, so the join is one that a recording has
    anyway. The odometer goes on from what it was at that stop.
    """
    rows = max(int(len(recording.at_us) * _LARGEST_SHARE), 1)
    stops = np.flatnonzero(np.diff(recording.at_us[:rows]) >= _STOP_US) + 1
    if not len(stops):
        return recording
    twice = int(stops[chance.integers(len(stops))])
    signals = {name: np.concatenate([values[:twice], values]) for name, values in recording.signals.items()}
    if (odometer := recording.signals.get("odometer_m")) is not None:
        signals["odometer_m"] = np.concatenate([odometer[:twice], odometer + _driven_m(odometer, twice)])
    shift_us = recording.at_us[twice] - recording.at_us[0]
    return Recording(
        recording.name,
        np.concatenate([recording.at_us[:twice] - shift_us, recording.at_us]),
        signals,
        recording.cell_names,
        np.concatenate([recording.carries_cells[:twice], recording.carries_cells]),
        recording.untimed,
    )


def _driven_m(odometer: FloatArray, twice: int) -> float:
    """Return what was driven in the rows that come twice; nothing where the odometer is not known."""
    known = odometer[: twice + 1][~np.isnan(odometer[: twice + 1])]
    return float(known[-1] - known[0]) if len(known) else 0.0


def _numbered(columns: Sequence[str], start: str) -> list[str]:
    """Return the columns of like parts in order of their numbers."""
    found = [column for column in columns if re.fullmatch(re.escape(start) + r"\d+", column)]
    return sorted(found, key=lambda column: int(column.removeprefix(start)))


def _numbers(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> FloatArray:
    return np.array([[_number(row[column]) for column in columns] for row in rows], dtype=np.float64).reshape(
        len(rows), -1
    )


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")


def _cleared(values: FloatArray, none: Sequence[float]) -> FloatArray:
    return np.where(np.isin(values, none) | np.isinf(values), np.nan, values)


def _at_us(text: str | None) -> int | None:
    try:
        return to_us(datetime.strptime(text or "", _FORM).replace(tzinfo=_CHINA))
    except (ValueError, OverflowError):
        return None


def clock(at_us: int | None) -> str | None:
    """Return an instant in the recording's own clock."""
    return None if at_us is None else f"{from_us(at_us).astimezone(_CHINA):{_FORM}}"
