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
)
