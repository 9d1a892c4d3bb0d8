"""Settling: what is due about each deposit is done at the provider, one deposit in one transaction.

The truth about money is asked of the provider, never taken from a message: a message only says that it is time to ask.
Each call carries the key of its deposit and deed, so that one that is made again after a crash is the same one.
"""

import logging
from datetime import datetime, timedelta
from typing import Final

from gateway import completing, quoting
from gateway.following import give_case
from gateway.payments.port import Payment, PaymentError, PaymentPort, Standing
from gateway.storage import deposits, requests
from gateway.storage.connection import Connection, tenant_transaction
from gateway.storage.deposits import Deposit
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
_FAILING: Final = "The payment provider fails: see that the deposit is taken, or given back."


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
            # The request before its deposit, as everywhere: two locks have one order.
            requests.lock_request(connection, deposits.request_of(connection, deposit_id))
            deposit = deposits.lock_deposit(connection, deposit_id)
            if deposit is not None and deposit.due_at <= now:
                _go_on(connection, port, base_url, deposit, now)
    except PaymentError as error:
        _log.warning("deposit %d: %s", deposit_id, error)
        with tenant_transaction(connection, tenant_id):
            deposit = deposits.lock_deposit(connection, deposit_id)
            if deposit is not None and deposits.put_off(connection, deposit, str(error), now) == _FAILURES:
                give_case(connection, deposit.request_id, CaseWanted(Queue.JUDGEMENT, _FAILING), now)


def _go_on(connection: Connection, port: PaymentPort | None, base_url: str, deposit: Deposit, now: datetime) -> None:
    """Do the next thing about a locked deposit."""
    stage = Stage(deposit.state)
    if deposit.request_state in CLOSED and next_stage(stage, Fact.REQUEST_ENDED) is not None:
        # What heals by itself, or proves to be nothing, has earned no money.
        done = stage is Stage.CAPTURED and completing.was_repaired(connection, deposit.request_id)
        _save(connection, deposit, Fact.WORK_DONE if done else Fact.REQUEST_ENDED, now)
        return
    if port is None:
        _leave_to_a_person(connection, deposit, _NO_PROVIDER, now)
        return
    match stage:
        case Stage.WANTED:
            _create(connection, port, base_url, deposit, now)
        case Stage.ASKED:
            _look(connection, port, deposit, now)
        case Stage.AUTHORISED:
            port.capture(deposit.intent or "", key=_key(deposit, "capture"))
            _taken(connection, deposit, now)
        case Stage.UNWANTED:
            _call_off(connection, port, deposit, now)
        case Stage.REFUNDING:
            _refund(connection, port, deposit, now)
        case Stage.CAPTURED | Stage.SETTLED | Stage.VOID:
            return


def _create(connection: Connection, port: PaymentPort, base_url: str, deposit: Deposit, now: datetime) -> None:
    checkout = port.create(
        deposit.amount,
        reference=f"{deposit.tenant_id}-{deposit.deposit_id}",
        title=f"C-{deposit.request_id:06d}",
        return_to=f"{base_url}/paid",
        key=_key(deposit, "create"),
    )
    stage = _after(deposit, Fact.CREATED)
    deposits.save_deposit(
        connection, deposit, stage, due_at=now + _ASK_AGAIN, session=checkout.session, pay_at=checkout.pay_at
    )


def _look(connection: Connection, port: PaymentPort, deposit: Deposit, now: datetime) -> None:
    payment = port.look(deposit.session or "")
    match payment.standing:
        case Standing.RESERVED:
            if payment.amount != deposit.amount:
                raise PaymentError(f"{payment.amount} was reserved in place of {deposit.amount}")
            stage = _after(deposit, Fact.PAID)
            deposits.save_deposit(connection, deposit, stage, due_at=now, intent=payment.intent)
        case Standing.TAKEN:
            deposits.save_deposit(connection, deposit, _after(deposit, Fact.TAKEN), due_at=now, intent=payment.intent)
            _go_to_dates(connection, deposit, now)
        case Standing.GONE:
            _leave_to_a_person(connection, deposit, _NOT_PAID, now)
        case Standing.WAITING if now - deposit.made_at > _PATIENCE:
            port.call_off(deposit.session or "", payment, key=_key(deposit, "call-off"))
            _leave_to_a_person(connection, deposit, _NOT_PAID, now)
        case Standing.WAITING:
            deposits.save_deposit(connection, deposit, Stage.ASKED, due_at=now + _ASK_AGAIN)


def _taken(connection: Connection, deposit: Deposit, now: datetime) -> None:
    _save(connection, deposit, Fact.TAKEN, now)
    _go_to_dates(connection, deposit, now)


def _go_to_dates(connection: Connection, deposit: Deposit, now: datetime) -> None:
    detail: dict[str, object] = {"amount_minor": deposit.amount_minor, "currency": deposit.currency}
    requests.append_event(connection, deposit.request_id, "deposit_paid", now, actor="owner", detail=detail)
    request = requests.lock_request(connection, deposit.request_id)
    if request is not None:
        quoting.go_on(connection, request, now)


def _call_off(connection: Connection, port: PaymentPort, deposit: Deposit, now: datetime) -> None:
    if deposit.session is None:
        # A page may have been made just before a crash: the same key gives it again.
        checkout = port.create(
            deposit.amount,
            reference=f"{deposit.tenant_id}-{deposit.deposit_id}",
            title=f"C-{deposit.request_id:06d}",
            return_to="",
            key=_key(deposit, "create"),
        )
        session = checkout.session
    else:
        session = deposit.session
    payment: Payment = port.look(session)
    if payment.standing is Standing.TAKEN:
        deposits.save_deposit(
            connection, deposit, _after(deposit, Fact.TAKEN), due_at=now, session=session, intent=payment.intent
        )
        return
    port.call_off(session, payment, key=_key(deposit, "call-off"))
    _save(connection, deposit, Fact.CANCELLED, now)


def _refund(connection: Connection, port: PaymentPort, deposit: Deposit, now: datetime) -> None:
    if not port.refund(deposit.intent or "", deposit.amount, key=_key(deposit, "refund")):
        deposits.save_deposit(connection, deposit, Stage.REFUNDING, due_at=now + _ASK_AGAIN)
        return
    _save(connection, deposit, Fact.GIVEN_BACK, now)
    detail: dict[str, object] = {"amount_minor": deposit.amount_minor, "currency": deposit.currency}
    requests.append_event(connection, deposit.request_id, "deposit_returned", now, detail=detail)


def _leave_to_a_person(connection: Connection, deposit: Deposit, reason: str, now: datetime) -> None:
    """End a deposit that cannot be had; who approves the request agrees to go on without."""
    if deposit.state in {Stage.REFUNDING, Stage.UNWANTED} and deposit.session is not None:
        raise PaymentError("no payment provider is set, and money may have to go back: set CALLOUT_PAYMENT_KEY")
    deposits.save_deposit(connection, deposit, Stage.VOID, due_at=now)
    requests.append_event(connection, deposit.request_id, "deposit_failed", now)
    request = requests.lock_request(connection, deposit.request_id)
    if request is not None and request.state not in CLOSED:
        if next_state(State(request.state), Command.ESCALATE) is not None:
            requests.transition(connection, request, Command.ESCALATE, now)
        give_case(connection, deposit.request_id, CaseWanted(Queue.JUDGEMENT, reason), now)


def _save(connection: Connection, deposit: Deposit, fact: Fact, now: datetime) -> None:
    deposits.save_deposit(connection, deposit, _after(deposit, fact), due_at=now)


def _after(deposit: Deposit, fact: Fact) -> Stage:
    stage = next_stage(Stage(deposit.state), fact)
    if stage is None:
        raise ValueError(f"deposit {deposit.deposit_id} is {deposit.state}: {fact} cannot happen to it")
    return stage


def _key(deposit: Deposit, deed: str) -> str:
    return f"callout-{deposit.tenant_id}-{deposit.deposit_id}-{deed}"
