"""What is derived from an electric vehicle's sample before it is watched. Impossible values are counted, not hidden."""

from typing import Final

import numpy as np

from devices.product import Feature
from devices.readings import Columns, FloatArray

# Lithium cells of any chemistry live between these; outside, the cell or its measuring line is broken.
_CELL_LOWEST_V: Final = 1.5
_CELL_HIGHEST_V: Final = 4.6
# Outside of these a cell of the common nickel and iron chemistries is being destroyed, or its line is.
_CELL_LOWEST_SAFE_V: Final = 2.4
_CELL_HIGHEST_SAFE_V: Final = 4.4
_PROBE_HIGHEST_SAFE_DEGC: Final = 80.0
_STOP_LEVEL: Final = 2.5
_TYRE_HIGHEST_KPA: Final = 500.0
# From this speed on a car is being driven, and its coolant is moved and warmed.
_DRIVES_KMH: Final = 10.0
# Below this the pack is switched off and ohm per volt means nothing.
_PACK_ALIVE_V: Final = 50.0


def _possible_cells(columns: Columns) -> FloatArray:
    """Cell voltages in V, [n, cells], without the impossible ones: they would shift their peers' scale."""
    cells = columns.matrix("cell_voltages_v")
    return np.where((cells >= _CELL_LOWEST_V) & (cells <= _CELL_HIGHEST_V), cells, np.nan)


def _lowest_cell(columns: Columns) -> FloatArray:
    return _fold(np.fmin, columns.matrix("cell_voltages_v"))


def _highest_cell(columns: Columns) -> FloatArray:
    return _fold(np.fmax, columns.matrix("cell_voltages_v"))


def _missing_cells(columns: Columns) -> FloatArray:
    """Count of cells without a value in a sample that carries cells; NaN in one that carries none."""
    rows = columns.values.get("cell_voltages_v")
    if rows is None:
        return np.full((columns.length, 1), np.nan)
    sent = np.array([len(row) if isinstance(row, list) else np.nan for row in rows], dtype=np.float64)
    known = (~np.isnan(columns.matrix("cell_voltages_v"))).sum(axis=1)
    return (sent - known)[:, None]


def _missing_probes(columns: Columns) -> FloatArray:
    """Count of probes without a value in a sample that carries probes; NaN in one that carries none."""
    rows = columns.values.get("probe_temps_degc")
    if rows is None:
        return np.full((columns.length, 1), np.nan)
    sent = np.array([len(row) if isinstance(row, list) else np.nan for row in rows], dtype=np.float64)
    known = (~np.isnan(columns.matrix("probe_temps_degc"))).sum(axis=1)
    return (sent - known)[:, None]


def _coolant_rise(columns: Columns) -> FloatArray:
    """By how many kelvin the coolant is warmer than the air while the car is driven."""
    with np.errstate(invalid="ignore", over="ignore"):
        rise = columns.array("coolant_temp_degc") - columns.array("ambient_temp_degc")
        return np.where(columns.array("speed_kmh") >= _DRIVES_KMH, rise, np.nan)[:, None]


def _hottest_probe(columns: Columns) -> FloatArray:
    return _fold(np.fmax, columns.matrix("probe_temps_degc"))


def _insulation(columns: Columns) -> FloatArray:
    """Insulation in ohm per volt of the pack, the measure of ISO 6469-3 and GB 18384."""
    voltage = columns.array("pack_voltage_v")
    with np.errstate(invalid="ignore"):
        alive = np.where(voltage > _PACK_ALIVE_V, voltage, np.nan)
    return (columns.array("insulation_kohm") * 1000.0 / alive)[:, None]


def _battery_alarms(columns: Columns) -> FloatArray:
    """Count of independent battery channels beyond their safe range in one sample; NaN in one that carries none."""
    channels = np.hstack(
        [
            _beyond(_lowest_cell(columns) - _CELL_LOWEST_SAFE_V, -1),
            _beyond(_highest_cell(columns) - _CELL_HIGHEST_SAFE_V, 1),
            _beyond(_hottest_probe(columns) - _PROBE_HIGHEST_SAFE_DEGC, 1),
            _beyond(columns.array("bms_level")[:, None] - _STOP_LEVEL, 1),
        ]
    )
    known = ~np.isnan(channels).all(axis=1, keepdims=True)
    return np.where(known, np.nansum(channels, axis=1, keepdims=True), np.nan)


def _beyond(excess: FloatArray, sign: int) -> FloatArray:
    return np.where(np.isnan(excess), np.nan, np.where(excess * sign > 0, 1.0, 0.0))


def _tyre_share(columns: Columns) -> FloatArray:
    """Each tyre's pressure as a share of the highest of the four, in per cent: temperature and load cancel out."""
    tyres = columns.matrix("tyre_pressures_kpa")
    # A sensor stuck at an impossible value must not make its sound fellows look soft.
    tyres = np.where((tyres >= 0) & (tyres <= _TYRE_HIGHEST_KPA), tyres, np.nan)
    highest = _fold(np.fmax, tyres)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(highest > 0, tyres / highest * 100.0, np.nan)


def _fold(ufunc: np.ufunc, matrix: FloatArray) -> FloatArray:
    """Fold [n, width] to [n, 1], passing over NaN; NaN where a row has no value at all."""
    if matrix.shape[1] == 0:
        return np.full((matrix.shape[0], 1), np.nan)
    return ufunc.reduce(matrix, axis=1, keepdims=True)


def _scalar(signal: str, title: str, unit: str) -> Feature:
    return Feature(signal, title, unit, lambda columns: columns.array(signal)[:, None])


FEATURES: Final = {
    feature.name: feature
    for feature in (
        Feature("cell_v", "Cell voltage", "V", _possible_cells, element="Cell"),
        Feature("lowest_cell_v", "Lowest cell voltage", "V", _lowest_cell),
        Feature("highest_cell_v", "Highest cell voltage", "V", _highest_cell),
        Feature("missing_cells", "Cells without a value", "", _missing_cells),
        Feature("hottest_probe_degc", "Hottest battery probe", "°C", _hottest_probe),
        Feature("battery_alarms", "Battery channels beyond their safe range", "", _battery_alarms),
        Feature("insulation_ohm_per_v", "Insulation", "Ω/V", _insulation),
        Feature("tyre_share_pct", "Tyre pressure against the fullest tyre", "%", _tyre_share, element="Tyre"),
        Feature("brake_pad_mm", "Brake pad", "mm", lambda columns: columns.matrix("brake_pads_mm"), element="Brake"),
        Feature(
            "probe_degc",
            "Battery probe",
            "°C",
            lambda columns: columns.matrix("probe_temps_degc"),
            element="Probe",
        ),
        Feature("missing_probes", "Probes without a value", "", _missing_probes),
        Feature("coolant_rise_k", "Coolant above the air", "K", _coolant_rise),
        _scalar("bms_level", "Battery warning level", ""),
        _scalar("soh_pct", "State of health", "%"),
        _scalar("low_voltage_v", "12 V system", "V"),
        _scalar("coolant_temp_degc", "Coolant temperature", "°C"),
        _scalar("is_updating", "Software being updated", ""),
        Feature("dtc", "Trouble code", "", of_codes="dtcs"),
    )
}
