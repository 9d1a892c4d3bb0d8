"""Crops: a series loses a random part of its start, or its beginning comes twice, and it loses a part of its end.

So nothing can be known by place alone. What comes twice is what stands ahead of any labelled fault, once more and so much
earlier, in whole days or weeks where a series has any: hours of the day and the week stay what they are.
"""

import zlib
from typing import Final

import numpy as np

from devices.readings import IntArray

_MOST_PERIODS: Final = 4
_LARGEST_SHARE: Final = 0.25


def generator(seed: int, name: str) -> np.random.Generator:
    """Return the chance of one series, the same whatever other series there are.

    >>> generator(1, "a").integers(100) == generator(1, "a").integers(100)
    np.True_
    """
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def crop(seed: int | None, name: str, length: int, start: float = 0.25, end: float = 0.25) -> slice:
    """Return which rows of a series are kept: all of them without a seed.

    Parameters
    ----------
    seed : int or None
        Of the run.
    name : str
        The series' name: it makes its own chance, and nothing else.
    length : int
        Rows of the series.
    start, end : float
        The largest share that may be cut off, each.

    Examples
    --------
    >>> crop(None, "a", 1000)
    slice(0, 1000, None)
    >>> kept = crop(7, "a", 1000)
    >>> 0 <= kept.start <= 250 and 750 <= kept.stop <= 1000
    True
    """
    if seed is None:
        return slice(0, length)
    shares = generator(seed, name).uniform(0, (start, end))
    return slice(int(shares[0] * length), length - int(shares[1] * length))


def ahead(seed: int | None, name: str, at_us: IntArray, period_us: int, until_us: int | None = None) -> tuple[int, int]:
    """Return how many first rows of a series come twice, and by how much earlier the copies are: none without a seed.

    Parameters
    ----------
    seed : int or None
        Of the run.
    name : str
        The series' name.
    at_us : int64 [n]
        Its instants; of a series whose clock goes back nothing comes twice.
    period_us : int
        Copies are earlier by one to four of it.
    until_us : int or None
        Nothing of this instant and after it is copied, as the first labelled fault.

    Examples
    --------
    >>> hours = np.arange(1000)
    >>> ahead(None, "a", hours, 24)
    (0, 0)
    >>> sorted({ahead(seed, "a", hours, 24, until_us=50) for seed in range(40)})
    [(0, 0), (24, 24), (48, 48)]
    """
    if seed is None or len(at_us) < 2 or (np.diff(at_us) < 0).any():
        return 0, 0
    chance = generator(seed, f"{name} ahead")
    first_us, last_us = int(at_us[0]), int(at_us[-1])
    room_us = int((last_us - first_us) * _LARGEST_SHARE)
    if until_us is not None:
        room_us = min(room_us, until_us - first_us)
    most = min(_MOST_PERIODS, room_us // period_us)
    if most < 1 or chance.random() < 0.5:
        return 0, 0
    shift_us = int(chance.integers(1, most + 1)) * period_us
    return int(np.searchsorted(at_us, first_us + shift_us)), shift_us
