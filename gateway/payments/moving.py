"""Moving: a deposit goes to its next stage, and each such step of money stands in the audit, in the same transaction.

It stands on a rule, not on a clause: an owner has said yes to the price that names the deposit, which the step cites.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from gateway.audit import auditing
from gateway.storage import deposits, requests
from gateway.storage.connection import Connection
from gateway.storage.deposits import Deposit
from gateway.storage.quotes import Quote
from gateway.storage.requests import Request
from workflows.audit import Rule
from workflows.deposit import Fact, Stage, next_stage

# What the audit calls a step into a stage.
_ACTS: Final[Mapping[Stage, str]] = {
    Stage.WANTED: "deposit_wanted",
    Stage.ASKED: "deposit_asked",
    Stage.AUTHORISED: "deposit_reserved",
    Stage.CAPTURED: "deposit_paid",
    Stage.UNWANTED: "deposit_unwanted",
    Stage.REFUNDING: "deposit_refunding",
    Stage.VOID: "deposit_void",
}
_UNPAID: Final = frozenset({Stage.WANTED, Stage.ASKED, Stage.AUTHORISED})


def want(connection: Connection, request: Request, quote: Quote, now: datetime) -> None:
    """Let a deposit be asked for, to which the owner of a locked request has just said yes with the price."""
    deposits.want_deposit(connection, quote, now)
    inputs: dict[str, object] = {
        "quote_id": quote.quote_id,
        "amount_minor": quote.deposit_minor,
        "currency": quote.currency,
        "to_pay_minor": quote.to_pay_minor,
    }
    _record(connection, request, "deposit_wanted", inputs, now)


def unpaid(connection: Connection, request_id: int) -> Deposit | None:
    """Return the deposit that a request waits for, of which nothing is taken yet."""
    latest = deposits.latest_deposit(connection, request_id)
    return latest if latest is not None and Stage(latest.state) in _UNPAID else None


def let_go_of_unpaid(connection: Connection, request_id: int, now: datetime) -> None:
    """Let go of a locked request's deposit of which nothing is taken yet: another price follows, or the request ends."""
    former = unpaid(connection, request_id)
    if former is not None:
        locked = deposits.lock_deposit(connection, former.deposit_id)
        if locked is not None:
            move(connection, locked, Fact.REQUEST_ENDED, now)


def move(
    connection: Connection,
    deposit: Deposit,
    fact: Fact,
    now: datetime,
    *,
    due_at: datetime | None = None,
    session: str | None = None,
    intent: str | None = None,
    pay_at: str = "",
) -> None:
    """Move a locked deposit on by a fact, and write it down.

    Parameters
    ----------
    connection : Connection
        In a transaction of the tenant, in which the deposit's request is locked, too.
    deposit : Deposit
        As it was before.
    fact : Fact
        What has happened.
    now, due_at : datetime
        Aware; when it is looked at next, at once when that is not said.
    session, intent, pay_at : str
        The provider's names of the payment, and where it is paid; what is not said stays.

    Raises
    ------
    ValueError
        When that cannot happen to it.
    """
    stage = next_stage(Stage(deposit.state), fact)
    if stage is None:
        raise ValueError(f"deposit {deposit.deposit_id} is {deposit.state}: {fact} cannot happen to it")
    deposits.save_deposit(
        connection, deposit, stage, due_at=due_at or now, session=session, intent=intent, pay_at=pay_at
    )
    note(connection, deposit, stage, now, fact)


def give_up(connection: Connection, deposit: Deposit, why: str, now: datetime) -> None:
    """End a locked deposit that cannot be had, whatever stage it is in; a person has it in hand."""
    deposits.save_deposit(connection, deposit, Stage.VOID, due_at=now)
    note_failed(connection, deposit, why, now)


def note_failed(connection: Connection, deposit: Deposit, why: str, now: datetime) -> None:
    """Write down that a deposit cannot be had, and why."""
    _note(connection, deposit, "deposit_failed", {"why": why}, now)


def note(connection: Connection, deposit: Deposit, stage: Stage, now: datetime, fact: Fact) -> None:
    """Write down that a deposit has gone to a stage; asked for once more, it has not."""
    if stage == deposit.state:
        return
    if stage is Stage.SETTLED:
        act = "deposit_returned" if deposit.state == Stage.REFUNDING else "deposit_counted"
    else:
        act = _ACTS[stage]
    _note(connection, deposit, act, {"from": deposit.state, "fact": str(fact)}, now)


def _note(connection: Connection, deposit: Deposit, act: str, more: dict[str, object], now: datetime) -> None:
    request = requests.find_one(connection, deposit.request_id)
    if request is None:
        raise LookupError(f"deposit {deposit.deposit_id} is for request {deposit.request_id}, which is not there")
    inputs: dict[str, object] = {
        "deposit_id": deposit.deposit_id,
        "quote_id": deposit.quote_id,
        "amount_minor": deposit.amount_minor,
        "currency": deposit.currency,
        "request": deposit.request_state,
    }
    _record(connection, request, act, inputs | more, now)


def _record(connection: Connection, request: Request, act: str, inputs: dict[str, object], now: datetime) -> None:
    auditing.record(
        connection,
        act,
        device_id=request.device_id,
        request_id=request.request_id,
        permission=Rule.DEPOSIT,
        inputs=inputs,
        now=now,
    )
