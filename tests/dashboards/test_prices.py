"""Prices and beginnings on the owner's and the planner's pages: beside the dates, answered once, stopped and taken back."""

import re

from starlette.testclient import TestClient

from gateway.quotes import quoting
from tests.dashboards.conftest import Links
from tests.dashboards.scene import NOW, Scene


def priced(scene: Scene, request_id: int) -> None:
    """Give the tenant prices and end the warranty, so that the owner has something to pay."""
    with scene.in_tenant():
        scene.conn.execute("UPDATE part SET price_minor = 890000, price_currency = 'KRW'")
        scene.conn.execute(
            "INSERT INTO labour_rate (per_minute_minor, call_out_minor, currency) VALUES (1500, 30000, 'KRW')"
        )
        scene.conn.execute("UPDATE device SET warranty_until = '2026-09-01'")
        quoting.look_again(scene.conn, request_id, NOW)


def named(html: str, field: str) -> str:
    found = re.search(rf'name="{field}" value="(\d+)"', html)
    assert found is not None, f"the page has no field {field}"
    return found[1]


def test_a_price_stands_beside_the_dates_and_one_tap_agrees_to_both(
    client: TestClient, links: Links, scene: Scene, ids: dict[str, int]
) -> None:
    priced(scene, ids["offered"])
    link = links.owner(ids["offered"])
    html = client.get(link).text
    assert "₩890,000" in html
    assert "You pay ₩1,160,000 in all." in html
    booking, quote = named(html, "booking"), named(html, "quote")
    for other in ({"booking": booking}, {"booking": booking, "quote": str(int(quote) + 1)}):
        assert "The price has changed" in client.post(f"{link}/date", data=other).text
    assert scene.one("SELECT state FROM service_request WHERE request_id = %s", ids["offered"]) == "offered"
    for _ in range(2):
        assert "Your date is booked" in client.post(f"{link}/date", data={"booking": booking, "quote": quote}).text
    assert scene.one("SELECT state FROM quote WHERE quote_id = %s", int(quote)) == "accepted"


def test_goodwill_is_granted_on_the_planners_page_and_shown_with_its_ground(
    planner: TestClient, links: Links, scene: Scene, ids: dict[str, int]
) -> None:
    priced(scene, ids["offered"])
    page = f"/planner/requests/{ids['offered']}"
    key = re.search(r'name="key" value="([^"]+)"', planner.get(page).text)
    assert key is not None
    html = planner.post(f"{page}/goodwill", data={"key": key[1], "percent": "100", "reason": "loyal"}).text
    assert "paid by us, as goodwill" in html
    assert "goodwill 1" in html
    assert "It costs you nothing: it is paid by us, as goodwill." in planner.get(links.owner(ids["offered"])).text
    assert planner.post(f"{page}/goodwill", data={"key": "forged", "percent": "50", "reason": "x"}).status_code >= 400


def test_an_owner_stops_all_of_it_and_takes_that_back(
    client: TestClient, links: Links, scene: Scene, ids: dict[str, int]
) -> None:
    link = links.owner(ids["offered"])
    for _ in range(2):
        assert "You have stopped this service" in client.post(f"{link}/stop").text
    assert scene.one("SELECT state FROM service_request WHERE request_id = %s", ids["offered"]) == "cancelled"
    assert "We are preparing your service" in client.post(f"{link}/resume").text


def test_an_owner_reports_a_trouble_once_and_comes_to_its_page(
    client: TestClient, links: Links, scene: Scene, ids: dict[str, int]
) -> None:
    link = links.owner(ids["offered"])
    device = named(client.get(f"{link}/begin").text, "device")
    said = {"device": device, "wish": "trouble", "what": "tyres/", "words": "it hums"}
    assert "A person looks at it and writes to you." in client.post(f"{link}/begin", data=said).text
    assert "We knew of it already" in client.post(f"{link}/begin", data=said).text
    assert scene.one("SELECT count(*) FROM request_event WHERE event = 'owner_reported'") == 1
    for wrong in ({"what": "wings/"}, {"device": "999999"}):
        assert "That could not be taken" in client.post(f"{link}/begin", data=said | wrong).text
    assert client.post("/o/forged/begin", data=said).status_code == 404


def test_a_message_about_a_payment_that_nobody_signed_is_refused(client: TestClient) -> None:
    answer = client.post("/payments/webhook", content=b"{}", headers={"Stripe-Signature": "t=1,v1=00"})
    assert answer.status_code == 400
    assert client.get("/paid").status_code == 200
