"""Promises: what a held time is still good for."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.storage.promises import Booking

NOON = datetime(2026, 1, 14, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sets_out_min", "now_min", "is_ahead"),
    [
        (-40, -41, True),
        (-40, -40, False),  # somebody is on the way
        (70, -1, True),
        (70, 0, False),  # nobody has set out, but the owner was told from noon on
    ],
)
def test_a_time_can_be_chosen_until_somebody_would_have_set_out_or_it_has_begun(
    sets_out_min: int, now_min: int, is_ahead: bool
) -> None:
    sets_out_at = NOON + timedelta(minutes=sets_out_min)
    booking = Booking(
        booking_id=1,
        offer_id=1,
        centre_id=1,
        begins_at=NOON,
        ends_at=NOON + timedelta(hours=2),
        sets_out_at=sets_out_at,
        arrives_at=sets_out_at + timedelta(minutes=20),
        done_at=sets_out_at + timedelta(minutes=60),
        released_at=None,
        skills=[],
        outcome=None,
        technician_id=1,
        latitude=None,
        longitude=None,
    )
    assert booking.is_ahead(NOON + timedelta(minutes=now_min)) is is_ahead
