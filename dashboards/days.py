"""Days as pages ask for them: a date in an address, and the stretch of time that it is."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from workflows.dates import Interval

LONGEST: Final = timedelta(days=366)
"""No page looks farther ahead or back."""


def day_of(text: str, today: date) -> date:
    """Return the day that an address asks for; today for what is no day, or one too far away."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return today
    return found if abs((found - today).days) <= LONGEST.days else today


def whole_day(day: date, zone: ZoneInfo) -> Interval:
    """Return a day from midnight to midnight, be it of 23, 24 or 25 hours."""
    begins, ends = (datetime.combine(each, time(0), zone).astimezone(UTC) for each in (day, day + timedelta(days=1)))
    return Interval(begins, ends)
