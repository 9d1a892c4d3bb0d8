"""Ticks of the server's clock as a range of partitions has them, however the partitions were divided when they were written."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from devices.instants import to_us
from devices.readings import IntArray
from gateway.storage.connection import Connection

_NONE_US: Final = np.zeros(0, np.int64)


def ticks_us(connection: Connection, partitions: range) -> IntArray:
    """Return the ticks that hold for all of some partitions, int64 microseconds, ascending.

    Partitions that were served by several ranges had listened until the tick of the one that was furthest behind.
    """
    rows = connection.execute(
        """SELECT greatest(first_partition, %(first)s), least(last_partition, %(last)s),
            array_agg(tick_at ORDER BY tick_at)
        FROM server_tick WHERE first_partition <= %(last)s AND last_partition >= %(first)s
        GROUP BY first_partition, last_partition""",
        {"first": partitions.start, "last": partitions.stop - 1},
    ).fetchall()
    ticked = [
        (range(first, last + 1), np.array([to_us(at) for at in instants], np.int64)) for first, last, instants in rows
    ]
    # Each partition's ticks come from all ranges that it was ever in; those with the same ranges are looked at once.
    pieces = {tuple(i for i, (each, _) in enumerate(ticked) if partition in each) for partition in partitions}
    return ticks_of_all([np.concatenate([_NONE_US, *(ticked[i][1] for i in piece)]) for piece in pieces])


def ticks_of_all(pieces_us: Sequence[IntArray]) -> IntArray:
    """Return the instants until which all of some pieces had been listened to.

    Parameters
    ----------
    pieces_us : sequence of int64 [m]
        The ticks of each piece, microseconds, in any order.

    Examples
    --------
    The second piece is away between 2 and 9:

    >>> ticks_of_all([np.array([1, 3, 5, 7, 9, 11]), np.array([2, 10])]).tolist()
    [1, 2, 9, 10]
    """
    ordered = [np.unique(piece_us) for piece_us in pieces_us]
    if not all(len(piece_us) for piece_us in ordered):
        return _NONE_US
    all_us = np.unique(np.concatenate(ordered))
    all_us = all_us[all_us >= max(piece_us[0] for piece_us in ordered)]
    newest_us = [piece_us[np.searchsorted(piece_us, all_us, side="right") - 1] for piece_us in ordered]
    return np.unique(np.min(newest_us, axis=0))
