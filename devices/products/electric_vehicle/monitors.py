"""What is watched on an electric vehicle. Limits come from standards and data sheets, the peer scale from real packs.

Real anchors: the spread of 87 cells has a median of 15 mV when healthy and 42 to 79 mV with a faulty cell
(Nie et al., Energy 323, 2025); insulation warns below 500 ohm/V and is severe below 100 (ISO 6469-3, GB 18384).
"""

from typing import Final

from devices.monitors import Limit, Monitor, Peer, Reported, Silence

BATTERY: Final = "traction_battery"
LOW_VOLTAGE: Final = "low_voltage_system"
COOLING: Final = "cooling"
TYRES: Final = "tyres"
BRAKES: Final = "brakes"
VEHICLE: Final = "vehicle"
CONNECTION: Final = "communication"

_ISOLATION: Final = frozenset({"P0AA6", "P1AA6", "P0AA7"})
_BATTERY_CODES: Final = frozenset({"P0A80", "P0A7F", "P0A7D", "P0A7E", "P0B3B", "P0BBD", "P1A15"})
_DCDC: Final = frozenset({"P0562", "P0A08", "P0A94"})
_COOLING: Final = frozenset({"P0128", "P0217", "P0A93", "P0C47"})
_MINUTE: Final = 60.0
_HOUR: Final = 3600.0

MONITORS: Final[tuple[Monitor, ...]] = (
    Peer(
        "cell_leaves_pack",
        "A cell leaves its pack",
        BATTERY,
        "cell_v",
        scale_floor=0.005,
        tau_s=30 * _MINUTE,
        limit=4.0,
        clear=2.0,
        on_delay_s=10 * _MINUTE,
        off_delay_s=6 * _HOUR,
    ),
    # Two independent channels that fail in one sample need no second sample; one alone may be a glitch.
    Limit(
        "battery_failing",
        "Several battery channels fail at once",
        BATTERY,
        "battery_alarms",
        "above",
        limit=1.5,
        clear=0.5,
        on_delay_s=0,
        off_delay_s=_HOUR,
        is_safety=True,
    ),
    Limit(
        "cell_too_low",
        "A cell's voltage is dangerously low",
        BATTERY,
        "lowest_cell_v",
        "below",
        limit=2.4,
        clear=2.8,
        on_delay_s=1,
        off_delay_s=_HOUR,
        is_safety=True,
    ),
    Limit(
        "cell_too_high",
        "A cell's voltage is dangerously high",
        BATTERY,
        "highest_cell_v",
        "above",
        limit=4.4,
        clear=4.3,
        on_delay_s=1,
        off_delay_s=_HOUR,
        is_safety=True,
    ),
    Limit(
        "cells_missing",
        "Cells give no value",
        BATTERY,
        "missing_cells",
        "above",
        limit=0.5,
        clear=0.5,
        on_delay_s=5,
        off_delay_s=_HOUR,
    ),
    Limit(
        "battery_hot",
        "The battery is dangerously hot",
        BATTERY,
        "hottest_probe_degc",
        "above",
        limit=80,
        clear=60,
        on_delay_s=1,
        off_delay_s=_HOUR,
        is_safety=True,
    ),
    Limit(
        "insulation_low",
        "Insulation is below its warning limit",
        BATTERY,
        "insulation_ohm_per_v",
        "below",
        limit=500,
        clear=600,
        on_delay_s=2 * _MINUTE,
        off_delay_s=6 * _HOUR,
    ),
    Limit(
        "insulation_lost",
        "Insulation is below its safe limit",
        BATTERY,
        "insulation_ohm_per_v",
        "below",
        limit=100,
        clear=500,
        on_delay_s=5,
        off_delay_s=6 * _HOUR,
        is_safety=True,
    ),
    Limit(
        "warning_level_2",
        "The vehicle warns of its battery",
        BATTERY,
        "bms_level",
        "above",
        limit=1.5,
        clear=0.5,
        on_delay_s=_HOUR,
        off_delay_s=24 * _HOUR,
    ),
    Limit(
        "warning_level_3",
        "The vehicle asks to stop because of its battery",
        BATTERY,
        "bms_level",
        "above",
        limit=2.5,
        clear=1.5,
        on_delay_s=_MINUTE,
        off_delay_s=24 * _HOUR,
        is_safety=True,
    ),
    Limit(
        "battery_worn",
        "The battery's health is below its warranted limit",
        BATTERY,
        "soh_pct",
        "below",
        limit=70,
        clear=72,
        on_delay_s=6 * _HOUR,
        off_delay_s=24 * _HOUR,
    ),
    Reported("isolation_code", "The vehicle reports lost insulation", BATTERY, "dtc", codes=_ISOLATION, is_safety=True),
    Reported("battery_code", "The vehicle reports a battery fault", BATTERY, "dtc", codes=_BATTERY_CODES),
    Limit(
        "low_voltage_low",
        "The 12 V system is too low",
        LOW_VOLTAGE,
        "low_voltage_v",
        "below",
        limit=11.6,
        clear=12.2,
        on_delay_s=15 * _MINUTE,
        off_delay_s=_HOUR,
    ),
    Limit(
        "low_voltage_high",
        "The 12 V system is too high",
        LOW_VOLTAGE,
        "low_voltage_v",
        "above",
        limit=15.3,
        clear=14.8,
        on_delay_s=5 * _MINUTE,
        off_delay_s=_HOUR,
    ),
    Reported("low_voltage_code", "The vehicle reports a 12 V fault", LOW_VOLTAGE, "dtc", codes=_DCDC),
    Limit(
        "coolant_hot",
        "The coolant is too hot",
        COOLING,
        "coolant_temp_degc",
        "above",
        limit=108,
        clear=100,
        on_delay_s=3 * _MINUTE,
        off_delay_s=_HOUR,
    ),
    Reported("cooling_code", "The vehicle reports a cooling fault", COOLING, "dtc", codes=_COOLING),
    Limit(
        "tyre_soft",
        "A tyre loses air",
        TYRES,
        "tyre_share_pct",
        "below",
        limit=83,
        clear=90,
        on_delay_s=10 * _MINUTE,
        off_delay_s=_HOUR,
    ),
    Limit(
        "brake_pad_thin",
        "A brake pad is worn",
        BRAKES,
        "brake_pad_mm",
        "below",
        limit=3.0,
        clear=4.0,
        on_delay_s=_HOUR,
        off_delay_s=_HOUR,
    ),
    Reported(
        "other_code",
        "The vehicle reports a fault",
        VEHICLE,
        "dtc",
        unless=_ISOLATION | _BATTERY_CODES | _DCDC | _COOLING,
    ),
    # Three weeks: longer than a holiday at the airport.
    Silence("silent", "Nothing is heard of the vehicle", CONNECTION, after_s=504 * _HOUR, off_delay_s=_HOUR),
)
