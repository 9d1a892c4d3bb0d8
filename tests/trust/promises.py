"""``python -m tests.trust.promises``: owners, planners, absences and crashes at the same promises, at the same instant.

The real steps on a real database, on as many connections as there are people. Each trial says how often it was run and
what was wrong; the last line is one JSON object, and the code of the end is 1 when anything was.
"""

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from gateway import journey, planner
from gateway.dates import rescheduling
from gateway.embedded.folder import open_folder
from gateway.embedded.ports import next_free_port
from gateway.embedded.postgres import EmbeddedPostgres
from gateway.journey import Confirmed, FreshDates, NotOpen
from gateway.owners import stopping
from gateway.storage.connection import Connection, Role, connect, tenant_transaction
from gateway.storage.migrate import migrate
from gateway.sweep import sweep
from simulators.progress import ProgressLine
from tests.gateway.desk import SmallDesk, open_desk
from workflows.dates import Wish

_LEAK = ("water_never_rests", "water_pipes")
_METER = ("water_back", "water_meter")
_PART = "MTR-WATER"
TRIALS = ("end", "people", "statements", "slot")

Act = Callable[[Connection, datetime], object]


@dataclass(slots=True)
class Trial:
    """What was tried how often, what came out, and what was wrong."""

    name: str
    rounds: int = 0
    outcomes: dict[str, int] = field(default_factory=dict[str, int])
    wrong: list[str] = field(default_factory=list[str])
    progress: ProgressLine | None = None

    def begin(self, rounds: int) -> None:
        """Begin the next of so many rounds, and say so now and then."""
        self.rounds += 1
        if self.progress is not None:
            self.progress.show(f"{self.name}: round {self.rounds} of at most {rounds}, wrong so far: {len(self.wrong)}")

    def note(self, outcome: object) -> None:
        """Count an outcome by its name."""
        name = type(outcome).__name__
        self.outcomes[name] = self.outcomes.get(name, 0) + 1

    def say(self, problem: str) -> None:
        """Keep what was wrong."""
        self.wrong.append(f"round {self.rounds}: {problem}")


def at_once(desk: SmallDesk, acts: Sequence[Act], ats: Sequence[datetime], role: Role = Role.SERVE) -> list[object]:
    """Do several things at the same instant, each on a connection of its own; a lost deadlock is an outcome, too."""
    results: list[object] = [None] * len(acts)
    barrier = threading.Barrier(len(acts))

    def run(number: int) -> None:
        with connect(desk.dsn, role) as connection:
            barrier.wait(60)
            try:
                with tenant_transaction(connection, desk.tenant_id):
                    results[number] = acts[number](connection, ats[number])
            except (psycopg.Error, TimeoutError) as error:
                results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    return results


def do(desk: SmallDesk, act: Act, role: Role = Role.WORK) -> Any:
    """Do one thing."""
    with connect(desk.dsn, role) as connection, tenant_transaction(connection, desk.tenant_id):
        return act(connection, datetime.now(UTC))


def confirming(request_id: int, booking_id: int) -> Act:
    """The owner's tap on a date."""
    return lambda connection, now: journey.confirm(connection, request_id=request_id, booking_id=booking_id, now=now)


def offering(request_id: int) -> Act:
    """The desk's offer."""
    return lambda connection, now: journey.offer(connection, request_id=request_id, now=now)


def ill(desk: SmallDesk, name: str, symptom: tuple[str, str]) -> int:
    """A meter with a fault, and its request."""
    device_id = desk.meter(name)
    monitor, component = symptom
    desk.symptom(device_id, monitor, component=component)
    do(desk, lambda connection, now: journey.diagnose(connection, device_id=device_id, component=component, now=now))
    return desk.value("SELECT request_id FROM service_request WHERE device_id = %s", device_id)


def held(desk: SmallDesk, request_id: int) -> list[int]:
    """The times that a request holds now, best first."""
    rows = desk.rows(
        """SELECT booking_id FROM booking WHERE request_id = %s AND released_at IS NULL AND kind = 'held'
        ORDER BY rank""",
        request_id,
    )
    return [row[0] for row in rows]


def start_again(desk: SmallDesk) -> None:
    """All requests are open, nothing is promised, nobody is absent, and no part is put aside."""
    desk.admin.execute("DELETE FROM appointment")
    desk.admin.execute("DELETE FROM booking")
    desk.admin.execute(
        "UPDATE offer SET closed_at = coalesce(closed_at, now()), outcome = coalesce(outcome, 'withdrawn')"
    )
    desk.admin.execute("UPDATE reservation SET released_at = now() WHERE released_at IS NULL")
    desk.admin.execute("DELETE FROM earlier_wish")
    desk.admin.execute("UPDATE absence SET withdrawn_at = now() WHERE withdrawn_at IS NULL")
    desk.admin.execute("DELETE FROM human_case")
    desk.admin.execute("DELETE FROM notice")
    desk.admin.execute(
        """DELETE FROM request_event WHERE event IN ('offer_expired', 'other_dates_asked', 'held', 'offered')"""
    )
    desk.admin.execute("UPDATE service_request SET state = 'open', closed_at = NULL")


def one_slot(desk: SmallDesk, owners: int, rounds: int, progress: ProgressLine | None = None) -> Trial:
    """So many owners tap the same hour, which was shown to each of them and is free again: one of them has it."""
    trial = Trial("one slot", progress=progress)
    requests = [ill(desk, f"slot-{number}", _LEAK) for number in range(owners)]
    for name in ("Tom", "Tea", "Tim"):
        desk.admin.execute(
            """INSERT INTO technician (tenant_id, centre_id, name, skills, hours, latitude, longitude)
            SELECT tenant_id, centre_id, %s, skills, hours, latitude, longitude FROM technician ORDER BY 1 LIMIT 1""",
            [name],
        )
    for _ in range(rounds):
        trial.begin(rounds)
        start_again(desk)
        slots = _shown_to_all(desk, requests)
        now = datetime.now(UTC)
        acts = [confirming(request_id, slots[request_id]) for request_id in requests]
        results = at_once(desk, acts, [now] * owners)
        for result in results:
            trial.note(result)
        winners = [result for result in results if isinstance(result, Confirmed) and result.is_new]
        if len(winners) != 1:
            trial.say(f"{len(winners)} winners")
        if lost := [result for result in results if not isinstance(result, Confirmed | FreshDates | NotOpen)]:
            trial.say(f"{len(lost)} owners without an answer: {lost[0]!r}")
        if desk.value("SELECT count(*) FROM appointment WHERE state = 'confirmed'") != 1:
            trial.say("not one appointment")
    return trial


def _shown_to_all(desk: SmallDesk, requests: Sequence[int]) -> dict[int, int]:
    """Each request had an offer of the same hour, which has run out."""
    first = requests[0]
    do(desk, offering(first))
    (model,) = held(desk, first)[:1]
    desk.admin.execute(
        """INSERT INTO offer (tenant_id, request_id, made_at, expires_at, closed_at, outcome)
        SELECT tenant_id, request_id, now(), now(), now(), 'expired' FROM service_request WHERE request_id = ANY(%s)""",
        [list(requests)],
    )
    desk.admin.execute(
        """INSERT INTO booking (tenant_id, request_id, offer_id, technician_id, during, arrives_at, arrival_window,
            latitude, longitude, rank, kind, released_at)
        SELECT k.tenant_id, o.request_id, max(o.offer_id), k.technician_id, k.during, k.arrives_at, k.arrival_window,
            k.latitude, k.longitude, 1, 'held', now()
        FROM booking k, offer o WHERE k.booking_id = %s AND o.outcome = 'expired'
        GROUP BY k.booking_id, o.request_id""",
        [model],
    )
    desk.admin.execute("UPDATE offer SET closed_at = now(), outcome = 'expired' WHERE closed_at IS NULL")
    desk.admin.execute("UPDATE booking SET released_at = now() WHERE released_at IS NULL")
    desk.admin.execute("UPDATE service_request SET state = 'open'")
    rows = desk.rows("SELECT request_id, max(booking_id) FROM booking GROUP BY request_id")
    return dict(rows)


def at_the_end(desk: SmallDesk, rounds: int, chance: random.Random, progress: ProgressLine | None = None) -> Trial:
    """An owner taps within some milliseconds of the end of his offer, while the sweep ends it."""
    trial = Trial("at the end of an offer", progress=progress)
    request_id = ill(desk, "late", _METER)
    for _ in range(rounds):
        trial.begin(rounds)
        start_again(desk)
        do(desk, offering(request_id))
        ends_at = desk.value("SELECT expires_at FROM offer WHERE closed_at IS NULL")
        ats = [ends_at + timedelta(milliseconds=chance.uniform(-50, 50)) for _ in range(3)]
        # The last of the three begins after the end of the offer, so that it can still be had.
        booking_id = held(desk, request_id)[-1]
        tap = confirming(request_id, booking_id)
        if desk.value("SELECT lower(during) FROM booking WHERE booking_id = %s", booking_id) <= max(ats):
            continue

        def expire(connection: Connection, now: datetime) -> None:
            journey.expire_offer(connection, request_id=request_id, now=now)

        for result in at_once(desk, [tap, expire, tap], ats, Role.WORK):
            trial.note(result)
        check(desk, request_id, trial)
        if desk.value("SELECT state FROM service_request WHERE request_id = %s", request_id) != "confirmed":
            trial.say("the hour was free, and the owner does not have it")
    return trial


def interleavings(desk: SmallDesk, rounds: int, chance: random.Random, progress: ProgressLine | None = None) -> Trial:
    """Owner, planner, technician and sweep act on one confirmed date at the same instant: it ends in one legal state."""
    trial = Trial("owner against planner against technician", progress=progress)
    request_id = ill(desk, "wanted", _METER)
    staff_id = desk.value("SELECT min(staff_id) FROM staff")
    technician_id = desk.value("SELECT min(technician_id) FROM technician")
    for _ in range(rounds):
        trial.begin(rounds)
        start_again(desk)
        do(desk, offering(request_id))
        first = held(desk, request_id)[0]
        do(desk, confirming(request_id, first))
        do(desk, lambda c, now: rescheduling.ask_other_dates(c, request_id=request_id, wish=Wish(), now=now))
        others = held(desk, request_id)
        choices: list[Act] = [
            confirming(request_id, chance.choice(others)),
            confirming(request_id, chance.choice(others)),
            confirming(request_id, first),
            lambda c, now: rescheduling.keep_date(c, request_id=request_id, now=now),
            lambda c, now: rescheduling.ask_other_dates(c, request_id=request_id, wish=Wish(), now=now),
            lambda c, now: rescheduling.wish_earlier(c, request_id=request_id, now=now),
            lambda c, now: stopping.stop(c, request_id=request_id, now=now),
            lambda c, now: planner.cancel(c, request_id=request_id, staff_id=staff_id, reason="no", now=now),
            lambda c, now: planner.hold(c, request_id=request_id, staff_id=staff_id, reason="wait", now=now),
            lambda c, now: _call_in_sick(c, technician_id),
        ]
        acts = chance.sample(choices, 4)
        for result in at_once(desk, acts, [datetime.now(UTC)] * len(acts), Role.SERVE):
            trial.note(result)
        sweep(desk.work, datetime.now(UTC))
        check(desk, request_id, trial)
    return trial


def _call_in_sick(connection: Connection, technician_id: int) -> None:
    connection.execute(
        """INSERT INTO absence (technician_id, during, kind)
        VALUES (%s, tstzrange(now(), now() + interval '9 days'), 'sick') ON CONFLICT DO NOTHING""",
        [technician_id],
    )


class Struck(Connection):
    """A connection whose backend is ended before its n-th statement; it is not ended when n is 0."""

    left = 0
    count = 0
    killer: Connection | None = None

    def execute(self, *words: Any, **more: Any) -> Any:
        """Execute, unless this is where it is struck."""
        self.count += 1
        if self.killer is not None and self.count == self.left:
            self.killer.execute("SELECT pg_terminate_backend(%s)", [self.info.backend_pid])
        return super().execute(*words, **more)


def struck(desk: SmallDesk, role: Role, number: int) -> Struck:
    """Open such a connection."""
    options = f"-c search_path=callout,jobs,public -c timezone=UTC -c role={role.value}"
    connection = Struck.connect(desk.dsn, options=options, autocommit=True)
    connection.left, connection.killer = number, desk.admin
    return connection


def between_statements(desk: SmallDesk, rounds: int, progress: ProgressLine | None = None) -> Trial:
    """The connection of each step is ended before each of its statements; the step is run again, and nothing is doubled."""
    trial = Trial("a connection ended between two statements", progress=progress)
    request_id = ill(desk, "struck", _METER)
    number = 0
    while trial.rounds < rounds:
        number += 1
        start_again(desk)
        trial.begin(rounds)
        hits = _walk(desk, request_id, number, trial)
        check(desk, request_id, trial)
        if desk.value("SELECT count(*) FROM appointment WHERE state = 'confirmed'") != 1:
            trial.say("not one appointment")
        if parts(desk) != 1:
            trial.say(f"{parts(desk)} parts")
        if not hits:
            return trial
    return trial


def _walk(desk: SmallDesk, request_id: int, number: int, trial: Trial) -> int:
    """Offer, confirm, ask for other dates and confirm one, each struck once before its n-th statement."""
    hits = _struck_once(desk, Role.WORK, number, offering(request_id), trial)
    first = held(desk, request_id)[0]
    hits += _struck_once(desk, Role.SERVE, number, confirming(request_id, first), trial)
    hits += _struck_once(
        desk,
        Role.SERVE,
        number,
        lambda c, now: rescheduling.ask_other_dates(c, request_id=request_id, wish=Wish(), now=now),
        trial,
    )
    return hits + _struck_once(desk, Role.SERVE, number, confirming(request_id, held(desk, request_id)[0]), trial)


def _struck_once(desk: SmallDesk, role: Role, number: int, act: Act, trial: Trial) -> int:
    """Do a step on a connection that is struck, and again when it was; return whether it was."""
    with closing(struck(desk, role, number)) as connection:
        try:
            with tenant_transaction(connection, desk.tenant_id):
                act(connection, datetime.now(UTC))
        except psycopg.OperationalError as error:
            trial.note(error)
        else:
            return 0
    do(desk, act, role)
    return 1


def parts(desk: SmallDesk) -> int:
    """How many of the meters are promised."""
    return desk.value("SELECT sum(allocated)::int FROM stock_level WHERE part_no = %s", _PART)


def check(desk: SmallDesk, request_id: int, trial: Trial) -> None:
    """What is true of a request in any legal state."""
    ((state, appointments, booked, holds, offers, aside, cases),) = desk.rows(
        """SELECT r.state,
            (SELECT count(*) FROM appointment a WHERE a.request_id = r.request_id AND a.state = 'confirmed'),
            (SELECT count(*) FROM booking k WHERE k.request_id = r.request_id AND released_at IS NULL AND kind = 'booked'),
            (SELECT count(*) FROM booking k WHERE k.request_id = r.request_id AND released_at IS NULL AND kind = 'held'),
            (SELECT count(*) FROM offer o WHERE o.request_id = r.request_id AND o.closed_at IS NULL),
            (SELECT count(*) FROM reservation v WHERE v.request_id = r.request_id AND v.released_at IS NULL),
            (SELECT count(*) FROM human_case c WHERE c.request_id = r.request_id AND c.closed_at IS NULL)
        FROM service_request r WHERE r.request_id = %s""",
        request_id,
    )
    found = f"{state}: {appointments} appointments, {booked} booked, {holds} held, {offers} offers, {aside} parts"
    promised = 1 if state == "confirmed" else 0
    if appointments != promised or booked != promised:
        trial.say(found)
    if (holds > 0) != (offers > 0) or offers > 1 or (offers and state not in {"offered", "confirmed"}):
        trial.say(found)
    if state == "offered" and not offers:
        trial.say(found)
    if state in {"confirmed", "offered"} and aside != 1:
        trial.say(found)
    if state in {"cancelled", "held", "waiting"} and aside:
        trial.say(found)
    if state in {"held", "waiting"} and not cases:
        trial.say(f"{found}, and nobody has it")
    if absent := desk.value(
        """SELECT count(*) FROM booking k JOIN absence a USING (technician_id)
        WHERE k.released_at IS NULL AND a.withdrawn_at IS NULL AND a.during && k.during"""
    ):
        trial.say(f"{absent} promises of somebody who is absent")


def run_all(
    desk: SmallDesk, share: float, seed: int, progress: ProgressLine, only: Sequence[str] = ()
) -> Iterator[tuple[str, Trial, float]]:
    """Run trials one after another, in a share of their full length; each comes with its word and its seconds."""

    def rounds(full: int) -> int:
        return max(int(full * share), 3)

    # Each has chance of its own, so that one alone goes as it went among the others.
    trials: dict[str, Callable[[], Trial]] = {
        "end": lambda: at_the_end(desk, rounds(1000), random.Random(seed), progress),
        "people": lambda: interleavings(desk, rounds(1000), random.Random(seed), progress),
        "statements": lambda: between_statements(desk, rounds(1000), progress),
        "slot": lambda: one_slot(desk, 100, rounds(100), progress),
    }
    for word in only or TRIALS:
        began_s = time.monotonic()
        yield word, trials[word](), time.monotonic() - began_s


def main() -> None:
    """Run on a server of its own, and print."""
    words = argparse.ArgumentParser(prog="python -m tests.trust.promises", description=(__doc__ or "").splitlines()[0])
    words.add_argument("--share", type=float, default=1.0, help="of the full number of rounds")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--only", action="append", choices=TRIALS, default=[], help="this trial, not all of them")
    said = words.parse_args()
    told: dict[str, dict[str, object]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        more = {"max_connections": "160"}
        with EmbeddedPostgres(open_folder(path / "desk"), next_free_port(28_900), more) as server:
            dsn = _made(server.dsn)
            desk = open_desk(dsn, path, stock=3)
            try:
                for word, trial, took_s in run_all(desk, said.share, said.seed, ProgressLine(), said.only):
                    _tell(trial, took_s)
                    told[word] = {"rounds": trial.rounds, "wrong": len(trial.wrong), "took_s": round(took_s, 1)}
            finally:
                desk.close()
    print(json.dumps({"promises": told, "seed": said.seed}), flush=True)
    sys.exit(1 if any(each["wrong"] for each in told.values()) else 0)


def _tell(trial: Trial, took_s: float) -> None:
    wrong = f"wrong: {len(trial.wrong)} {trial.wrong[:3]}"
    print(f"{trial.name}: {trial.rounds} rounds in {took_s:.0f} s, {trial.outcomes}, {wrong}", flush=True)


def _made(dsn: str) -> str:
    name = "promises"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    made = psycopg.conninfo.make_conninfo(dsn, dbname=name)
    migrate(made)
    return made


if __name__ == "__main__":
    main()
