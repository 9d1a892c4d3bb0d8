"""The device page: what symptoms are to people, modes, chatter, and a planner who puts one aside and back."""

from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from devices.products import product_type
from gateway.decisions.attending import heard
from tests.dashboards.scene import NOW, Scene
from tests.dashboards.test_planner import key_on

PAGE = "/planner/devices/ev-0003"
EV = product_type("electric_vehicle")


def symptom(scene: Scene, monitor: str, component: str, minutes_ago: float, *, gone: bool = False) -> None:
    """A symptom of ev-0003 that was confirmed so long ago."""
    at = NOW - timedelta(minutes=minutes_ago)
    scene.insert(
        "symptom", "symptom_id", device_id=device(scene), monitor=monitor, component=component, element=0,
        state="healed" if gone else "confirmed", since_at=at, noticed_at=at, confirmed_at=at,
        healed_at=at + timedelta(minutes=2) if gone else None, value=1.0, threshold=0.5, decided_by_ingest_no=1,
        decided_received_at=at,
    )  # fmt: skip


def device(scene: Scene) -> int:
    return scene.one("SELECT device_id FROM device WHERE name = 'ev-0003'")


def eventful(scene: Scene) -> None:
    """A vehicle that is being updated, with what comes of that, a tyre that chatters, and 12 V that is low."""
    symptom(scene, "updating", "mode", 40)
    symptom(scene, "cells_missing", "traction_battery", 35)
    symptom(scene, "low_voltage_high", "low_voltage_system", 90)
    symptom(scene, "battery_hot", "traction_battery", 95, gone=True)
    for minutes_ago in (200, 120, 50):
        symptom(scene, "tyre_soft", "tyres", minutes_ago, gone=minutes_ago > 100)
    with scene.in_tenant():
        for component in ("traction_battery", "low_voltage_system", "tyres"):
            heard(scene.conn, EV, device(scene), component, NOW)


@pytest.fixture
def shown(planner: TestClient, scene: Scene, ids: dict[str, int]) -> str:
    del ids
    eventful(scene)
    return planner.get(PAGE).text


def shelf(html: str, name: str, **more: str) -> dict[str, str]:
    return {
        "key": key_on(html),
        "monitor": name,
        "element": "0",
        "lasts": "day",
        "reason": "Waits for <b>a part</b>",
    } | more


def test_the_page_says_of_each_symptom_whether_anybody_has_seen_it_and_in_which_mode_it_came(shown: str) -> None:
    assert "<strong>Software update</strong>" in shown
    assert "Came in this mode: Software update" in shown
    assert "Says nothing in this mode" in shown
    assert "goes on and off" in shown
    assert "Nobody has seen it yet" in shown
    assert ">updating<" not in shown, "a mode is not among the symptoms"


def test_one_of_several_is_told_by_its_name(shown: str, planner: TestClient) -> None:
    assert "A cell leaves its pack: Cell 81" in shown
    assert "셀 81" in planner.get(f"{PAGE}?lang=ko").text.split('id="findings"')[1]


def test_a_danger_has_no_form_that_puts_it_aside(shown: str) -> None:
    assert 'name="monitor" value="low_voltage_high"' in shown
    assert 'name="monitor" value="battery_hot"' not in shown


def test_a_planner_puts_a_symptom_aside_and_back_with_his_name(planner: TestClient, shown: str) -> None:
    done = planner.post(f"{PAGE}/shelve", data=shelf(shown, "low_voltage_high")).text
    assert "Waits for &lt;b&gt;a part&lt;/b&gt;" in done
    assert 'aria-label="Put back: The 12 V system is too high"' in done
    assert "Kim Ji-woo" in done
    back = {"key": key_on(shown), "monitor": "low_voltage_high", "element": "0"}
    assert 'aria-label="Put back: The 12 V system is too high"' not in planner.post(f"{PAGE}/put-back", data=back).text


def test_a_planner_says_that_he_has_seen_them(planner: TestClient, shown: str, scene: Scene) -> None:
    assert "Nobody has seen it yet" not in planner.post(f"{PAGE}/seen", data={"key": key_on(shown)}).text
    assert scene.one("SELECT count(*) FROM attention_change WHERE act = 'acknowledge' AND staff_id IS NOT NULL") >= 2


def test_safety_is_refused_with_a_word_even_by_a_form_that_was_made_by_hand(planner: TestClient, shown: str) -> None:
    refused = planner.post(f"{PAGE}/shelve", data=shelf(shown, "battery_hot"))
    assert refused.status_code == 409
    assert "Safety is never put aside." in refused.text


@pytest.mark.parametrize(
    "wrong",
    [{"lasts": "year"}, {"reason": "  "}, {"element": "-1"}, {"monitor": "x" * 101}, {"reason": "y" * 501}],
)
def test_a_form_that_cannot_be_is_refused(planner: TestClient, shown: str, scene: Scene, wrong: dict[str, str]) -> None:
    assert planner.post(f"{PAGE}/shelve", data=shelf(shown, "low_voltage_high", **wrong)).status_code == 400
    assert scene.one("SELECT count(*) FROM attention WHERE state = 'shelved'") == 0


@pytest.mark.parametrize("act", ["shelve", "put-back", "seen"])
def test_a_foreign_form_and_another_tenants_device_change_nothing(planner: TestClient, shown: str, act: str) -> None:
    assert planner.post(f"{PAGE}/{act}", data=shelf(shown, "low_voltage_high", key="")).status_code == 403
    nobody = planner.post(f"/planner/devices/nobody/{act}", data=shelf(shown, "low_voltage_high"))
    assert nobody.status_code == 404


@pytest.mark.parametrize(("language", "word"), [("ko", "보류하기"), ("ja", "保留する")])
def test_it_is_said_in_every_language(planner: TestClient, shown: str, language: str, word: str) -> None:
    assert shown
    assert word in planner.get(f"{PAGE}?lang={language}").text
