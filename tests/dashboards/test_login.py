"""Coming in, and going out."""

from starlette.testclient import TestClient

from tests.dashboards.conftest import Links


def test_looking_at_a_login_link_does_not_use_it_up(client: TestClient, links: Links) -> None:
    path = links.login()
    for _ in range(3):
        page = client.get(path)
        assert page.status_code == 200
        assert "Hello Kim Ji-woo" in page.text
    assert not client.cookies
    assert client.post(path, follow_redirects=False).headers["location"] == "/planner"


def test_a_login_link_works_once(client: TestClient, links: Links) -> None:
    path = links.login()
    assert client.post(path).status_code == 200
    client.cookies.clear()
    for answer in (client.post(path), client.get(path)):
        assert answer.status_code == 410
        assert "no longer works" in answer.text


def test_the_sessions_cookie_is_kept_from_scripts_and_other_sites(client: TestClient, links: Links) -> None:
    cookie = client.post(links.login(), follow_redirects=False).headers["set-cookie"]
    for attribute in ("HttpOnly", "SameSite=lax", "Path=/planner", "Max-Age=43200"):
        assert attribute in cookie
    assert "Secure" not in cookie, "the tests' pages are not served over TLS"


def test_signing_out_ends_the_session_in_the_database_too(planner: TestClient) -> None:
    session = planner.cookies["callout_session"]
    key = planner.get("/planner").text.split('name="key" value="')[1][:32]
    assert "You are signed out" in planner.post("/planner/logout", data={"key": key}).text
    planner.cookies.set("callout_session", session, path="/planner")
    assert planner.get("/planner").status_code == 401


def test_a_login_form_of_another_site_is_refused(client: TestClient, links: Links) -> None:
    path = links.login()
    assert client.post(path, headers={"origin": "https://evil.example"}).status_code == 403
    assert client.post(path).status_code == 200, "the link is still good"


def test_an_owners_link_is_no_login(client: TestClient, links: Links, ids: dict[str, int]) -> None:
    token = links.owner(ids["offered"]).rpartition("/")[2]
    assert client.get(f"/login/{token}").status_code == 410
    client.cookies.set("callout_session", token, path="/planner")
    assert client.get("/planner").status_code == 401
