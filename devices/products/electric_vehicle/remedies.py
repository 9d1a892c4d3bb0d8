"""What makes an electric vehicle's faults well, in a bay of a service centre: parts, skills of the bay, minutes of work."""

from dataclasses import replace
from typing import Final

from devices.faults import Fulfilment, Remedy

_HIGH_VOLTAGE: Final = frozenset({"high_voltage", "hoist"})
_HOIST: Final = frozenset({"hoist"})

REMEDIES: Final = {
    remedy.fault: remedy if remedy.why_none else replace(remedy, fulfilment=Fulfilment.DROP_OFF)
    for remedy in (
        Remedy("weak_cell", "Replace the battery module with the weak cell", ("EV-CELL-MODULE",), _HIGH_VOLTAGE, 180),
        Remedy("cell_measuring_line", "Replace the cell measuring harness", ("EV-CELL-HARNESS",), _HIGH_VOLTAGE, 150),
        Remedy(
            "insulation_breakdown", "Find and mend the insulation fault", ("EV-HV-INSULATION-KIT",), _HIGH_VOLTAGE, 240
        ),
        Remedy(
            "thermal_event", "", why_none="A person decides on recovery of the vehicle; it must not be driven to a bay."
        ),
        Remedy("battery_worn_out", "Battery health test", (), _HIGH_VOLTAGE, 120),
        Remedy("battery_ages_fast", "Battery health test", (), _HIGH_VOLTAGE, 120),
        Remedy("probe_failed", "Replace the battery's probe harness", ("EV-PROBE-HARNESS",), _HIGH_VOLTAGE, 150),
        Remedy("low_voltage_supply", "Replace the 12 V battery", ("EV-12V-BATTERY",), frozenset(), 45),
        Remedy("cooling_fails", "Replace the coolant pump", ("EV-COOLANT-PUMP",), _HOIST, 120),
        Remedy("tyre_leak", "Mend the tyre", ("EV-TYRE-REPAIR",), _HOIST, 45),
        Remedy("brake_pads_worn", "Replace the brake pads", ("EV-BRAKE-PADS",), _HOIST, 90),
        Remedy("reported_code", "", why_none="The code says too little about its cause; a person reads it first."),
        Remedy("not_heard", "", why_none="A person asks the owner first: the vehicle may be parked out of reach."),
    )
}
