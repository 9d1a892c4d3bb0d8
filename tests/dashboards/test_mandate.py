"""The owner's page of what his device may do alone, and the planner's list of what was done, with its undo."""

import re

import pytest
from starlette.testclient import TestClient

from gateway import access
from gateway.access import Purpose
from gateway.audit import auditing
from gateway.owners import mandates, owning
from gateway.settings import Settings
from gateway.storage import owners
from tests.dashboards.conftest import Links
from tests.dashboards.scene import NOW, Scene
from workflows.mandate import Allowed, Clause


def device_of(scene: Scene, request_id: int) -> tuple[int, int]:
    return (
        scene.one("SELECT device_id FROM service_request WHERE request_id = %s", request_id),
        scene.one("SELECT owner_id FROM service_request WHERE request_id = %s", request_id),
    )


def signed(scene: Scene) -> list[tuple[str, int | None, str | None]]:
    return scene.conn.execute(
        """SELECT clause, limit_minor, currency FROM mandate_clause JOIN mandate USING (mandate_id)
        WHERE ended_at IS NULL ORDER BY clause"""
    ).fetchall()


@pytest.fixture(autouse=True)
def nothing_signed(scene: Scene, ids: dict[str, int]) -> None:
    """Nobody has signed anything, and all have owned their devices for a year."""
    assert ids
    scene.conn.execute("UPDATE mandate SET ended_at = signed_at, ended_why = 'revoked', ended_by = 'owner-1'")
    scene.conn.execute("UPDATE device_owner SET since_at = %s", [NOW.replace(year=NOW.year - 1)])


@pytest.fixture
def link(scene: Scene, chosen: Settings, ids: dict[str, int]) -> str:
    """The path of a device's own page."""
    device_id, owner_id = device_of(scene, ids["offered"])
    with scene.in_tenant():
        url = access.issue_device_link(
            scene.conn, chosen, tenant_id=scene.tenant_id, device_id=device_id, owner_id=owner_id, now=NOW
        )
    return url.removeprefix("http://testserver")


def test_an_owner_signs_switches_with_an_amount_and_a_day_and_sees_them(
    client: TestClient, scene: Scene, link: str
) -> None:
    assert "Nothing is signed now" in client.get(link).text
    form = {
        "clause": ["report", "reserve_part"],
        "amount": "250,50",
        "currency": "EUR",
        "until": f"{NOW.year + 1}-01-31",
    }
    answer = client.post(f"{link}/mandate", data=form)
    assert answer.status_code == 200
    assert "Signed. It holds from now on." in answer.text
    assert signed(scene) == [("report", None, None), ("reserve_part", 25_050, "EUR")]
    assert len(re.findall(r'name="clause" value="\w+" checked', answer.text)) == 2
    assert 'value="250.50"' in answer.text
    assert f'value="{NOW.year + 1}-01-31"' in answer.text
    assert "<script" not in answer.text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"amount": "much"}, "That is no amount"),
        ({"amount": "1e9999"}, "That is no amount"),
        ({"amount": "12.345"}, "That is no amount"),
        ({"amount": "1,000"}, "That is no amount"),
        ({"amount": "1.000,00"}, "That is no amount"),
        ({"amount": "1.5", "currency": "KRW"}, "That is no amount"),
        ({"amount": "-1"}, "That is no amount"),
        ({"currency": "XXX1"}, "That is no amount"),
        ({"until": "2020-01-01"}, "That day is no day to come"),
        ({"until": "9999-12-31"}, "That day is no day to come"),
        ({"until": "soon"}, "That day is no day to come"),
    ],
)
def test_what_cannot_be_signed_is_refused_in_words_and_changes_nothing(
    client: TestClient, scene: Scene, link: str, changed: dict[str, str], said: str
) -> None:
    form = {"clause": "reserve_part", "amount": "10", "currency": "EUR", "until": ""} | changed
    assert said in client.post(f"{link}/mandate", data=form).text
    assert signed(scene) == []


@pytest.mark.parametrize("amount", ["300,000", "300.000", "300 000", "300000"])
def test_an_amount_of_won_is_what_it_is_however_its_thousands_are_marked(
    client: TestClient, scene: Scene, link: str, amount: str
) -> None:
    client.post(f"{link}/mandate", data={"clause": "reserve_part", "amount": amount, "currency": "KRW", "until": ""})
    assert signed(scene) == [("reserve_part", 300_000, "KRW")]


def test_no_switch_and_the_button_take_everything_back(client: TestClient, scene: Scene, link: str) -> None:
    client.post(f"{link}/mandate", data={"clause": "report"})
    assert "Nothing is done by itself any more" in client.post(f"{link}/mandate", data={"clause": "nonsense"}).text
    assert signed(scene) == []
    client.post(f"{link}/mandate", data={"clause": "report"})
    assert "Nothing is done by itself any more" in client.post(f"{link}/revoke").text
    assert signed(scene) == []


def test_the_page_opens_from_the_request_and_leads_back(
    client: TestClient, scene: Scene, links: Links, ids: dict[str, int]
) -> None:
    path = links.owner(ids["offered"])
    assert f'href="{path}/device"' in client.get(path).text
    html = client.get(f"{path}/device?lang=ko").text
    assert f'href="{path}?lang=ko"' in html
    assert client.post(f"{path}/device/mandate?lang=ko", data={"clause": "report"}).url.query == b"note=signed&lang=ko"
    assert signed(scene) == [("report", None, None)]
    client.post(f"{path}/device/revoke")
    assert signed(scene) == []


def test_looking_changes_nothing_and_another_site_signs_nothing(client: TestClient, scene: Scene, link: str) -> None:
    before = scene.conn.execute("SELECT * FROM mandate").fetchall()
    client.get(link)
    foreign = client.post(f"{link}/mandate", data={"clause": "report"}, headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert scene.conn.execute("SELECT * FROM mandate").fetchall() == before


def test_a_link_of_one_purpose_opens_no_other_page(
    client: TestClient, links: Links, link: str, ids: dict[str, int], chosen: Settings
) -> None:
    token = link.rpartition("/")[2]
    assert client.get(f"/o/{token}").status_code == 404
    assert client.get(f"/d/{links.owner(ids['offered']).rpartition('/')[2]}").status_code == 404
    assert client.get("/d/" + "A" * 72).status_code == 404
    assert access.read(chosen, token, Purpose.OWNER_DEVICE) is not None
    assert access.hide_tokens(f"GET {link}/mandate") == "GET /d/.../mandate"


def test_a_former_owner_sees_what_was_and_signs_nothing(
    client: TestClient, scene: Scene, link: str, ids: dict[str, int]
) -> None:
    device_id, _ = device_of(scene, ids["offered"])
    with scene.in_tenant():
        buyer = owners.known_owner(
            scene.conn, name="Bea Buyer", email="bea@owners.example", language="en", time_zone="UTC"
        )
        owning.transfer(scene.conn, device_id=device_id, owner_id=buyer, actor="staff-1", now=NOW)
    html = client.get(link).text
    assert "This product has not been yours since" in html
    assert "Bea" not in html
    assert "<form" not in html
    client.post(f"{link}/mandate", data={"clause": "report"})
    assert signed(scene) == []


def test_the_new_owner_sees_nothing_of_the_former(
    client: TestClient, scene: Scene, chosen: Settings, links: Links, link: str, ids: dict[str, int]
) -> None:
    client.post(f"{link}/mandate", data={"clause": "report"})
    device_id, _ = device_of(scene, ids["offered"])
    former = scene.one("SELECT owner.name FROM owner JOIN device USING (owner_id) WHERE device_id = %s", device_id)
    with scene.in_tenant():
        buyer = owners.known_owner(
            scene.conn, name="Bea Buyer", email="bea@owners.example", language="en", time_zone="UTC"
        )
        opened = owning.transfer(scene.conn, device_id=device_id, owner_id=buyer, actor="staff-1", now=NOW)
        url = access.issue_device_link(
            scene.conn, chosen, tenant_id=scene.tenant_id, device_id=device_id, owner_id=buyer, now=NOW
        )
    html = client.get(url.removeprefix("http://testserver")).text
    assert former not in html
    assert "Mandate signed" not in html
    assert "Nothing is signed now" in html
    page = client.get(links.owner(opened[0])).text
    assert former not in page
    assert "<svg" not in page


def test_a_planner_sees_the_clause_of_each_act_and_undoes_it(
    client: TestClient, scene: Scene, links: Links, ids: dict[str, int]
) -> None:
    request_id = ids["offered"]
    device_id, owner_id = device_of(scene, request_id)
    with scene.in_tenant():
        mandates.sign(
            scene.conn,
            device_id=device_id,
            owner_id=owner_id,
            clauses={Clause.OFFER_DATES: None},
            signed_by="page",
            now=NOW,
        )
        allowed = mandates.allow(scene.conn, device_id, Clause.OFFER_DATES, NOW)
        assert isinstance(allowed, Allowed)
        act = auditing.record(
            scene.conn, "offered", device_id=device_id, request_id=request_id, permission=allowed, inputs={}, now=NOW
        )
    client.post(links.login())
    path = f"/planner/requests/{request_id}"
    html = client.get(path).text
    assert f"mandate {allowed.mandate_id}: Have dates offered to you" in html
    assert f'name="act" value="{act}"' in html
    key = re.search(r'name="key" value="(\w+)"', html)
    assert key is not None
    assert client.post(f"{path}/undo", data={"act": act, "reason": "Wrong"}).status_code == 403
    after = client.post(f"{path}/undo", data={"key": key[1], "act": act, "reason": "Wrong"})
    assert after.status_code == 200
    assert "Undone by a person" in after.text
    assert f'name="act" value="{act}"' not in after.text
    assert scene.one("SELECT state FROM service_request WHERE request_id = %s", request_id) == "held"


def test_the_page_of_a_device_leads_to_telling_what_is_wrong_and_back(
    client: TestClient, scene: Scene, ids: dict[str, int], link: str
) -> None:
    device_id, owner_id = device_of(scene, ids["offered"])
    assert f'href="{link}/begin?device={device_id}' in client.get(link).text
    page = client.get(f"{link}/begin?lang=en").text
    assert "Tell us what is wrong" in page
    assert f'href="{link}?lang=en"' in page
    form = {"device": str(device_id), "wish": "trouble", "what": "tyres/", "words": "It hisses."}
    answer = client.post(f"{link}/begin?lang=en", data=form)
    assert "Thank you. We have it" in answer.text
    assert "/o/" in str(answer.url)
    assert scene.one("SELECT owner_id FROM service_request ORDER BY request_id DESC LIMIT 1") == owner_id


def test_the_link_of_a_device_that_has_expired_takes_no_word(
    client: TestClient, scene: Scene, ids: dict[str, int], link: str
) -> None:
    device_id, _ = device_of(scene, ids["offered"])
    scene.conn.execute("UPDATE access_token SET expires_at = %s WHERE purpose = 'owner_device'", [NOW])
    before = scene.one("SELECT count(*) FROM service_request")
    form = {"device": str(device_id), "wish": "trouble", "what": "tyres/", "words": "It hisses."}
    assert client.post(f"{link}/begin", data=form).status_code == 410
    assert scene.one("SELECT count(*) FROM service_request") == before
    assert client.get("/d/forged/begin").status_code == 404


def test_the_page_of_a_device_leads_on_to_the_dates_of_its_open_request(
    client: TestClient, scene: Scene, link: str, ids: dict[str, int]
) -> None:
    for page in (link, f"{link}/begin"):
        html = client.get(page).text
        assert f'action="{link}/request"' in html
        assert f'name="request" value="{ids["offered"]}"' in html
        assert "Choose a date" in html
    before = scene.one("SELECT count(*) FROM access_token")
    answer = client.post(f"{link}/request", data={"request": ids["offered"]}, follow_redirects=False)
    assert answer.status_code == 303
    assert re.fullmatch(r"/o/[A-Za-z0-9_-]{72}", answer.headers["location"])
    assert scene.one("SELECT count(*) FROM access_token") == before + 1
    assert "Which day suits you?" in client.get(answer.headers["location"]).text


def test_it_leads_to_no_request_of_somebody_else_and_to_none_that_is_closed(
    client: TestClient, scene: Scene, link: str, ids: dict[str, int]
) -> None:
    _, owner_id = device_of(scene, ids["offered"])
    other = scene.one("SELECT min(request_id) FROM service_request WHERE owner_id <> %s", owner_id)
    before = scene.one("SELECT count(*) FROM access_token")
    assert "note=refused" in str(client.post(f"{link}/request", data={"request": other}).url)
    scene.conn.execute(
        "UPDATE service_request SET state = 'cancelled', closed_at = %s WHERE request_id = %s", [NOW, ids["offered"]]
    )
    assert "note=refused" in str(client.post(f"{link}/request", data={"request": ids["offered"]}).url)
    assert scene.one("SELECT count(*) FROM access_token") == before


def test_a_former_owner_is_led_to_no_open_request(
    client: TestClient, scene: Scene, link: str, ids: dict[str, int]
) -> None:
    device_id, _ = device_of(scene, ids["offered"])
    scene.conn.execute("UPDATE device_owner SET until_at = %s WHERE device_id = %s", [NOW, device_id])
    assert "What is open now" not in client.get(link).text
    answer = client.post(f"{link}/request", data={"request": ids["offered"]}, follow_redirects=False)
    assert "/o/" not in answer.headers["location"]
