"""What makes a smart meter's faults well: a visit to the premises, with parts, skills and minutes of work."""

from dataclasses import replace
from typing import Final

from devices.faults import Fulfilment, Remedy

_ELECTRICITY: Final = frozenset({"electricity_meter"})
_GAS: Final = frozenset({"gas_meter"})
_WATER: Final = frozenset({"water_meter"})
_HEAT: Final = frozenset({"heat_meter"})
_NEW_METER: Final = "A person enters the new meter's number and its first reading; nobody has to come."

REMEDIES: Final = {
    remedy.fault: remedy if remedy.why_none else replace(remedy, fulfilment=Fulfilment.VISIT)
    for remedy in (
        Remedy("electricity_meter_faulty", "Exchange the electricity meter", ("MTR-ELEC",), _ELECTRICITY, 60),
        Remedy("electricity_meter_exchanged", "", why_none=_NEW_METER),
        Remedy("terminals_overheat", "", why_none="A person sends help at once; the contacts may burn."),
        Remedy("supply_out_of_range", "", why_none="The grid's operator measures first; it is rarely the meter."),
        Remedy("neutral_lost", "", why_none="A person sends the grid's operator at once; devices may burn."),
        Remedy("gas_meter_faulty", "Exchange the gas meter", ("MTR-GAS",), _GAS, 60),
        Remedy("gas_meter_exchanged", "", why_none=_NEW_METER),
        Remedy("gas_valve_leaks", "", why_none="A person sends the gas emergency service at once."),
        Remedy("water_meter_faulty", "Exchange the water meter", ("MTR-WATER",), _WATER, 45),
        Remedy("water_meter_exchanged", "", why_none=_NEW_METER),
        Remedy("water_use_fell", "", why_none="A person asks the household first; an empty home needs no visit."),
        Remedy("water_leak", "Find the leak at the premises", (), _WATER, 60),
        Remedy("pipe_burst", "Find the burst pipe and shut it off", (), _WATER, 90),
        Remedy("heat_meter_faulty", "Exchange the heat meter", ("MTR-HEAT",), _HEAT, 75),
        Remedy("heat_meter_exchanged", "", why_none=_NEW_METER),
        Remedy("return_too_warm", "Check valve and heat exchanger of the heating station", (), _HEAT, 60),
        Remedy("battery_empty", "Replace the meter's battery", ("MTR-BATTERY",), _ELECTRICITY, 30),
        Remedy("clock_wrong", "Set the meter's clock and replace its battery", ("MTR-BATTERY",), _ELECTRICITY, 30),
        Remedy("tampering", "", why_none="A person reads the history of the seal and decides who goes."),
        Remedy("bus_lost", "Replace the communication module", ("MTR-COMM",), _ELECTRICITY, 45),
        Remedy("reported_event", "", why_none="The event says too little about its cause; a person reads it first."),
        Remedy("not_heard", "Replace the communication module", ("MTR-COMM",), _ELECTRICITY, 45),
    )
}
