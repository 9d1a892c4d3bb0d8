"""Enrolment: identities, credentials that are shown once, and what is refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.admission.broker_accounts import password_matches
from gateway.admission.enrolment import EnrolmentError, EnrolmentRequest, PlaceIn, enrol, move, reissue, revoke
from gateway.storage.connection import Connection, Role, connect
from tests.gateway.desk import SmallDesk, open_desk


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def serve(desk: SmallDesk) -> Iterator[Connection]:
    with connect(desk.dsn, Role.SERVE) as connection:
        yield connection


def asked(**changes: object) -> EnrolmentRequest:
    body: dict[str, object] = {
        "tenant": "acme",
        "product": "electric_vehicle",
        "serial": "WVW-1",
        "device": "ev-1",
        "owner": {"name": "Ada", "email": "Ada@Owners.example", "language": "ko", "timeZone": "Asia/Seoul"},
        "place": {"name": "Home", "latitude": 37.5, "longitude": 127.0, "timeZone": "Asia/Seoul"},
        "warrantyUntil": "2030-01-01",
    }
    return EnrolmentRequest.model_validate(body | changes)


def test_a_device_gets_its_partition_topics_and_a_password_that_is_stored_hashed_only(
    desk: SmallDesk, serve: Connection
) -> None:
    enrolled = enrol(serve, asked(), wait_s=0)
    assert enrolled.identity.username == f"{enrolled.identity.partition}/acme/ev-1"
    assert enrolled.identity.topics()["event"].endswith("/acme/ev-1/event")
    stored = desk.value("SELECT password_hash FROM device_credential")
    assert enrolled.password not in stored
    assert password_matches(enrolled.password, stored)
    assert desk.rows("SELECT partition, product, serial, warranty_until::text FROM device") == [
        (enrolled.identity.partition, "electric_vehicle", "WVW-1", "2030-01-01")
    ]
    assert desk.rows("SELECT email, language FROM owner") == [("ada@owners.example", "ko")]


def test_a_device_moves_to_another_place(desk: SmallDesk, serve: Connection) -> None:
    enrol(serve, asked(place={}), wait_s=0)
    here = "SELECT place_name, latitude, longitude FROM device"
    assert desk.rows(here) == [("", None, None)]
    move(serve, "acme", "ev-1", PlaceIn(name="Cellar", latitude=52.5, longitude=13.4))
    assert desk.rows(here) == [("Cellar", 52.5, 13.4)]
    move(serve, "acme", "ev-1", PlaceIn(latitude=52.6, longitude=13.4))
    assert desk.rows(here) == [("Cellar", 52.6, 13.4)]
    with pytest.raises(EnrolmentError, match="no device 'ev-9'"):
        move(serve, "acme", "ev-9", PlaceIn(latitude=52.6, longitude=13.4))


@pytest.mark.parametrize("changes", [{}, {"device": "other"}, {"serial": "other"}])
def test_a_device_is_enrolled_once_by_name_and_by_serial(
    desk: SmallDesk, serve: Connection, changes: dict[str, object]
) -> None:
    enrol(serve, asked(), wait_s=0)
    with pytest.raises(EnrolmentError, match="enrolled already") as refused:
        enrol(serve, asked(**changes), wait_s=0)
    assert refused.value.kind == "conflict"
    assert desk.value("SELECT count(*) FROM device") == 1


def test_a_reissued_password_replaces_the_old_one_and_a_revoked_one_is_gone(desk: SmallDesk, serve: Connection) -> None:
    first = enrol(serve, asked(), wait_s=0)
    second = reissue(serve, "acme", "ev-1", wait_s=0)
    (valid,) = desk.rows("SELECT password_hash FROM device_credential WHERE revoked_at IS NULL")
    assert password_matches(second.password, valid[0])
    assert not password_matches(first.password, valid[0])
    revoke(serve, "acme", "ev-1")
    assert desk.rows("SELECT 1 FROM device_credential WHERE revoked_at IS NULL") == []


@pytest.mark.parametrize("name", ["a/b", "a+b", "#", "", "a\x00b", "a\nb", "ev 1", "é", "x" * 65, "../x", "$SYS"])
def test_names_that_could_escape_their_topic_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="not a usable name"):
        asked(device=name)
    with pytest.raises(ValidationError, match="not a usable name"):
        asked(tenant=name)


def test_without_a_device_name_the_serial_has_to_be_a_usable_one(serve: Connection) -> None:
    with pytest.raises(EnrolmentError, match="not a usable name"):
        enrol(serve, asked(device=None, serial="A/1"), wait_s=0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tenant": "nobody"}, "no tenant 'nobody'"),
        ({"product": "toaster"}, "product type 'toaster' is not known"),
    ],
)
def test_unknown_tenants_and_products_are_said_plainly(
    serve: Connection, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(EnrolmentError, match=words):
        enrol(serve, asked(**changes), wait_s=0)


@pytest.mark.parametrize(
    "changes",
    [
        {"owner": {"name": "A", "email": "no address"}},
        {"owner": {"name": "A", "email": "kim@mail..example"}},
        {"owner": {"name": "A", "email": "a@[b"}},
        {"owner": {"name": "A", "email": "(a@b"}},
        {"owner": {"name": "A\nBcc: x@y", "email": "a@b"}},
        {"owner": {"name": "A", "email": "a@b\r\nBcc: x@y"}},
        {"owner": {"name": "A", "email": "a@b", "timeZone": "Mars/Olympus"}},
        {"place": {"latitude": 91}},
        {"colour": "red"},
    ],
)
def test_values_that_cannot_be_are_refused_at_the_edge(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        asked(**changes)


def test_a_tenant_without_staff_cannot_enrol_for_nobody_would_own_its_cases(desk: SmallDesk, serve: Connection) -> None:
    desk.admin.execute("DELETE FROM staff")
    with pytest.raises(EnrolmentError, match="no staff"):
        enrol(serve, asked(), wait_s=0)
