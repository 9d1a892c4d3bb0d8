"""Dates: a part, a bay and a time together, or the reason why not."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.dates import MARGIN, NOTICE, Bay, Centre, Dates, DropOff, Interval, NoDates, Work, find_dates

SEOUL = ZoneInfo("Asia/Seoul")
NOW = datetime(2026, 3, 2, 10, 0, tzinfo=SEOUL)  # a Monday
HOURS = {day: (time(9), time(18)) for day in range(5)}
WORK = Work(180, frozenset({"high_voltage"}), ["CELL"])
SKILLED = frozenset({"high_voltage", "hoist"})
# The days on which clocks go forward and back; Lord Howe's go by half an hour, and Seoul's never.
CHANGES = [
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Africa/Casablanca", date(2026, 2, 15)),
    ("Africa/Casablanca", date(2026, 3, 22)),
    ("Asia/Seoul", date(2026, 3, 29)),
]


def centre(**changes: object) -> Centre:
    values: dict[str, object] = {
        "centre_id": 1,
        "time_zone": "Asia/Seoul",
        "hours": HOURS,
        "bays": [Bay(1, SKILLED, [])],
        "ready_at": NOW,
        "distance_km": 5.0,
    }
    return Centre(**{**values, **changes})  # type: ignore[arg-type]


def found(dates: Dates | NoDates) -> Dates:
    assert isinstance(dates, Dates)
    return dates


def drop_offs(dates: Dates | NoDates) -> list[DropOff]:
    return [option for option in found(dates).options if isinstance(option, DropOff)]


def test_three_dates_on_three_days_the_soonest_first_each_with_its_reason() -> None:
    options = drop_offs(find_dates(WORK, [centre()], NOW))
    assert [option.why for option in options] == ["soonest", "other_time", "other_day"]
    assert len({option.during.start_at.astimezone(SEOUL).date() for option in options}) == 3
    assert options[0].during.start_at == datetime(2026, 3, 3, 9, 0, tzinfo=SEOUL)


def test_no_date_without_its_part() -> None:
    assert find_dates(WORK, [centre(ready_at=None)], NOW) == NoDates("no_part", ["CELL"])


def test_no_date_without_a_bay_that_has_the_skills() -> None:
    assert find_dates(WORK, [centre(bays=[Bay(1, frozenset({"hoist"}), [])])], NOW) == NoDates("no_bay")


def test_the_nearest_centre_that_has_the_part_is_taken() -> None:
    near = centre(centre_id=2, distance_km=1.0, ready_at=None)
    far = centre(centre_id=3, distance_km=50.0)
    assert found(find_dates(WORK, [far, near, centre()], NOW)).centre_id == 1


def test_no_date_before_its_part_has_come() -> None:
    ready_at = NOW + timedelta(days=3, hours=2)  # Thursday noon
    options = drop_offs(find_dates(WORK, [centre(ready_at=ready_at)], NOW))
    assert options[0].during.start_at == datetime(2026, 3, 6, 9, 0, tzinfo=SEOUL)
    assert all(option.during.start_at >= ready_at + MARGIN for option in options)


def test_three_dates_are_found_behind_a_part_that_comes_late() -> None:
    assert len(drop_offs(find_dates(WORK, [centre(ready_at=NOW + timedelta(days=60))], NOW))) == 3


def test_a_centre_that_has_the_part_now_is_worth_a_longer_way_than_one_that_waits_for_days() -> None:
    waits = centre(centre_id=2, distance_km=1.0, ready_at=NOW + timedelta(days=4))
    far = centre(centre_id=3, distance_km=50.0)
    assert found(find_dates(WORK, [waits, far], NOW)).centre_id == 3
    farther = centre(centre_id=3, distance_km=500.0)
    assert found(find_dates(WORK, [waits, farther], NOW)).centre_id == 2


def test_a_bay_that_is_taken_for_good_gives_no_time() -> None:
    always = Interval(NOW - timedelta(days=1), NOW + timedelta(days=99))
    assert find_dates(WORK, [centre(bays=[Bay(1, SKILLED, [always])])], NOW) == NoDates("no_time")


@pytest.mark.parametrize(("zone_name", "day"), CHANGES)
def test_a_bay_is_offered_in_opening_hours_by_the_clock_on_the_wall_around_the_day_of_a_change(
    zone_name: str, day: date
) -> None:
    zone = ZoneInfo(zone_name)
    open_daily = {weekday: (time(9), time(18)) for weekday in range(7)}
    for ahead in range(4):
        now = datetime.combine(day - timedelta(days=ahead), time(12), zone).astimezone(UTC)
        options = drop_offs(find_dates(WORK, [centre(time_zone=zone_name, hours=open_daily)], now))
        for option in options:
            begins, ends = (at.astimezone(zone) for at in (option.during.start_at, option.during.end_at))
            assert time(9) <= begins.time() <= ends.time() <= time(18)
            assert begins.date() == ends.date()
            assert option.during.end_at - option.during.start_at == timedelta(minutes=180)
            assert option.during.start_at >= now + NOTICE
        assert options[0].during.start_at.astimezone(zone).time() == time(9)


def test_opening_hours_are_local_across_a_clock_change() -> None:
    berlin = centre(time_zone="Europe/Berlin")
    now = datetime(2026, 3, 27, 12, 0, tzinfo=ZoneInfo("Europe/Berlin"))  # the clocks change on the 29th
    starts = [option.during.start_at for option in drop_offs(find_dates(WORK, [berlin], now))]
    local = [start.astimezone(ZoneInfo("Europe/Berlin")) for start in starts]
    assert all(9 <= start.hour <= 15 for start in local)
    assert local[0].date().isoformat() == "2026-03-30"


@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(1, 12)), max_size=40),
    st.integers(0, 24 * 60),
    st.sampled_from([30, 45, 180, 540]),
)
def test_an_offered_date_is_always_free_open_and_far_enough_ahead(
    taken: list[tuple[int, int]], minutes_on: int, length: int
) -> None:
    now = NOW + timedelta(minutes=minutes_on)
    busy = [Interval(NOW + timedelta(hours=at), NOW + timedelta(hours=at + lasts)) for at, lasts in taken]
    dates = find_dates(
        Work(length, frozenset(), []), [centre(bays=[Bay(1, frozenset(), busy), Bay(2, frozenset(), busy[::2])])], now
    )
    for option in dates.options if isinstance(dates, Dates) else []:
        assert isinstance(option, DropOff)
        slot = option.during
        assert slot.start_at >= now + NOTICE
        assert slot.end_at - slot.start_at == timedelta(minutes=length)
        assert not any(slot.overlaps(other) for other in (busy if option.bay_id == 1 else busy[::2]))
        local = slot.start_at.astimezone(SEOUL)
        opens, closes = HOURS[local.weekday()]
        assert opens <= local.time()
        assert slot.end_at.astimezone(SEOUL).time() <= closes
        assert slot.start_at.tzinfo in {UTC, ZoneInfo("UTC")}
