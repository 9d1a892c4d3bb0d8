"""How busy a machine is, on clocks that the tests move; and that a search on a busy one ends so much earlier."""

import time

from gateway.routing.solve import solve
from gateway.routing.stretch import Stretch
from tests.gateway.routing.test_solve import fake, street, worst
from workflows.routing import Plan


class Machine:
    """Clocks of a machine on which each second of processor time takes so many seconds."""

    def __init__(self, takes: float) -> None:
        self.takes, self.now_s, self.ran_s = takes, 100.0, 5.0

    def clock(self) -> float:
        return self.now_s

    def processor(self) -> float:
        self.ran_s += 0.001
        self.now_s += 0.001 * self.takes
        return self.ran_s

    def stretch(self, first: float = 1.0) -> Stretch:
        return Stretch(first, self.clock, self.processor)


def test_an_idle_machine_stretches_nothing() -> None:
    machine = Machine(1.0)
    stretch = machine.stretch()
    stretch.look()
    assert 1.0 <= stretch.worst < 1.2
    assert stretch.ending_s(15.0, idle_s=0.1, processor_s=0.2) < 0.4


def test_a_machine_that_becomes_busy_is_noticed_and_one_that_is_idle_again_is_believed_after_a_while() -> None:
    machine = Machine(1.0)
    stretch = machine.stretch()
    stretch.look()
    machine.takes = 20.0
    stretch.look()
    assert stretch.worst < 1.2, "it was looked a moment ago"
    machine.now_s += 1.0
    stretch.look()
    assert stretch.worst > 15.0
    machine.takes = 1.0
    looks = 0
    while stretch.worst > 15.0:
        machine.now_s += 1.0
        stretch.look()
        looks += 1
    assert 1 < looks < 10


def test_what_is_known_first_holds_until_enough_was_measured() -> None:
    machine = Machine(1.0)
    stretch = machine.stretch(8.0)
    stretch.look()
    assert stretch.worst == 8.0


def test_most_of_a_limit_is_not_kept_back_even_where_nothing_moves() -> None:
    assert Stretch(1000.0).ending_s(5.0, idle_s=0.1, processor_s=1.0) < 4.0


def test_a_search_on_a_busy_machine_ends_earlier_and_what_was_found_by_then_is_kept() -> None:
    problem, limit_s = street(), 10.0
    began_s = time.monotonic()
    stretch = Stretch(20.0)
    solved = solve(problem, worst(problem), limit_s=limit_s, command=fake("tells_and_hangs"), stretch=stretch)
    assert time.monotonic() - began_s < limit_s
    assert (solved.ended, solved.plan) == ("killed", Plan(((0, 1, 2, 3),)))


def test_what_the_caller_needs_afterwards_is_left_to_him() -> None:
    problem, limit_s, afterwards_s = street(), 12.0, 3.0
    began_s = time.monotonic()
    solved = solve(
        problem, worst(problem), limit_s=limit_s, command=fake("tells_and_hangs"), afterwards_cpu_s=afterwards_s
    )
    assert time.monotonic() - began_s < limit_s - 1.0
    assert solved.ended == "killed"
