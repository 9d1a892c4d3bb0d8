"""What can be made wrong with smart meters, and with the pipes and wires behind them, on purpose, by kind."""

import numpy as np

from simulators.kinds import Act, Kind
from simulators.plants.meter_strain import MeterStrain


def _to_severity(field: str, sign: float = 1.0) -> Act:
    """Make a kind that sets one number of the strain to its severity at the onset."""

    def act(strain: MeterStrain, meter: int, _channel: int, severity: float, _hours: float) -> None:
        getattr(strain, field)[meter] = sign * severity

    return act


def _to_share(field: str) -> Act:
    def act(strain: MeterStrain, meter: int, _channel: int, severity: float, _hours: float) -> None:
        getattr(strain, field)[meter] = severity / 100

    return act


def _flag(field: str) -> Act:
    def act(strain: MeterStrain, meter: int, _channel: int, _severity: float, _hours: float) -> None:
        getattr(strain, field)[meter] = True

    return act


def _contact_heating(strain: MeterStrain, meter: int, _channel: int, severity: float, hours: float) -> None:
    # A bad contact heats itself, which makes it worse: it takes some hours to its end.
    strain.terminal_heat_k[meter] = severity * (1 - float(np.exp(-hours / 3)))


def _battery_knee(strain: MeterStrain, meter: int, _channel: int, severity: float, hours: float) -> None:
    strain.battery_used[meter] = severity / 100 * hours / 24


def _battery_passivation(strain: MeterStrain, meter: int, _channel: int, severity: float, hours: float) -> None:
    # A layer grows on the lithium and resists the current: the voltage under load falls long before the charge is gone.
    strain.battery_sag_v[meter] = severity / 1000 * hours / 24


def _clock_drift(strain: MeterStrain, meter: int, _channel: int, severity: float, hours: float) -> None:
    strain.clock_off_s[meter] = severity * hours / 24


def _gas_valve_leak(strain: MeterStrain, meter: int, _channel: int, severity: float, _hours: float) -> None:
    strain.gas_valve_closed[meter] = True
    strain.gas_leak_l_h[meter] = severity


KINDS: dict[str, Kind] = {
    "water_leak": Kind(_to_severity("water_leak_l_h"), "l/h", 3.0, ("water_l",), 1, "water leaks"),
    "water_burst": Kind(_to_severity("water_leak_l_h"), "l/h", 500.0, ("water_l",), 1, "a water pipe has burst"),
    "water_stuck": Kind(_flag("water_stuck"), "1", 1.0, ("water_l",), 1, "the water register stands still"),
    "water_rollback": Kind(
        _to_severity("water_off_l", -1), "l", 5000.0, ("water_l",), 1, "the register was turned back"
    ),
    "water_exchange": Kind(_flag("water_exchanged"), "1", 1.0, ("water_l",), 1, "another water meter hangs there"),
    "backflow": Kind(_to_severity("backflow_per_day"), "times/day", 6.0, ("water_l",), 1, "water flows back and forth"),
    "electricity_jump": Kind(
        _to_severity("electricity_off_wh"), "Wh", 2e6, ("import_wh",), 1, "the electricity register jumps"
    ),
    "electricity_stuck": Kind(_flag("electricity_stuck"), "1", 1.0, ("import_wh",), 1, "the register stands still"),
    "contact_heating": Kind(_contact_heating, "K", 110.0, ("terminal_temp_degc",), 1, "a terminal is loose and hot"),
    "lost_neutral": Kind(_to_severity("neutral_shift"), "1", 0.4, ("voltages_v",), 1, "the neutral is interrupted"),
    "gas_rollback": Kind(_to_severity("gas_off_l", -1), "l", 8000.0, ("gas_l",), 1, "the gas register was turned back"),
    "gas_stuck": Kind(_flag("gas_stuck"), "1", 1.0, ("gas_l",), 1, "the gas register stands still"),
    "gas_valve_leak": Kind(_gas_valve_leak, "l/h", 40.0, ("gas_l",), 1, "the closed gas valve lets gas through"),
    "battery_knee": Kind(_battery_knee, "%/day", 25.0, ("battery_v",), 1, "the battery is used up"),
    "battery_passivation": Kind(
        _battery_passivation, "mV/day", 20.0, ("battery_v",), 1, "the battery's resistance grows"
    ),
    "heat_stuck": Kind(_flag("heat_stuck"), "1", 1.0, ("heat_wh",), 1, "the heat register stands still"),
    "heat_rollback": Kind(
        _to_severity("heat_off_wh", -1), "Wh", 5e5, ("heat_wh",), 1, "the heat register was turned back"
    ),
    "heat_swapped": Kind(
        _flag("heat_swapped"), "1", 1.0, ("heat_supply_degc", "heat_return_degc"), 1, "the sensors are swapped"
    ),
    "heat_valve_leak": Kind(
        _to_severity("heat_return_k"), "K", 15.0, ("heat_return_degc",), 1, "the heating's valve does not close"
    ),
    "clock_drift": Kind(_clock_drift, "s/day", 60.0, ("clock_offset_s",), 1, "the clock runs fast", ("set_clock",)),
    "tamper": Kind(_flag("cover_open"), "1", 1.0, ("is_cover_open", "event_codes"), 1, "the cover was opened"),
    "bus_dead": Kind(
        _flag("bus_dead"),
        "1",
        1.0,
        ("gas_l", "water_l", "event_codes"),
        1,
        "gas and water are not heard",
        ("restart_communication_module",),
    ),
    "electricity_exchange": Kind(
        _flag("electricity_exchanged"), "1", 1.0, ("import_wh",), 1, "another electricity meter hangs there"
    ),
    "gas_exchange": Kind(_flag("gas_exchanged"), "1", 1.0, ("gas_l",), 1, "another gas meter hangs there"),
    "heat_exchange": Kind(
        _flag("heat_exchanged"), "1", 1.0, ("heat_wh", "heat_l"), 1, "another heat meter hangs there"
    ),
    "fewer_people": Kind(
        _to_share("water_use_share"), "% of the use", 20.0, ("water_l",), 1, "fewer people live there: no fault at all"
    ),
    "supply_sag": Kind(
        _to_share("supply_share"), "% of the voltage", 80.0, ("voltages_v",), 1, "the grid's voltage is too low"
    ),
    "own_event": Kind(
        _flag("own_event"),
        "1",
        1.0,
        ("event_codes",),
        1,
        "it reports an event that names no cause",
        ("clear_event_register", "renew_firmware"),
    ),
    "radio_dead": Kind(_flag("mute"), "1", 1.0, (), 1, "its radio is dead: nothing is heard of it"),
    "water_bypass": Kind(
        _to_severity("water_share"), "share counted", 0.3, ("water_l",), 1, "part of the water flows past the meter"
    ),
}
