"""What is watched on a smart meter. Limits come from standards and from what can flow through a household's pipes.

Flows: a connection of 63 A at three phases gives 45 kW; a house meter of size G4 passes 6 m³ of gas an hour, one of size
Q3 2.5 at most 3.1 m³ of water; a house station of district heat gives 100 kW with at most 5 m³ of water an hour.
Voltages: EN 50160. Battery: the knee of a lithium thionyl chloride cell.
"""

from collections.abc import Iterator
from typing import Final

from devices.monitors import (
    Drift,
    Limit,
    MinimumFlow,
    Monitor,
    Periods,
    Register,
    Reported,
    Shift,
    Silence,
    Step,
    StepKind,
    Stuck,
)

ELECTRICITY: Final = "electricity_meter"
SUPPLY: Final = "electricity_supply"
GAS: Final = "gas_meter"
WATER: Final = "water_meter"
PIPES: Final = "water_pipes"
HEAT: Final = "heat_meter"
HEATING: Final = "heating_station"
POWER: Final = "meter_battery"
CLOCK: Final = "meter_clock"
SEAL: Final = "meter_seal"
BUS: Final = "meter_bus"
METER: Final = "meter"
CONNECTION: Final = "communication"

_HARDWARE: Final = frozenset(
    {
        "HARDWARE_ERROR_PROGRAM_MEMORY",
        "HARDWARE_ERROR_RAM",
        "HARDWARE_ERROR_NV_MEMORY",
        "HARDWARE_ERROR_MEASUREMENT_SYSTEM",
        "PROGRAM_MEMORY_ERROR",
        "RAM_ERROR",
        "NV_MEMORY_ERROR",
        "MEASUREMENT_SYSTEM_ERROR",
    }
)
_BATTERY_CODES: Final = frozenset({"REPLACE_BATTERY", "BATTERY_VOLTAGE_LOW"})
_CLOCK_CODES: Final = frozenset({"CLOCK_INVALID"})
_TAMPER_CODES: Final = frozenset(
    {"FRAUD_ATTEMPT", "TERMINAL_COVER_REMOVED", "METER_COVER_REMOVED", "STRONG_DC_FIELD_DETECTED"}
    | {f"FRAUD_ATTEMPT_M_BUS_CHANNEL_{channel}" for channel in range(1, 5)}
)
_BUS_CODES: Final = frozenset(f"COMMUNICATION_ERROR_M_BUS_CHANNEL_{channel}" for channel in range(1, 5))

# The meter's last gasp, and that it is back: of the grid, and nothing of the meter. They tell a mode.
OUTAGE_CODES: Final = frozenset({"POWER_FAILURE"})
RETURN_CODES: Final = frozenset({"POWER_RETURNED"})

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0
_DAY: Final = 24 * _HOUR
# A day of which at least a quarter was reported.
_DAILY: Final = Periods(_DAY, fewest=6)


def _register_monitors(
    name: str, what: str, component: str, feature: str, *, jitter: float, most_per_h: float
) -> Iterator[Monitor]:
    """One monitor for each kind of trouble of a register: restarted, turned back, jumping, unsteady."""
    kinds = {
        "restarts": ("begins anew", {StepKind.RESET, StepKind.EXCHANGE}),
        "back": ("was turned back", {StepKind.ROLLBACK}),
        "jumps": ("jumps", {StepKind.JUMP, StepKind.SPIKE}),
        "unsteady": ("is unsteady", {StepKind.JITTER}),
    }
    for ending, (says, steps) in kinds.items():
        # One of the others is enough; a unit back now and then is how some registers are.
        is_counted = StepKind.JITTER in steps
        yield Register(
            f"{name}_{ending}",
            f"The {what} register {says}",
            component,
            feature,
            frozenset(steps),
            jitter,
            most_per_h,
            tau_s=30 * _DAY,
            limit=5.0 if is_counted else 1.0,
            clear=2.0 if is_counted else 0.5,
            on_delay_s=0,
            off_delay_s=_DAY,
        )


def _stuck(name: str, what: str, component: str, feature: str, days: float, at_most: float = float("inf")) -> Stuck:
    return Stuck(
        f"{name}_stuck",
        f"The {what} register stands still",
        component,
        feature,
        limit=days,
        factor=2.5,
        learn_s=14 * _DAY,
        tau_s=90 * _DAY,
        on_delay_s=0,
        off_delay_s=_HOUR,
        at_most=at_most,
    )


MONITORS: Final[tuple[Monitor, ...]] = (
    *_register_monitors(
        "electricity", "electricity", ELECTRICITY, "electricity_register_wh", jitter=20, most_per_h=60_000
    ),
    _stuck("electricity", "electricity", ELECTRICITY, "live_import_wh", 3),
    Limit(
        "terminal_hot",
        "The meter's terminals are dangerously hot",
        ELECTRICITY,
        "terminal_temp_degc",
        "above",
        limit=95,
        clear=75,
        on_delay_s=10 * _MINUTE,
        off_delay_s=_DAY,
        is_safety=True,
    ),
    Reported("hardware_code", "The meter reports an error of its own", ELECTRICITY, "meter_event", _HARDWARE),
    Limit(
        "voltage_low",
        "The voltage is too low",
        SUPPLY,
        "voltage_share_pct",
        "below",
        limit=85,
        clear=90,
        on_delay_s=2 * _HOUR,
        off_delay_s=_DAY,
    ),
    Limit(
        "voltage_high",
        "The voltage is too high",
        SUPPLY,
        "voltage_share_pct",
        "above",
        limit=112,
        clear=110,
        on_delay_s=2 * _HOUR,
        off_delay_s=_DAY,
    ),
    Limit(
        "phases_apart",
        "The phases are far apart",
        SUPPLY,
        "voltage_gap_pct",
        "above",
        limit=25,
        clear=15,
        on_delay_s=10 * _MINUTE,
        off_delay_s=_DAY,
        is_safety=True,
    ),
    *_register_monitors("gas", "gas", GAS, "gas_register_l", jitter=20, most_per_h=12_000),
    _stuck("gas", "gas", GAS, "gas_register_l", 21),
    MinimumFlow(
        "gas_flows_closed",
        "Gas flows through a closed valve",
        GAS,
        "closed_gas_l",
        "l/h",
        look_s=_HOUR,
        longest_look_s=6 * _HOUR,
        usual_s=0,
        limit=5,
        clear=1,
        on_delay_s=2 * _HOUR,
        off_delay_s=_DAY,
        is_safety=True,
    ),
    *_register_monitors("water", "water", WATER, "water_register_l", jitter=10, most_per_h=4_000),
    # No holiday lasts six weeks; a heating rests longer, so of gas and heat nothing like it is said.
    _stuck("water", "water", WATER, "water_register_l", 21, at_most=42),
    # What is usual with a household is its own business; that most of it is no longer counted is not.
    Step(
        "water_counts_less",
        "The water meter counts much less than before",
        WATER,
        "water_register_l",
        "%",
        "below",
        Periods(_DAY, fewest=6, is_register=True, rest=10),
        before=24,
        after=21,
        scale_floor=5,
        sigmas=1,
        limit=45,
        clear=22.5,
        hold=60,
        on_delay_s=0,
        off_delay_s=0,
        is_share=True,
    ),
    MinimumFlow(
        "water_never_rests",
        "Water flows without a break",
        PIPES,
        "water_register_l",
        "l/h",
        look_s=_HOUR,
        longest_look_s=3 * _HOUR,
        usual_s=12 * _HOUR,
        limit=1.4,
        clear=0.7,
        on_delay_s=22 * _HOUR,
        off_delay_s=36 * _HOUR,
    ),
    MinimumFlow(
        "water_bursts",
        "Much water flows without a break",
        PIPES,
        "water_register_l",
        "l/h",
        look_s=_HOUR,
        longest_look_s=12 * _HOUR,
        usual_s=0,
        limit=300,
        clear=150,
        on_delay_s=3 * _HOUR,
        off_delay_s=_DAY,
    ),
    *_register_monitors("heat", "heat", HEAT, "heat_register_wh", jitter=1_000, most_per_h=100_000),
    _stuck("heat", "heat", HEAT, "flowing_heat_wh", 7),
    *_register_monitors("heat_volume", "heating water", HEAT, "heat_volume_l", jitter=10, most_per_h=5_000),
    _stuck("heat_volume", "heating water", HEAT, "warming_volume_l", 7),
    Limit(
        "heat_backwards",
        "The heating water comes back warmer than it went",
        HEAT,
        "heat_spread_k",
        "below",
        limit=-1,
        clear=0,
        on_delay_s=6 * _HOUR,
        off_delay_s=_DAY,
    ),
    Step(
        "heat_cools_less",
        "The heating water comes back much warmer than before",
        HEATING,
        "heat_spread_k",
        "K",
        "below",
        _DAILY,
        before=14,
        after=7,
        scale_floor=1,
        sigmas=4,
        limit=12,
        clear=6,
        hold=90,
        on_delay_s=0,
        off_delay_s=0,
    ),
    # Flat for years, then the knee: what leaves the flat part will not come back.
    Drift(
        "battery_ebbs",
        "The meter's battery ebbs",
        POWER,
        "battery_v",
        "V",
        "below",
        Periods(_DAY, fewest=3),
        learn=21,
        scale_floor=0.02,
        slack=0.5,
        evidence=8,
        limit=0.1,
        clear=0.05,
        forget_s=730 * _DAY,
        on_delay_s=0,
        off_delay_s=0,
    ),
    # The same flat part, but less of a change: alone it says little, so a cycle over all meters decides.
    Shift(
        "battery_shifted",
        "The meter's battery has left its level",
        POWER,
        "battery_v",
        "V",
        shift=1.5,
        first=14,
        learn=21,
        remember=365,
        hold=730,
        scale_floor=0.01,
        limit=8,
        clear=4,
        off_delay_s=0,
        side="below",
        periods=Periods(_DAY, fewest=3),
    ),
    Limit(
        "battery_low",
        "The meter's battery is low",
        POWER,
        "battery_v",
        "below",
        limit=3.2,
        clear=3.4,
        on_delay_s=12 * _HOUR,
        off_delay_s=_DAY,
    ),
    Reported("battery_code", "The meter asks for a battery", POWER, "meter_event", _BATTERY_CODES),
    Limit(
        "clock_off",
        "The meter's clock is wrong",
        CLOCK,
        "clock_error_s",
        "above",
        limit=120,
        clear=60,
        on_delay_s=6 * _HOUR,
        off_delay_s=_HOUR,
    ),
    Reported("clock_code", "The meter says that its clock is invalid", CLOCK, "meter_event", _CLOCK_CODES),
    Limit(
        "cover_open",
        "The meter's cover is open",
        SEAL,
        "is_cover_open",
        "above",
        limit=0.5,
        clear=0.5,
        on_delay_s=0,
        off_delay_s=_DAY,
    ),
    Reported("tamper_code", "The meter reports an attempt at fraud", SEAL, "meter_event", _TAMPER_CODES),
    Reported("bus_code", "The meter cannot reach the meters on its bus", BUS, "meter_event", _BUS_CODES),
    Reported(
        "other_code",
        "The meter reports another event",
        METER,
        "meter_event",
        unless=_HARDWARE | _BATTERY_CODES | _CLOCK_CODES | _TAMPER_CODES | _BUS_CODES | OUTAGE_CODES | RETURN_CODES,
    ),
    Silence("silent", "Nothing is heard of the meter", CONNECTION, after_s=24 * _HOUR, off_delay_s=6 * _HOUR),
)
