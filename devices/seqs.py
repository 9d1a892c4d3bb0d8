"""Sets of sequence numbers as sorted ranges: which have come, and which are missing between them.

A set is a list of (first, last) pairs, both inclusive, in order, that neither overlap nor touch. It knows no device.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

Range = tuple[int, int]


def add(ranges: list[Range], first: int, last: int | None = None) -> None:
    """Put a number, or all from `first` to `last`, into a set.

    Parameters
    ----------
    ranges : list of (int, int)
        The set; it is changed.
    first, last : int
        Both inclusive; `last` is `first` when it is left out.

    Examples
    --------
    >>> ranges = [(1, 3), (5, 6)]
    >>> add(ranges, 4)
    >>> ranges
    [(1, 6)]
    """
    last = first if last is None else last
    if ranges and ranges[-1][0] <= first <= ranges[-1][1] + 1:
        if last > ranges[-1][1]:
            ranges[-1] = (ranges[-1][0], last)
        return
    start = bisect_right(ranges, first - 1, key=lambda each: each[1])
    # Those that only touch are taken in, too: one that ends right before the first number.
    if start and ranges[start - 1][1] == first - 1:
        start -= 1
    end = start
    while end < len(ranges) and ranges[end][0] <= last + 1:
        first, last = min(first, ranges[end][0]), max(last, ranges[end][1])
        end += 1
    ranges[start:end] = [(first, last)]


def contains(ranges: Sequence[Range], number: int) -> bool:
    """Tell whether a number is in a set."""
    place = bisect_right(ranges, number, key=lambda each: each[0])
    return place > 0 and ranges[place - 1][1] >= number


def holes(ranges: Sequence[Range], begins: int) -> list[Range]:
    """Return what is missing from `begins`, or the lowest number if that is lower, to the highest number.

    >>> holes([(2, 3), (6, 6), (9, 12)], 1)
    [(1, 1), (4, 5), (7, 8)]
    """
    missing: list[Range] = []
    expected = begins
    for first, last in ranges:
        if first > expected:
            missing.append((expected, first - 1))
        expected = last + 1
    return missing


def common(left: Sequence[Range], right: Sequence[Range]) -> list[Range]:
    """Return what is in both sets.

    >>> common([(1, 5), (8, 9)], [(4, 8)])
    [(4, 5), (8, 8)]
    """
    found: list[Range] = []
    i = j = 0
    while i < len(left) and j < len(right):
        first, last = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if first <= last:
            found.append((first, last))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return found


def without(left: Sequence[Range], right: Sequence[Range]) -> list[Range]:
    """Return what is in the left set and not in the right one.

    >>> without([(1, 9)], [(3, 4), (9, 20)])
    [(1, 2), (5, 8)]
    """
    if not left:
        return []
    outside: list[Range] = []
    expected, end = left[0][0], left[-1][1]
    for first, last in right:
        if first > expected:
            outside.append((expected, first - 1))
        expected = max(expected, last + 1)
    if expected <= end:
        outside.append((expected, end))
    return common(left, outside)


def size(ranges: Iterable[Range]) -> int:
    """Return how many numbers are in a set.

    >>> size([(1, 3), (7, 7)])
    4
    """
    return sum(last - first + 1 for first, last in ranges)
