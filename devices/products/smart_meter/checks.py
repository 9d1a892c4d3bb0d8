"""What tells a smart meter's faults apart, in minutes of work; a look at the premises includes the way there.

The probabilities are engineering estimates, not yet learned from findings.
"""

from collections.abc import Iterator
from typing import Final

from devices.checks import Check, Manner
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


def _of_register(name: str, component: str) -> Iterator[Check]:
    """Give what tells a meter that counts wrongly from one that was exchanged; the questions are the same for all."""
    faulty, exchanged = f"{name}_meter_faulty", f"{name}_meter_exchanged"
    yield Check(
        f"{name}_number_reported",
        "Does the meter report another number than the one that is on file?",
        component,
        Manner.REMOTE,
        5,
        {exchanged: 0.8, faulty: 0.03},
        otherwise=0.05,
    )
    yield Check(
        f"{name}_photograph",
        "Does a photograph of your meter show another register than the one reported?",
        component,
        Manner.OWNER,
        10,
        {faulty: 0.6, exchanged: 0.1},
        otherwise=0.2,
    )
    yield Check(
        f"{name}_read_on_the_spot",
        "Is the register wrong when it is read and compared on the spot?",
        component,
        Manner.ON_SITE,
        60,
        {faulty: 0.9, exchanged: 0.05},
        otherwise=0.1,
    )


CHECKS: Final = (
    *_of_register("electricity", ELECTRICITY),
    Check(
        "terminals_image",
        "Does a thermal image show hot terminals?",
        ELECTRICITY,
        Manner.ON_SITE,
        60,
        {"terminals_overheat": 0.97},
        otherwise=0.02,
    ),
    Check(
        "voltages_by_minute",
        "Does one voltage rise while another falls, read minute by minute?",
        SUPPLY,
        Manner.REMOTE,
        10,
        {"neutral_lost": 0.9, "supply_out_of_range": 0.1},
        otherwise=0.1,
    ),
    Check(
        "lamps_flicker",
        "Do your lamps flicker, or are some far too bright?",
        SUPPLY,
        Manner.OWNER,
        5,
        {"neutral_lost": 0.8, "supply_out_of_range": 0.25},
        otherwise=0.1,
    ),
    *_of_register("gas", GAS),
    Check(
        "gas_after_closing",
        "Does the register still count an hour after the valve was closed again?",
        GAS,
        Manner.REMOTE,
        10,
        {"gas_valve_leaks": 0.9, "gas_meter_faulty": 0.15},
        otherwise=0.05,
    ),
    *_of_register("water", WATER),
    Check(
        "fewer_people",
        "Do fewer people live in your home now, or nobody?",
        WATER,
        Manner.OWNER,
        5,
        {"water_use_fell": 0.9},
        otherwise=0.15,
    ),
    Check(
        "main_valve_shut",
        "Does your meter's register stand still while the main valve is shut?",
        PIPES,
        Manner.OWNER,
        15,
        {"water_leak": 0.95, "pipe_burst": 0.9},
        otherwise=0.3,
    ),
    Check(
        "water_seen",
        "Do you see water, or hear it rushing, in or around your home?",
        PIPES,
        Manner.OWNER,
        5,
        {"pipe_burst": 0.85, "water_leak": 0.35},
        otherwise=0.1,
    ),
    *_of_register("heat", HEAT),
    Check(
        "heating_valve_shut",
        "Does water still flow while your heating's valve is closed?",
        HEATING,
        Manner.OWNER,
        15,
        {"return_too_warm": 0.8},
        otherwise=0.2,
    ),
    Check(
        "battery_under_load",
        "Does the battery's voltage fall while the radio is sending?",
        POWER,
        Manner.REMOTE,
        10,
        {"battery_empty": 0.85},
        otherwise=0.1,
    ),
    Check(
        "clock_read_again",
        "Is the clock still wrong after it was set from here?",
        CLOCK,
        Manner.REMOTE,
        10,
        {"clock_wrong": 0.8},
        otherwise=0.15,
    ),
    Check(
        "work_at_the_meter",
        "Has anybody with an order worked at your meter?",
        SEAL,
        Manner.OWNER,
        10,
        {"tampering": 0.1},
        otherwise=0.6,
    ),
    Check(
        "seal_looked_at",
        "Is the seal broken, or another than the one on file?",
        SEAL,
        Manner.ON_SITE,
        45,
        {"tampering": 0.9},
        otherwise=0.1,
    ),
    Check(
        "bus_searched",
        "Is a meter still missing after its bus was searched again?",
        BUS,
        Manner.REMOTE,
        10,
        {"bus_lost": 0.85},
        otherwise=0.2,
    ),
    Check(
        "event_log",
        "Does the meter's event log name a cause?",
        METER,
        Manner.REMOTE,
        10,
        {"reported_event": 0.7},
        otherwise=0.3,
    ),
    Check(
        "meter_lit",
        "Is your meter's display on?",
        CONNECTION,
        Manner.OWNER,
        10,
        {"not_heard": 0.7},
        otherwise=0.15,
    ),
)
