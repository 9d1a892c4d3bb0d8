"""The faults of a smart meter, and which symptoms speak for each.

The probabilities are engineering estimates, not yet learned from findings.
"""

from collections.abc import Mapping
from typing import Final

from devices.faults import FaultCode, Severity
from devices.products.smart_meter.monitors import (
    BUS,
    CLOCK,
    CONNECTION,
    ELECTRICITY,
    GAS,
    HEAT,
    HEATING,
    METER,
    PIPES,
    POWER,
    SEAL,
    SUPPLY,
    WATER,
)

COMPONENTS: Final = {
    ELECTRICITY: "Electricity meter",
    SUPPLY: "Electricity supply",
    GAS: "Gas meter",
    WATER: "Water meter",
    PIPES: "Water pipes",
    HEAT: "Heat meter",
    HEATING: "Heating station",
    POWER: "Meter battery",
    CLOCK: "Meter clock",
    SEAL: "Meter seal",
    BUS: "Meter bus",
    METER: "Meter",
    CONNECTION: "Communication",
}


def _faulty(name: str, what: str, component: str, shows: dict[str, float], prior: float) -> FaultCode:
    register = {f"{name}_back": 0.3, f"{name}_jumps": 0.3, f"{name}_unsteady": 0.3, f"{name}_stuck": 0.3}
    return FaultCode(
        f"{name}_meter_faulty",
        f"The {what} meter counts wrongly",
        f"Your {what} meter no longer counts reliably. It will be exchanged; until then your use is estimated fairly.",
        component,
        Severity.MAJOR,
        is_safety=False,
        may_run_on=True,
        prior=prior,
        shows=register | shows,
    )


def _exchanged(
    name: str, what: str, component: str, prior: float, also: Mapping[str, float] | None = None
) -> FaultCode:
    return FaultCode(
        f"{name}_meter_exchanged",
        f"The {what} meter was exchanged or began anew",
        f"The register of your {what} meter began anew. We are checking whether the meter was exchanged.",
        component,
        Severity.WARNING,
        is_safety=False,
        may_run_on=True,
        prior=prior,
        shows={f"{name}_restarts": 0.97, f"{name}_jumps": 0.05} | dict(also or {}),
    )


FAULTS: Final = {
    fault.code: fault
    for fault in (
        _faulty("electricity", "electricity", ELECTRICITY, {"hardware_code": 0.3}, 0.6),
        _exchanged("electricity", "electricity", ELECTRICITY, 0.3),
        FaultCode(
            "terminals_overheat",
            "The meter's terminals overheat",
            "A contact in your meter is getting dangerously hot. Please do not open the meter cabinet.",
            ELECTRICITY,
            Severity.CRITICAL,
            is_safety=True,
            may_run_on=False,
            prior=0.1,
            shows={"terminal_hot": 0.97, "hardware_code": 0.1},
        ),
        FaultCode(
            "supply_out_of_range",
            "The supply is out of its range",
            "The voltage of your supply is not as it should be. We are asking the grid's operator.",
            SUPPLY,
            Severity.MINOR,
            is_safety=False,
            may_run_on=True,
            prior=0.8,
            shows={"voltage_low": 0.5, "voltage_high": 0.5},
        ),
        FaultCode(
            "neutral_lost",
            "The neutral conductor is lost",
            "The voltages of your supply are far apart. Please switch off sensitive devices.",
            SUPPLY,
            Severity.CRITICAL,
            is_safety=True,
            may_run_on=False,
            prior=0.2,
            shows={"phases_apart": 0.97, "voltage_low": 0.6, "voltage_high": 0.6},
        ),
        _faulty("gas", "gas", GAS, {}, 0.6),
        _exchanged("gas", "gas", GAS, 0.3),
        FaultCode(
            "gas_valve_leaks",
            "The gas valve does not close",
            "Gas flows although your valve is closed. Please open the windows, light no fire and call the emergency line.",
            GAS,
            Severity.CRITICAL,
            is_safety=True,
            may_run_on=False,
            prior=0.1,
            shows={"gas_flows_closed": 0.97},
        ),
        _faulty("water", "water", WATER, {"water_counts_less": 0.3}, 0.55),
        _exchanged("water", "water", WATER, 0.37),
        # A register alone cannot tell it from a meter that counts less or stands: real homes fall still far more often
        # than meters fail, so that neither opens a request by itself.
        FaultCode(
            "water_use_fell",
            "Much less water is used than before",
            "Your water meter counts much less than before. We will ask you whether fewer people live there now.",
            WATER,
            Severity.WARNING,
            is_safety=False,
            may_run_on=True,
            prior=0.08,
            shows={"water_counts_less": 0.5, "water_stuck": 0.5},
        ),
        FaultCode(
            "water_leak",
            "Water leaks at the premises",
            "Water has been flowing in your home without a break, day and night. It may be a dripping tap, a toilet or a leak.",
            PIPES,
            Severity.MINOR,
            is_safety=False,
            may_run_on=True,
            prior=0.8,
            shows={"water_never_rests": 0.97, "water_bursts": 0.05},
        ),
        FaultCode(
            "pipe_burst",
            "A water pipe has burst",
            "Very much water is flowing in your home without a break. Please look for the cause and shut the main valve.",
            PIPES,
            Severity.CRITICAL,
            is_safety=False,
            may_run_on=True,
            prior=0.2,
            shows={"water_bursts": 0.97, "water_never_rests": 0.4},
        ),
        _faulty(
            "heat",
            "heat",
            HEAT,
            {f"heat_volume_{ending}": 0.3 for ending in ("back", "jumps", "unsteady", "stuck")}
            | {"heat_backwards": 0.3},
            0.6,
        ),
        _exchanged("heat", "heat", HEAT, 0.4, {"heat_volume_restarts": 0.9, "heat_volume_jumps": 0.05}),
        FaultCode(
            "return_too_warm",
            "The heating water is hardly cooled",
            "Your heating sends its water back much warmer than before, so that you pay for heat that you do not get.",
            HEATING,
            Severity.MINOR,
            is_safety=False,
            may_run_on=True,
            prior=1.0,
            shows={"heat_cools_less": 0.97},
        ),
        FaultCode(
            "battery_empty",
            "The meter's battery is empty",
            "The battery of your meter is nearly empty.",
            POWER,
            Severity.MINOR,
            is_safety=False,
            may_run_on=True,
            prior=1.0,
            shows={"battery_low": 0.7, "battery_ebbs": 0.7, "battery_shifted": 0.4, "battery_code": 0.5},
        ),
        FaultCode(
            "clock_wrong",
            "The meter's clock is wrong",
            "The clock of your meter is wrong, so that tariffs may be counted at the wrong hours.",
            CLOCK,
            Severity.MINOR,
            is_safety=False,
            may_run_on=True,
            prior=1.0,
            shows={"clock_off": 0.9, "clock_code": 0.5},
        ),
        FaultCode(
            "tampering",
            "The meter was tampered with",
            "Your meter reports that it was opened. We are checking why.",
            SEAL,
            Severity.MAJOR,
            is_safety=False,
            may_run_on=True,
            prior=1.0,
            shows={"cover_open": 0.8, "tamper_code": 0.7},
        ),
        FaultCode(
            "bus_lost",
            "The meters on the bus are not reached",
            "Your electricity meter no longer hears your gas or water meter.",
            BUS,
            Severity.MINOR,
            is_safety=False,
            may_run_on=True,
            prior=1.0,
            shows={"bus_code": 0.97},
        ),
        FaultCode(
            "reported_event",
            "Meter event without a known cause",
            "Your meter reports an event. We are finding out what it means.",
            METER,
            Severity.WARNING,
            is_safety=False,
            may_run_on=True,
            prior=1.0,
            shows={"other_code": 0.97},
        ),
        FaultCode(
            "not_heard",
            "The meter is not heard any more",
            "We no longer hear your meter. It goes on counting, but its part that reports has to be looked at.",
            CONNECTION,
            Severity.MINOR,
            is_safety=False,
            may_run_on=True,
            prior=1.0,
            shows={"silent": 0.97},
        ),
    )
}
