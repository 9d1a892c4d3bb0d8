"""The product type `electric_vehicle`: all that the desk knows about electric vehicles."""

from typing import Final

from devices.product import Plot, ProductType
from devices.products.electric_vehicle.checks import CHECKS
from devices.products.electric_vehicle.costs import GUIDES, RATES
from devices.products.electric_vehicle.decode import decode
from devices.products.electric_vehicle.faults import COMPONENTS, FAULTS
from devices.products.electric_vehicle.features import FEATURES
from devices.products.electric_vehicle.ladders import LADDERS
from devices.products.electric_vehicle.modes import MODES
from devices.products.electric_vehicle.monitors import MONITORS
from devices.products.electric_vehicle.reliability import RELIABILITY
from devices.products.electric_vehicle.remedies import REMEDIES
from devices.products.electric_vehicle.signals import SIGNALS

_CELLS: Final = Plot("cell_voltages_v", "Cells against the middle of their pack", "mV", 1000.0, against_median=True)
_PROBES: Final = Plot("probe_temps_degc", "Battery probe temperatures", "°C")
_INSULATION: Final = Plot("insulation_kohm", "Insulation resistance", "kΩ")
_LEVEL: Final = Plot("bms_level", "Battery warning level", "")
_LOW_VOLTAGE: Final = Plot("low_voltage_v", "12 V system", "V")
_HEALTH: Final = Plot("soh_pct", "State of health", "%")
_COOLANT: Final = Plot("coolant_temp_degc", "Coolant temperature", "°C")

PRODUCT: Final = ProductType(
    name="electric_vehicle",
    title="Electric vehicle",
    signals=SIGNALS,
    features=FEATURES,
    monitors=MONITORS,
    faults=FAULTS,
    remedies=REMEDIES,
    components=COMPONENTS,
    checks=CHECKS,
    reliability=RELIABILITY,
    plots={
        "cell_leaves_pack": _CELLS,
        "cell_too_low": _CELLS,
        "cell_too_high": _CELLS,
        "cells_missing": _CELLS,
        "probes_missing": _PROBES,
        "probe_leaves_pack": _PROBES,
        "battery_failing": _PROBES,
        "battery_hot": _PROBES,
        "insulation_low": _INSULATION,
        "insulation_lost": _INSULATION,
        "isolation_code": _INSULATION,
        "warning_level_2": _LEVEL,
        "warning_level_3": _LEVEL,
        "battery_code": _CELLS,
        "battery_worn": _HEALTH,
        "battery_ages": _HEALTH,
        "low_voltage_low": _LOW_VOLTAGE,
        "low_voltage_high": _LOW_VOLTAGE,
        "low_voltage_code": _LOW_VOLTAGE,
        "coolant_hot": _COOLANT,
        "coolant_runs_hotter": _COOLANT,
        "cooling_code": _COOLANT,
        "tyre_soft": Plot("tyre_pressures_kpa", "Tyre pressures", "kPa"),
        "brake_pad_thin": Plot("brake_pads_mm", "Brake pads", "mm"),
    },
    decode=decode,
    cadence_s=60.0,
    lateness_s=6 * 3600.0,
    false_requests_per_device_year=0.05,
    safety_text="Please bring it to a stop in a safe place, switch it off and leave it as soon as you safely can.",
    late_after_s=3 * 86_400.0,
    sleeps=True,
    modes=MODES,
    ladders=LADDERS,
    rates=RATES,
    guides=GUIDES,
)
