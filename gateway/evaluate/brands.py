"""Who is told by whom: a device by the others of its kind, so that its own brand was never seen; and on what sets are calibrated.

A device that is the only one of its kind is told by its own other dates. Calibration of a kind uses the devices of the
other kinds, each told by a model that had not seen it, so it carries what a strange brand costs and never the kind itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar, cast

import numpy as np

from devices.readings import FloatArray, IntArray
from diagnostics.conformal import Conformal, calibrate
from gateway.evaluate.appliance_kinds import Taught, teach
from gateway.evaluate.loads import Day
from gateway.evaluate.prolongations import Said

_Item = TypeVar("_Item")
_FOLDS: Final = 5
_DAY_MIN: Final = 1440
_UNCALIBRATED: Final = Conformal((np.zeros(0),))


@dataclass(frozen=True, slots=True)
class Lesson:
    """Days to tell, `of` int64 [n], and those to learn it from; `is_unseen` where these are of other devices only."""

    kind: str
    of: IntArray
    learned: IntArray
    is_unseen: bool


def lessons(days: Sequence[Day]) -> list[Lesson]:
    """Return a lesson for each device, or five where its own other dates teach it."""
    device, kind = np.array([day.device for day in days]), np.array([day.kind for day in days])
    fold = _folds(days)
    made: list[Lesson] = []
    for name in sorted({day.device for day in days}):
        of = np.flatnonzero(device == name)
        its_kind = days[int(of[0])].kind
        others = np.flatnonzero((kind == its_kind) & (device != name))
        if len(others):
            made.append(Lesson(its_kind, of, others, is_unseen=True))
            continue
        parts = [(of[fold[of] == one], of[fold[of] != one]) for one in range(_FOLDS)]
        made += [Lesson(its_kind, part, rest, is_unseen=False) for part, rest in parts if len(part)]
    return made


def _folds(days: Sequence[Day]) -> IntArray:
    """Deal dates, not days: what was made from the same day is in the same fold."""
    dates = sorted({day.begin_min // _DAY_MIN for day in days})
    place = {date: number % _FOLDS for number, date in enumerate(dates)}
    return np.array([place[day.begin_min // _DAY_MIN] for day in days], np.int64)


def strangeness(lesson: Lesson, days: Sequence[Day], said: Said) -> FloatArray:
    """Return how strange those of a lesson's days that can be told are to what it teaches, float64 [m]."""
    taught = taught_by(lesson, days, said, _UNCALIBRATED)
    scores = taught.scores(said.told[lesson.of], [day.fault for day in picked(days, lesson.of)])
    # Days of which nothing can be said rule nothing out anyway; calibration is of the others.
    return scores[~np.isnan(scores)]


def taught_by(lesson: Lesson, days: Sequence[Day], said: Said, conformal: Conformal) -> Taught:
    """Return what a lesson teaches."""
    return teach(said.taught[lesson.learned], [day.fault for day in picked(days, lesson.learned)], conformal)


def calibrated(
    lesson: Lesson, scored: Sequence[tuple[Lesson, FloatArray]], days: Sequence[Day], said: Said
) -> Conformal:
    """Return what a lesson's sets are calibrated on.

    Parameters
    ----------
    lesson : Lesson
        Its own kind is left out.
    scored : sequence of (Lesson, float64 [n])
        All lessons with their strangeness; unseen brands are taken, where there are any.
    days, said : sequence of Day, Said
        In a set of one kind, dates of what is learned are told by its other dates.
    """
    for is_unseen in (True, False):
        others = [score for other, score in scored if other.kind != lesson.kind and other.is_unseen == is_unseen]
        if others:
            return calibrate(np.concatenate(others))
    fold = _folds(picked(days, lesson.learned))
    parts = [(lesson.learned[fold == one], lesson.learned[fold != one]) for one in range(_FOLDS)]
    inner = [Lesson(lesson.kind, part, rest, is_unseen=False) for part, rest in parts if len(part)]
    return calibrate(np.concatenate([np.zeros(0), *(strangeness(one, days, said) for one in inner)]))


def picked(of: Sequence[_Item], at: IntArray) -> list[_Item]:
    """Return the items at some places."""
    return [of[place] for place in cast("list[int]", at.tolist())]
