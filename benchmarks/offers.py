"""Offers: three dates out of sixty technicians' next two weeks, in process: ``python -m benchmarks.offers``.

What is measured is the whole question, from technicians as the database hands them over to three windows with their
reasons: `workflows.visits.find_visits`. Beside it stands the trigonometry alone: as many ways as there are gaps in the
same days, by bare numpy. Every question is about another place.
"""

import argparse
import gc
import random
import time as clock
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import numpy as np

from benchmarks.figures import Figure
from benchmarks.report import tell
from simulators.progress import ProgressLine
from workflows.dates import Dates, Interval, Place, Work
from workflows.visits import Crew, Stop, Technician, find_visits
from workflows.ways import ways_min

_TECHNICIANS: Final = 60
_DAYS: Final = 14
_QUESTIONS: Final = 2000
_AT_MOST_MS: Final = 5.0
_NOW: Final = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
_CITY: Final = Place(37.55, 126.99)
_WORK: Final = Work(45, frozenset({"water_meter"}), [])
_WEEK: Final = {day: (time(8), time(18)) for day in range(7)}


@dataclass(frozen=True, slots=True)
class Asked:
    """What so many questions took, in milliseconds, and the bare ways beside them."""

    technicians: int
    gaps: int
    questions: int
    p50_ms: float
    p99_ms: float
    bare_p50_ms: float
    without_dates: int


def main() -> None:
    """Measure and tell."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    words.add_argument("--questions", type=int, default=_QUESTIONS)
    words.add_argument("--technicians", type=int, default=_TECHNICIANS)
    said = words.parse_args()
    asked = _measured(said.questions, said.technicians, ProgressLine())
    row: dict[str, object] = {
        "technicians": asked.technicians,
        "gaps": asked.gaps,
        "p50_ms": asked.p50_ms,
        "p99_ms": asked.p99_ms,
        "bare_ways_p50_ms": asked.bare_p50_ms,
        "times_bare": asked.p50_ms / asked.bare_p50_ms,
    }
    tell("an offer's dates in process", [row], {"benchmark": "offers", "without_dates": asked.without_dates})


def figures(quick: bool, progress: ProgressLine) -> list[Figure]:
    """Measure one size."""
    asked = _measured(_QUESTIONS // 10 if quick else _QUESTIONS, _TECHNICIANS, progress)
    days = f"{asked.technicians} technicians, {_DAYS} days, {asked.gaps:,} gaps"
    return [
        Figure("offer p99", asked.p99_ms, "ms", at_most=_AT_MOST_MS, note=f"{asked.questions:,} questions, {days}"),
        Figure("offer p50", asked.p50_ms, "ms", asked.bare_p50_ms, "bare ways", note=days),
    ]


def _measured(questions: int, technicians: int, progress: ProgressLine) -> Asked:
    chance = random.Random(11)
    crew = _crew(technicians, chance)
    gaps = sum(len(person.stops) + _DAYS for person in crew.technicians)
    places = [_near(chance) for _ in range(questions)]
    progress.say(f"offers: {questions:,} questions about {gaps:,} gaps")
    for place in places[:20]:
        find_visits(_WORK, place, [crew], _NOW)
    took_s: list[float] = []
    without = 0
    gc.collect()
    gc.freeze()
    for place in places:
        began_s = clock.perf_counter()
        found = find_visits(_WORK, place, [crew], _NOW)
        took_s.append(clock.perf_counter() - began_s)
        without += not isinstance(found, Dates)
    gc.unfreeze()
    p50_ms, p99_ms = (float(np.quantile(took_s, share)) * 1e3 for share in (0.5, 0.99))
    return Asked(technicians, gaps, questions, p50_ms, p99_ms, _bare_ms(gaps, min(questions, 500)), without)


def _bare_ms(gaps: int, times: int) -> float:
    """The ways in and out of as many gaps, and nothing else."""
    chance = np.random.default_rng(3)
    latitude, longitude = 37.4 + 0.3 * chance.random(gaps), 126.8 + 0.4 * chance.random(gaps)
    took_s: list[float] = []
    for _ in range(times):
        place = np.array([37.4 + 0.3 * chance.random()]), np.array([126.8 + 0.4 * chance.random()])
        began_s = clock.perf_counter()
        ways_min(latitude, longitude, *place)
        ways_min(latitude, longitude, *place)
        took_s.append(clock.perf_counter() - began_s)
    return float(np.median(took_s)) * 1e3


def _near(chance: random.Random) -> Place:
    return Place(_CITY.latitude + chance.uniform(-0.15, 0.15), _CITY.longitude + chance.uniform(-0.2, 0.2))


def _crew(technicians: int, chance: random.Random) -> Crew:
    people = [
        Technician(number, frozenset({"water_meter"}), _near(chance), _WEEK, _stops(chance))
        for number in range(1, technicians + 1)
    ]
    return Crew(1, "Asia/Seoul", people, _NOW, 3.0)


def _stops(chance: random.Random) -> list[Stop]:
    """Four or five visits a day, so that some windows are free and some are not."""
    stops: list[Stop] = []
    first = _NOW.date()
    for day in (first + timedelta(days=ahead) for ahead in range(_DAYS)):
        for local_hour in chance.sample(range(8, 17), chance.choice([4, 5])):
            arrives_at = _local(day, local_hour) + timedelta(minutes=chance.choice([0, 5, 10]))
            during = Interval(arrives_at - timedelta(minutes=20), arrives_at + timedelta(minutes=35))
            stops.append(Stop(during, arrives_at, _near(chance)))
    return stops


def _local(day: date, hour: int) -> datetime:
    """An hour in Seoul, which is nine hours ahead all year."""
    return datetime.combine(day, time(hour), UTC) - timedelta(hours=9)


if __name__ == "__main__":
    main()
