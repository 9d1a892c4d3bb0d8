"""Ticks survive a new division of the partitions: nobody's silence grows or ends by it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.instants import to_us
from gateway.storage.connection import Connection, Role, connect
from gateway.storage.presence import keep_tick
from gateway.storage.ticks import ticks_of_all, ticks_us

START = datetime(2026, 11, 1, tzinfo=UTC)
LONG_AGO = START - timedelta(days=30)
EVERY, LOW, HIGH, QUARTER = range(64), range(32), range(32, 64), range(16)


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with connect(database, Role.INGEST) as made:
        yield made


def tick(connection: Connection, partitions: range, *minutes: int) -> None:
    for minute in minutes:
        keep_tick(connection, partitions, START + timedelta(minutes=minute), since_at=LONG_AGO)


def minutes(connection: Connection, partitions: range) -> list[int]:
    return [int(at - to_us(START)) // 60_000_000 for at in ticks_us(connection, partitions)]


def test_a_part_of_a_range_has_its_ticks_and_goes_on_with_its_own(connection: Connection) -> None:
    tick(connection, EVERY, 1, 2, 3)
    tick(connection, LOW, 5, 6)
    tick(connection, HIGH, 4)
    assert minutes(connection, LOW) == [1, 2, 3, 5, 6]
    assert minutes(connection, QUARTER) == [1, 2, 3, 5, 6]
    assert minutes(connection, HIGH) == [1, 2, 3, 4]


def test_ranges_that_become_one_had_listened_as_far_as_the_one_furthest_behind(connection: Connection) -> None:
    tick(connection, EVERY, 1, 2)
    tick(connection, LOW, 3, 5, 7, 9, 11)
    tick(connection, HIGH, 4, 10)
    assert minutes(connection, EVERY) == [1, 2, 3, 4, 9, 10]
    tick(connection, EVERY, 12, 13)
    assert minutes(connection, EVERY) == [1, 2, 3, 4, 9, 10, 12, 13]


def test_ranges_of_which_one_never_listened_had_not_listened_together(connection: Connection) -> None:
    tick(connection, LOW, 1, 2)
    assert minutes(connection, EVERY) == []


def test_old_ticks_are_dropped_whatever_the_division_was(connection: Connection) -> None:
    tick(connection, EVERY, 1, 2)
    keep_tick(connection, LOW, START + timedelta(minutes=9), since_at=START + timedelta(minutes=2))
    assert minutes(connection, LOW) == [2, 9]


@given(st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=20), min_size=1, max_size=4))
def test_each_tick_of_all_is_one_until_which_each_piece_had_listened(pieces: list[list[int]]) -> None:
    found = ticks_of_all([np.array(piece, np.int64) for piece in pieces]).tolist()
    assert found == sorted(set(found))
    for at in found:
        assert all(any(tick >= at for tick in piece) for piece in pieces)
        assert any(at in piece for piece in pieces)
    # It reaches as far as the piece that is furthest behind, once all have begun.
    furthest, begun = min(max(piece) for piece in pieces), max(min(piece) for piece in pieces)
    assert furthest < begun or found[-1] == furthest
