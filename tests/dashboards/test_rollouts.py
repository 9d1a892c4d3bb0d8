"""Roll-outs and what was weighed on the planner's pages, and the owner's one question: shown, pressed, and pressed twice."""

from datetime import timedelta
from html import unescape

from starlette.testclient import TestClient

from devices.products import product_type
from gateway.storage import asks
from gateway.storage.connection import tenant_transaction
from tests.dashboards.conftest import Links
from tests.dashboards.scene import NOW, Scene
from tests.dashboards.test_planner import key_on

PAGE = "/planner/rollouts"


def test_what_cannot_be_rolled_out_is_refused_with_its_reason_and_nothing_else_is_said(planner: TestClient) -> None:
    html = planner.get(PAGE).text
    assert "Load the meter&#39;s firmware anew" in html
    form = {"key": key_on(html), "remedy": "smart_meter/reported_event/renew_firmware"}
    assert "No device has an open request about this fault that waits." in planner.post(PAGE, data=form).text
    assert "There is no such remedy" in planner.post(PAGE, data=form | {"remedy": "smart_meter/bus_lost/explode"}).text
    assert "visit evil.example" not in planner.get(f"{PAGE}?refused=visit evil.example").text
    assert planner.post(PAGE, data={"remedy": form["remedy"]}).status_code == 403


def test_a_roll_out_is_begun_shown_with_its_stages_and_stopped(
    planner: TestClient, scene: Scene, ids: dict[str, int]
) -> None:
    fault_id = scene.one("SELECT fault_id FROM service_request WHERE request_id = %s", ids["waiting"])
    scene.conn.execute("UPDATE fault SET code = 'low_voltage_supply' WHERE fault_id = %s", [fault_id])
    form = {
        "key": key_on(planner.get(PAGE).text),
        "remedy": "electric_vehicle/low_voltage_supply/restart_dcdc_converter",
    }
    html = planner.post(PAGE, data=form).text
    assert "Under way" in html
    assert "0 / 1" in html
    assert "This remedy is being rolled out already." in planner.post(PAGE, data=form).text
    rollout_id = scene.one("SELECT rollout_id FROM rollout")
    for _ in range(2):
        html = planner.post(f"{PAGE}/{rollout_id}/stop", data={"key": form["key"]}).text
    assert "Stopped" in html
    assert scene.one("SELECT state FROM rollout") == "stopped"


def test_an_owner_answers_once_and_the_planner_sees_it(
    client: TestClient, planner: TestClient, scene: Scene, links: Links, ids: dict[str, int]
) -> None:
    request_id = ids["waiting"]
    scene.conn.execute("UPDATE service_request SET state = 'asking' WHERE request_id = %s", [request_id])
    tenant_id = scene.one("SELECT tenant_id FROM service_request WHERE request_id = %s", request_id)
    with tenant_transaction(scene.conn, tenant_id):
        asks.write_ask(
            scene.conn, request_id, kind="check", name="coolant_level", now=NOW, due_at=NOW + timedelta(days=3)
        )
    path = links.owner(request_id)
    html = client.get(f"{path}?lang=en").text
    assert "Is the coolant below its mark while your vehicle is cold?" in html
    assert "I cannot tell" in html
    assert client.post(f"{path}/answer?lang=en", data={"answer": "perhaps"}).status_code == 400
    assert "We go on with your answer" in client.post(f"{path}/answer?lang=en", data={"answer": "no"}).text
    assert "We go on with your answer" not in client.post(f"{path}/answer?lang=en", data={"answer": "yes"}).text
    assert scene.one("SELECT answer FROM owner_ask") == "no"
    assert scene.one("SELECT state FROM service_request WHERE request_id = %s", request_id) == "open"
    shown = planner.get(f"/planner/requests/{request_id}").text
    assert "Tried without a date" in shown


def test_a_guide_is_read_as_text_under_a_short_heading(
    client: TestClient, scene: Scene, links: Links, ids: dict[str, int]
) -> None:
    request_id = ids["waiting"]
    scene.conn.execute("UPDATE service_request SET state = 'asking' WHERE request_id = %s", [request_id])
    guide = product_type("electric_vehicle").guides[0]
    with scene.in_tenant():
        asks.write_ask(scene.conn, request_id, kind="guide", name=guide.name, now=NOW, due_at=NOW + timedelta(days=3))
    html = unescape(client.get(f"{links.owner(request_id)}?lang=en").text)
    assert '<h2 id="question-title">What you can do</h2>' in html
    assert f"<p>{guide.text}</p>" in html


def test_after_a_remote_cure_the_page_speaks_of_the_fault_as_over(
    client: TestClient, scene: Scene, links: Links, ids: dict[str, int]
) -> None:
    request_id = ids["waiting"]
    path = links.owner(request_id)
    said = "This is what we had written to you about, and it is over"
    assert said not in client.get(f"{path}?lang=en").text
    scene.conn.execute(
        "UPDATE service_request SET state = 'solved', closed_at = %s WHERE request_id = %s", [NOW, request_id]
    )
    html = client.get(f"{path}?lang=en").text
    assert "It is well again" in html
    assert said in html
    assert 'class="finding"' not in html
