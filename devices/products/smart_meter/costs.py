"""What it costs to do something about a meter's fault, or nothing, and what a household can do itself; estimates."""

from typing import Final

from devices.costs import Guide, Rates
from devices.faults import Severity

_DAY: Final = 86_400.0

RATES: Final = Rates(
    "EUR",
    {Severity.CRITICAL: 10_000, Severity.MAJOR: 800, Severity.MINOR: 300, Severity.WARNING: 100},
    remote_try=10,
    owner_minute=40,
    working_hour=7_000,
    way=4_500,
    case=1_800,
    part=9_000,
    date_in_days=4,
)

GUIDES: Final = (
    Guide(
        "valves_and_bleeding",
        "Please turn every radiator valve down once and up again, and see whether a bypass at the heating station is open.",
        "return_too_warm",
        15,
        0.3,
        ("heat_cools_less",),
        8 * _DAY,
    ),
    # How often these help is not known yet: until findings tell, a person decides whom they are asked of.
    # Most water that never rests runs through a cistern or a tap that its household can close.
    Guide(
        "close_what_runs",
        "Please see whether a toilet runs on, a tap drips or a valve in the garden is open, and close it. Then let no water "
        "run for a quarter of an hour and look whether the meter stands still.",
        "water_leak",
        20,
        0.45,
        ("water_never_rests",),
        3 * _DAY,
        by_hand=True,
    ),
    Guide(
        "free_the_radio",
        "Please see whether something of metal stands in front of your meter, or its cabinet is closed by a new door, and "
        "take it away. If its radio has a plug of its own, see that it is in. Do not open the meter.",
        "not_heard",
        10,
        0.25,
        ("silent",),
        2 * _DAY,
        by_hand=True,
    ),
)
