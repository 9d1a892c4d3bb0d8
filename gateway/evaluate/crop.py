"""Crops: each series loses a random part of its start and of its end, so that nothing can be known by place alone."""

import zlib

import numpy as np


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
