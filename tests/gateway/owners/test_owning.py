"""Owners: what they sign, take back and give away, also in the middle of a journey; and that nothing is done without it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import journey, planner
from gateway.audit import undoing
from gateway.audit.verifying import verify
from gateway.owners import owning, sharing
from gateway.owners.owning import NotAnOwner, Signed
from gateway.planner import Done, Refused
from gateway.storage import owners, requests
from gateway.storage.connection import Connection, Role, connect, tenant_transaction
from gateway.telling import tell_owner
from tests.gateway.desk import SmallDesk, open_desk
from workflows.mandate import Clause


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path, stock=500)
    yield opened
    opened.close()


@pytest.fixture
def serve(desk: SmallDesk) -> Iterator[Connection]:
    with connect(desk.dsn, Role.SERVE) as connection:
        yield connection


def now() -> datetime:
    return datetime.now(UTC)


def diagnose(desk: SmallDesk, device_id: int, at: datetime | None = None) -> None:
    with tenant_transaction(desk.work, desk.tenant_id):
        journey.diagnose(desk.work, device_id=device_id, component="traction_battery", now=at or now())


def offer(desk: SmallDesk, request_id: int, at: datetime | None = None) -> int | None:
    with tenant_transaction(desk.work, desk.tenant_id):
        return journey.offer(desk.work, request_id=request_id, now=at or now())


def ill(desk: SmallDesk, name: str, *clauses: Clause) -> tuple[int, int]:
    """A vehicle with a fault that is sure, whose owner signed some clauses; and its request."""
    car = desk.vehicle(name)
    desk.sign(car, *clauses)
    desk.symptom(car, "cell_leaves_pack", 81)
    diagnose(desk, car)
    return car, desk.value("SELECT request_id FROM service_request WHERE device_id = %s", car)


def state(desk: SmallDesk, request_id: int) -> str:
    return desk.value("SELECT state FROM service_request WHERE request_id = %s", request_id)


def owner_of(desk: SmallDesk, car: int) -> int:
    return desk.value("SELECT owner_id FROM device WHERE device_id = %s", car)


def acts(desk: SmallDesk, request_id: int) -> list[tuple[str, str, str | None]]:
    return desk.rows("SELECT act, actor, clause FROM audit_record WHERE request_id = %s ORDER BY audit_id", request_id)


def revoke(desk: SmallDesk, serve: Connection, car: int, owner_id: int | None = None) -> Signed | NotAnOwner:
    with tenant_transaction(serve, desk.tenant_id):
        return owning.revoke(serve, device_id=car, owner_id=owner_id or owner_of(desk, car), now=now())


def test_each_step_of_a_journey_names_its_clause(desk: SmallDesk) -> None:
    _, request_id = ill(desk, "ev-1", Clause.REPORT, Clause.RESERVE_PART, Clause.OFFER_DATES)
    assert offer(desk, request_id) is not None
    assert [act for act in acts(desk, request_id) if act[0] != "weighed"] == [
        ("opened", "desk", "report"),
        ("part_reserved", "desk", "reserve_part"),
        ("offered", "desk", "offer_dates"),
    ]


def test_what_nobody_signed_goes_to_a_human_whose_approval_is_the_ground_from_then_on(desk: SmallDesk) -> None:
    _, request_id = ill(desk, "ev-1", Clause.REPORT)
    assert offer(desk, request_id) is None
    assert state(desk, request_id) == "held"
    (reason,) = desk.rows("SELECT reason FROM human_case WHERE closed_at IS NULL")
    assert reason == ("The owner has not let parts be put aside for his device: ask the owner.",)
    assert desk.value("SELECT allocated FROM stock_level WHERE part_no = 'EV-CELL-MODULE'") == 0
    staff_id = desk.value("SELECT staff_id FROM staff")
    with tenant_transaction(desk.work, desk.tenant_id):
        assert planner.approve(desk.work, request_id=request_id, staff_id=staff_id, now=now()) == Done("open")
    assert offer(desk, request_id) is not None
    assert acts(desk, request_id)[-2:] == [
        ("part_reserved", f"staff-{staff_id}", None),
        ("offered", f"staff-{staff_id}", None),
    ]


def test_a_fault_of_a_device_that_may_not_report_is_held_for_a_human(desk: SmallDesk) -> None:
    _, request_id = ill(desk, "ev-1", Clause.OFFER_DATES)
    assert state(desk, request_id) == "held"
    assert [act[0] for act in acts(desk, request_id)] == ["opened"]
    assert acts(desk, request_id)[0][1].startswith("staff-")


def test_dates_stand_when_the_mandate_is_taken_back_and_what_comes_after_is_a_humans(
    desk: SmallDesk, serve: Connection
) -> None:
    car, request_id = ill(desk, "ev-1", *Clause)
    desk.admin.execute("UPDATE service_request SET state = 'open' WHERE request_id = %s", [request_id])
    desk.admin.execute("DELETE FROM remedy_attempt")
    desk.sign(car, Clause.REPORT, Clause.RESERVE_PART, Clause.OFFER_DATES)
    assert offer(desk, request_id) is not None
    assert revoke(desk, serve, car) == Signed(None)
    assert state(desk, request_id) == "offered"
    assert desk.value("SELECT count(*) FROM booking WHERE released_at IS NULL") == 3
    assert desk.value("SELECT count(*) FROM human_case WHERE closed_at IS NULL") == 1
    later = desk.value("SELECT expires_at FROM offer WHERE closed_at IS NULL")
    with tenant_transaction(desk.work, desk.tenant_id):
        journey.expire_offer(desk.work, request_id=request_id, now=later)
    assert offer(desk, request_id, later) is None
    assert state(desk, request_id) == "held"
    assert desk.value("SELECT count(*) FROM booking WHERE released_at IS NULL") == 0


def test_any_of_several_owners_takes_back_and_a_stranger_does_not(desk: SmallDesk, serve: Connection) -> None:
    car, request_id = ill(desk, "ev-1", Clause.REPORT)
    with tenant_transaction(serve, desk.tenant_id):
        wife = owners.known_owner(serve, name="Eva", email="eva@owners.example", language="en", time_zone="UTC")
        stranger = owners.known_owner(serve, name="Max", email="max@owners.example", language="en", time_zone="UTC")
        owning.join(serve, device_id=car, owner_id=wife, actor="staff-1", now=now())
    assert revoke(desk, serve, car, stranger) == NotAnOwner()
    assert state(desk, request_id) == "open"
    assert revoke(desk, serve, car, wife) == Signed(None)
    assert state(desk, request_id) == "held"


def test_a_transfer_seals_what_was_the_former_owners(desk: SmallDesk, serve: Connection) -> None:
    car, request_id = ill(desk, "ev-1", Clause.REPORT, Clause.RESERVE_PART, Clause.OFFER_DATES)
    former = owner_of(desk, car)
    assert offer(desk, request_id) is not None
    with tenant_transaction(serve, desk.tenant_id):
        buyer = owners.known_owner(serve, name="Bea", email="bea@owners.example", language="ko", time_zone="UTC")
        opened = owning.transfer(serve, device_id=car, owner_id=buyer, actor="staff-1", now=now())
        assert owning.transfer(serve, device_id=car, owner_id=buyer, actor="staff-1", now=now()) == []
        assert owners.is_sealed_request(serve, request_id)
        assert owners.is_sealed_request(serve, opened[0])
    # The former's request ended, and he was told; nothing is held any more.
    assert state(desk, request_id) == "cancelled"
    assert desk.value("SELECT count(*) FROM booking WHERE released_at IS NULL") == 0
    assert desk.value("SELECT allocated FROM stock_level WHERE part_no = 'EV-CELL-MODULE'") == 0
    told = desk.rows("SELECT recipient FROM notice WHERE kind = 'cancelled'")
    assert told == [("ev-1@owners.example",)]
    # A letter about what was promised to the former owner is to him, whoever has the device now.
    with tenant_transaction(desk.work, desk.tenant_id):
        request = requests.lock_request(desk.work, request_id)
        assert request is not None
        tell_owner(desk.work, request, "date_lost", "late", {}, now())
    assert desk.rows("SELECT recipient FROM notice WHERE kind = 'date_lost'") == [("ev-1@owners.example",)]
    # The new one is welcomed once, with a link to the device's own page.
    welcomed = "SELECT recipient, language, device_id, owner_id, request_id FROM notice WHERE kind = 'welcome'"
    assert desk.rows(welcomed) == [("bea@owners.example", "ko", car, buyer, None)]
    # What is still wrong is the new owner's, and a human asks him first.
    assert [state(desk, each) for each in opened] == ["held"]
    assert desk.value("SELECT owner_id FROM service_request WHERE request_id = %s", opened[0]) == buyer
    assert desk.value("SELECT count(*) FROM mandate WHERE ended_at IS NULL AND device_id = %s", car) == 0
    assert revoke(desk, serve, car, former) == NotAnOwner()
    diagnose(desk, car)
    assert [state(desk, each) for each in opened] == ["held"]


@pytest.mark.parametrize("act", ["opened", "part_reserved", "offered"])
def test_a_planner_undoes_what_was_done_by_itself(desk: SmallDesk, serve: Connection, act: str) -> None:
    _, request_id = ill(desk, "ev-1", Clause.REPORT, Clause.RESERVE_PART, Clause.OFFER_DATES)
    offer(desk, request_id)
    audit_id = desk.value("SELECT audit_id FROM audit_record WHERE act = %s", act)
    staff_id = desk.value("SELECT staff_id FROM staff")
    for _ in range(2):
        with tenant_transaction(serve, desk.tenant_id):
            undone = undoing.undo(serve, audit_id=audit_id, staff_id=staff_id, reason="Wrong car.", now=now())
    settled = Refused("The request is settled; there is nothing to undo any more.")
    assert undone == (settled if act == "opened" else Done("held"))
    assert desk.value("SELECT count(*) FROM booking WHERE released_at IS NULL") == 0
    assert desk.value("SELECT allocated FROM stock_level WHERE part_no = 'EV-CELL-MODULE'") == 0
    assert acts(desk, request_id)[-1] == ("undone", f"staff-{staff_id}", None)
    assert len([each for each in acts(desk, request_id) if each[0] == "undone"]) == 1


def test_the_undo_of_an_offer_that_was_confirmed_frees_the_date_and_tells_the_owner(
    desk: SmallDesk, serve: Connection
) -> None:
    _, request_id = ill(desk, "ev-1", Clause.REPORT, Clause.RESERVE_PART, Clause.OFFER_DATES)
    offer(desk, request_id)
    booking = desk.rows("SELECT booking_id FROM booking ORDER BY rank")[0][0]
    with tenant_transaction(serve, desk.tenant_id):
        assert isinstance(
            journey.confirm(serve, request_id=request_id, booking_id=booking, now=now()), journey.Confirmed
        )
        audit_id = desk.value("SELECT audit_id FROM audit_record WHERE act = 'offered'")
        staff_id = desk.value("SELECT staff_id FROM staff")
        done = undoing.undo(serve, audit_id=audit_id, staff_id=staff_id, reason="The bay is closed.", now=now())
    assert done == Done("held")
    assert desk.value("SELECT state FROM appointment") == "cancelled"
    assert desk.rows("SELECT kind FROM notice WHERE kind = 'cancelled'") == [("cancelled",)]


_NAMES = count()
_STEPS = st.one_of(
    st.tuples(st.just("sign"), st.frozensets(st.sampled_from(list(Clause)))),
    st.tuples(st.just("sign_for_a_day"), st.frozensets(st.sampled_from(list(Clause)))),
    st.tuples(
        st.sampled_from(["revoke", "symptom", "diagnose", "offer", "expire", "approve", "wait", "share", "look"]),
        st.none(),
    ),
)


@dataclass
class Life:
    """One vehicle in its own time, in which everything may happen in any order."""

    desk: SmallDesk
    serve: Connection
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    cell: int = 1
    mandates: list[tuple[datetime, datetime | None, frozenset[Clause]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.car = self.desk.vehicle(f"ev-{next(_NAMES)}")
        self.desk.admin.execute(
            "UPDATE mandate SET ended_at = %s, ended_why = 'revoked', ended_by = 'test' WHERE device_id = %s",
            [self.at, self.car],
        )
        self.owner = owner_of(self.desk, self.car)

    def requests(self) -> list[int]:
        query = "SELECT request_id FROM service_request WHERE device_id = %s AND closed_at IS NULL"
        return [row[0] for row in self.desk.rows(query, self.car)]

    def do(self, step: str, clauses: frozenset[Clause] | None) -> None:
        self.at += timedelta(minutes=1)
        match step:
            case "wait":
                self.at += timedelta(hours=30)
            case "sign" | "sign_for_a_day":
                until = self.at + timedelta(days=1) if step == "sign_for_a_day" else None
                self._end()
                with tenant_transaction(self.serve, self.desk.tenant_id):
                    owning.sign(
                        self.serve,
                        device_id=self.car,
                        owner_id=self.owner,
                        clauses=dict.fromkeys(clauses or ()),
                        expires_at=until,
                        now=self.at,
                    )
                if clauses:
                    self.mandates.append((self.at, until, clauses))
            case "revoke":
                self._end()
                with tenant_transaction(self.serve, self.desk.tenant_id):
                    owning.revoke(self.serve, device_id=self.car, owner_id=self.owner, now=self.at)
            case "symptom":
                self.cell += 1
                self.desk.symptom(self.car, "cell_leaves_pack", self.cell)
            case "diagnose":
                diagnose(self.desk, self.car, self.at)
            case "offer":
                for request_id in self.requests():
                    offer(self.desk, request_id, self.at)
            case "share":
                for request_id in self.requests():
                    with tenant_transaction(self.serve, self.desk.tenant_id):
                        sharing.share(
                            self.serve, request_id=request_id, name="R", email="r@x.example", by="staff-1", now=self.at
                        )
            case "look":
                for (share_id,) in self.desk.rows("SELECT share_id FROM data_share WHERE device_id = %s", self.car):
                    with tenant_transaction(self.serve, self.desk.tenant_id):
                        sharing.look(self.serve, share_id, self.at)
            case "expire":
                for request_id in self.requests():
                    with tenant_transaction(self.desk.work, self.desk.tenant_id):
                        journey.expire_offer(self.desk.work, request_id=request_id, now=self.at)
            case _:
                for request_id in self.requests():
                    with tenant_transaction(self.serve, self.desk.tenant_id):
                        planner.approve(self.serve, request_id=request_id, staff_id=1, now=self.at)

    def _end(self) -> None:
        if self.mandates:
            since_at, until_at, clauses = self.mandates[-1]
            self.mandates[-1] = since_at, min(self.at, until_at or self.at), clauses

    def held(self, clause: str, at: datetime) -> bool:
        """Whether a clause was valid, by what the test itself remembers of what was signed."""
        return any(
            since_at <= at and (until_at is None or at < until_at) and clause in clauses
            for since_at, until_at, clauses in self.mandates
        )


_SIDE_EFFECTS = """SELECT 'part_reserved', v.reserved_at, v.request_id FROM reservation v JOIN service_request r USING (request_id)
        WHERE r.device_id = %(car)s
    UNION ALL SELECT 'offered', o.made_at, o.request_id FROM offer o JOIN service_request r USING (request_id)
        WHERE r.device_id = %(car)s
    UNION ALL SELECT 'opened', r.opened_at, r.request_id FROM service_request r WHERE r.device_id = %(car)s
    UNION ALL SELECT 'remedy_sent', c.written_at, c.request_id FROM device_command c
        WHERE c.device_id = %(car)s AND c.request_id IS NOT NULL
    UNION ALL SELECT 'shared', shared_at, request_id FROM data_share WHERE device_id = %(car)s
    UNION ALL SELECT 'share_opened', opened_at, request_id FROM data_share
        WHERE device_id = %(car)s AND opened_at IS NOT NULL"""


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(_STEPS, min_size=4, max_size=14))
def test_no_side_effect_without_a_clause_that_was_valid_then_or_a_person_who_said_so(
    desk: SmallDesk, serve: Connection, steps: list[tuple[str, frozenset[Clause] | None]]
) -> None:
    life = Life(desk, serve)
    for step, clauses in [("symptom", None), *steps]:
        life.do(step, clauses)
    for act, at, request_id in desk.admin.execute(_SIDE_EFFECTS, {"car": life.car}).fetchall():
        written = desk.rows(
            "SELECT actor, clause FROM audit_record WHERE request_id = %s AND act = %s AND at = %s", request_id, act, at
        )
        assert written, (act, at)
        for actor, clause in written:
            assert actor.startswith("staff-") or life.held(clause, at), (act, at, clause)
            if actor.startswith("staff-") and act != "opened":
                approved = (
                    "SELECT count(*) FROM request_event WHERE request_id = %s AND event = 'approved' AND actor = %s"
                )
                assert desk.value(approved, request_id, actor) > 0
    with tenant_transaction(desk.work, desk.tenant_id):
        assert verify(desk.work).misfit is None
