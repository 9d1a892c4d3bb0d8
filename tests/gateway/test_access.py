"""Tokens: what opens a page, and what does not."""

import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest

from gateway import access
from gateway.access import LOGIN_LIFETIME, OWNER_LINK_LIFETIME, Purpose, UnknownStaffError
from gateway.errors import SettingsError
from gateway.settings import Settings
from gateway.storage.connection import Role, connect, tenant_transaction
from tests.dashboards.scene import NOW, WEAK_CELL, Scene, settings


@pytest.fixture
def scene(database: str) -> Iterator[Scene]:
    scene = Scene.open(database)
    yield scene
    scene.close()


@pytest.fixture
def request_id(scene: Scene) -> int:
    return scene.request(scene.device(), WEAK_CELL)


def owner_token(scene: Scene, chosen: Settings, request_id: int) -> str:
    with scene.in_tenant():
        link = access.issue_owner_link(scene.conn, chosen, tenant_id=scene.tenant_id, request_id=request_id, now=NOW)
    return link.rpartition("/")[2]


def test_a_link_opens_its_request_for_thirty_days(scene: Scene, database: str, request_id: int) -> None:
    chosen = settings(database)
    claim = access.read(chosen, owner_token(scene, chosen, request_id), Purpose.OWNER_REQUEST)
    assert claim is not None
    assert claim.tenant_id == scene.tenant_id
    with scene.in_tenant():
        found = access.find(scene.conn, claim)
    assert found is not None
    assert found.request_id == request_id
    assert not found.is_expired(NOW + OWNER_LINK_LIFETIME - timedelta(seconds=1))
    assert found.is_expired(NOW + OWNER_LINK_LIFETIME)


def test_no_token_with_one_changed_character_is_ours(scene: Scene, database: str, request_id: int) -> None:
    chosen = settings(database)
    token = owner_token(scene, chosen, request_id)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for place, character in enumerate(token):
        for bit in range(6):
            other = alphabet[alphabet.index(character) ^ (1 << bit)]
            changed = token[:place] + other + token[place + 1 :]
            assert access.read(chosen, changed, Purpose.OWNER_REQUEST) is None, place


@pytest.mark.parametrize("text", ["", "x", "../..", "A" * 72, "A" * 71 + "=", "A" * 10_000, "\x00" * 72, "ｅ" * 72])
def test_what_is_no_token_is_refused(database: str, text: str) -> None:
    assert access.read(settings(database), text, Purpose.OWNER_REQUEST) is None


def test_a_token_opens_nothing_for_another_purpose_or_under_another_secret(
    scene: Scene, database: str, request_id: int
) -> None:
    chosen = settings(database)
    token = owner_token(scene, chosen, request_id)
    assert access.read(chosen, token, Purpose.PLANNER_SESSION) is None
    assert access.read(settings(database, secret="another" * 8), token, Purpose.OWNER_REQUEST) is None


def test_the_database_keeps_no_token_that_could_be_used(scene: Scene, database: str, request_id: int) -> None:
    token = owner_token(scene, settings(database), request_id)
    dump = str(scene.conn.execute("SELECT t::text FROM access_token t").fetchall())
    assert token not in dump
    assert token[-20:] not in dump


def test_a_login_works_once_and_gives_a_session(scene: Scene, database: str) -> None:
    chosen = settings(database)
    url = access.issue_planner_login(scene.conn, chosen, tenant="hanbit", email="Planner@hanbit.example", now=NOW)
    assert url.startswith("http://testserver/login/")
    login = access.read(chosen, url.rpartition("/")[2], Purpose.PLANNER_LOGIN)
    assert login is not None
    with scene.in_tenant():
        session = access.open_session(scene.conn, chosen, login, now=NOW)
        assert session is not None
        assert access.open_session(scene.conn, chosen, login, now=NOW) is None
        claim = access.read(chosen, session, Purpose.PLANNER_SESSION)
        assert claim is not None
        access.close_session(scene.conn, claim, now=NOW)
        found = access.find(scene.conn, claim)
    assert found is not None
    assert found.staff_id == scene.planner_id
    assert found.is_expired(NOW)


def test_a_login_that_is_fifteen_minutes_old_gives_no_session(scene: Scene, database: str) -> None:
    chosen = settings(database)
    url = access.issue_planner_login(scene.conn, chosen, tenant="hanbit", email="planner@hanbit.example", now=NOW)
    login = access.read(chosen, url.rpartition("/")[2], Purpose.PLANNER_LOGIN)
    assert login is not None
    with scene.in_tenant():
        assert access.open_session(scene.conn, chosen, login, now=NOW + LOGIN_LIFETIME) is None


@pytest.mark.parametrize(("tenant", "email"), [("nobody", "planner@hanbit.example"), ("hanbit", "x@hanbit.example")])
def test_a_login_for_somebody_unknown_says_what_to_do(scene: Scene, database: str, tenant: str, email: str) -> None:
    with pytest.raises(UnknownStaffError, match="callout configure"):
        access.issue_planner_login(scene.conn, settings(database), tenant=tenant, email=email)


def test_without_a_secret_nothing_is_signed(database: str) -> None:
    with pytest.raises(SettingsError, match="CALLOUT_SECRET"):
        access.read(settings(database, secret=""), "A" * 72, Purpose.OWNER_REQUEST)


def test_a_tenant_cannot_see_another_tenants_token(scene: Scene, database: str, request_id: int) -> None:
    chosen = settings(database)
    claim = access.read(chosen, owner_token(scene, chosen, request_id), Purpose.OWNER_REQUEST)
    assert claim is not None
    with connect(database, Role.SERVE) as conn:
        with tenant_transaction(conn, scene.tenant_id):
            assert access.find(conn, claim) is not None
        with tenant_transaction(conn, scene.tenant_id + 1):
            assert access.find(conn, claim) is None


def test_a_web_servers_log_shows_no_token(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("tests.access.log")
    logger.addFilter(access.HideTokens())
    with caplog.at_level(logging.INFO, logger.name):
        logger.info('%s - "%s %s" %d', "127.0.0.1", "GET", "/login/AbC_secret-1?lang=ko", 200)
        logger.info("GET /o/AbC_secret-1/appointment.ics")
    assert "secret" not in caplog.text
    assert "/login/...?lang=ko" in caplog.text
    assert "/o/.../appointment.ics" in caplog.text
