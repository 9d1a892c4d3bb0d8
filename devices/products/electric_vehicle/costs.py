"""What it costs to do something about a vehicle's fault, or nothing; estimates of a desk, to be replaced by its own."""

from typing import Final

from devices.costs import Rates
from devices.faults import Severity

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
