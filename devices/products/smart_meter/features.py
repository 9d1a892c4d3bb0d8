"""What is derived from a smart meter's sample before it is watched."""

from typing import Final

import numpy as np

from devices.product import Feature
from devices.readings import Columns, FloatArray

# Between the supplies of 100 to 127 V and those of 220 to 240 V.
_BETWEEN_V: Final = 160.0
_LOW_NOMINAL_V: Final = 115.0
_HIGH_NOMINAL_V: Final = 230.0
# Below this a phase is not connected, or the supply is off: no statement about its quality.
_ALIVE_V: Final = 40.0


def _electricity_registers(columns: Columns) -> FloatArray:
    """All electricity registers in Wh, [n, 6]."""
    names = ("import_wh", "import_tariff1_wh", "import_tariff2_wh", "export_wh", "export_tariff1_wh", "export_tariff2_wh")
    return np.column_stack([_sound(columns, name) for name in names])


def _live_import(columns: Columns) -> FloatArray:
    """The import register in Wh while the supply is on: switched off, it rightly stands still."""
    return np.where(columns.array("is_supply_on") == 0, np.nan, _sound(columns, "import_wh"))[:, None]


def _gas(columns: Columns) -> FloatArray:
    return _sound(columns, "gas_l")[:, None]


def _closed_gas(columns: Columns) -> FloatArray:
    """The gas register in litres while its valve is closed."""
    return np.where(columns.array("is_gas_valve_open") == 0, _sound(columns, "gas_l"), np.nan)[:, None]


def _water(columns: Columns) -> FloatArray:
    return _sound(columns, "water_l")[:, None]


def _sound(columns: Columns, signal: str) -> FloatArray:
    """A register as it is, without values that no register can show."""
    register = columns.counter(signal)
    with np.errstate(invalid="ignore"):
        return np.where((register >= 0) & (register < 2.0**53), register, np.nan)


def _live_voltages(columns: Columns) -> FloatArray:
    voltages = columns.matrix("voltages_v")
    with np.errstate(invalid="ignore"):
        return np.where((voltages > _ALIVE_V) & (voltages < 1e6), voltages, np.nan)


def _voltage_share(columns: Columns) -> FloatArray:
    """Each phase in per cent of the nominal voltage that it belongs to."""
    voltages = _live_voltages(columns)
    with np.errstate(invalid="ignore"):
        return voltages / np.where(voltages < _BETWEEN_V, _LOW_NOMINAL_V, _HIGH_NOMINAL_V) * 100.0


def _voltage_gap(columns: Columns) -> FloatArray:
    """Highest less lowest live phase in V; NaN with fewer than two."""
    voltages = _live_voltages(columns)
    if voltages.shape[1] == 0:
        return np.full((len(voltages), 1), np.nan)
    gap = np.fmax.reduce(voltages, axis=1) - np.fmin.reduce(voltages, axis=1)
    return np.where((~np.isnan(voltages)).sum(axis=1) > 1, gap, np.nan)[:, None]


def _clock_error(columns: Columns) -> FloatArray:
    return np.abs(columns.array("clock_offset_s"))[:, None]


def _scalar(signal: str, title: str, unit: str) -> Feature:
    return Feature(signal, title, unit, lambda columns: columns.array(signal)[:, None])


FEATURES: Final = {
    feature.name: feature
    for feature in (
        Feature("electricity_register_wh", "Electricity register", "Wh", _electricity_registers, element="Register"),
        Feature("live_import_wh", "Electricity used while switched on", "Wh", _live_import),
        Feature("voltage_share_pct", "Voltage against the nominal one", "%", _voltage_share, element="Phase"),
        Feature("voltage_gap_v", "Voltage between the phases", "V", _voltage_gap),
        _scalar("terminal_temp_degc", "Terminal temperature", "°C"),
        Feature("gas_register_l", "Gas register", "l", _gas),
        Feature("closed_gas_l", "Gas register while the valve is closed", "l", _closed_gas),
        Feature("water_register_l", "Water register", "l", _water),
        _scalar("battery_v", "Meter battery", "V"),
        Feature("clock_error_s", "Clock error", "s", _clock_error),
        _scalar("is_cover_open", "Cover open", ""),
        Feature("meter_event", "Meter event", "", of_codes="event_codes"),
    )
}
