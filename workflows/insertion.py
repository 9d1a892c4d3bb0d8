"""Insertion: into which gaps of whose days a visit can be put without moving a promised one, all of them looked at at once.

A technician's day is a row of gaps: before his first visit, between two, and after the last. Each gap knows when he is
free and where, and by when he has to be done and where he has to be next: the forward slack of his route. All gaps of all
technicians and days are columns; a visit's earliest and latest arrival in each of them, and in each two-hour window, is
arithmetic on whole columns.

What it does not know: parts, wishes, and which of the dates that are possible are shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from workflows.dates import Interval, Place, Work
from workflows.ways import REACH, Degrees, Minutes, ways_min

Seconds = NDArray[np.int64]
_Index = NDArray[np.int64]
_GRID_S: Final = 300
_MINUTE_S: Final = 60
# A technician's number stands above the seconds of an instant, so that one search finds the gaps of all.
_PERSON: Final = 40
# The best plan of a window is the smallest number: added travel, then the arrival's place on the grid, then the gap.
_ARRIVAL_BITS, _GAP_BITS = 10, 24
_NO_PLAN: Final = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Stop:
    """A visit that is promised already: from setting out until it is done, when he arrives, and where."""

    during: Interval
    arrives_at: datetime
    place: Place
    # The same as numbers, made once: a route is asked about more often than it changes.
    row: tuple[float, float, float, float, float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Note the numbers; the end is below zero, so that rounding down rounds it up."""
        numbers = (
            self.during.start_at.timestamp(),
            -self.during.end_at.timestamp(),
            self.arrives_at.timestamp(),
            self.place.latitude,
            self.place.longitude,
        )
        object.__setattr__(self, "row", numbers)


@dataclass(frozen=True, slots=True)
class Technician:
    """A technician: skills, where the day begins, working hours by weekday (0 is Monday), promised visits in any order.

    `absences` are when he is not at work, whatever his hours say; he is at his base before and after.
    """

    technician_id: int
    skills: frozenset[str]
    base: Place
    hours: Mapping[int, tuple[time, time]]
    stops: Sequence[Stop]
    absences: Sequence[Interval] = ()

    def engagements(self) -> Sequence[Stop]:
        """Return what his days are made of: absences as stops at his base, and the visits that do not fall into them.

        A visit that does is about to be given to somebody else, or to be told off.
        """
        if not self.absences:
            return self.stops
        kept = (stop for stop in self.stops if not any(stop.during.overlaps(away) for away in self.absences))
        return [*kept, *(Stop(away, away.start_at, self.base) for away in self.absences)]


@dataclass(frozen=True, slots=True)
class Plan:
    """A visit that would fit: who, when, in which window, and how many minutes of driving it adds to his day."""

    technician_id: int
    during: Interval
    arrives_at: datetime
    window: Interval
    added_min: int


@dataclass(frozen=True, slots=True)
class _Days:
    """The shifts of people on days as columns, day by day: who (an index), which day, and from when to when in seconds."""

    person: _Index
    day: _Index
    begins_s: Seconds
    ends_s: Seconds


@dataclass(frozen=True, slots=True)
class _Gaps:
    """Gaps as columns, those of a day side by side: who, which day, free from when and where, and what comes after.

    He has to be done by `until_s`, and at the next place by `due_s`; where nothing comes after, that place is not a number.
    """

    person: _Index
    day: _Index
    free_s: Seconds
    latitude: Degrees
    longitude: Degrees
    until_s: Seconds
    due_s: Seconds
    next_latitude: Degrees
    next_longitude: Degrees
    between_min: Minutes
    begins_s: Seconds
    ends_s: Seconds


def best_plans(
    work: Work,
    place: Place,
    people: Sequence[Technician],
    days: Sequence[tuple[date, Sequence[Interval]]],
    hours: Mapping[date, tuple[time, time] | None],
    zone: ZoneInfo,
) -> list[list[Plan]]:
    """Find for each day and window who adds the least travel to his day by coming then, among those who can.

    Parameters
    ----------
    work : Work
        How long it takes.
    place : Place
        Where the visit is.
    people : sequence of Technician
        Those who have the skills and are near enough.
    days : sequence of (date, windows)
        The days in order, each with the windows in which an arrival may be promised; as many on each day.
    hours : mapping of date to hours
        Days on which other hours hold than usual; None where nobody works.
    zone : ZoneInfo
        In which hours and days are meant.

    Returns
    -------
    list of list of Plan
        For each day the plans of its windows in order; a window without one is left out. Where two add the same
        travel, it is he who arrives earlier, and then he with the lower number.
    """
    ordered = sorted(people, key=lambda person: person.technician_id)
    shifts = _shifts(ordered, [day for day, _ in days], hours, zone)
    found: list[list[Plan]] = [[] for _ in days]
    if not len(shifts.day):
        return found
    gaps = _gaps(ordered, shifts)
    here = (np.array([place.latitude]), np.array([place.longitude]))
    in_min = ways_min(gaps.latitude, gaps.longitude, *here)
    out_min = ways_min(gaps.next_latitude, gaps.next_longitude, *here)
    added_min = in_min + out_min - gaps.between_min
    earliest_s = _on_grid(gaps.free_s + in_min * _MINUTE_S)
    latest_s = np.minimum(gaps.until_s, gaps.due_s - out_min * _MINUTE_S) - work.minutes * _MINUTE_S
    numbers = np.flatnonzero(earliest_s <= latest_s)
    if not len(numbers):
        return found
    starts_s, ends_s = _windows(days)
    starts_on_grid_s = _on_grid(starts_s)
    keys = _keys(gaps, numbers, earliest_s, latest_s, added_min, starts_s, ends_s)
    # The gaps of a day stand side by side, so the best of a day is the smallest of a stretch.
    at = np.flatnonzero(np.diff(gaps.day[numbers], prepend=-1))
    best = np.minimum.reduceat(keys, at, axis=0)
    dated: list[int] = gaps.day[numbers][at].tolist()
    cells: list[list[int]] = np.argwhere(best < _NO_PLAN).tolist()
    for row, number in cells:
        day, gap = dated[row], int(best[row, number]) & ((1 << _GAP_BITS) - 1)
        arrives_s = max(int(starts_on_grid_s[day, number]), int(earliest_s[gap]))
        person, window = ordered[int(gaps.person[gap])], days[day][1][number]
        found[day].append(_plan(person, arrives_s, int(in_min[gap]), int(added_min[gap]), work, window))
    return found


def _plan(person: Technician, arrives_s: int, in_min: int, added_min: int, work: Work, window: Interval) -> Plan:
    arrives_at = datetime.fromtimestamp(arrives_s, UTC)
    during = Interval(arrives_at - timedelta(minutes=in_min), arrives_at + timedelta(minutes=work.minutes))
    return Plan(person.technician_id, during, arrives_at, window, added_min)


def _keys(
    gaps: _Gaps,
    numbers: _Index,
    earliest_s: Seconds,
    latest_s: Seconds,
    added_min: Minutes,
    starts_s: Seconds,
    ends_s: Seconds,
) -> NDArray[np.int64]:
    """Return how good each gap is in each window of its day, less is better; `_NO_PLAN` where it is not possible."""
    day = gaps.day[numbers]
    from_s, to_s = starts_s[day], ends_s[day]
    arrives_s = np.maximum(_on_grid(from_s), earliest_s[numbers][:, None])
    is_possible = (
        (arrives_s < to_s)
        & (arrives_s <= latest_s[numbers][:, None])
        & (from_s >= gaps.begins_s[numbers][:, None])
        & (to_s <= gaps.ends_s[numbers][:, None])
    )
    # Ways keep the triangle inequality up to the minutes that they are rounded by: what is added may be a minute below none.
    added = np.maximum(added_min[numbers], 0)[:, None] << (_ARRIVAL_BITS + _GAP_BITS)
    key = added + (((arrives_s - from_s) // _GRID_S) << _GAP_BITS) + numbers[:, None]
    return np.where(is_possible, key, _NO_PLAN)


def _windows(days: Sequence[tuple[date, Sequence[Interval]]]) -> tuple[Seconds, Seconds]:
    bounds = [[(window.start_at.timestamp(), window.end_at.timestamp()) for window in windows] for _, windows in days]
    columns = np.array(bounds).astype(np.int64)
    return columns[:, :, 0], columns[:, :, 1]


def _shifts(
    people: Sequence[Technician],
    days: Sequence[date],
    exceptions: Mapping[date, tuple[time, time] | None],
    zone: ZoneInfo,
) -> _Days:
    """Everybody's working time on each day; days off are left out."""
    rows: list[tuple[int, int, float, float]] = []
    for number, day in enumerate(days):
        weekday = day.weekday()
        known: dict[tuple[time, time], tuple[float, float]] = {}
        for person, technician in enumerate(people):
            hours = technician.hours.get(weekday)
            if hours is None:
                continue
            if hours not in known:
                shift = shift_within(hours, day, exceptions, zone)
                known[hours] = (shift.start_at.timestamp(), shift.end_at.timestamp()) if shift else (0.0, 0.0)
            begins_s, ends_s = known[hours]
            if ends_s > begins_s:
                rows.append((person, number, begins_s, ends_s))
    columns = np.array(rows, dtype=np.float64).reshape(-1, 4).astype(np.int64)
    return _Days(columns[:, 0], columns[:, 1], columns[:, 2], columns[:, 3])


def shift_within(
    hours: tuple[time, time], day: date, exceptions: Mapping[date, tuple[time, time] | None], zone: ZoneInfo
) -> Interval | None:
    """Return working hours of a day as instants, within the hours that hold on it by way of exception; None for no time."""
    begins, ends = hours
    if day in exceptions:
        if (other := exceptions[day]) is None:
            return None
        begins, ends = max(begins, other[0]), min(ends, other[1])
    begins_at, ends_at = (datetime.combine(day, hour, zone).astimezone(UTC) for hour in (begins, ends))
    return Interval(begins_at, ends_at) if begins_at < ends_at else None


def _gaps(people: Sequence[Technician], shifts: _Days) -> _Gaps:
    """Cut all shifts into gaps at the engagements within them."""
    diaries = [person.engagements() for person in people]
    who = np.repeat(np.arange(len(people)), [len(diary) for diary in diaries])
    rows = (stop.row for diary in diaries for stop in diary)
    table = np.fromiter(chain.from_iterable(rows), dtype=np.float64, count=len(who) * 5).reshape(-1, 5)
    starts_s, minus_ends_s, due_s = np.floor(table[:, :3]).astype(np.int64).T
    order = np.argsort((who << _PERSON) + starts_s, kind="stable")
    who, starts_s, ends_s, due_s = who[order], starts_s[order], -minus_ends_s[order], due_s[order]
    # A visit within an absence ends no earlier than it: nobody is free before all that began earlier is over.
    over = np.maximum.accumulate((who << _PERSON) + ends_s)
    low = np.searchsorted(over, (shifts.person << _PERSON) + shifts.begins_s, side="right")
    high = np.searchsorted((who << _PERSON) + starts_s, (shifts.person << _PERSON) + shifts.ends_s, side="left")
    count = np.maximum(high - low, 0)
    shift = np.repeat(np.arange(len(count)), count + 1)
    place_in_day = np.arange(len(shift)) - np.repeat(np.cumsum(count + 1) - (count + 1), count + 1)
    before, after = low[shift] + place_in_day - 1, low[shift] + place_in_day
    has_before, has_after = place_in_day > 0, place_in_day < count[shift]
    base = np.array([(person.base.latitude, person.base.longitude) for person in people])
    # Two more rows, so that an index that means nothing can be looked up; what is found there is not used.
    at = np.vstack([table[order, 3:], [[np.nan, np.nan]]])
    starts_s, due_s, over = (np.append(column, 0) for column in (starts_s, due_s, over))
    here = np.where(has_before[:, None], at[before], base[shifts.person[shift]])
    there = np.where(has_after[:, None], at[np.minimum(after, len(at) - 1)], np.nan)
    after = np.minimum(after, len(at) - 1)
    ends_s = shifts.ends_s[shift]
    begins_s = shifts.begins_s[shift]
    over_s = over[before] & ((1 << _PERSON) - 1)
    return _Gaps(
        person=shifts.person[shift],
        day=shifts.day[shift],
        free_s=np.where(has_before, np.maximum(begins_s, over_s), begins_s),
        latitude=here[:, 0],
        longitude=here[:, 1],
        until_s=np.where(has_after, np.minimum(ends_s, starts_s[after]), ends_s),
        due_s=np.where(has_after, due_s[after], _NO_PLAN // 2),
        next_latitude=there[:, 0],
        next_longitude=there[:, 1],
        between_min=ways_min(here[:, 0], here[:, 1], there[:, 0], there[:, 1]),
        begins_s=begins_s,
        ends_s=ends_s,
    )


def _on_grid(at_s: Seconds) -> Seconds:
    """Return the next instants whose minutes can be divided by five."""
    return at_s + (-at_s) % _GRID_S


def reachable(people: Sequence[Technician], place: Place) -> list[Technician]:
    """Return those whose base is near enough to a place."""
    base = np.array([(person.base.latitude, person.base.longitude) for person in people]).reshape(-1, 2)
    away_min = ways_min(base[:, 0], base[:, 1], np.array([place.latitude]), np.array([place.longitude]))
    near = away_min * _MINUTE_S <= REACH.total_seconds()
    return [person for person, is_near in zip(people, near.tolist(), strict=True) if is_near]
