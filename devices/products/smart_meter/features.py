"""What is derived from a smart meter's sample before it is watched."""

from typing import Final

import numpy as np

from devices.product import Feature
from devices.readings import Columns, FloatArray

# A meter does not say for which supply it was built: 100 V (Japan), 120 V (the Americas) or 220 to 240 V.
_NOMINAL_V: Final = np.array([100.0, 120.0, 230.0])
_BETWEEN_V: Final = np.array([110.0, 160.0])
# Below this a phase is not connected, or the supply is off: no statement about its quality.
_ALIVE_V: Final = 40.0
# Below these the heating stands: a register may rightly rest, and standing water takes the cellar's temperature.
_FLOWS_L_H: Final = 5.0
_WARMS_W: Final = 100.0
_COOLS_L_H: Final = 20.0


def _electricity_registers(columns: Columns) -> FloatArray:
    """All electricity registers in Wh, [n, 6]."""
    names = (
        "import_wh",
        "import_tariff1_wh",
        "import_tariff2_wh",
        "export_wh",
        "export_tariff1_wh",
        "export_tariff2_wh",
    )
    return np.column_stack([_sound(columns, name) for name in names])


def _live_import(columns: Columns) -> FloatArray:
    """The import register in Wh while the supply is on: switched off, it rightly stands still.

    Meters that count by tariffs alone, as behind a P1 port, are taken by the sum of these.
    """
    whole = _sound(columns, "import_wh")
    by_tariffs = _sound(columns, "import_tariff1_wh") + _sound(columns, "import_tariff2_wh")
    used = np.where(np.isnan(whole), by_tariffs, whole)
    return np.where(columns.array("is_supply_on") == 0, np.nan, used)[:, None]


def _gas(columns: Columns) -> FloatArray:
    return _sound(columns, "gas_l")[:, None]


def _closed_gas(columns: Columns) -> FloatArray:
    """The gas register in litres while its valve is closed."""
    return np.where(columns.array("is_gas_valve_open") == 0, _sound(columns, "gas_l"), np.nan)[:, None]


def _water(columns: Columns) -> FloatArray:
    return _sound(columns, "water_l")[:, None]


def _heat(columns: Columns) -> FloatArray:
    return _sound(columns, "heat_wh")[:, None]


def _heat_volume(columns: Columns) -> FloatArray:
    return _sound(columns, "heat_l")[:, None]


def _flowing_heat(columns: Columns) -> FloatArray:
    """The heat register in Wh while water flows, or where no flow is told: with standing water it rightly stands."""
    with np.errstate(invalid="ignore"):
        stands = columns.array("heat_flow_l_h") <= _FLOWS_L_H
    return np.where(stands, np.nan, _sound(columns, "heat_wh"))[:, None]


def _warming_volume(columns: Columns) -> FloatArray:
    """The register of heating water in l while it gives heat, or where no power is told."""
    with np.errstate(invalid="ignore"):
        stands = columns.array("heat_power_w") <= _WARMS_W
    return np.where(stands, np.nan, _sound(columns, "heat_l"))[:, None]


def _heat_spread(columns: Columns) -> FloatArray:
    """By how many kelvin the flowing water cools in the house."""
    with np.errstate(invalid="ignore", over="ignore"):
        spread = columns.array("heat_supply_degc") - columns.array("heat_return_degc")
        return np.where(columns.array("heat_flow_l_h") >= _COOLS_L_H, spread, np.nan)[:, None]


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
    return voltages / _nominal(voltages) * 100.0


def _voltage_gap(columns: Columns) -> FloatArray:
    """Highest less lowest live phase, in per cent of the highest one's nominal voltage; NaN with fewer than two."""
    voltages = _live_voltages(columns)
    if voltages.shape[1] == 0:
        return np.full((len(voltages), 1), np.nan)
    highest, lowest = np.fmax.reduce(voltages, axis=1), np.fmin.reduce(voltages, axis=1)
    gap = (highest - lowest) / _nominal(highest) * 100.0
    return np.where((~np.isnan(voltages)).sum(axis=1) > 1, gap, np.nan)[:, None]


def _nominal(voltages: FloatArray) -> FloatArray:
    return _NOMINAL_V[np.searchsorted(_BETWEEN_V, voltages).clip(max=2)]


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
        Feature("voltage_gap_pct", "Voltage between the phases", "%", _voltage_gap),
        _scalar("terminal_temp_degc", "Terminal temperature", "°C"),
        Feature("gas_register_l", "Gas register", "l", _gas),
        Feature("closed_gas_l", "Gas register while the valve is closed", "l", _closed_gas),
        Feature("water_register_l", "Water register", "l", _water),
        Feature("heat_register_wh", "Heat register", "Wh", _heat),
        Feature("heat_volume_l", "Heating water register", "l", _heat_volume),
        Feature("flowing_heat_wh", "Heat used while water flows", "Wh", _flowing_heat),
        Feature("warming_volume_l", "Heating water while it gives heat", "l", _warming_volume),
        Feature("heat_spread_k", "Cooling of the heating water", "K", _heat_spread),
        _scalar("battery_v", "Meter battery", "V"),
        Feature("clock_error_s", "Clock error", "s", _clock_error),
        _scalar("is_cover_open", "Cover open", ""),
        Feature("meter_event", "Meter event", "", of_codes="event_codes"),
    )
}
