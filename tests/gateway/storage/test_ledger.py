"""The ledger of parts under attack: by raw statements, as the owner of the tables, and by chance."""

import random
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.storage.connection import Role, connect, tenant_transaction
from tests.gateway.desk import SmallDesk
from tests.gateway.parts.test_sourcing import CELL, confirmed, offered, put_at_other
from tests.gateway.store import centre, open_store, unbalanced


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_store(database, tmp_path, stock=3)
    yield opened
    assert unbalanced(opened) == []
    opened.close()


@pytest.mark.parametrize(
    ("statement", "refused_by"),
    [
        ("UPDATE stock_level SET on_hand = on_hand + 1", "by movements alone"),
        ("UPDATE stock_level SET allocated = 0", "by movements alone"),
        ("DELETE FROM stock_level", "by movements alone"),
        (
            "INSERT INTO stock_level (tenant_id, centre_id, part_no, on_hand) VALUES (1, 1, 'X', 5)",
            "by movements alone",
        ),
        ("UPDATE stock_movement SET on_hand = 9", "appended and never changed"),
        ("DELETE FROM stock_movement", "appended and never changed"),
        ("TRUNCATE stock_movement", "appended and never changed"),
        ("DELETE FROM reservation", "ended, never deleted"),
        ("DELETE FROM inbound", "ended, never deleted"),
        ("UPDATE reservation SET quantity = 2", "is not rewritten"),
        ("UPDATE reservation SET part_no = 'EV-TYRE-REPAIR'", "is not rewritten|of_a_delivery_of_it_to_its_centre"),
        ("UPDATE reservation SET quantity = 900", "is not rewritten"),
        ("UPDATE reservation SET inbound_id = NULL WHERE inbound_id IS NOT NULL", "has not arrived"),
        ("UPDATE inbound SET promised = 0", "are its reservations"),
        ("UPDATE inbound SET quantity = 9", "is not rewritten"),
        ("UPDATE inbound SET state = 'lost', ended_at = now()", "no_order_is_promised_twice|no_delivery_is_promised"),
        ("UPDATE inbound SET state = 'lost'", "inbound_ends_once"),
    ],
)
def test_no_statement_brings_stock_and_movements_apart(desk: SmallDesk, statement: str, refused_by: str) -> None:
    desk.count(0, CELL)
    put_at_other(desk, 1)
    offered(desk, "ev-1")
    with pytest.raises(psycopg.Error, match=refused_by):
        desk.admin.execute(statement)  # pyright: ignore[reportArgumentType, reportCallIssue]


@pytest.mark.parametrize(
    ("columns", "values", "refused_by"),
    [
        ("kind, on_hand", "'issue', -99", "movement_moves_what_its_kind_says"),
        ("kind, on_hand", "'receipt', -1", "movement_moves_what_its_kind_says"),
        ("kind, on_hand", "'receipt', 0", "movement_moves_something"),
        ("kind, on_hand, reason", "'adjust', -1, 'lost'", "adjustment_has_a_reason_and_a_name"),
        ("kind, on_hand, reason, staff_id", "'adjust', -99, 'lost', 1", "stock_is_never_negative|no_part_is_promised"),
        ("kind, allocated", "'allocate', 99", "no_part_is_promised_twice"),
        ("kind, awaited", "'allocate', 1", "no_order_is_promised_twice"),
        ("kind, on_order", "'order_end', -1", "orders_are_never_negative|no_order_is_promised_twice"),
    ],
)
def test_no_movement_makes_stock_impossible(desk: SmallDesk, columns: str, values: str, refused_by: str) -> None:
    statement = (
        f"INSERT INTO stock_movement (tenant_id, centre_id, part_no, {columns}) "
        f"VALUES ({desk.tenant_id}, {centre(desk, 'main')}, '{CELL}', {values})"
    )
    with pytest.raises(psycopg.errors.CheckViolation, match=refused_by):
        desk.admin.execute(statement)  # pyright: ignore[reportArgumentType]


def test_a_process_may_receive_and_adjust_and_write_nothing_else_into_the_ledger(desk: SmallDesk) -> None:
    for role in (Role.WORK, Role.SERVE):
        with connect(desk.dsn, role) as connection:
            for statement in (
                "INSERT INTO stock_movement (centre_id, part_no, kind, allocated) VALUES (1, 'EV-CELL-MODULE', 'allocate', 1)",
                "UPDATE stock_level SET on_hand = 9",
                "INSERT INTO stock_level (centre_id, part_no, on_hand) VALUES (1, 'EV-CELL-MODULE', 1)",
            ):
                with (
                    pytest.raises(psycopg.errors.InsufficientPrivilege),
                    tenant_transaction(connection, desk.tenant_id),
                ):
                    connection.execute(statement)  # pyright: ignore[reportArgumentType]


def test_parts_do_not_replace_themselves_in_any_number_of_steps(desk: SmallDesk) -> None:
    replace = (
        "INSERT INTO part_supersession (tenant_id, part_no, successor_no, from_on) VALUES (%s, %s, %s, '2020-01-01')"
    )
    desk.admin.execute(replace, [desk.tenant_id, CELL, "EV-TYRE-REPAIR"])
    desk.admin.execute(replace, [desk.tenant_id, "EV-TYRE-REPAIR", "MTR-WATER"])
    for first, last in (("MTR-WATER", CELL), ("MTR-WATER", "EV-TYRE-REPAIR"), ("MTR-WATER", "MTR-WATER")):
        with pytest.raises(psycopg.errors.CheckViolation, match="would replace itself"):
            desk.admin.execute(replace, [desk.tenant_id, first, last])


def test_nothing_is_promised_of_a_delivery_to_another_centre_or_of_another_part(desk: SmallDesk) -> None:
    """Both centres await a part, so that counts alone would let a promise at one of them wait for the other's."""
    request_id, _ = offered(desk, "ev-1")
    put_at_other(desk, 1)
    main, other = centre(desk, "main"), centre(desk, "other")
    coming = [
        desk.value(
            """INSERT INTO inbound (tenant_id, kind, centre_id, from_centre_id, part_no, quantity, state, expected_at,
                placed_at) VALUES (%s, 'transfer', %s, %s, %s, 1, 'shipped', now(), now()) RETURNING inbound_id""",
            desk.tenant_id, to, origin, CELL,
        )
        for to, origin in ((main, other), (other, main))
    ]  # fmt: skip
    promise = """INSERT INTO reservation (tenant_id, request_id, centre_id, part_no, role, quantity, inbound_id, expected_at)
        VALUES (%s, %s, %s, %s, 'one more', 1, %s, now())"""
    for inbound_id, part_no in ((coming[1], CELL), (coming[0], "EV-TYRE-REPAIR")):
        with pytest.raises(
            psycopg.errors.IntegrityError, match="of_a_delivery_of_it_to_its_centre|no_order_is_promised"
        ):
            desk.admin.execute(promise, [desk.tenant_id, request_id, main, part_no, inbound_id])
    desk.admin.execute(promise, [desk.tenant_id, request_id, main, CELL, coming[0]])


def test_an_ended_reservation_is_not_brought_back(desk: SmallDesk) -> None:
    confirmed(desk, "ev-1")
    desk.admin.execute("UPDATE reservation SET released_at = now()")
    with pytest.raises(psycopg.errors.CheckViolation, match="has ended"):
        desk.admin.execute("UPDATE reservation SET released_at = NULL")


def step(desk: SmallDesk, request_id: int, chance: random.Random) -> None:
    """Do something to stock that may be refused."""
    centres = [centre(desk, "main"), centre(desk, "other")]
    here, there = chance.sample(centres, 2)
    living = desk.rows("SELECT inbound_id FROM inbound WHERE ended_at IS NULL")
    inbound_id = chance.choice(living)[0] if living else None
    tenant, kind = desk.tenant_id, chance.randrange(7)
    statements: list[tuple[str, list[object]]] = [
        (
            "INSERT INTO stock_movement (tenant_id, centre_id, part_no, kind, on_hand) VALUES (%s, %s, %s, 'receipt', 2)",
            [tenant, here, CELL],
        ),
        (
            """INSERT INTO stock_movement (tenant_id, centre_id, part_no, kind, on_hand, reason, staff_id)
            VALUES (%s, %s, %s, 'adjust', %s, 'counted', 1)""",
            [tenant, here, CELL, chance.choice([-2, -1, 1])],
        ),
        (
            """INSERT INTO inbound (tenant_id, kind, centre_id, from_centre_id, part_no, quantity, state, expected_at,
                placed_at) VALUES (%s, 'transfer', %s, %s, %s, %s, 'shipped', now(), now())""",
            [tenant, here, there, CELL, chance.randint(1, 2)],
        ),
        (
            """INSERT INTO reservation (tenant_id, request_id, centre_id, part_no, role, quantity, inbound_id, expected_at)
            VALUES (%s, %s, %s, %s, %s, 1, %s, now())""",
            [tenant, request_id, here, CELL, str(chance.random()), chance.choice([None, inbound_id])],
        ),
        (
            """UPDATE reservation SET released_at = now() WHERE reservation_id = (
                SELECT reservation_id FROM reservation WHERE released_at IS NULL ORDER BY random() LIMIT 1)""",
            [],
        ),
        ("UPDATE inbound SET state = 'arrived', ended_at = now() WHERE inbound_id = %s", [inbound_id]),
        ("UPDATE inbound SET state = 'lost', ended_at = now() WHERE inbound_id = %s", [inbound_id]),
    ]
    statement, parameters = statements[kind]
    try:
        desk.admin.execute(statement, parameters)  # pyright: ignore[reportArgumentType]
    except psycopg.errors.IntegrityError:
        return


def test_whatever_happens_stock_is_the_sum_of_its_movements(desk: SmallDesk) -> None:
    request_id, _ = offered(desk, "ev-1")

    @settings(max_examples=15)
    @given(st.integers(0, 2**32))
    def happens(seed: int) -> None:
        chance = random.Random(seed)
        # What the database draws by itself comes of the seed, too.
        desk.admin.execute("SELECT setseed(%s)", [chance.random()])
        for _ in range(25):
            step(desk, request_id, chance)
        assert unbalanced(desk) == []
        whole = desk.value(
            """SELECT (SELECT sum(on_hand + on_order) FROM stock_level WHERE part_no = %(p)s)
            - (SELECT coalesce(sum(on_hand), 0) FROM stock_movement WHERE kind IN ('receipt', 'adjust')
                AND inbound_id IS NULL AND part_no = %(p)s)
            + (SELECT coalesce(sum(quantity), 0) FROM inbound WHERE state = 'lost' AND part_no = %(p)s)""".replace(
                "%(p)s", f"'{CELL}'"
            )
        )
        assert whole == 0

    happens()
