"""Deposits with the money that was taken for them, and the provider's messages, each known once."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg.rows import class_row

from gateway.storage.connection import Connection
from gateway.storage.quotes import Quote
from workflows.deposit import Stage
from workflows.money import Money

_SELECT: Final = """SELECT p.deposit_id, p.tenant_id, p.request_id, p.quote_id, p.amount_minor, p.currency, p.state,
    p.session, p.intent, p.pay_at, p.captured_minor, p.paid_minor, p.refunded_minor, p.attempts, p.last_error, p.due_at,
    p.made_at, p.reminded_at, r.state AS request_state
    FROM deposit p JOIN service_request r USING (request_id)"""


@dataclass(frozen=True, slots=True)
class Deposit:
    """One deposit, with the state of its request; `session` and `intent` are the provider's names of the payment."""

    deposit_id: int
    tenant_id: int
    request_id: int
    quote_id: int
    amount_minor: int
    currency: str
    state: str
    session: str | None
    intent: str | None
    pay_at: str
    captured_minor: int
    paid_minor: int
    refunded_minor: int
    attempts: int
    last_error: str | None
    due_at: datetime
    made_at: datetime
    reminded_at: datetime | None
    request_state: str

    @property
    def amount(self) -> Money:
        """What is to be paid first."""
        return Money(self.amount_minor, self.currency)


def want_deposit(connection: Connection, quote: Quote, now: datetime) -> None:
    """Write that a quote's deposit is to be asked for; a second time changes nothing."""
    connection.execute(
        """INSERT INTO deposit (request_id, quote_id, amount_minor, currency, state, due_at, made_at)
        VALUES (%s, %s, %s, %s, 'wanted', %s, %s) ON CONFLICT ON CONSTRAINT quote_has_one_deposit DO NOTHING""",
        [quote.request_id, quote.quote_id, quote.deposit_minor, quote.currency, now, now],
    )


def captured(connection: Connection, request_id: int, currency: str) -> Money:
    """Return what was taken for a request and is still held for it."""
    row = connection.execute(
        """SELECT coalesce(sum(captured_minor - paid_minor - refunded_minor), 0)::bigint FROM deposit
        WHERE request_id = %s AND currency = %s AND state = 'captured'""",
        [request_id, currency],
    ).fetchone()
    return Money(0 if row is None else row[0], currency)


def latest_deposit(connection: Connection, request_id: int) -> Deposit | None:
    """Return a request's newest deposit."""
    with connection.cursor(row_factory=class_row(Deposit)) as cursor:
        return cursor.execute(
            f"{_SELECT} WHERE p.request_id = %s ORDER BY p.deposit_id DESC LIMIT 1", [request_id]
        ).fetchone()


def lock_deposit(connection: Connection, deposit_id: int) -> Deposit | None:
    """Return a deposit and keep everyone else from changing it until the transaction ends."""
    with connection.cursor(row_factory=class_row(Deposit)) as cursor:
        return cursor.execute(f"{_SELECT} WHERE p.deposit_id = %s FOR UPDATE OF p", [deposit_id]).fetchone()


def request_of(connection: Connection, deposit_id: int) -> int:
    """Return which request a deposit is for, 0 for a deposit that is not there."""
    row = connection.execute("SELECT request_id FROM deposit WHERE deposit_id = %s", [deposit_id]).fetchone()
    return 0 if row is None else row[0]


def wake_deposit(connection: Connection, deposit_id: int, stage: Stage, now: datetime) -> None:
    """Make a locked deposit due now, in a stage that holds the same money."""
    connection.execute(
        "UPDATE deposit SET state = %s, due_at = least(due_at, %s) WHERE deposit_id = %s", [stage, now, deposit_id]
    )


def be_due(connection: Connection, deposit_id: int, now: datetime) -> None:
    """Make a locked deposit due now that was to be looked at later."""
    connection.execute("UPDATE deposit SET due_at = least(due_at, %s) WHERE deposit_id = %s", [now, deposit_id])


def deposits_due(connection: Connection, now: datetime, most: int) -> list[int]:
    """Return the deposits that somebody has to do something about by now, and those whose request has ended."""
    rows = connection.execute(
        """SELECT p.deposit_id FROM deposit p JOIN service_request r USING (request_id)
        WHERE p.state NOT IN ('settled', 'void') AND p.due_at <= %(now)s
            AND (p.state <> 'captured' OR r.state IN ('solved', 'cancelled'))
        ORDER BY p.due_at LIMIT %(most)s""",
        {"now": now, "most": most},
    ).fetchall()
    return [row[0] for row in rows]


def save_deposit(
    connection: Connection,
    deposit: Deposit,
    stage: Stage,
    *,
    due_at: datetime,
    session: str | None = None,
    intent: str | None = None,
    pay_at: str = "",
) -> None:
    """Write a locked deposit's new stage, with its money: what is taken, paid or given back follows from the stage."""
    has_money = stage in {Stage.CAPTURED, Stage.REFUNDING, Stage.SETTLED}
    is_back = deposit.state == Stage.REFUNDING
    connection.execute(
        """UPDATE deposit SET state = %(state)s, due_at = %(due_at)s, session = coalesce(%(session)s, session),
            intent = coalesce(%(intent)s, intent), pay_at = coalesce(nullif(%(pay_at)s, ''), pay_at),
            captured_minor = CASE WHEN %(has_money)s THEN amount_minor ELSE 0 END,
            paid_minor = CASE WHEN %(state)s = 'settled' AND NOT %(is_back)s THEN amount_minor ELSE 0 END,
            refunded_minor = CASE WHEN %(state)s = 'settled' AND %(is_back)s THEN amount_minor ELSE 0 END,
            attempts = 0, last_error = NULL
        WHERE deposit_id = %(deposit_id)s""",
        {
            "state": stage,
            "due_at": due_at,
            "session": session,
            "intent": intent,
            "pay_at": pay_at,
            "has_money": has_money,
            "is_back": is_back,
            "deposit_id": deposit.deposit_id,
        },
    )


def begin_call(connection: Connection, deposit: Deposit, until: datetime) -> None:
    """Put a locked deposit off for as long as its provider is being called about it."""
    connection.execute("UPDATE deposit SET due_at = %s WHERE deposit_id = %s", [until, deposit.deposit_id])


def note_reminded(connection: Connection, deposit_id: int, now: datetime) -> None:
    """Write that the owner was reminded of a deposit."""
    connection.execute("UPDATE deposit SET reminded_at = %s WHERE deposit_id = %s", [now, deposit_id])


def put_off(connection: Connection, deposit: Deposit, error: str, now: datetime) -> int:
    """Note that the provider could not be reached or refused; it is tried again later. Return how often it failed."""
    attempts = deposit.attempts + 1
    connection.execute(
        "UPDATE deposit SET attempts = %s, last_error = %s, due_at = %s WHERE deposit_id = %s",
        [attempts, error[:500], now + timedelta(seconds=min(5 * 2**attempts, 3600)), deposit.deposit_id],
    )
    return attempts


def is_known(connection: Connection, event_id: str, kind: str, outcome: str, now: datetime) -> bool:
    """Keep a provider's message; say whether it was kept before."""
    row = connection.execute(
        """INSERT INTO payment_event (event_id, kind, received_at, outcome) VALUES (%s, %s, %s, %s)
        ON CONFLICT DO NOTHING RETURNING event_id""",
        [event_id, kind, now, outcome],
    ).fetchone()
    return row is None
