"""Visits: a technician with the skills, on time for everybody, or the reason why nobody can come."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workflows.test_dates import CHANGES
from workflows.dates import NOTICE, Dates, Interval, NoDates, Place, Visit, Work
from workflows.visits import WINDOW_H, Crew, Stop, Technician, find_replacement, find_visits, fits, way_between

SEOUL = ZoneInfo("Asia/Seoul")
NOW = datetime(2026, 3, 2, 10, 0, tzinfo=SEOUL)  # a Monday
HOURS = {day: (time(8), time(18)) for day in range(5)}
WATER = frozenset({"water_meter"})
WORK = Work(60, WATER, ["METER"])
BASE = Place(37.5446, 127.0559)
HOME = Place(37.556, 126.909)
FAR_CORNER = Place(37.40, 127.25)


def technician(number: int = 1, **changes: object) -> Technician:
    values: dict[str, object] = {"skills": WATER, "base": BASE, "hours": HOURS, "stops": []}
    return Technician(number, **{**values, **changes})  # type: ignore[arg-type]


def crew(*technicians: Technician, **changes: object) -> Crew:
    values: dict[str, object] = {
        "centre_id": 1,
        "time_zone": "Asia/Seoul",
        "ready_at": NOW,
        "distance_km": 5.0,
    }
    return Crew(technicians=technicians or [technician()], **{**values, **changes})  # type: ignore[arg-type]


def visits(dates: Dates | NoDates) -> list[Visit]:
    assert isinstance(dates, Dates)
    return [option for option in dates.options if isinstance(option, Visit)]


def stop_of(visit: Visit) -> Stop:
    return Stop(visit.during, visit.arrives_at, visit.place)


def local(at: datetime) -> tuple[int, int]:
    return at.astimezone(SEOUL).hour, at.astimezone(SEOUL).minute


def test_three_windows_of_two_hours_on_three_days_the_soonest_first_each_with_its_reason() -> None:
    found = visits(find_visits(WORK, HOME, [crew()], NOW))
    assert [visit.why for visit in found] == ["soonest", "other_time", "other_day"]
    assert len({visit.window.start_at.astimezone(SEOUL).date() for visit in found}) == 3
    assert (local(found[0].window.start_at), local(found[0].window.end_at)) == ((8, 0), (10, 0))
    assert local(found[1].window.start_at) == (12, 0)


def test_the_day_begins_at_the_base_with_the_working_hours_and_the_way_is_part_of_the_plan() -> None:
    first = visits(find_visits(WORK, HOME, [crew()], NOW))[0]
    assert local(first.during.start_at)[0] == 8
    assert timedelta() <= first.arrives_at - first.during.start_at - way_between(BASE, HOME) < timedelta(seconds=1)
    assert first.during.end_at - first.arrives_at == timedelta(minutes=60)
    assert local(first.arrives_at)[1] % 5 == 0


def test_nobody_can_be_sent_to_a_place_that_nobody_knows() -> None:
    assert find_visits(WORK, None, [crew()], NOW) == NoDates("no_place")


def test_no_visit_without_its_part() -> None:
    assert find_visits(WORK, HOME, [crew(ready_at=None)], NOW) == NoDates("no_part", ["METER"])


def test_no_visit_without_somebody_who_has_the_skills_and_is_near_enough() -> None:
    electrician = technician(skills=frozenset({"electricity_meter"}))
    assert find_visits(WORK, HOME, [crew(electrician)], NOW) == NoDates("no_technician")
    assert find_visits(WORK, Place(52.5, 13.4), [crew()], NOW) == NoDates("no_technician")


def test_a_technician_who_is_busy_for_good_has_no_time() -> None:
    always = Stop(Interval(NOW, NOW + timedelta(days=60)), NOW, HOME)
    assert find_visits(WORK, HOME, [crew(technician(stops=[always]))], NOW) == NoDates("no_time")


def test_the_nearest_centre_with_the_part_sends_somebody() -> None:
    near = crew(centre_id=2, distance_km=1.0, ready_at=None)
    dates = find_visits(WORK, HOME, [crew(centre_id=3, distance_km=9.0), near, crew()], NOW)
    assert isinstance(dates, Dates)
    assert dates.centre_id == 1


def test_nobody_sets_out_before_the_part_has_come() -> None:
    ready_at = NOW + timedelta(days=3, hours=2)  # Thursday noon
    found = visits(find_visits(WORK, HOME, [crew(ready_at=ready_at)], NOW))
    assert found[0].window.start_at == datetime(2026, 3, 6, 8, 0, tzinfo=SEOUL)
    assert all(visit.during.start_at > ready_at for visit in found)


def test_who_has_the_shortest_way_goes() -> None:
    distant, neighbour = technician(1, base=FAR_CORNER), technician(2, base=HOME)
    assert {visit.technician_id for visit in visits(find_visits(WORK, HOME, [crew(distant, neighbour)], NOW))} == {2}


def test_a_visit_is_put_between_two_that_are_promised_and_neither_moves() -> None:
    day = datetime(2026, 3, 3, tzinfo=SEOUL)

    def promised(hour: int) -> Stop:
        return Stop(Interval(day.replace(hour=hour), day.replace(hour=hour + 1)), day.replace(hour=hour), HOME)

    stops = [promised(8), promised(10), promised(13), promised(15)]
    visit = visits(find_visits(WORK, HOME, [crew(technician(stops=stops))], NOW))[0]
    # Ten minutes to find each door: 9:10 to 10:10 would be late for the one at ten, 11:10 is the first that fits.
    assert local(visit.arrives_at) == (11, 10)
    assert local(visit.window.start_at) == (10, 0)


def test_who_stands_in_today_sets_out_after_he_is_asked_and_after_what_he_is_at() -> None:
    window = Interval(NOW.replace(hour=10), NOW.replace(hour=12))
    now = NOW.replace(hour=10, minute=20)
    found = find_replacement(WORK, HOME, crew(), window, now)
    assert found is not None
    assert now <= found.during.start_at < found.arrives_at < window.end_at
    # One who is at another door until eleven comes from there; one who is there until noon does not come at all.
    busy = Stop(Interval(NOW.replace(hour=9), NOW.replace(hour=11)), NOW.replace(hour=9, minute=30), HOME)
    found = find_replacement(WORK, HOME, crew(technician(stops=[busy])), window, now)
    assert found is not None
    assert found.during.start_at >= busy.during.end_at
    longer = replace(busy, during=Interval(busy.during.start_at, NOW.replace(hour=12)))
    assert find_replacement(WORK, HOME, crew(technician(stops=[longer])), window, now) is None
    assert find_replacement(WORK, HOME, crew(), window, NOW.replace(hour=11, minute=55)) is None


@pytest.mark.parametrize(("zone_name", "day"), CHANGES)
def test_windows_are_whole_hours_of_a_shift_by_the_clock_on_the_wall_around_the_day_of_a_change(
    zone_name: str, day: date
) -> None:
    zone = ZoneInfo(zone_name)
    daily = {weekday: (time(8), time(18)) for weekday in range(7)}
    for ahead in range(4):
        now = datetime.combine(day - timedelta(days=ahead), time(12), zone).astimezone(UTC)
        found = visits(find_visits(WORK, HOME, [crew(technician(hours=daily), time_zone=zone_name, ready_at=now)], now))
        for visit in found:
            begins, ends = (at.astimezone(zone) for at in (visit.window.start_at, visit.window.end_at))
            assert begins.minute == ends.minute == 0
            assert time(8) <= begins.time() < ends.time() <= time(18)
            assert visit.window.end_at - visit.window.start_at == timedelta(hours=WINDOW_H)
            assert visit.window.start_at <= visit.arrives_at <= visit.window.end_at
            assert visit.window.start_at >= now + NOTICE
        assert found[0].window.start_at.astimezone(zone).time() == time(8)


def test_the_windows_are_those_of_local_clocks_across_a_clock_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    now = datetime(2026, 3, 27, 12, 0, tzinfo=berlin)  # the clocks change on the 29th
    place = Place(52.5, 13.4)
    found = visits(find_visits(WORK, place, [crew(technician(base=place), time_zone="Europe/Berlin")], now))
    assert found[0].window.start_at == datetime(2026, 3, 30, 8, 0, tzinfo=berlin)
    assert found[0].window.start_at.utcoffset() == timedelta()


def test_a_plan_fits_no_longer_when_its_neighbour_came_too_near() -> None:
    visit = visits(find_visits(WORK, HOME, [crew()], NOW))[0]
    done_at = visit.during.end_at
    near = Stop(Interval(done_at, done_at + timedelta(hours=2)), done_at + timedelta(minutes=10), HOME)
    assert fits(visit, [near])
    assert not fits(visit, [replace(near, arrives_at=done_at + timedelta(minutes=9))])
    assert not fits(visit, [replace(near, place=FAR_CORNER)])
    assert not fits(visit, [stop_of(visit)])


# Far enough apart that ways matter, and orders enough that days fill up and gaps are used.
places = st.sampled_from([Place(37.40 + 0.06 * row, 126.80 + 0.08 * column) for row in range(5) for column in range(5)])
skill_sets = st.sampled_from([frozenset[str](), WATER, WATER | {"gas_meter"}])
orders = st.lists(
    st.tuples(places, st.integers(20, 150), skill_sets, st.integers(0, 2), st.booleans()), min_size=10, max_size=25
)
staff = st.lists(st.tuples(places, skill_sets, st.integers(0, 10), st.integers(6, 12)), min_size=1, max_size=2)


@given(orders, staff)
def test_nobody_is_ever_in_two_places_late_or_without_the_skill(
    orders: Sequence[tuple[Place, int, frozenset[str], int, bool]],
    staff: Sequence[tuple[Place, frozenset[str], int, int]],
) -> None:
    people = {
        number: technician(
            number,
            base=base,
            skills=skills,
            hours={day: (time(first), time(min(first + long, 23))) for day in range(7)},
        )
        for number, (base, skills, first, long) in enumerate(staff)
    }
    routes: dict[int, list[Stop]] = {number: [] for number in people}
    for place, minutes, skills, taste, is_cancelled in orders:
        present = [replace(person, stops=routes[number]) for number, person in people.items()]
        dates = find_visits(Work(minutes, skills, []), place, [crew(*present)], NOW)
        if isinstance(dates, NoDates):
            continue
        for visit in visits(dates):
            assert visit.window.start_at <= visit.arrives_at < visit.window.end_at
            assert visit.window.end_at - visit.window.start_at == timedelta(hours=WINDOW_H)
            assert visit.window.start_at >= NOW + NOTICE
            assert visit.during.end_at - visit.arrives_at == timedelta(minutes=minutes)
            assert visit.window.start_at.tzinfo == UTC
            assert skills <= people[visit.technician_id].skills
            assert fits(visit, routes[visit.technician_id])
        chosen = visits(dates)[min(taste, len(dates.options) - 1)]
        routes[chosen.technician_id].append(stop_of(chosen))
        if is_cancelled:
            routes[chosen.technician_id].pop(0)
    for number, route in routes.items():
        check_route(people[number], sorted(route, key=lambda stop: stop.during.start_at))


def check_route(person: Technician, route: Sequence[Stop]) -> None:
    for stop in route:
        begins, ends = person.hours[0]
        setting_out, done = (at.astimezone(SEOUL) for at in (stop.during.start_at, stop.during.end_at))
        assert begins <= setting_out.time()
        assert done.time() <= ends
        assert done.date() == setting_out.date()
    for before, after in pairwise(route):
        assert not before.during.overlaps(after.during)
        assert before.during.end_at + way_between(before.place, after.place) <= after.arrives_at
