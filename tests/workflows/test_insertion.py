"""Insertion: all gaps at once find just what one gap after the other finds, by the slow and plain definition below."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.dates import Exceptions, Interval, Place, Work
from workflows.insertion import Plan, Stop, Technician, best_plans, reachable, shift_within
from workflows.ways import REACH, way_between

DAY = date(2026, 3, 27)  # in Europe the clocks change two days later
ZONES = ("Asia/Seoul", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
GRID = timedelta(minutes=5)


def windows_of(day: date, zone: ZoneInfo) -> list[Interval]:
    return [
        Interval(
            datetime.combine(day, time(hour), zone).astimezone(UTC),
            datetime.combine(day, time(hour + 2), zone).astimezone(UTC),
        )
        for hour in range(0, 22, 2)
    ]


def slow_plans(
    work: Work,
    place: Place,
    people: Sequence[Technician],
    days: Sequence[tuple[date, Sequence[Interval]]],
    exceptions: Exceptions,
    zone: ZoneInfo,
) -> list[list[Plan]]:
    """One gap after the other, as somebody with a pencil would look for a place in a diary."""
    found: list[list[Plan]] = []
    for day, windows in days:
        plans: list[Plan] = []
        for window in windows:
            ways = [plan for person in people for plan in slow_gaps(work, place, person, day, window, exceptions, zone)]
            if ways:
                plans.append(min(ways, key=lambda p: (max(p.added_min, 0), p.arrives_at, p.technician_id)))
        found.append(plans)
    return found


def slow_gaps(
    work: Work,
    place: Place,
    person: Technician,
    day: date,
    window: Interval,
    exceptions: Exceptions,
    zone: ZoneInfo,
) -> list[Plan]:
    """Every way to put the visit into one day of one person."""
    hours = person.hours.get(day.weekday())
    shift = None if hours is None else shift_within(hours, day, exceptions, zone)
    if shift is None or window.start_at < shift.start_at or window.end_at > shift.end_at:
        return []
    stops = sorted(
        (stop for stop in person.engagements() if stop.during.overlaps(shift)), key=lambda stop: stop.during.start_at
    )
    plans: list[Plan] = []
    free_at = shift.start_at
    for before, after in pairwise([None, *stops, None]):
        here = before.place if before else person.base
        free_at = max(free_at, before.during.end_at) if before else free_at
        way = way_between(here, place)
        at = max(window.start_at, free_at + way)
        arrives_at = at + (EPOCH - at) % GRID
        done_at = arrives_at + timedelta(minutes=work.minutes)
        if arrives_at >= window.end_at or done_at > shift.end_at:
            continue
        added = way
        if after is not None:
            out = way_between(place, after.place)
            if done_at > after.during.start_at or done_at + out > after.arrives_at:
                continue
            added = way + out - way_between(here, after.place)
        added_min = round(added.total_seconds() / 60)
        plans.append(Plan(person.technician_id, Interval(arrives_at - way, done_at), arrives_at, window, added_min))
    return plans


def lived_in(seed: int, zone: ZoneInfo, days: Sequence[date]) -> list[Technician]:
    """Technicians whose weeks have filled up with visits that the slow definition found, and some absences."""
    chance = random.Random(seed)

    def somewhere() -> Place:
        return Place(37.4 + chance.random() * 0.3, 126.8 + chance.random() * 0.4)

    people = [
        Technician(
            number,
            frozenset(),
            somewhere(),
            {day: (time(chance.choice([7, 8, 9])), time(chance.choice([16, 17, 18, 21]))) for day in range(6)},
            [],
        )
        for number in chance.sample(range(1, 99), 3)
    ]
    for _ in range(chance.randrange(40)):
        work, place = Work(chance.choice([20, 45, 90, 150]), frozenset(), []), somewhere()
        dated = [(day, windows_of(day, zone)) for day in days]
        plans = [plan for plans in slow_plans(work, place, people, dated, {}, zone) for plan in plans]
        if plans:
            plan = chance.choice(plans)
            at = next(i for i, person in enumerate(people) if person.technician_id == plan.technician_id)
            stop = Stop(plan.during, plan.arrives_at, place)
            people[at] = replace(people[at], stops=[*people[at].stops, stop])
    for at, person in enumerate(people):
        if chance.random() < 0.4:
            begins_at = datetime.combine(chance.choice(days), time(chance.randrange(24)), zone).astimezone(UTC)
            away = Interval(begins_at, begins_at + timedelta(hours=chance.choice([2, 8, 40])))
            people[at] = replace(person, absences=[away])
    return people


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(ZONES), st.sampled_from([DAY, date(2026, 10, 23), date(2026, 4, 3)]))
def test_all_gaps_at_once_find_what_one_after_the_other_finds(seed: int, zone_name: str, first: date) -> None:
    zone = ZoneInfo(zone_name)
    days = [first + timedelta(days=n) for n in range(5)]
    people = lived_in(seed, zone, days)
    chance = random.Random(seed + 1)
    exceptions: Exceptions = {days[1]: None, days[3]: (time(10), time(15))} if chance.random() < 0.5 else {}
    place = Place(37.4 + chance.random() * 0.3, 126.8 + chance.random() * 0.4)
    work = Work(chance.choice([20, 60, 200]), frozenset(), [])
    dated = [(day, windows_of(day, zone)) for day in days]
    assert best_plans(work, place, people, dated, exceptions, zone) == slow_plans(
        work, place, people, dated, exceptions, zone
    )


def test_nobody_at_all_finds_nothing() -> None:
    zone = ZoneInfo("Asia/Seoul")
    assert best_plans(Work(60, frozenset(), []), Place(0, 0), [], [(DAY, windows_of(DAY, zone))], {}, zone) == [[]]


def test_he_who_passes_by_anyway_comes_rather_than_he_who_lives_next_door() -> None:
    zone = ZoneInfo("Asia/Seoul")
    place = Place(37.50, 127.00)
    eight = datetime(2026, 3, 27, 8, 0, tzinfo=zone)
    there = Stop(Interval(eight, eight + timedelta(hours=1)), eight, place)
    hours = {4: (time(8), time(18))}
    passes_by = Technician(2, frozenset(), Place(37.40, 126.80), hours, [there])
    neighbour = Technician(1, frozenset(), Place(37.52, 127.02), hours, [])
    ((*plans,),) = best_plans(
        Work(60, frozenset(), []), place, [neighbour, passes_by], [(DAY, windows_of(DAY, zone))], {}, zone
    )
    assert [plan.technician_id for plan in plans if plan.window.start_at >= eight + timedelta(hours=2)] == [2] * 4


def test_nobody_is_sent_farther_than_his_reach() -> None:
    base = Place(37.5, 127.0)
    far, near = Place(38.5, 127.0), Place(37.6, 127.0)
    person = Technician(1, frozenset(), base, {}, [])
    assert way_between(base, near) <= REACH < way_between(base, far)
    assert reachable([person], near) == [person]
    assert reachable([person], far) == []
    assert reachable([], near) == []
