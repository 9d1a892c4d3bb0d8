"""The product type `smart_meter`: all that the desk knows about meters of electricity, gas, water and heat."""

from typing import Final

from devices.product import Plot, ProductType
from devices.products.smart_meter.checks import CHECKS
from devices.products.smart_meter.costs import GUIDES, RATES
from devices.products.smart_meter.decode import decode
from devices.products.smart_meter.faults import COMPONENTS, FAULTS
from devices.products.smart_meter.features import FEATURES
from devices.products.smart_meter.ladders import LADDERS
from devices.products.smart_meter.modes import MODES
from devices.products.smart_meter.monitors import MONITORS
from devices.products.smart_meter.reliability import RELIABILITY
from devices.products.smart_meter.remedies import REMEDIES
from devices.products.smart_meter.signals import SIGNALS

_ELECTRICITY: Final = Plot("import_wh", "Electricity used", "kWh", 0.001)
_GAS: Final = Plot("gas_l", "Gas used", "m³", 0.001)
_WATER: Final = Plot("water_l", "Water used", "m³", 0.001)
_HEAT: Final = Plot("heat_wh", "Heat used", "kWh", 0.001)
_HEATING_WATER: Final = Plot("heat_l", "Heating water", "m³", 0.001)
_RETURN: Final = Plot("heat_return_degc", "Return temperature", "°C")
_VOLTAGES: Final = Plot("voltages_v", "Voltages", "V")
_BATTERY: Final = Plot("battery_v", "Meter battery", "V")
_CLOCK: Final = Plot("clock_offset_s", "Clock offset", "s")
_REGISTER_TROUBLES: Final = ("restarts", "back", "jumps", "unsteady", "stuck")

PRODUCT: Final = ProductType(
    name="smart_meter",
    title="Smart meter",
    signals=SIGNALS,
    features=FEATURES,
    monitors=MONITORS,
    faults=FAULTS,
    remedies=REMEDIES,
    components=COMPONENTS,
    checks=CHECKS,
    reliability=RELIABILITY,
    plots={
        **{f"electricity_{trouble}": _ELECTRICITY for trouble in _REGISTER_TROUBLES},
        "terminal_hot": Plot("terminal_temp_degc", "Terminal temperature", "°C"),
        "voltage_low": _VOLTAGES,
        "voltage_high": _VOLTAGES,
        "phases_apart": _VOLTAGES,
        **{f"gas_{trouble}": _GAS for trouble in _REGISTER_TROUBLES},
        "gas_flows_closed": _GAS,
        **{f"water_{trouble}": _WATER for trouble in _REGISTER_TROUBLES},
        "water_counts_less": _WATER,
        **{f"heat_{trouble}": _HEAT for trouble in _REGISTER_TROUBLES},
        **{f"heat_volume_{trouble}": _HEATING_WATER for trouble in _REGISTER_TROUBLES},
        "heat_backwards": _RETURN,
        "heat_cools_less": _RETURN,
        "water_never_rests": _WATER,
        "water_bursts": _WATER,
        "battery_ebbs": _BATTERY,
        "battery_shifted": _BATTERY,
        "battery_low": _BATTERY,
        "battery_code": _BATTERY,
        "clock_off": _CLOCK,
        "clock_code": _CLOCK,
        "cover_open": Plot("is_cover_open", "Cover open", ""),
    },
    decode=decode,
    cadence_s=3600.0,
    lateness_s=3 * 86_400.0,
    false_requests_per_device_year=0.05,
    late_after_s=3 * 3600.0,
    modes=MODES,
    ladders=LADDERS,
    rates=RATES,
    guides=GUIDES,
)
