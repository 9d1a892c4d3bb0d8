"""What can be made wrong with electric vehicles on purpose, by kind."""

import numpy as np

from simulators.kinds import Kind
from simulators.plants.strain import WHEELS, Strain
from simulators.plants.traction_pack import CELLS, PROBES

_CAPACITY_AH = 172.0
_TYPICAL_SLOPE_V = 0.85
"""Volts that a cell falls when its whole charge is taken evenly, in the middle of its curve."""


def _weak_cell(strain: Strain, vehicle: int, cell: int, severity: float, _hours: float) -> None:
    strain.capacity_factor[vehicle, cell] = 1 - severity / 100


def _internal_short(strain: Strain, vehicle: int, cell: int, severity: float, _hours: float) -> None:
    strain.leak_a[vehicle, cell] = severity / 1000 / _TYPICAL_SLOPE_V * _CAPACITY_AH


def _loose_joint(strain: Strain, vehicle: int, cell: int, severity: float, _hours: float) -> None:
    strain.extra_resistance_ohm[vehicle, cell] = severity / 1000


def _cell_sensor_offset(strain: Strain, vehicle: int, cell: int, severity: float, _hours: float) -> None:
    strain.cell_offset_v[vehicle, cell] = severity / 1000


def _frozen_cell_sensor(strain: Strain, vehicle: int, cell: int, severity: float, _hours: float) -> None:
    (strain.cell_silent if severity >= 1 else strain.cell_held)[vehicle, cell] = True


def _frozen_probe(strain: Strain, vehicle: int, probe: int, severity: float, _hours: float) -> None:
    (strain.probe_silent if severity >= 1 else strain.probe_held)[vehicle, probe] = True


def _tyre_leak(strain: Strain, vehicle: int, wheel: int, severity: float, hours: float) -> None:
    strain.tyre_lost_kpa[vehicle, wheel] = severity * hours / 24


def _brake_wear(strain: Strain, vehicle: int, wheel: int, severity: float, hours: float) -> None:
    strain.brake_lost_mm[vehicle, wheel] = severity * hours / 24


def _weak_12v_battery(strain: Strain, vehicle: int, _channel: int, severity: float, hours: float) -> None:
    strain.low_voltage_drop_v[vehicle] = severity * min(1.0, hours / 6)


def _dcdc_failure(strain: Strain, vehicle: int, _channel: int, severity: float, hours: float) -> None:
    strain.has_dcdc[vehicle] = False
    strain.low_voltage_drop_v[vehicle] += severity * hours / 24


def _coolant_pump(strain: Strain, vehicle: int, _channel: int, severity: float, _hours: float) -> None:
    strain.cooling_factor[vehicle] = 1 - severity / 100


def _fast_ageing(strain: Strain, vehicle: int, _channel: int, severity: float, hours: float) -> None:
    strain.soh_lost_pct[vehicle] = severity * hours / 24


def _worn_battery(strain: Strain, vehicle: int, _channel: int, severity: float, _hours: float) -> None:
    # The battery management has measured its health anew, after a full charge.
    strain.soh_lost_pct[vehicle] = severity


def _own_code(strain: Strain, vehicle: int, _channel: int, _severity: float, _hours: float) -> None:
    strain.own_code[vehicle] = True


def _radio_dead(strain: Strain, vehicle: int, _channel: int, _severity: float, _hours: float) -> None:
    strain.mute[vehicle] = True


def _insulation_breakdown(strain: Strain, vehicle: int, _channel: int, severity: float, hours: float) -> None:
    # Moisture creeps in: it falls from healthy to its end value within about half an hour.
    strain.insulation_limit_kohm[vehicle] = severity * (1 + 400 * float(np.exp(-hours * 14)))


def _thermal_event(strain: Strain, vehicle: int, cell: int, severity: float, _hours: float) -> None:
    """One module burns: its probe is hot, its cells read nonsense or nothing, the pack heats up."""
    near = range(cell, min(cell + 8, CELLS))
    strain.heat_w[vehicle] = 2500.0
    strain.cell_silent[vehicle, list(near)] = True
    strain.cell_offset_v[vehicle, (cell - 1) % CELLS] = -1.9
    strain.cell_offset_v[vehicle, (cell + 9) % CELLS] = 0.9
    strain.probe_offset_k[vehicle, cell * PROBES // CELLS] = severity - 20.0


_CONTROLLER = ("restart_battery_controller",)

KINDS: dict[str, Kind] = {
    "weak_cell": Kind(_weak_cell, "% of capacity lost", 15.0, ("cell_voltages_v",), CELLS, "a cell has lost capacity"),
    "internal_short": Kind(
        _internal_short, "mV/h", 4.5, ("cell_voltages_v",), CELLS, "a cell empties itself and drifts away"
    ),
    "loose_joint": Kind(_loose_joint, "mohm", 1.5, ("cell_voltages_v",), CELLS, "a joint is loose: off by the current"),
    "cell_sensor_offset": Kind(
        _cell_sensor_offset, "mV", 35.0, ("cell_voltages_v",), CELLS, "a cell is misread", _CONTROLLER
    ),
    "frozen_cell_sensor": Kind(
        _frozen_cell_sensor,
        "0 repeats, 1 gives nothing",
        1.0,
        ("cell_voltages_v",),
        CELLS,
        "a cell's sensor is stuck",
        _CONTROLLER,
    ),
    "frozen_probe": Kind(
        _frozen_probe, "0 repeats, 1 gives nothing", 1.0, ("probe_temps_degc",), PROBES, "a probe is stuck", _CONTROLLER
    ),
    "tyre_leak": Kind(_tyre_leak, "kPa/day", 18.0, ("tyre_pressures_kpa",), WHEELS, "a tyre loses air"),
    "brake_wear": Kind(_brake_wear, "mm/day", 0.5, ("brake_pads_mm",), WHEELS, "a brake grinds its pad away"),
    "weak_12v_battery": Kind(_weak_12v_battery, "V", 0.9, ("low_voltage_v",), 1, "the 12 V battery is worn out"),
    "dcdc_failure": Kind(
        _dcdc_failure,
        "V/day",
        1.5,
        ("low_voltage_v",),
        1,
        "the 12 V battery is not charged",
        ("restart_dcdc_converter",),
    ),
    "coolant_pump": Kind(
        _coolant_pump, "% of cooling lost", 75.0, ("probe_temps_degc", "coolant_temp_degc"), 1, "the pump hardly turns"
    ),
    "fast_ageing": Kind(_fast_ageing, "% of health a day", 0.2, ("soh_pct",), 1, "the battery ages by the day"),
    "worn_battery": Kind(_worn_battery, "% of health lost", 35.0, ("soh_pct",), 1, "the battery has worn out"),
    "own_code": Kind(
        _own_code, "1", 1.0, ("dtcs",), 1, "a control unit reports a code that names no cause", ("clear_codes",)
    ),
    "radio_dead": Kind(_radio_dead, "1", 1.0, (), 1, "its radio is dead: nothing is heard of it"),
    "insulation_breakdown": Kind(
        _insulation_breakdown, "kohm", 24.0, ("insulation_kohm", "dtcs"), 1, "high voltage leaks to the body"
    ),
    "thermal_event": Kind(
        _thermal_event, "degC", 105.0, ("probe_temps_degc", "cell_voltages_v", "bms_level"), CELLS, "a module burns"
    ),
}
