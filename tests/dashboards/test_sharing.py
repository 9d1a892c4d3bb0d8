"""Sharing on the pages: owner and planner name a repairer, who reads one request and reaches nothing else."""

import re

import pytest
from starlette.testclient import TestClient

from gateway import access
from gateway.owners import mandates
from gateway.settings import Settings
from gateway.storage import receipts
from tests.dashboards.conftest import Links
from tests.dashboards.scene import NOW, Scene
from tests.dashboards.test_planner import key_on
from workflows.mandate import Clause

REPAIRER = {"name": "Rita Repair", "email": "rita@repair.example"}


@pytest.fixture
def signed(scene: Scene, ids: dict[str, int]) -> int:
    """The offered request, whose owner lets its data be shared."""
    request_id = ids["offered"]
    row = scene.conn.execute(
        "SELECT device_id, owner_id FROM service_request WHERE request_id = %s", [request_id]
    ).fetchone()
    assert row is not None
    scene.conn.execute("UPDATE device_owner SET since_at = %s", [NOW.replace(year=NOW.year - 1)])
    with scene.in_tenant():
        mandates.sign(
            scene.conn,
            device_id=row[0],
            owner_id=row[1],
            clauses=dict.fromkeys(Clause),
            signed_by="page",
            now=NOW.replace(year=NOW.year - 1),
        )
    return request_id


def link_of(scene: Scene, chosen: Settings) -> str:
    """The path of the repairer's page."""
    share_id = scene.one("SELECT max(share_id) FROM data_share")
    expires_at = scene.one("SELECT expires_at FROM data_share WHERE share_id = %s", share_id)
    with scene.in_tenant():
        url = access.issue_repairer_link(
            scene.conn, chosen, tenant_id=scene.tenant_id, share_id=share_id, now=NOW, expires_at=expires_at
        )
    return url.removeprefix("http://testserver")


def test_an_owner_shares_sees_with_whom_and_ends_it_by_one_tap(
    client: TestClient, scene: Scene, links: Links, chosen: Settings, signed: int
) -> None:
    mine = links.owner(signed)
    page = client.post(f"{mine}/share", data=REPAIRER).text
    assert "It is shared. The repairer gets the link by e-mail." in page
    assert "rita@repair.example" in page
    assert "not read yet" in page
    theirs = link_of(scene, chosen)
    assert client.get(theirs).status_code == 200
    assert "read once" in client.get(mine).text
    share_id = re.findall(r'name="share" value="(\d+)"', page)[0]
    assert "It is no longer shared" in client.post(f"{mine}/share/end", data={"share": share_id}).text
    over = client.get(theirs)
    assert over.status_code == 410
    assert "This is no longer shared" in over.text
    assert "<svg" not in over.text


def test_the_repairer_reads_fault_evidence_curves_and_receipt_and_reaches_nothing_else(
    client: TestClient, scene: Scene, links: Links, chosen: Settings, signed: int, ids: dict[str, int]
) -> None:
    client.post(f"{links.owner(signed)}/share", data=REPAIRER)
    theirs = link_of(scene, chosen)
    html = client.get(theirs).text
    assert "Cell leaves its pack" in html
    assert "Cell 81: up to" in html
    assert "<svg" in html
    owner = scene.one("SELECT o.name FROM owner o JOIN service_request USING (owner_id) WHERE request_id = %s", signed)
    for secret in (owner, "@example.org", "Berlin, Kreuzberg", "<form", "<script"):
        assert secret not in html, secret
    reached = set(re.findall(r'(?:href|action|src)="(/[^"#?]*)', html))
    assert {each for each in reached if not each.startswith(("/static/", theirs))} == set()
    # His link opens no other page, and no decision about another request.
    token = theirs.rpartition("/")[2]
    for path in (f"/o/{token}", f"/d/{token}", f"/o/{token}/device", f"/login/{token}"):
        assert client.get(path).status_code in {404, 410}, path
    with scene.in_tenant():
        others = [each.decision_id for each in receipts.decisions_of_request(scene.conn, ids["waiting"], 5)]
    for decision_id in (*others, 999_999):
        assert client.get(f"{theirs}/decisions/{decision_id}").status_code == 404
    assert access.hide_tokens(f"GET {theirs}") == "GET /r/..."


def test_each_opening_asks_for_the_clause_anew(
    client: TestClient, scene: Scene, links: Links, chosen: Settings, signed: int
) -> None:
    mine = links.owner(signed)
    client.post(f"{mine}/share", data=REPAIRER)
    theirs = link_of(scene, chosen)
    assert client.get(theirs).status_code == 200
    client.post(f"{mine}/device/revoke")
    assert client.get(theirs).status_code == 410
    client.post(f"{mine}/device/mandate", data={"clause": ["share_data"]})
    assert client.get(theirs).status_code == 200


def test_what_cannot_be_shared_is_said_and_a_strange_address_is_refused(
    client: TestClient, scene: Scene, links: Links, ids: dict[str, int]
) -> None:
    mine = links.owner(ids["offered"])
    assert "Show it to a repairer" not in client.get(mine).text, "nothing of the kind is signed"
    client.post(f"{mine}/share", data=REPAIRER)
    for wrong in (
        {"email": "nobody"},
        {"email": "a@b.example,c@d.example"},
        {"name": "  "},
        {"name": "A\r\nBcc: x@y.z"},
    ):
        assert client.post(f"{mine}/share", data=REPAIRER | wrong).status_code == 400
    assert scene.one("SELECT count(*) FROM data_share") == 0


def test_a_planner_shares_by_the_owners_clause_and_ends_it(
    planner: TestClient, scene: Scene, signed: int, ids: dict[str, int]
) -> None:
    path = f"/planner/requests/{signed}"
    key = key_on(planner.get(path).text)
    assert "rita@repair.example" in planner.post(f"{path}/share", data=REPAIRER | {"key": key}).text
    assert scene.one("SELECT shared_by FROM data_share") == f"staff-{scene.planner_id}"
    assert scene.one("SELECT clause FROM audit_record WHERE act = 'shared'") == "share_data"
    share_id = scene.one("SELECT share_id FROM data_share")
    assert "ended" in planner.post(f"{path}/share/end", data={"share": share_id, "key": key}).text
    assert scene.one("SELECT ended_by FROM data_share") == f"staff-{scene.planner_id}"
    other = f"/planner/requests/{ids['confirmed']}"
    refused = planner.post(f"{other}/share", data=REPAIRER | {"key": key})
    assert "The owner has not let the device" in refused.text


def test_a_planner_asks_the_owner_and_gets_the_answer(
    planner: TestClient, scene: Scene, links: Links, ids: dict[str, int]
) -> None:
    request_id = ids["waiting"]
    path = f"/planner/requests/{request_id}"
    html = planner.get(path).text
    what = re.findall(r'<input type="radio" name="what" value="(\w+)"', html)
    assert what
    key = key_on(html)
    assert 'role="alert"' in planner.post(f"{path}/ask", data={"what": "no_such", "key": key}).text
    asked = planner.post(f"{path}/ask", data={"what": what[0], "key": key}).text
    assert "no answer yet" in asked
    assert 'name="what"' not in asked, "he is asked once"
    planner.post(f"{links.owner(request_id)}/answer", data={"answer": "unknown"})
    assert scene.one("SELECT state FROM service_request WHERE request_id = %s", request_id) == "held"
    html = planner.get(path).text
    assert "The owner was asked by a person" in html
    assert "I cannot tell" in html


def test_who_depends_on_the_supply_is_asked_of_meters_owners_and_told_to_nobody(
    client: TestClient, scene: Scene, links: Links, ids: dict[str, int]
) -> None:
    assert "powered medical equipment" not in client.get(f"{links.owner(ids['offered'])}/device").text
    scene.conn.execute("UPDATE device SET product = 'smart_meter'")
    scene.conn.execute("UPDATE device_owner SET since_at = %s", [NOW.replace(year=NOW.year - 1)])
    mine = f"{links.owner(ids['offered'])}/device"
    assert "powered medical equipment" in client.get(mine).text
    html = client.post(f"{mine}/supply", data={"depends": "yes"}).text
    assert "We keep to it from now on" in html
    assert 'value="yes" required checked' in html
    assert scene.one("SELECT count(*) FROM audit_record") == 0
    assert client.post(f"{mine}/supply", data={"depends": "perhaps"}).status_code == 400
