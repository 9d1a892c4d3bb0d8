"""How a device reports: what its page tells of clock, gaps, troubles, commands and incident; and how such are found."""

import re
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from gateway.notices.desk_words import TROUBLE_MOVES, TROUBLES
from tests.dashboards.conftest import Links
from tests.dashboards.scene import NOW, Scene
from tests.dashboards.test_devices import listed


def told(html: str) -> str:
    """The section in words, its marks left out."""
    section = html[html.index('aria-labelledby="reports"') :].split("</section>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", section).split())


def test_every_open_trouble_is_told_with_what_was_seen_and_the_next_move(planner: TestClient, scene: Scene) -> None:
    scene.reports_badly("ev-bad")
    html = planner.get("/planner/devices/ev-bad").text
    section = told(html)
    for kind in ("two_devices", "clock_off", "gap_lost"):
        assert TROUBLES[kind] in section
        assert TROUBLE_MOVES[kind].replace("'", "&#39;") in section
    assert "Boot 3, number 1861 takes turns with boot 9, number 12." in section
    assert "2 hours behind" in section
    assert "measured 4 minutes ago" in section
    assert "Messages are lost 3 messages" in section
    assert "seen 3 times" in section
    assert "1 trouble that is over" in section
    assert "In boot 2 from number 900 back to 1." in section
    assert "All is well" not in section
    assert 'href="#reports">Reports wrongly</a>' in html


def test_gaps_and_commands_say_what_became_of_them(planner: TestClient, scene: Scene) -> None:
    scene.reports_badly("ev-bad")
    section = told(planner.get("/planner/devices/ev-bad").text)
    assert re.search(r"1 message boot 3, number 1900 60 seconds ago .*? missing", section)
    assert re.search(
        r"10 messages boot 3, number 1841–1850 .*? asked for asked for 2 times · last 6 minutes ago", section
    )
    assert re.search(r"1,000 messages boot 3, number 700–1699 .*? came later .*? asked for 1 time", section)
    assert re.search(r"3 messages boot 3, number 12–14 .*? lost .*? asked for 5 times", section)
    assert "The last 3 commands to it" in section
    assert "number 1841–1850 sent, not answered yet" in section
    assert "number 12–14, 700–1699 done in part 12 to 14 are &lt;gone&gt;" in section
    assert "number 1, 3, 5 and more not answered" in section


@pytest.mark.parametrize(
    ("skew_s", "sentence"),
    [
        (None, "All is well now: no message is waited for."),
        (2.6, "All is well now: no message is waited for, and its clock is right. Its clock: 3 seconds ahead"),
        (-0.2, "Its clock: less than a second off"),
    ],
)
def test_when_all_is_well_one_calm_sentence_says_so(
    planner: TestClient, scene: Scene, skew_s: float | None, sentence: str
) -> None:
    device_id = scene.device(name="ev-good")
    scene.heard(device_id)
    if skew_s is not None:
        scene.clock(device_id, skew_s, is_off=False)
    html = planner.get("/planner/devices/ev-good").text
    assert sentence in told(html)
    assert "Reports wrongly" not in html
    assert "<table" not in html[html.index('id="reports"') :].split("</section>")[0]


def test_a_gap_that_is_filled_is_calm_and_one_that_is_open_is_not(planner: TestClient, scene: Scene) -> None:
    device_id = scene.device(name="ev-1")
    scene.heard(device_id)
    scene.gap(device_id, 1, 2, NOW - timedelta(hours=1), filled=NOW)
    assert "All is well now" in told(planner.get("/planner/devices/ev-1").text)
    scene.gap(device_id, 5, 5, NOW - timedelta(hours=2))
    assert "All is well now" not in told(planner.get("/planner/devices/ev-1").text)


def test_a_device_that_never_reported_is_told_so(planner: TestClient, scene: Scene) -> None:
    scene.device(name="ev-new")
    assert told(planner.get("/planner/devices/ev-new").text).endswith("It has not been heard from yet.")


def test_many_gaps_are_paged(planner: TestClient, scene: Scene) -> None:
    device_id = scene.device(name="ev-gaps")
    for number in range(25):
        scene.gap(device_id, 10 * number, 10 * number + 1, NOW - timedelta(minutes=number // 3))
    seen: list[str] = []
    address = "/planner/devices/ev-gaps"
    for _ in range(4):
        html = planner.get(address).text
        seen += re.findall(r"boot 3, number (\d+)–", html)
        older = re.search(r'href="(/planner/devices/ev-gaps\?gaps=[\d.]+)#reports"', html)
        if older is None:
            break
        address = older[1]
    assert sorted(map(int, seen)) == [10 * number for number in range(25)]


@pytest.mark.parametrize("place", ["x", "1.2.3", "-1.5", "9" * 17 + ".1", "1.", "", "%00", "²." + "1"])
def test_an_odd_place_among_the_gaps_does_no_harm(planner: TestClient, scene: Scene, place: str) -> None:
    scene.reports_badly("ev-bad")
    assert planner.get(f"/planner/devices/ev-bad?gaps={place}").status_code == 200


def test_devices_that_report_wrongly_are_found_without_knowing_their_names(planner: TestClient, scene: Scene) -> None:
    scene.reports_badly("ev-bad")
    scene.trouble(scene.device(name="ev-clock"), "clock_off", skew_s=99.0)
    scene.trouble(scene.device(name="ev-over"), "clock_off", closed_at=NOW, skew_s=99.0)
    scene.device(name="ev-good")
    html = planner.get("/planner/devices").text
    assert re.search(r'href="/planner/devices\?trouble=any">Reports wrongly <span class="count">2</span>', html)
    assert html.count('class="under wrong"') == 4
    assert listed(planner.get("/planner/devices?trouble=any").text) == ["ev-clock", "ev-bad"]
    assert listed(planner.get("/planner/devices?trouble=two_devices").text) == ["ev-bad"]
    assert listed(planner.get("/planner/devices?trouble=clock_off&q=clock").text) == ["ev-clock"]
    assert listed(planner.get("/planner/devices?trouble=seq_restarted").text) == []
    assert len(listed(planner.get("/planner/devices?trouble=nonsense").text)) == 4


@pytest.mark.parametrize("query", ["incident=0", "incident=x", "incident=-1", f"incident={2**63}", "incident=77"])
def test_an_odd_incident_does_no_harm(planner: TestClient, scene: Scene, query: str) -> None:
    assert planner.get(f"/planner/devices?{query}").status_code in {200, 400, 422}


def test_no_tenant_sees_how_another_s_devices_report(
    client: TestClient, scene: Scene, database: str, links: Links
) -> None:
    scene.reports_badly("ev-bad")
    other = Scene.open(database, "sakura", "Sakura Motors")
    other.device(name="ev-bad")
    other.close()
    client.post(links.login("sakura"))
    assert listed(client.get("/planner/devices?trouble=any").text) == []
    assert told(client.get("/planner/devices/ev-bad").text).endswith("It has not been heard from yet.")


@pytest.mark.parametrize(("language", "words"), [("ko", "보고 이상"), ("ja", "報告に異常")])
def test_it_is_told_in_the_planners_language(planner: TestClient, scene: Scene, language: str, words: str) -> None:
    scene.conn.execute("UPDATE staff SET language = %s", [language])
    scene.reports_badly("ev-bad")
    assert words in planner.get("/planner/devices/ev-bad").text
    assert words in planner.get("/planner/devices?trouble=any").text
    assert " message" not in told(planner.get("/planner/devices/ev-bad").text)
