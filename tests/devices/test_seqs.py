"""Sets of sequence numbers: whatever the order, the same set; what is missing is what was not put in."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from devices.seqs import Range, add, common, contains, holes, size, without

NUMBERS = st.lists(st.integers(0, 60), max_size=40)


def made(numbers: list[int]) -> list[Range]:
    ranges: list[Range] = []
    for number in numbers:
        add(ranges, number)
    return ranges


def members(ranges: list[Range]) -> set[int]:
    return {number for first, last in ranges for number in range(first, last + 1)}


@given(NUMBERS)
def test_a_set_holds_what_was_put_in_as_few_ranges(numbers: list[int]) -> None:
    ranges = made(numbers)
    assert members(ranges) == set(numbers)
    assert all(left[1] + 1 < right[0] for left, right in pairwise(ranges))
    assert size(ranges) == len(set(numbers))
    assert all(contains(ranges, number) == (number in numbers) for number in range(-1, 62))


@given(NUMBERS, st.integers(0, 60))
def test_holes_are_all_that_is_missing_up_to_the_highest(numbers: list[int], begins: int) -> None:
    ranges = made(numbers)
    start = min([begins, *numbers])
    expected = set(range(start, max(numbers) + 1)) - set(numbers) if numbers else set()
    assert members(holes(ranges, begins)) == expected


@given(NUMBERS, NUMBERS)
def test_common_and_without_are_those_of_sets(left: list[int], right: list[int]) -> None:
    assert members(common(made(left), made(right))) == set(left) & set(right)
    assert members(without(made(left), made(right))) == set(left) - set(right)


@given(NUMBERS, st.integers(0, 60), st.integers(0, 20))
def test_a_range_is_put_in_as_its_numbers_are(numbers: list[int], first: int, length: int) -> None:
    ranges = made(numbers)
    add(ranges, first, first + length)
    assert ranges == made([*numbers, *range(first, first + length + 1)])
