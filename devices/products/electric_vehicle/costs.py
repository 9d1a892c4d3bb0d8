"""What it costs to do something about a vehicle's fault, or nothing, and what its owner can do himself; estimates.

Nothing here asks anybody to open a cover, to jack the vehicle up or to touch what is hot: that is a workshop's.
"""

from typing import Final

from devices.costs import Guide, Rates
from devices.faults import Severity

_DAY: Final = 86_400.0

RATES: Final = Rates(
    "EUR",
    {Severity.CRITICAL: 20_000, Severity.MAJOR: 3_000, Severity.MINOR: 500, Severity.WARNING: 300},
    remote_try=20,
    owner_minute=60,
    working_hour=9_000,
    # Bringing and fetching it, and a hire car now and then.
    way=4_000,
    case=2_500,
    part=15_000,
    date_in_days=3,
)

# How often each helps is not known yet: until findings tell, a person decides whom it is asked of.
GUIDES: Final = (
    Guide(
        "inflate_tyre",
        "Please look at the tyre without driving on. If you see no nail and no cut, inflate it to the pressure that the "
        "label in the door frame names. If you see one, or it is flat, do not drive: say that you cannot do it.",
        "tyre_leak",
        20,
        0.35,
        ("tyre_soft",),
        2 * _DAY,
        by_hand=True,
    ),
    Guide(
        "charge_overnight",
        "Please switch off lamps and everything that is plugged in inside, and leave the vehicle at its charging cable for "
        "a night: that charges its 12 V battery, too.",
        "low_voltage_supply",
        10,
        0.3,
        ("low_voltage_low", "low_voltage_code"),
        2 * _DAY,
        by_hand=True,
    ),
    Guide(
        "park_with_reception",
        "Please park it where a telephone has reception, switch it on and leave it on for ten minutes.",
        "not_heard",
        15,
        0.5,
        ("silent",),
        4 * _DAY,
        by_hand=True,
    ),
)
