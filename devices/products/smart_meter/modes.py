"""What a meter may be in the middle of, and what says nothing meanwhile. A danger says something always.

That the phases are far apart is never suppressed: to a meter a broken neutral looks much like an outage.
"""

from typing import Final

from devices.modes import MODE, Mode
from devices.monitors import Reported
from devices.products.smart_meter.monitors import MONITORS, OUTAGE_CODES, RETURN_CODES

_HOUR: Final = 3600.0
_DAY: Final = 24 * _HOUR

MODES: Final = (
    # Told by the meter's last gasp, and over with its next event that does not name it. That nothing is heard meanwhile is
    # the outage's; after three days, or where the end was never told, it is the desk's again.
    Mode(
        "mains_outage",
        "Mains outage",
        Reported("mains_outage", "Mains outage", MODE, "meter_event", OUTAGE_CODES),
        frozenset(
            {"voltage_low", "voltage_high", "electricity_stuck", "bus_code", "clock_code", "clock_off", "silent"}
        ),
        after_s=6 * _HOUR,
        most_s=3 * _DAY,
        ended_by=RETURN_CODES,
    ),
    # The cover is off and registers are exchanged: whoever does that is there, and knows.
    Mode(
        "in_workshop",
        "Technician at work",
        None,
        frozenset(monitor.name for monitor in MONITORS if not monitor.is_safety),
        after_s=2 * _HOUR,
        most_s=3 * _DAY,
    ),
)
