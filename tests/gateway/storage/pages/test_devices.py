"""Devices are found by any piece of their words, filtered and paged; what is read does not grow with the fleet."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from gateway.storage.connection import Connection, Role, connect, tenant_transaction
from gateway.storage.pages import devices
from gateway.storage.pages.devices import DeviceRow, Page, Wanted
from tests.dashboards.scene import NOW, WEAK_CELL, Scene

# The tables that have a row for each device or owner.
TABLES = ("device", "device_search", "owner", "device_presence", "device_sequence", "door_trouble", "incident_device")


@pytest.fixture
def scene(database: str) -> Iterator[Scene]:
    scene = Scene.open(database)
    yield scene
    scene.close()


@pytest.fixture
def serve(database: str, scene: Scene) -> Iterator[Connection]:
    with connect(database, Role.SERVE) as connection, tenant_transaction(connection, scene.tenant_id):
        yield connection


def state_of(row: DeviceRow) -> str:
    return "online" if row.is_online else "silent"


def look(conn: Connection, *, below: int | None = None, limit: int = 50, **wanted: Any) -> Page:
    return devices.listed(conn, Wanted(**wanted), state_of, below=below, limit=limit)


def names(page: Page) -> list[str]:
    return [row.name for row in page.rows]


def fleet(scene: Scene, count: int, first: int = 0) -> None:
    """Many meters, of three places and three owners' names; one in fifty is offline."""
    span = {"tenant": scene.tenant_id, "first": first, "last": first + count - 1}
    with scene.conn.transaction():
        scene.conn.execute(
            """INSERT INTO owner (tenant_id, name, email)
            SELECT %(tenant)s, (ARRAY['김서연', '佐藤 美咲', 'Weber'])[1 + i %% 3] || ' ' || i, 'p' || i || '@mail.example'
            FROM generate_series(%(first)s::int, %(last)s) i""",
            span,
        )
        scene.conn.execute(
            """INSERT INTO device (tenant_id, name, partition, product, serial, model, owner_id, place_name)
            SELECT %(tenant)s, 'm-' || i, i %% 64, 'smart_meter', 'SN' || lpad(i::text, 8, '0'), 'Meter ' || i %% 7,
                owner_id, (ARRAY['서울 마포구', '부산 해운대구', '東京都世田谷区'])[1 + i %% 3]
            FROM generate_series(%(first)s::int, %(last)s) i
            JOIN owner ON owner.email = 'p' || i || '@mail.example' AND owner.tenant_id = %(tenant)s""",
            span,
        )
        scene.conn.execute(
            """INSERT INTO device_presence (device_id, is_online, changed_at)
            SELECT device_id, device_id %% 50 <> 0, %s FROM device ON CONFLICT DO NOTHING""",
            [NOW],
        )
        scene.conn.execute(
            """INSERT INTO device_sequence (device_id, boot, epoch, is_current, begins, received, heard_at)
            SELECT device_id, boot, 0, boot = 3, 1, '{[1,9)}', %s FROM device, generate_series(1, 3) boot
            ON CONFLICT DO NOTHING""",
            [NOW],
        )
    scene.conn.execute("ANALYZE")


@pytest.mark.parametrize(
    "words",
    [
        "0003",
        "EV-00",
        "aurora 77",
        "nu000002",
        "마포",
        "서",
        "이서연",
        "OWNER2@EXAMPLE",
        "서울 aurora ev-0003",
        "ｅｖ－0003",
    ],
)
def test_a_device_is_found_by_any_piece_of_its_words_in_any_language(
    scene: Scene, serve: Connection, words: str
) -> None:
    scene.device(name="other", language="ja", model="Tenko 5")
    scene.device(name="ev-0003", language="ko")
    assert names(look(serve, words=words)) == ["ev-0003"]


@pytest.mark.parametrize(
    "words", ["nothing", "ev-0003 nothing", "%", "_", "0003%", "\\", "'; DROP TABLE device; --", "ev-0003 %"]
)
def test_what_no_word_holds_finds_nothing_and_signs_mean_themselves(
    scene: Scene, serve: Connection, words: str
) -> None:
    scene.device(name="ev-0003")
    assert look(serve, words=words).rows == []
    assert names(look(serve)) == ["ev-0003"]


def test_a_change_of_device_or_owner_is_found_at_once(scene: Scene, serve: Connection) -> None:
    device_id = scene.device(name="ev-0003", language="ko")
    scene.conn.execute("UPDATE owner SET name = 'Park Min-jun'")
    scene.conn.execute("UPDATE device SET place_name = 'Busan' WHERE device_id = %s", [device_id])
    assert names(look(serve, words="min-jun busan")) == ["ev-0003"]
    assert look(serve, words="이서연").rows == []


def test_another_tenants_devices_are_neither_listed_nor_found_nor_shown(
    scene: Scene, serve: Connection, database: str
) -> None:
    other = Scene.open(database, "sakura", "Sakura Motors")
    other.device(name="their-own")
    other.close()
    assert look(serve).rows == []
    assert look(serve, words="their-own").rows == []
    assert devices.find_device(serve, "their-own") is None
    assert devices.counts(serve)["all"] == 0


def test_the_table_behind_the_search_is_nobodys_to_read(scene: Scene, serve: Connection) -> None:
    with pytest.raises(InsufficientPrivilege), serve.transaction():
        serve.execute("SELECT FROM device_search")


def test_filters_are_taken_together(scene: Scene, serve: Connection) -> None:
    first, second, third = (scene.device(name=f"ev-{number}") for number in range(3))
    scene.request(first, WEAK_CELL)
    scene.request(second, WEAK_CELL, state="cancelled")
    scene.conn.execute("UPDATE fault SET closed_at = now() WHERE device_id = %s", [first])
    scene.conn.execute("INSERT INTO device_presence VALUES (%s, true, now())", [first])
    scene.conn.execute("UPDATE device SET retired_at = now() WHERE device_id = %s", [third])
    assert names(look(serve)) == ["ev-2", "ev-1", "ev-0"]
    assert names(look(serve, with_request=True)) == ["ev-0"]
    assert names(look(serve, with_fault=True)) == ["ev-1"]
    assert names(look(serve, state="online")) == ["ev-0"]
    assert names(look(serve, with_request=True, state="silent")) == []
    assert names(look(serve, product="electric_vehicle", words="ev-1")) == ["ev-1"]
    assert names(look(serve, product="smart_meter")) == []
    assert devices.counts(serve) == {"all": 3, "request": 1, "fault": 1, "trouble": 0, "retired": 1}


@pytest.mark.parametrize("wanted", [{}, {"words": "m-"}, {"product": "smart_meter"}, {"state": "online"}])
def test_pages_follow_each_other_and_no_device_is_lost_or_doubled(
    scene: Scene, serve: Connection, wanted: dict[str, Any]
) -> None:
    fleet(scene, 120)
    seen: list[str] = []
    below: int | None = None
    for _ in range(9):
        page = look(serve, below=below, limit=25, **wanted)
        seen += names(page)
        below = page.following
        if below is None:
            break
    assert len(seen) == len(set(seen))
    assert len(seen) in range(110, 121) if wanted.get("state") else len(seen) == 120


def read_tuples(conn: Connection) -> tuple[int, int]:
    """Rows read in this transaction by walking through tables that grow with the fleet, and by their indexes."""
    row = conn.execute(
        """SELECT coalesce(sum(seq_tup_read), 0)::int, coalesce(sum(idx_tup_fetch), 0)::int
        FROM pg_stat_xact_user_tables WHERE relname = ANY (%s)""",
        [list(TABLES)],
    ).fetchone()
    assert row is not None
    return row


LOOKS: list[dict[str, Any]] = [
    {},
    {"below": 700},
    {"words": "SN00000123"},
    {"words": "서울"},
    {"words": "m"},
    {"words": "nobody has this"},
    {"words": "마포 meter 3"},
    {"product": "smart_meter"},
    {"product": "electric_vehicle"},
    {"state": "silent"},
    {"state": "online", "words": "서울"},
    {"with_request": True},
    {"with_fault": True, "state": "online"},
    {"trouble": "any"},
    {"trouble": "two_devices"},
    {"trouble": "clock_off", "words": "서울"},
    {"incident": 1},
    {"incident": 1, "state": "silent"},
]


def trouble_everywhere(scene: Scene) -> None:
    """Every second clock is wrong, and every device belongs to one incident."""
    scene.incident()
    for query in (
        """INSERT INTO door_trouble (tenant_id, device_id, kind, since_at, last_at, count, detail)
        SELECT tenant_id, device_id, 'clock_off', %s, %s, 1, '{"skew_s": 99}' FROM device WHERE device_id %% 2 = 0""",
        """INSERT INTO incident_device (tenant_id, incident_id, device_id, since_at, joined_at)
        SELECT tenant_id, 1, device_id, %s, %s FROM device""",
    ):
        scene.conn.execute(query, [NOW, NOW])
    scene.conn.execute("ANALYZE")


@pytest.mark.slow
def test_what_a_page_reads_does_not_grow_with_the_fleet(scene: Scene, database: str) -> None:
    scene.request(scene.device(name="ev-1"), WEAK_CELL)
    fleet(scene, 50_000)
    trouble_everywhere(scene)
    with connect(database, Role.SERVE) as serve:
        for wanted in LOOKS:
            with tenant_transaction(serve, scene.tenant_id):
                before = read_tuples(serve)
                look(serve, **wanted)
                walked, fetched = (after - start for after, start in zip(read_tuples(serve), before, strict=True))
            assert walked == 0, f"{wanted}: {walked} rows read by walking through a table"
            # Each device has three lanes of numbers here, by which it may have been heard last.
            assert fetched < 14 * devices.WALKED, f"{wanted}: {fetched} rows fetched by indexes"
        with tenant_transaction(serve, scene.tenant_id):
            assert devices.counts(serve)["all"] == devices.COUNTED_AT_MOST + 1
            assert read_tuples(serve)[0] == 0
            page = look(serve, words="서울")
            assert page.is_capped
            assert len(page.rows) == 50
            for words in ("서울", "m", "SN00000123", "nobody has this"):
                assert buffers(serve, words) < 3000, words


def buffers(conn: psycopg.Connection[Any], words: str) -> int:
    """How many of the database's pages a search reads."""
    row = conn.execute(
        "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM devices_found(%s, 2001)", [words]
    ).fetchone()
    assert row is not None
    plan = (row[0] if isinstance(row[0], list) else json.loads(row[0]))[0]["Plan"]
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


def test_a_short_page_says_so_and_goes_on_where_it_stopped(
    scene: Scene, serve: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet(scene, 120)
    monkeypatch.setattr(devices, "WALKED", 40)
    page = look(serve, state="silent", limit=5)
    assert page.is_short
    assert page.following is not None
    assert all(row.is_online is False for row in page.rows)
    seen = names(page)
    while page.following is not None:
        page = look(serve, state="silent", limit=5, below=page.following)
        seen += names(page)
    assert len(seen) == scene.one("SELECT count(*) FROM device_presence WHERE NOT is_online")
