"""Sharing: a repairer sees one request for as long as its owner's clause holds, and each look is an act of the audit."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway.owners import owning, sharing
from gateway.owners.sharing import LASTS, MOST, NotShared, Opened, Over, Shared
from gateway.storage import owners, shares
from gateway.storage.connection import Connection, Role, connect, tenant_transaction
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.owners.test_owning import ill, now, owner_of
from workflows.mandate import USUAL, Clause


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path, stock=500)
    yield opened
    opened.close()


@pytest.fixture
def serve(desk: SmallDesk) -> Iterator[Connection]:
    with connect(desk.dsn, Role.SERVE) as connection:
        yield connection


def share(
    desk: SmallDesk,
    serve: Connection,
    request_id: int,
    email: str = "Rita@repair.example",
    by: str = "staff-1",
    at: datetime | None = None,
) -> Shared | NotShared:
    with tenant_transaction(serve, desk.tenant_id):
        return sharing.share(serve, request_id=request_id, name="Rita Repair", email=email, by=by, now=at or now())


def look(desk: SmallDesk, serve: Connection, share_id: int, at: datetime | None = None) -> Opened | Over:
    with tenant_transaction(serve, desk.tenant_id):
        return sharing.look(serve, share_id, at or now())


def shared(desk: SmallDesk, serve: Connection, name: str = "ev-1") -> tuple[int, int, int]:
    """A request that is shared: device, request, sharing."""
    car, request_id = ill(desk, name, *USUAL, Clause.SHARE_DATA)
    found = share(desk, serve, request_id)
    assert isinstance(found, Shared)
    return car, request_id, found.share_id


def test_it_is_shared_once_with_a_letter_to_the_repairer_and_stands_in_the_audit(
    desk: SmallDesk, serve: Connection
) -> None:
    _, request_id, share_id = shared(desk, serve)
    assert share(desk, serve, request_id, "rita@repair.example") == Shared(share_id, is_new=False)
    assert desk.rows("SELECT recipient FROM notice WHERE kind = 'shared'") == [("rita@repair.example",)]
    assert isinstance(look(desk, serve, share_id), Opened)
    acts = "SELECT actor, clause, inputs ->> 'share_id' FROM audit_record WHERE act LIKE 'share%%' ORDER BY audit_id"
    assert desk.rows(acts) == [("desk", "share_data", str(share_id))] * 2


def test_without_the_clause_nothing_is_shared(desk: SmallDesk, serve: Connection) -> None:
    _, request_id = ill(desk, "ev-1", *USUAL)
    assert share(desk, serve, request_id) == NotShared("clause")
    assert desk.rows("SELECT FROM data_share UNION ALL SELECT FROM notice WHERE kind = 'shared'") == []


def test_a_mail_program_that_looks_again_and_again_is_one_look_in_a_minute(desk: SmallDesk, serve: Connection) -> None:
    _, _, share_id = shared(desk, serve)
    at = now()
    for seconds in (0, 5, 20, 70):
        assert isinstance(look(desk, serve, share_id, at + timedelta(seconds=seconds)), Opened)
    assert desk.value("SELECT openings FROM data_share") == 2
    assert desk.value("SELECT count(*) FROM audit_record WHERE act = 'share_opened'") == 2


@pytest.mark.parametrize("end", ["revoked", "replaced", "tapped", "expired", "closed", "transferred"])
def test_it_is_over_with_clause_time_request_ownership_or_a_tap(desk: SmallDesk, serve: Connection, end: str) -> None:
    car, request_id, share_id = shared(desk, serve)
    owner_id, at = owner_of(desk, car), now()
    with tenant_transaction(serve, desk.tenant_id):
        match end:
            case "revoked":
                owning.revoke(serve, device_id=car, owner_id=owner_id, now=at)
            case "replaced":
                clauses = dict.fromkeys(USUAL)
                owning.sign(serve, device_id=car, owner_id=owner_id, clauses=clauses, expires_at=None, now=at)
            case "tapped":
                by = f"owner-{owner_id}"
                assert sharing.end(serve, request_id=request_id, share_id=share_id, by=by, now=at)
                assert not sharing.end(serve, request_id=request_id, share_id=share_id, by=by, now=at)
            case "expired":
                at += LASTS
            case "closed":
                desk.admin.execute("UPDATE service_request SET state = 'solved', closed_at = now()")
            case _:
                buyer = owners.known_owner(serve, name="Bea", email="bea@x.example", language="en", time_zone="UTC")
                owning.transfer(serve, device_id=car, owner_id=buyer, actor="staff-1", now=at)
    assert look(desk, serve, share_id, at + timedelta(seconds=1)) == Over()
    assert desk.value("SELECT openings FROM data_share") == 0


def test_a_letter_that_has_not_left_is_withdrawn_with_the_sharing(desk: SmallDesk, serve: Connection) -> None:
    _, request_id, share_id = shared(desk, serve)
    with tenant_transaction(serve, desk.tenant_id):
        sharing.end(serve, request_id=request_id, share_id=share_id, by="staff-1", now=now())
    assert desk.value("SELECT withdrawn_at IS NOT NULL FROM notice WHERE kind = 'shared'")
    assert isinstance(share(desk, serve, request_id), Shared), "he may be told anew"
    assert desk.value("SELECT count(*) FROM notice WHERE kind = 'shared' AND withdrawn_at IS NULL") == 1


def test_nobody_makes_a_mailing_out_of_it(desk: SmallDesk, serve: Connection) -> None:
    _, request_id, _ = shared(desk, serve)
    for number in range(MOST - 1):
        assert isinstance(share(desk, serve, request_id, f"r{number}@repair.example"), Shared)
    assert share(desk, serve, request_id, "one.more@repair.example") == NotShared("many")


def test_a_sharing_is_ended_for_its_own_request_alone(desk: SmallDesk, serve: Connection) -> None:
    _, _, share_id = shared(desk, serve)
    _, other = ill(desk, "ev-2", *USUAL, Clause.SHARE_DATA)
    with tenant_transaction(serve, desk.tenant_id):
        assert not sharing.end(serve, request_id=other, share_id=share_id, by="owner-2", now=now())
        living = shares.find_share(serve, share_id)
    assert living is not None
    assert living.ended_at is None
