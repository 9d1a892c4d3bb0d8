"""The planner's devices: the list, one device, a signal over time, retiring; for its own tenant and in every language."""

import csv
import re
from datetime import datetime, timedelta
from io import StringIO

import pytest
from starlette.testclient import TestClient

from tests.dashboards.conftest import Links
from tests.dashboards.scene import NOW, WEAK_CELL, Scene
from tests.dashboards.test_planner import key_on

LISTED = re.compile(r'class="open" href="/planner/devices/([^"]+)"')


def listed(html: str) -> list[str]:
    return LISTED.findall(html)


def meter(scene: Scene, name: str = "meter-1", **more: object) -> int:
    """A smart meter that reports once an hour, with what no sound sensor gives and what nobody declared."""
    device_id = scene.device(name=name, language="ko", **more)
    scene.conn.execute("UPDATE device SET product = 'smart_meter' WHERE device_id = %s", [device_id])
    for day in range(4):
        scene.conn.execute("SELECT ensure_day('smart_meter_reading', %s)", [(NOW - timedelta(days=day)).date()])
    scene.conn.execute(
        """INSERT INTO smart_meter_reading (device_id, claimed_at, boot, seq, sample, partition, ingest_no, received_at,
            is_backfill, import_wh, voltages_v, terminal_temp_degc, is_cover_open, event_codes, other)
        SELECT %(id)s, %(at)s - i * interval '1 hour', 1, 100 - i, 0, 3, %(id)s * 1000 + 100 - i, %(at)s, false,
            9000000 - i * 430, ARRAY[230, CASE WHEN i < 2 THEN 612 ELSE 231 END, 229]::real[], 240, i < 3,
            CASE WHEN i BETWEEN 5 AND 9 THEN '{clock_invalid}'::text[] ELSE '{}' END,
            '{"rssi_dbm": -71, "<b>": {"x": "</script>"}}'
        FROM generate_series(0, 60) i""",
        {"id": device_id, "at": NOW - timedelta(minutes=20)},
    )
    return device_id


def test_the_list_shows_every_device_and_leads_to_its_page(planner: TestClient, ids: dict[str, int]) -> None:
    html = planner.get("/planner/devices").text
    assert len(listed(html)) == 6
    for name in listed(html):
        assert planner.get(f"/planner/devices/{name}").status_code == 200


def test_the_search_box_finds_an_owner_and_keeps_what_was_typed(planner: TestClient, ids: dict[str, int]) -> None:
    html = planner.get("/planner/devices", params={"q": " 佐藤 "}).text
    assert listed(html) == ["ev-0011"]
    assert 'value="佐藤"' in html


@pytest.mark.parametrize(
    "words", ["<script>alert(1)</script>", "' OR '1'='1", "%", "\x00", "a" * 900, "a " * 400, "\\"]
)
def test_odd_words_do_no_harm(planner: TestClient, ids: dict[str, int], words: str) -> None:
    page = planner.get("/planner/devices", params={"q": words})
    assert page.status_code == 200
    assert "<script>" not in page.text


@pytest.mark.parametrize(
    "query",
    [
        "below=x",
        "below=-1",
        "below=99999999999",
        "below=999999999999999999999",
        "product=nothing",
        "state=nonsense",
        "product=%00",
    ],
)
def test_odd_addresses_ask_for_nothing(planner: TestClient, ids: dict[str, int], query: str) -> None:
    page = planner.get(f"/planner/devices?{query}")
    assert page.status_code == 200
    assert len(listed(page.text)) in {0, 6}


def test_the_list_is_paged_with_its_filter(planner: TestClient, scene: Scene) -> None:
    expected = {f"ev-{number}" for number in range(60)}
    for name in expected:
        scene.device(name=name)
    first = planner.get("/planner/devices?q=aurora").text
    following = re.search(r'href="(/planner/devices\?q=aurora&amp;below=\d+)"', first)
    assert following is not None
    second = planner.get(following[1].replace("&amp;", "&")).text
    assert {*listed(first), *listed(second)} == expected
    assert len(listed(first)) == 50
    assert len(first.encode()) < 80_000


def test_a_device_shows_its_card_state_and_story(planner: TestClient, scene: Scene, ids: dict[str, int]) -> None:
    scene.conn.execute(
        """INSERT INTO device_presence (device_id, is_online, told_at, changed_at, heard_at)
        SELECT device_id, true, at, at, at FROM device, (SELECT %s::timestamptz AS at) AS word
        WHERE name = 'ev-0003'""",
        [NOW - timedelta(minutes=3)],
    )
    html = planner.get("/planner/devices/ev-0003").text
    for words in (
        "KMHHB81EVNU000001",
        "4.11.2",
        "Anna Weber",
        "Online",
        "last heard 3 minutes ago",
        "none: it cannot connect",
    ):
        assert words in html
    assert f"/planner/requests/{ids['offered']}" in html
    assert "A cell leaves its pack" in html
    assert "Cell leaves its pack · 91%" in html
    assert "/planner/rejections?device=ev-0003" in html
    assert html.count('class="plot"') >= 1


def test_last_readings_have_their_own_times_and_the_impossible_is_told_in_words(
    planner: TestClient, scene: Scene
) -> None:
    meter(scene)
    html = planner.get("/planner/devices/meter-1").text
    assert "9,000 kWh" in html
    assert "lowest 229 (Phase 3), highest 612 (Phase 2)" in html
    assert "1 outside the plausible range (0 … 500 V)" in html
    assert "outside the plausible range (-60 … 200 °C)" in html
    assert "rssi_dbm" in html
    assert "<b>" not in html
    assert "clock_invalid" in html
    assert "signals are not among the newest readings" in html


def test_a_device_without_any_reading_says_so(planner: TestClient, scene: Scene) -> None:
    scene.device(name="ev-new")
    html = planner.get("/planner/devices/ev-new").text
    assert "It has not sent any readings yet." in html
    assert "Never heard from" in html


@pytest.mark.parametrize("span", ["6h", "day", "week", "month", "year", "all", "nonsense"])
@pytest.mark.parametrize("signal", ["import_wh", "voltages_v", "terminal_temp_degc", "is_cover_open", "event_codes"])
def test_any_signal_can_be_seen_over_any_span(planner: TestClient, scene: Scene, signal: str, span: str) -> None:
    meter(scene)
    page = planner.get(f"/planner/devices/meter-1/signals/{signal}?span={span}")
    assert page.status_code == 200
    assert len(page.content) < 60_000


def test_a_day_of_a_counter_is_bars_of_use_and_the_register_and_the_same_as_numbers(
    planner: TestClient, scene: Scene
) -> None:
    meter(scene)
    html = planner.get("/planner/devices/meter-1/signals/import_wh?span=day").text
    assert html.count('class="plot"') == 2
    assert html.count('class="bars" points') == 24
    assert "<td>430</td>" in html
    assert "UTC+9" in html, "in the device's own zone"


def test_one_element_is_drawn_before_the_middle_of_all(planner: TestClient, scene: Scene) -> None:
    meter(scene)
    html = planner.get("/planner/devices/meter-1/signals/voltages_v?span=day&element=2").text
    assert "Phase 2" in html
    assert "<td>612</td>" in html
    assert "element=2" in html.split("Earlier")[0]


def test_steps_lead_back_and_forth_in_time(planner: TestClient, scene: Scene) -> None:
    meter(scene)
    here = planner.get("/planner/devices/meter-1/signals/import_wh?span=6h").text
    assert 'rel="next"' not in here
    earlier = re.search(r'rel="prev" href="([^"]+)"', here)
    assert earlier is not None
    assert "end=2026-11-21T08:30:00Z" in earlier[1].replace("%3A", ":")
    there = planner.get(earlier[1].replace("&amp;", "&")).text
    assert 'rel="next"' in there


@pytest.mark.parametrize(
    "query",
    [
        "end=x",
        "end=0001-01-01T00:00:00Z",
        "end=9999-12-31T23:59:59Z",
        "end=2038-01-19T03:14:08Z",
        "end=1970-01-01",
        "end=" + "9" * 500,
        "element=-1",
        "element=99999",
        "element=%F0%9F%98%80",
        "span=all&end=2002-01-01T00:00:00",
    ],
)
@pytest.mark.parametrize("signal", ["import_wh", "voltages_v"])
def test_an_odd_end_or_element_does_no_harm(planner: TestClient, scene: Scene, signal: str, query: str) -> None:
    meter(scene)
    for what in ("", "/readings.csv"):
        assert planner.get(f"/planner/devices/meter-1/signals/{signal}{what}?{query}").status_code in {200, 400}


def test_the_numbers_of_a_plot_can_be_taken_away_as_csv(planner: TestClient, scene: Scene) -> None:
    meter(scene)
    answer = planner.get("/planner/devices/meter-1/signals/import_wh/readings.csv?span=day")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'filename="meter-1-import_wh-' in answer.headers["content-disposition"]
    head, *rows = csv.reader(StringIO(answer.content.decode("utf-8-sig")))
    assert head == ["Time", "Used (Wh)", "Register (Wh)"]
    assert datetime.fromisoformat(rows[-1][0]).utcoffset() == timedelta()
    assert float(rows[-1][1]) == 430
    assert float(rows[-1][2]) == 9_000_000


@pytest.mark.parametrize(
    "path",
    ["nobody", "nobody/signals/import_wh", "nobody/retire", "nobody/signals/x/readings.csv", "ev-0003/signals/nothing"],
)
def test_what_is_not_there_is_told_so(planner: TestClient, ids: dict[str, int], path: str) -> None:
    page = planner.get(f"/planner/devices/{path}")
    assert page.status_code == 404
    assert "There is no such" in page.text


def test_tenants_are_apart(client: TestClient, scene: Scene, database: str, links: Links, ids: dict[str, int]) -> None:
    meter(scene)
    other = Scene.open(database, "sakura", "Sakura Motors")
    other.request(other.device(name="own"), WEAK_CELL)
    client.post(links.login("sakura"))
    key = key_on(client.get("/planner").text)
    assert listed(client.get("/planner/devices").text) == ["own"]
    assert listed(client.get("/planner/devices?q=meter").text) == []
    for path in ("meter-1", "meter-1/signals/import_wh", "meter-1/signals/import_wh/readings.csv", "meter-1/retire"):
        assert client.get(f"/planner/devices/{path}").status_code == 404
    for act in ("retire", "return"):
        assert client.post(f"/planner/devices/meter-1/{act}", data={"key": key, "reason": "x"}).status_code == 404
    assert scene.one("SELECT count(*) FROM device WHERE retired_at IS NOT NULL") == 0
    assert "wrong_type" not in client.get("/planner/rejections?device=ev-0003").text
    other.close()


@pytest.mark.parametrize("path", ["", "/ev-0003", "/ev-0003/signals/soc_pct", "/ev-0003/retire"])
def test_without_a_session_there_is_only_the_way_in(client: TestClient, ids: dict[str, int], path: str) -> None:
    page = client.get(f"/planner/devices{path}")
    assert page.status_code == 401
    assert "Anna" not in page.text


def test_a_device_is_retired_after_a_look_at_what_that_does_and_taken_back(
    planner: TestClient, scene: Scene, ids: dict[str, int]
) -> None:
    asked = planner.get("/planner/devices/ev-0003/retire").text
    assert "1 open request is cancelled" in asked
    form = {"key": key_on(asked), "reason": "Sold <b>abroad</b>"}
    done = planner.post("/planner/devices/ev-0003/retire", data=form).text
    assert "Sold &lt;b&gt;abroad&lt;/b&gt;" in done
    assert "Kim Ji-woo" in done
    assert scene.one("SELECT state FROM service_request WHERE request_id = %s", ids["offered"]) == "cancelled"
    assert listed(planner.get("/planner/devices?state=retired").text) == ["ev-0003"]
    back = planner.post("/planner/devices/ev-0003/return", data=form).text
    assert "callout reissue hanbit ev-0003" in back
    assert scene.one("SELECT count(*) FROM device WHERE retired_at IS NOT NULL") == 0


def test_safety_is_spoken_of_before_a_device_is_retired(planner: TestClient, ids: dict[str, int]) -> None:
    assert "speak with the owner first" in planner.get("/planner/devices/ev-0007/retire").text


@pytest.mark.parametrize("form", [{"reason": "x"}, {"key": "0" * 32, "reason": "x"}, {"reason": ""}])
def test_a_form_without_key_or_reason_retires_nothing(
    planner: TestClient, scene: Scene, ids: dict[str, int], form: dict[str, str]
) -> None:
    assert planner.post("/planner/devices/ev-0003/retire", data=form).status_code in {400, 403}
    assert scene.one("SELECT count(*) FROM device WHERE retired_at IS NOT NULL") == 0


@pytest.mark.parametrize(("language", "word"), [("ko", "최근 측정값"), ("ja", "最新の測定値")])
def test_the_pages_speak_the_planners_language(planner: TestClient, scene: Scene, language: str, word: str) -> None:
    meter(scene)
    scene.conn.execute("UPDATE staff SET language = %s", [language])
    assert word in planner.get("/planner/devices/meter-1").text
    for path in ("", "/meter-1/signals/import_wh?span=year", "/meter-1/retire"):
        assert f'lang="{language}"' in planner.get(f"/planner/devices{path}").text


def test_queue_requests_and_rejections_lead_to_the_device(planner: TestClient, ids: dict[str, int]) -> None:
    for path in ("/planner", f"/planner/requests/{ids['offered']}", "/planner/rejections"):
        assert 'href="/planner/devices/ev-0003"' in planner.get(path).text


def test_rejections_of_one_device_alone(planner: TestClient, scene: Scene, ids: dict[str, int]) -> None:
    scene.insert("rejection", "rejection_id", received_at=NOW, topic="x", reason="not_json", detail="", payload=b"")
    html = planner.get("/planner/rejections?device=ev-0003").text
    assert "Only what was refused of ev-0003." in html
    assert "not_json" not in html
    assert "reason=wrong_type&amp;device=ev-0003" in html


@pytest.mark.parametrize(
    ("columns", "state"),
    [
        ({"heard_at": NOW - timedelta(minutes=5)}, "online"),
        ({"heard_at": NOW - timedelta(days=9), "silent_since_at": NOW - timedelta(days=9)}, "silent"),
        ({"heard_at": NOW - timedelta(hours=5), "is_online": False, "told_at": NOW - timedelta(hours=5)}, "late"),
    ],
)
def test_the_state_is_that_of_the_one_rule_of_liveness(
    planner: TestClient, scene: Scene, columns: dict[str, object], state: str
) -> None:
    device_id = meter(scene)
    scene.conn.execute("INSERT INTO device_presence (device_id) VALUES (%s)", [device_id])
    for name, value in columns.items():
        scene.conn.execute(f"UPDATE device_presence SET {name} = %s", [value])  # type: ignore[arg-type]
    assert listed(planner.get(f"/planner/devices?state={state}").text) == ["meter-1"]
    assert listed(planner.get("/planner/devices?state=never_heard").text) == []
    assert f'class="badge live-{state}"' in planner.get("/planner/devices/meter-1").text
