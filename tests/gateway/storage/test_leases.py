"""Leases on a real database: one owner a range, by the database's clock, and a fence that a late owner cannot pass."""

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from gateway.ingest.lease import Lease, LeaseLostError
from gateway.ingest.living import Living
from gateway.ingest.shares import division
from gateway.storage import leases
from gateway.storage.connection import Connection, Role, connect

EVERY = range(64)


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with connect(database, Role.INGEST) as made:
        yield made


@pytest.fixture
def other(database: str) -> Iterator[Connection]:
    with connect(database, Role.INGEST) as made:
        yield made


def number(connection: Connection) -> int:
    return leases.enter(connection, "host", 1)


def taken(connection: Connection, process_no: int) -> Lease:
    epoch = leases.take(connection, EVERY, process_no)
    assert epoch is not None
    return Lease(EVERY, epoch, process_no)


def test_a_range_has_one_owner_and_its_epoch_grows_with_each(connection: Connection, other: Connection) -> None:
    first, second = number(connection), number(other)
    lease = taken(connection, first)
    assert leases.take(other, EVERY, second) is None
    leases.give_back(connection, EVERY, lease.epoch, first)
    assert taken(other, second).epoch == lease.epoch + 1
    # What was given back is given back once.
    leases.give_back(connection, EVERY, lease.epoch, first)
    assert leases.standing(connection).leases[0].owner == second


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO ingest_lease (first_partition, last_partition) VALUES (5, 9)",
        "UPDATE ingest_lease SET last_partition = 64",
    ],
)
def test_ranges_never_overlap_and_never_reach_beyond_the_partitions(connection: Connection, statement: str) -> None:
    with pytest.raises((psycopg.errors.ExclusionViolation, psycopg.errors.CheckViolation)):
        connection.execute(statement)  # type: ignore[arg-type]


def test_who_takes_over_waits_for_the_transaction_that_holds_the_lease(
    connection: Connection, other: Connection, database: str
) -> None:
    lease, second = taken(connection, number(connection)), number(other)
    waiter = threading.Thread(target=lambda: leases.leave(other, lease.process_no))
    with connect(database, Role.INGEST) as worker, worker.transaction():
        lease.hold(worker)
        waiter.start()
        time.sleep(0.3)
        assert waiter.is_alive()
        assert leases.standing(connection).leases[0].owner == lease.process_no
    waiter.join(10)
    assert leases.take(other, EVERY, second) == lease.epoch + 1
    with connect(database, Role.INGEST) as worker, worker.transaction(), pytest.raises(LeaseLostError, match="is over"):
        lease.hold(worker)


def test_a_process_is_gone_when_its_time_is_up_by_the_clock_of_the_database(
    connection: Connection, other: Connection
) -> None:
    first, second = number(connection), number(other)
    assert leases.dead(other, second) == []
    connection.execute("UPDATE ingest_process SET expires_at = now() - interval '1 s' WHERE process_no = %s", [first])
    assert leases.dead(other, second) == [first]
    assert leases.beat(connection, first)
    assert leases.dead(other, second) == []


def test_a_lease_from_before_the_clock_of_the_database_was_set_back_does_not_last_for_hours(
    connection: Connection, other: Connection
) -> None:
    first, second = number(connection), number(other)
    connection.execute("UPDATE ingest_process SET expires_at = now() + interval '1 h' WHERE process_no = %s", [first])
    assert leases.dead(other, second) == [first]


def test_a_process_whose_connection_has_ended_is_gone_at_once(database: str, other: Connection) -> None:
    second = number(other)
    with connect(database, Role.INGEST) as killed:
        first = number(killed)
        assert leases.dead(other, second) == []
    until_s = time.monotonic() + 10
    while leases.dead(other, second) != [first]:
        assert time.monotonic() < until_s
        time.sleep(0.02)


@pytest.mark.parametrize("is_copying", [False, True])
def test_what_a_paused_owner_has_in_hand_is_undone_before_its_range_is_anothers(
    database: str, other: Connection, *, is_copying: bool
) -> None:
    paused = Living(database, 1)
    paused.show_up()
    lease = taken(paused.connected(), paused.process_no)
    worker = paused.connect()
    worker.execute("BEGIN")
    lease.hold(worker)
    worker.execute("UPDATE ingest_partition SET last_ingest_no = 7 WHERE partition = 0")
    if is_copying:
        worker.execute("CREATE TEMPORARY TABLE half (number int)")
        worker.pgconn.exec_(b"COPY half FROM STDIN")
    leases.bury(other, lease.process_no)
    assert leases.take(other, EVERY, number(other)) == lease.epoch + 1
    assert other.execute("SELECT last_ingest_no FROM ingest_partition WHERE partition = 0").fetchone() == (0,)
    worker.close()
    # Awake again, it is told so by its own connection, and enters as somebody else.
    with pytest.raises(psycopg.OperationalError):
        paused.show_up()
    paused.was_away()
    assert paused.show_up().processes == (lease.process_no + 1, lease.process_no + 2)
    paused.leave()


def test_no_clock_of_this_machine_shortens_or_lengthens_a_lease(database: str, other: Connection) -> None:
    jumping_s = iter([0.0, 1e9, -1e9, 1e9, 0.0])
    living = Living(database, 1, clock=lambda: next(jumping_s, 0.0))
    second = number(other)
    for _ in range(4):
        living.show_up()
        assert leases.dead(other, second) == []
        row = other.execute(
            "SELECT extract(epoch FROM expires_at - now())::float8 FROM ingest_process WHERE process_no = %s",
            [living.process_no],
        ).fetchone()
        assert row is not None
        assert leases.LEASE_S - 5 < row[0] <= leases.LEASE_S
    living.leave()


def test_who_could_not_reach_the_database_himself_judges_nobody_for_as_long_as_a_lease_lasts(
    database: str, connection: Connection
) -> None:
    now_s = 100.0
    living = Living(database, 1, clock=lambda: now_s)
    living.show_up()
    other_no = number(connection)
    living.was_away()
    connection.execute(
        "UPDATE ingest_process SET expires_at = now() - interval '1 s' WHERE process_no = %s", [other_no]
    )
    assert other_no in living.show_up().processes
    now_s += leases.LEASE_S
    assert other_no not in living.show_up().processes
    living.leave()


def test_only_the_owner_of_all_ranges_divides_them_anew(connection: Connection, other: Connection) -> None:
    first, second = number(connection), number(other)
    assert not leases.divide(connection, first, division(4))
    epoch = taken(connection, first).epoch
    assert not leases.divide(other, second, division(4))
    assert leases.divide(connection, first, division(4))
    rows = leases.standing(connection).leases
    assert [row.partitions for row in rows] == list(division(4))
    assert {(row.owner, row.epoch) for row in rows} == {(None, epoch)}


def test_people_see_who_holds_what(connection: Connection) -> None:
    process_no = leases.enter(connection, "north", 4711)
    taken(connection, process_no)
    (held,) = leases.held_ranges(connection)
    assert (held.first_partition, held.last_partition, held.host, held.pid, held.is_alive) == (
        0,
        63,
        "north",
        4711,
        True,
    )
    leases.leave(connection, process_no)
    assert [(held.host, held.is_alive) for held in leases.held_ranges(connection)] == [("", False)]
