"""Settling: what is due about each deposit is done at the provider, one deposit in one transaction.

The truth about money is asked of the provider, never taken from a message: a message only says that it is time to ask.
Each call carries the key of its deposit and deed, so that one that is made again after a crash is the same one. It is made
with no transaction open and no row locked: what is about to be done is put off by a minute first, then the provider is
called, then his answer is saved, unless the deposit has moved on meanwhile.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import psycopg

from gateway.dates import completing
from gateway.following import give_case
from gateway.payments import moving
from gateway.payments.port import Checkout, Payment, PaymentError, PaymentPort, Standing
from gateway.quotes import quoting
from gateway.storage import deposits, requests
from gateway.storage.connection import Connection, tenant_transaction
from gateway.storage.deposits import Deposit
from gateway.telling import tell_owner
from workflows.deposit import Fact, Stage, next_stage
from workflows.request import CLOSED, Command, State, next_state
from workflows.triage import CaseWanted, Queue

_log = logging.getLogger(__name__)

_MOST: Final = 100
_ASK_AGAIN: Final = timedelta(minutes=5)
_PATIENCE: Final = timedelta(days=7)
# So many failures in a row and a person looks; it is tried on meanwhile.
_FAILURES: Final = 5
_NO_PROVIDER: Final = "A deposit is needed, and no payment provider is set: agree with the owner, then approve."
_NOT_PAID: Final = "The owner has not paid the deposit: please ask in person."
_OTHER_AMOUNT: Final = (
    "Another amount was paid than was asked for: see to it at the payment provider, agree with the owner, then approve."
)
_FAILING: Final = "The payment provider fails: see that the deposit is taken, or given back."


# A call is over by then, or whoever made it is gone.
CALL_LASTS: Final = timedelta(minutes=1)
# So long an owner may take before he is reminded; after the patience a person asks.
REMIND_AFTER: Final = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Captured:
    """What was reserved is taken."""


@dataclass(frozen=True, slots=True)
class CalledOff:
    """Nothing more can be taken, unless it was taken a moment before."""

    session: str
    payment: Payment


@dataclass(frozen=True, slots=True)
class Refunded:
    """Money goes back; `is_done` when it is on its way for good."""

    is_done: bool


Answer = Checkout | Payment | Captured | CalledOff | Refunded


def settle_due(connection: Connection, port: PaymentPort | None, base_url: str, now: datetime) -> int:
    """Do what is due about the deposits of all tenants, and return how many were looked at.

    Parameters
    ----------
    connection : Connection
        In the role of work, in autocommit mode.
    port : PaymentPort or None
        None where no provider is set: then a person has to agree each deposit.
    base_url : str
        Where an owner comes back to after paying.
    now : datetime
        Aware.
    """
    count = 0
    for (tenant_id,) in connection.execute("SELECT tenant_id FROM tenant ORDER BY tenant_id").fetchall():
        with tenant_transaction(connection, tenant_id):
            due = deposits.deposits_due(connection, now, _MOST)
        for deposit_id in due:
            _settle(connection, port, base_url, tenant_id, deposit_id, now)
            count += 1
    return count


def _settle(
    connection: Connection, port: PaymentPort | None, base_url: str, tenant_id: int, deposit_id: int, now: datetime
) -> None:
    try:
        with tenant_transaction(connection, tenant_id):
            deposit = _lock(connection, deposit_id)
            if deposit is None or deposit.due_at > now or not _begin(connection, port, deposit, now):
                return
        if port is None:
            return
        answer = _call(port, base_url, deposit, now)
        with tenant_transaction(connection, tenant_id):
            again = _lock(connection, deposit_id)
            if again is not None and again.state == deposit.state:
                _take(connection, again, answer, now)
                if again.due_at < now + CALL_LASTS:
                    # A message came while he was asked: what he has answered may be older.
                    deposits.be_due(connection, deposit_id, now)
    except (psycopg.OperationalError, psycopg.InterfaceError):
        raise
    except PaymentError as error:
        _log.warning("deposit %d: %s", deposit_id, error)
        _put_off(connection, tenant_id, deposit_id, str(error), now)
    except Exception as error:  # noqa: BLE001  # whatever is wrong with one deposit must not keep back the others
        _log.exception("deposit %d cannot be settled", deposit_id)
        _put_off(connection, tenant_id, deposit_id, f"{type(error).__name__}: {error}", now)


def _put_off(connection: Connection, tenant_id: int, deposit_id: int, why: str, now: datetime) -> None:
    try:
        with tenant_transaction(connection, tenant_id):
            deposit = _lock(connection, deposit_id)
            if deposit is not None and deposits.put_off(connection, deposit, why, now) == _FAILURES:
                give_case(connection, deposit.request_id, CaseWanted(Queue.JUDGEMENT, _FAILING), now)
    except LookupError:
        # A tenant without staff has nobody to give it to, and keeps nobody else from his money.
        _log.exception("deposit %d fails, and nobody can be told", deposit_id)


def _lock(connection: Connection, deposit_id: int) -> Deposit | None:
    # The request before its deposit, as everywhere: two locks have one order.
    requests.lock_request(connection, deposits.request_of(connection, deposit_id))
    return deposits.lock_deposit(connection, deposit_id)


def _begin(connection: Connection, port: PaymentPort | None, deposit: Deposit, now: datetime) -> bool:
    """Do what needs nobody else about a locked deposit; say whether the provider is to be called, which is begun then."""
    stage = Stage(deposit.state)
    if deposit.request_state in CLOSED and next_stage(stage, Fact.REQUEST_ENDED) is not None:
        # What heals by itself, or proves to be nothing, has earned no money.
        done = stage is Stage.CAPTURED and completing.was_repaired(connection, deposit.request_id)
        moving.move(connection, deposit, Fact.WORK_DONE if done else Fact.REQUEST_ENDED, now)
        return False
    if stage in {Stage.CAPTURED, Stage.SETTLED, Stage.VOID}:
        return False
    if port is None and stage is Stage.UNWANTED and deposit.session is None:
        # Nobody was asked to pay, and nobody has to see to anything.
        moving.move(connection, deposit, Fact.CANCELLED, now)
        return False
    if port is None:
        _leave_to_a_person(connection, deposit, _NO_PROVIDER, now)
        return False
    deposits.begin_call(connection, deposit, now + CALL_LASTS)
    return True


def _call(port: PaymentPort, base_url: str, deposit: Deposit, now: datetime) -> Answer:
    """Call the provider about a deposit, with no transaction open."""
    match Stage(deposit.state):
        case Stage.WANTED:
            return _create(port, deposit, f"{base_url}/paid")
        case Stage.AUTHORISED:
            # It may have run out meanwhile, or somebody has taken it at the provider's own pages.
            payment = port.look(deposit.session or "")
            if payment.standing is not Standing.RESERVED or payment.amount != deposit.amount:
                return payment
            port.capture(deposit.intent or "", key=_key(deposit, "capture"))
            return Captured()
        case Stage.UNWANTED:
            # A page may have been made just before a crash: the same key gives it again.
            session = deposit.session or _create(port, deposit, "").session
            payment = port.look(session)
            if payment.standing is not Standing.TAKEN:
                port.call_off(session, payment, key=_key(deposit, "call-off"))
            return CalledOff(session, payment)
        case Stage.REFUNDING:
            # Nobody gives back more than he has taken.
            payment = port.look(deposit.session or "")
            taken = payment.amount if payment.standing is Standing.TAKEN else deposit.amount
            return Refunded(port.refund(deposit.intent or "", taken, key=_key(deposit, "refund")))
        case _:
            payment = port.look(deposit.session or "")
            if payment.standing is Standing.WAITING and now - deposit.made_at > _PATIENCE:
                port.call_off(deposit.session or "", payment, key=_key(deposit, "call-off"))
            return payment


def _create(port: PaymentPort, deposit: Deposit, return_to: str) -> Checkout:
    return port.create(
        deposit.amount,
        reference=f"{deposit.tenant_id}-{deposit.deposit_id}",
        title=f"C-{deposit.request_id:06d}",
        return_to=return_to,
        key=_key(deposit, "create"),
    )


def _take(connection: Connection, deposit: Deposit, answer: Answer, now: datetime) -> None:
    """Save what the provider has answered about a locked deposit, and do what follows."""
    match answer:
        case Checkout(session=session, pay_at=pay_at):
            again_at = now + _ASK_AGAIN
            moving.move(connection, deposit, Fact.CREATED, now, due_at=again_at, session=session, pay_at=pay_at)
        case Payment():
            _look(connection, deposit, answer, now)
        case Captured():
            _taken(connection, deposit, now)
        case CalledOff(session=session, payment=Payment(standing=Standing.TAKEN, intent=intent)):
            moving.move(connection, deposit, Fact.TAKEN, now, session=session, intent=intent)
        case CalledOff():
            moving.move(connection, deposit, Fact.CANCELLED, now)
        case Refunded(is_done=False):
            deposits.save_deposit(connection, deposit, Stage.REFUNDING, due_at=now + _ASK_AGAIN)
        case Refunded():
            moving.move(connection, deposit, Fact.GIVEN_BACK, now)
            detail: dict[str, object] = {"amount_minor": deposit.amount_minor, "currency": deposit.currency}
            requests.append_event(connection, deposit.request_id, "deposit_returned", now, detail=detail)


def _look(connection: Connection, deposit: Deposit, payment: Payment, now: datetime) -> None:
    match payment.standing:
        case Standing.RESERVED if payment.amount != deposit.amount:
            moving.move(connection, deposit, Fact.REQUEST_ENDED, now)
            moving.note_failed(connection, deposit, _OTHER_AMOUNT, now)
            _ask_a_person(connection, deposit, _OTHER_AMOUNT, now)
        case Standing.TAKEN if payment.amount != deposit.amount:
            _leave_to_a_person(connection, deposit, _OTHER_AMOUNT, now)
        case Standing.RESERVED:
            moving.move(connection, deposit, Fact.PAID, now, intent=payment.intent)
        case Standing.TAKEN:
            moving.move(connection, deposit, Fact.TAKEN, now, intent=payment.intent)
            _go_to_dates(connection, deposit, now)
        case Standing.GONE:
            _leave_to_a_person(connection, deposit, _NOT_PAID, now)
        case Standing.WAITING if now - deposit.made_at > _PATIENCE:
            _leave_to_a_person(connection, deposit, _NOT_PAID, now)
        case Standing.WAITING:
            _remind(connection, deposit, now)
            deposits.save_deposit(connection, deposit, Stage.ASKED, due_at=now + _ASK_AGAIN)


def _remind(connection: Connection, deposit: Deposit, now: datetime) -> None:
    """Write once to an owner who has not paid for some days."""
    request = requests.lock_request(connection, deposit.request_id)
    if request is None or deposit.reminded_at is not None or now - deposit.made_at < REMIND_AFTER:
        return
    deposits.note_reminded(connection, deposit.deposit_id, now)
    requests.append_event(connection, deposit.request_id, "deposit_reminded", now)
    detail: dict[str, object] = {"deposit_id": deposit.deposit_id}
    tell_owner(connection, request, "deposit_due", f"deposit-{deposit.deposit_id}", detail, now)


def _taken(connection: Connection, deposit: Deposit, now: datetime) -> None:
    moving.move(connection, deposit, Fact.TAKEN, now)
    _go_to_dates(connection, deposit, now)


def _go_to_dates(connection: Connection, deposit: Deposit, now: datetime) -> None:
    detail: dict[str, object] = {"amount_minor": deposit.amount_minor, "currency": deposit.currency}
    requests.append_event(connection, deposit.request_id, "deposit_paid", now, actor="owner", detail=detail)
    request = requests.lock_request(connection, deposit.request_id)
    if request is not None:
        quoting.go_on(connection, request, now)


def _leave_to_a_person(connection: Connection, deposit: Deposit, reason: str, now: datetime) -> None:
    """End a deposit that cannot be had; who approves the request agrees to go on without."""
    if deposit.state in {Stage.REFUNDING, Stage.UNWANTED} and deposit.session is not None:
        raise PaymentError("no payment provider is set, and money may have to go back: set CALLOUT_PAYMENT_KEY")
    moving.give_up(connection, deposit, reason, now)
    _ask_a_person(connection, deposit, reason, now)


def _ask_a_person(connection: Connection, deposit: Deposit, reason: str, now: datetime) -> None:
    requests.append_event(connection, deposit.request_id, "deposit_failed", now)
    request = requests.lock_request(connection, deposit.request_id)
    if request is not None and request.state not in CLOSED:
        if next_state(State(request.state), Command.ESCALATE) is not None:
            requests.transition(connection, request, Command.ESCALATE, now)
        give_case(connection, deposit.request_id, CaseWanted(Queue.JUDGEMENT, reason), now)


def _key(deposit: Deposit, deed: str) -> str:
    return f"callout-{deposit.tenant_id}-{deposit.deposit_id}-{deed}"
