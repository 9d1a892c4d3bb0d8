"""Parts of a request: put aside where they are, sent for, ordered with the owner's yes, given back, and found again."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from gateway import journey, planner
from gateway.configure.tenant import apply
from gateway.errors import SettingsError
from gateway.journey import Confirmed
from gateway.owners import owning
from gateway.parts import missing
from gateway.storage import stock
from gateway.storage.connection import Role, connect, tenant_transaction
from gateway.storage.stock import waiting_for
from gateway.sweep import sweep
from tests.gateway.desk import SmallDesk
from tests.gateway.store import centre, open_store, unbalanced
from tests.gateway.test_journey import confirm, diagnose, now, offer, state
from workflows.sourcing import order_arrives_at, transfer_arrives_at

CELL = "EV-CELL-MODULE"


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_store(database, tmp_path)
    yield opened
    assert unbalanced(opened) == []
    opened.close()


def request_of(desk: SmallDesk, name: str) -> int:
    """A request that needs a cell module."""
    device_id = desk.vehicle(name)
    desk.symptom(device_id, "cell_leaves_pack", 81)
    diagnose(desk, device_id)
    return desk.value("SELECT request_id FROM service_request WHERE device_id = %s", device_id)


def offered(desk: SmallDesk, name: str) -> tuple[int, list[int]]:
    request_id = request_of(desk, name)
    assert offer(desk, request_id) is not None
    rows = desk.rows(
        "SELECT booking_id FROM booking WHERE request_id = %s AND released_at IS NULL ORDER BY rank", request_id
    )
    return request_id, [row[0] for row in rows]


def confirmed(desk: SmallDesk, name: str) -> int:
    request_id, bookings = offered(desk, name)
    assert isinstance(confirm(desk, request_id, bookings[0]), Confirmed)
    return request_id


def coming(desk: SmallDesk) -> list[tuple[str, str, int]]:
    return desk.rows("SELECT kind, state, promised FROM inbound ORDER BY inbound_id")  # type: ignore[return-value]


def level(desk: SmallDesk, name: str) -> tuple[int, int, int, int]:
    rows = desk.rows(
        """SELECT on_hand, on_order, allocated, awaited FROM stock_level
        WHERE centre_id = %s AND part_no = %s""",
        centre(desk, name),
        CELL,
    )
    return rows[0] if rows else (0, 0, 0, 0)  # type: ignore[return-value]


def events(desk: SmallDesk, request_id: int) -> list[str]:
    rows = desk.rows("SELECT event FROM request_event WHERE request_id = %s ORDER BY event_id", request_id)
    return [row[0] for row in rows]


def put_at_other(desk: SmallDesk, quantity: int) -> None:
    desk.admin.execute(
        """INSERT INTO stock_movement (tenant_id, centre_id, part_no, kind, on_hand)
        VALUES (%s, %s, %s, 'receipt', %s)""",
        [desk.tenant_id, centre(desk, "other"), CELL, quantity],
    )


def test_what_lies_at_the_centre_is_put_aside_with_the_offer(desk: SmallDesk) -> None:
    offered(desk, "ev-1")
    assert level(desk, "main") == (1, 0, 1, 0)
    assert coming(desk) == []


def test_another_centre_sends_it_and_the_dates_begin_after_it_has_come(desk: SmallDesk) -> None:
    desk.count(0, CELL)
    put_at_other(desk, 1)
    request_id, _ = offered(desk, "ev-1")
    assert coming(desk) == [("transfer", "shipped", 1)]
    assert level(desk, "other") == (0, 0, 0, 0)
    assert level(desk, "main") == (0, 1, 0, 1)
    early = desk.rows(
        """SELECT 1 FROM booking k JOIN reservation v USING (request_id)
        WHERE k.request_id = %s AND lower(k.during) < v.expected_at + interval '16 hours'""",
        request_id,
    )
    assert early == []


def test_a_supplier_is_asked_only_when_the_owner_has_said_yes(desk: SmallDesk) -> None:
    desk.count(0, CELL)
    request_id, bookings = offered(desk, "ev-1")
    assert coming(desk) == [("order", "planned", 1)]
    assert isinstance(confirm(desk, request_id, bookings[0]), Confirmed)
    assert coming(desk) == [("order", "asked", 1)]
    assert "part_ordered" in events(desk, request_id)
    assert desk.value("SELECT count(*) FROM jobs.procrastinate_jobs WHERE task_name = 'order_parts'") == 1


def test_an_order_that_nobody_asked_for_yet_ends_with_its_offer(desk: SmallDesk) -> None:
    desk.count(0, CELL)
    request_id, _ = offered(desk, "ev-1")
    with tenant_transaction(desk.work, desk.tenant_id):
        planner.cancel(desk.work, request_id=request_id, staff_id=1, reason="sold", now=now())
    assert coming(desk) == [("order", "cancelled", 0)]
    assert level(desk, "main") == (0, 0, 0, 0)
    assert "part_released" in events(desk, request_id)


def test_what_is_on_its_way_comes_into_stock_when_its_request_is_cancelled(desk: SmallDesk) -> None:
    desk.count(0, CELL)
    put_at_other(desk, 1)
    request_id = confirmed(desk, "ev-1")
    with tenant_transaction(desk.work, desk.tenant_id):
        planner.cancel(desk.work, request_id=request_id, staff_id=1, reason="sold", now=now())
    assert level(desk, "main") == (0, 1, 0, 0)
    arrive(desk)
    assert level(desk, "main") == (1, 0, 0, 0)


def test_a_free_delivery_is_promised_to_the_next_who_needs_one(desk: SmallDesk) -> None:
    desk.count(0, CELL)
    put_at_other(desk, 1)
    first = confirmed(desk, "ev-1")
    with tenant_transaction(desk.work, desk.tenant_id):
        planner.cancel(desk.work, request_id=first, staff_id=1, reason="sold", now=now())
    offered(desk, "ev-2")
    assert coming(desk) == [("transfer", "shipped", 1)]


def arrive(desk: SmallDesk) -> None:
    desk.admin.execute("UPDATE inbound SET state = 'arrived', ended_at = now() WHERE ended_at IS NULL")


def test_what_arrives_is_promised_of_what_lies_there_in_the_same_instant(desk: SmallDesk) -> None:
    desk.count(0, CELL)
    put_at_other(desk, 1)
    confirmed(desk, "ev-1")
    arrive(desk)
    assert level(desk, "main") == (1, 0, 1, 0)
    assert desk.rows("SELECT inbound_id FROM reservation WHERE released_at IS NULL") == [(None,)]


def test_two_requests_and_the_last_part(desk: SmallDesk) -> None:
    desk.admin.execute("DELETE FROM part_supply")
    requests = [request_of(desk, name) for name in ("ev-1", "ev-2", "ev-3")]
    results: list[int | None] = []
    barrier = threading.Barrier(3)

    def look(request_id: int) -> None:
        with connect(desk.dsn, Role.WORK) as connection:
            barrier.wait()
            with tenant_transaction(connection, desk.tenant_id):
                results.append(journey.offer(connection, request_id=request_id, now=now()))

    threads = [threading.Thread(target=look, args=(request_id,)) for request_id in requests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(result is not None for result in results) == 1
    assert sorted(state(desk, request_id) for request_id in requests) == ["offered", "waiting", "waiting"]
    assert level(desk, "main") == (1, 0, 1, 0)


def test_a_date_cannot_be_confirmed_before_its_part_whatever_the_code_does(desk: SmallDesk) -> None:
    desk.count(0, CELL)
    put_at_other(desk, 1)
    request_id, bookings = offered(desk, "ev-1")
    desk.admin.execute("UPDATE reservation SET expected_at = now() + interval '90 days'")
    with pytest.raises(psycopg.errors.CheckViolation, match="comes at"):
        desk.admin.execute(
            """INSERT INTO appointment (tenant_id, request_id, booking_id, state, during, confirmed_at)
            SELECT tenant_id, request_id, booking_id, 'confirmed', during, now() FROM booking WHERE booking_id = %s""",
            [bookings[0]],
        )
    assert state(desk, request_id) == "offered"


def test_a_delivery_that_is_late_for_a_confirmed_date_cannot_just_be_written_down(desk: SmallDesk) -> None:
    desk.count(0, CELL)
    put_at_other(desk, 1)
    confirmed(desk, "ev-1")
    with pytest.raises(psycopg.errors.CheckViolation, match="no_date_begins_before_its_part|comes at"):
        desk.admin.execute("UPDATE inbound SET expected_at = now() + interval '90 days'")


def lose_all(desk: SmallDesk, why: str = "late") -> None:
    inbound_id = desk.value("SELECT max(inbound_id) FROM inbound WHERE ended_at IS NULL")
    with tenant_transaction(desk.work, desk.tenant_id):
        missing.lose(desk.work, waiting_for(desk.work, inbound_id), why, now())


def test_a_missing_part_comes_from_another_source_in_time_and_the_date_stands(desk: SmallDesk) -> None:
    desk.count(0, CELL)
    put_at_other(desk, 1)
    request_id = confirmed(desk, "ev-1")
    desk.receive(CELL, 1)
    lose_all(desk)
    assert state(desk, request_id) == "confirmed"
    assert events(desk, request_id)[-2:] == ["part_missing", "part_reserved"]
    assert desk.rows("SELECT inbound_id FROM reservation WHERE released_at IS NULL") == [(None,)]


def test_after_the_mandate_was_taken_back_a_missing_part_is_not_put_aside_again_by_itself(desk: SmallDesk) -> None:
    """The date stood on the owner's word; a second part needs it again, and a person and the owner hear of it."""
    desk.count(0, CELL)
    put_at_other(desk, 1)
    request_id = confirmed(desk, "ev-1")
    with connect(desk.dsn, Role.SERVE) as serve, tenant_transaction(serve, desk.tenant_id):
        device_id, owner_id = desk.rows("SELECT device_id, owner_id FROM device WHERE name = 'ev-1'")[0]
        owning.revoke(serve, device_id=device_id, owner_id=owner_id, now=now())
    assert state(desk, request_id) == "confirmed", "what was promised stands"
    desk.receive(CELL, 1)
    lose_all(desk)
    assert desk.value("SELECT count(*) FROM reservation WHERE released_at IS NULL") == 0
    assert state(desk, request_id) == "open"
    assert desk.value("SELECT count(*) FROM human_case WHERE request_id = %s AND closed_at IS NULL", request_id) == 1
    assert ("date_lost", "ev-1@owners.example") in desk.rows("SELECT kind, recipient FROM notice")
    assert offer(desk, request_id) is None, "and the desk offers nothing more by itself"
    assert state(desk, request_id) == "held"


def test_a_date_without_its_part_is_lost_and_owner_and_a_person_know(desk: SmallDesk) -> None:
    desk.admin.execute("DELETE FROM part_supply")
    desk.count(0, CELL)
    put_at_other(desk, 1)
    request_id = confirmed(desk, "ev-1")
    desk.admin.execute("UPDATE inbound SET state = 'shipped', expected_at = expected_at")
    with tenant_transaction(desk.work, desk.tenant_id):
        inbound_id = desk.value("SELECT inbound_id FROM inbound")
        held = waiting_for(desk.work, inbound_id)
        missing.give_up(desk.work, held, "lost", now())
        desk.work.execute("UPDATE inbound SET state = 'lost', ended_at = %s", [now()])
        missing.mend(desk.work, held, now())
    assert state(desk, request_id) == "open"
    assert desk.rows("SELECT state FROM appointment") == [("cancelled",)]
    assert "date_lost" in events(desk, request_id)
    assert ("date_lost", "ev-1@owners.example") in desk.rows("SELECT kind, recipient FROM notice")
    assert desk.value("SELECT count(*) FROM human_case WHERE closed_at IS NULL") == 1
    assert desk.value("SELECT task_name FROM jobs.procrastinate_jobs ORDER BY id DESC LIMIT 1") == "offer"


def test_the_day_before_a_part_that_has_not_come_is_noticed_by_the_sweep(desk: SmallDesk) -> None:
    desk.admin.execute("DELETE FROM part_supply")
    desk.count(0, CELL)
    put_at_other(desk, 1)
    request_id = confirmed(desk, "ev-1")
    begins_at: datetime = desk.value("SELECT lower(during) FROM appointment")
    sweep(desk.work, begins_at - timedelta(hours=40))
    assert state(desk, request_id) == "confirmed"
    sweep(desk.work, begins_at - timedelta(hours=14))
    assert "part_missing" in events(desk, request_id)
    assert state(desk, request_id) == "open"
    sweep(desk.work, begins_at - timedelta(hours=14))
    assert events(desk, request_id).count("part_missing") == 1


def test_a_part_of_a_closed_request_is_free_whoever_closed_it(desk: SmallDesk) -> None:
    request_id = confirmed(desk, "ev-1")
    desk.admin.execute("UPDATE service_request SET closed_at = %s", [datetime.now(UTC)])
    assert level(desk, "main") == (1, 0, 0, 0)
    assert desk.value("SELECT count(*) FROM reservation WHERE request_id = %s", request_id) == 1


def test_work_that_is_done_has_used_its_part(desk: SmallDesk) -> None:
    confirmed(desk, "ev-1")
    desk.admin.execute("UPDATE appointment SET state = 'completed', completed_at = now()")
    assert level(desk, "main") == (0, 0, 0, 0)
    assert desk.rows("SELECT kind FROM stock_movement ORDER BY movement_id DESC LIMIT 1") == [("issue",)]


def test_a_part_is_what_the_bill_of_material_says_for_this_very_device(desk: SmallDesk) -> None:
    desk.admin.execute(
        """INSERT INTO part (tenant_id, part_no, title) VALUES (%(t)s, 'CELL-2', 'New cell'), (%(t)s, 'CELL-3', 'Newer')""",
        {"t": desk.tenant_id},
    )
    desk.receive("CELL-3", 1)
    desk.admin.execute(
        "INSERT INTO bill_of_material (tenant_id, role, part_no, serial_from) VALUES (%s, %s, 'CELL-2', 'ev-1')",
        [desk.tenant_id, CELL],
    )
    desk.admin.execute(
        "INSERT INTO part_supersession (tenant_id, part_no, successor_no, from_on) VALUES (%s, 'CELL-2', 'CELL-3', '2020-01-01')",
        [desk.tenant_id],
    )
    offered(desk, "ev-2")
    assert desk.rows("SELECT role, part_no FROM reservation") == [(CELL, "CELL-3")]


def test_a_part_that_cannot_be_told_is_a_persons_case(desk: SmallDesk) -> None:
    desk.admin.execute(
        """INSERT INTO part (tenant_id, part_no, title) VALUES (%(t)s, 'CELL-2', 'Cell'), (%(t)s, 'CELL-3', 'Cell')""",
        {"t": desk.tenant_id},
    )
    for part_no, column in (("CELL-2", "product"), ("CELL-3", "serial_from")):
        desk.admin.execute(
            f"INSERT INTO bill_of_material (tenant_id, role, part_no, {column}) VALUES (%s, %s, %s, %s)",  # type: ignore[arg-type]
            [desk.tenant_id, CELL, part_no, "electric_vehicle" if column == "product" else "ev"],
        )
    request_id = request_of(desk, "ev-1")
    assert offer(desk, request_id) is None
    assert state(desk, request_id) == "waiting"
    reason: str = desk.value("SELECT reason FROM human_case")
    assert reason.startswith("Which part number this device needs is not clear")


def test_parts_come_by_the_calendar_of_the_centre_with_its_holidays_and_closed_days(desk: SmallDesk) -> None:
    desk.admin.execute("UPDATE service_centre SET country = 'DE', region = 'BE'")
    desk.admin.execute(
        """INSERT INTO centre_day (tenant_id, centre_id, day, opens, closes)
        VALUES (%(t)s, %(c)s, '2026-12-28', NULL, NULL), (%(t)s, %(c)s, '2027-01-01', '09:00', '12:00')""",
        {"t": desk.tenant_id, "c": centre(desk, "main")},
    )
    eve = datetime(2026, 12, 23, 9, tzinfo=UTC)
    with tenant_transaction(desk.work, desk.tenant_id):
        shelves = stock.load_shelves(desk.work, [CELL], eve)
    main, other = (next(d for d in shelves.depots if d.centre_id == centre(desk, name)) for name in ("main", "other"))
    assert date(2026, 12, 25) in main.closed_on
    assert date(2027, 1, 1) not in main.closed_on, "what was entered goes before a holiday"
    assert main.open_on == frozenset(range(5))
    # Sent on the 23rd: the 24th is a day of work in Berlin; on the 24th after the cut-off hour it leaves on the 28th.
    assert transfer_arrives_at(other, main, eve) == datetime(2026, 12, 24, 11, tzinfo=UTC)
    late = datetime(2026, 12, 24, 16, tzinfo=UTC)
    assert transfer_arrives_at(other, main, late) == datetime(2026, 12, 29, 11, tzinfo=UTC)


def test_a_suppliers_lead_time_leaves_out_his_own_holidays_and_weekends(database: str, tmp_path: Path) -> None:
    desk = open_store(database, tmp_path)
    file, zone = tmp_path / "acme.toml", 'url = "http://127.0.0.1:1"\ntime_zone = "Europe/Berlin"'
    his = f'{zone}\ncountry = "KR"\nclosed_on = ["2026-02-20"]'
    file.write_text(file.read_text("utf-8").replace(zone, his), "utf-8")
    for _ in range(2):
        apply(desk.admin, file)
    friday = datetime(2026, 2, 13, 9, tzinfo=UTC)
    with tenant_transaction(desk.work, desk.tenant_id):
        shelves = stock.load_shelves(desk.work, [CELL], friday)
    (supply,) = shelves.supplies
    main = next(depot for depot in shelves.depots if depot.centre_id == centre(desk, "main"))
    assert supply.open_on == frozenset(range(5))
    # The lunar new year lasts from Monday to Wednesday, and Friday he is closed: the second working day is the next Monday.
    assert order_arrives_at(replace(supply, lead_days=2), main, friday) == datetime(2026, 2, 23, 11, tzinfo=UTC)
    desk.close()


@pytest.mark.parametrize("wrong", ['country = "XX"', 'region = "BE"', 'country = "Korea"'])
def test_a_supplier_of_no_known_country_is_refused(database: str, tmp_path: Path, wrong: str) -> None:
    desk = open_store(database, tmp_path)
    file, zone = tmp_path / "acme.toml", 'url = "http://127.0.0.1:1"\ntime_zone = "Europe/Berlin"'
    file.write_text(file.read_text("utf-8").replace(zone, f"{zone}\n{wrong}"), "utf-8")
    with pytest.raises(SettingsError, match="supplier"):
        apply(desk.admin, file)
    desk.close()
