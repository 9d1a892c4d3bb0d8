"""What a vehicle may be in the middle of, and what says nothing meanwhile. A danger says something always."""

from typing import Final

from devices.modes import MODE, Mode
from devices.monitors import Limit
from devices.products.electric_vehicle.monitors import MONITORS

_HOUR: Final = 3600.0
_DAY: Final = 24 * _HOUR

MODES: Final = (
    # Control units restart one by one: their values are missing, they report each other as missing, and the 12 V system
    # carries them while the traction battery is switched off.
    Mode(
        "updating",
        "Software update",
        Limit(
            "updating",
            "Software update",
            MODE,
            "is_updating",
            "above",
            limit=0.5,
            clear=0.5,
            on_delay_s=0,
            off_delay_s=0,
        ),
        frozenset(
            {
                "cells_missing",
                "probes_missing",
                "battery_code",
                "low_voltage_low",
                "low_voltage_code",
                "cooling_code",
                "other_code",
                "silent",
            }
        ),
        after_s=_HOUR,
        most_s=_DAY,
    ),
    # Wheels are off, plugs are pulled, coolant is let out: whoever does that is there, and knows.
    Mode(
        "in_workshop",
        "In the workshop",
        None,
        frozenset(monitor.name for monitor in MONITORS if not monitor.is_safety),
        after_s=2 * _HOUR,
        most_s=3 * _DAY,
    ),
)
