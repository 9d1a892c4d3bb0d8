"""Instants as whole microseconds since 1970 UTC, the form in which batches carry them, and back."""

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)


def to_us(instant: datetime) -> int:
    """Return an aware instant as microseconds since 1970 UTC.

    >>> to_us(datetime(1970, 1, 2, tzinfo=UTC))
    86400000000
    """
    return (instant - EPOCH) // MICROSECOND


def from_us(at_us: int) -> datetime:
    """Return microseconds since 1970 UTC as an aware instant.

    Raises
    ------
    OverflowError
        When it is outside of the calendar's years 1 to 9999.
    """
    return EPOCH + at_us * MICROSECOND
