"""Problems and plans for the tests of routing: drawn by hypothesis, small enough to see through."""

import numpy as np
from hypothesis import strategies as st

from workflows.routing import NO_LIMIT, Call, Plan, Problem, Shift, Travel

SKILLS = ("gas", "power", "water")


def travel_of(places: list[tuple[int, int]]) -> Travel:
    points = np.array(places, dtype=np.float64)
    ways = np.rint(np.hypot(*(points[:, None, :] - points[None, :, :]).transpose(2, 0, 1))).astype(np.int64)
    return Travel(ways, ways)


@st.composite
def problems(draw: st.DrawFn, most_calls: int = 7, most_shifts: int = 3) -> Problem:
    calls = draw(st.integers(0, most_calls))
    shifts = draw(st.integers(1, most_shifts))
    places = draw(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=calls + 1, max_size=calls + 1))
    skills = st.frozensets(st.sampled_from(SKILLS), max_size=2)
    begins = [draw(st.integers(0, 150)) for _ in range(calls)]
    return Problem(
        [
            Call(
                100 + number,
                number + 1,
                begins[number],
                begins[number] + draw(st.integers(0, 60)),
                draw(st.integers(0, 20)),
                draw(skills) if draw(st.booleans()) else frozenset(),
                draw(st.integers(0, 3)),
                draw(st.booleans()),
            )
            for number in range(calls)
        ],
        [
            Shift(
                number,
                0,
                draw(st.integers(0, 30)),
                draw(st.integers(100, 250)),
                draw(st.frozensets(st.sampled_from(SKILLS))),
                draw(st.sampled_from([4, 8, NO_LIMIT])),
                draw(st.sampled_from([120, NO_LIMIT])),
                draw(st.booleans()),
            )
            for number in range(1, shifts + 1)
        ],
        travel_of(places),
        draw(st.sampled_from([0, 0, 40])),
    )


@st.composite
def plans(draw: st.DrawFn, problem: Problem) -> Plan:
    """Any plan that names visits of the problem: repeated, left out, in any order."""
    if not problem.calls:
        return Plan(((),) * len(problem.shifts))
    route = st.lists(st.integers(0, len(problem.calls) - 1), max_size=5).map(tuple)
    return Plan(tuple(draw(route) for _ in problem.shifts))
