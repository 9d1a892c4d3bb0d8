"""Rolling out: a remedy that a person began for many devices goes on by stages, or aborts and tells a person.

The sweep calls `advance`; what each device is sent is an ordinary attempt, with its conditions, its owner's clause and its
proof. What follows from a stage is decided in `workflows.rollout`. Every call may come twice.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from devices.products import product_type
from devices.remote import Rung, may_be_tried
from gateway.following import give_case
from gateway.owners import mandates
from gateway.remedies import remedying
from gateway.storage import remedies, requests, rollouts, supply
from gateway.storage.connection import Connection
from gateway.storage.rollouts import RolloutRow
from workflows.mandate import Clause, Denied
from workflows.remedying import may_interrupt_supply
from workflows.request import Command, State, next_state
from workflows.rollout import LEAST_SHARE, Turn, stages, turn
from workflows.triage import CaseWanted, Queue

_AT_ONCE: Final = 200
_ABORTED: Final = "A roll-out has stopped by itself: too few of its devices were healed."


@dataclass(frozen=True, slots=True)
class NotBegun:
    """It cannot be begun; `reason` says why, in English."""

    reason: str


def begin(
    connection: Connection,
    *,
    product: str,
    fault: str,
    rung: str,
    staff_id: int,
    now: datetime,
    model: str = "",
    firmware: str = "",
    incident_id: int | None = None,
    least_share: float = LEAST_SHARE,
) -> int | NotBegun:
    """Begin a roll-out for all devices whose open request is about a fault, or those of one incident; return its number."""
    kind = product_type(product)
    row = kind.faults.get(fault)
    if row is None or kind.rung(fault, rung) is None or not may_be_tried(row):
        return NotBegun("There is no such remedy for this fault.")
    found = rollouts.candidates(connection, product, fault, model, firmware, incident_id)
    if not found:
        return NotBegun("No device has an open request about this fault that waits.")
    stage_of = [number for number, size in enumerate(stages(len(found))) for _ in range(size)]
    devices = [(device, request, stage) for (device, request), stage in zip(found, stage_of, strict=True)]
    if rollouts.is_running(connection, product, fault, rung):
        return NotBegun("This remedy is being rolled out already.")
    return rollouts.begin(
        connection,
        product=product,
        fault=fault,
        rung=rung,
        model=model,
        firmware=firmware,
        staff_id=staff_id,
        least_share=least_share,
        devices=devices,
        incident_id=incident_id,
        now=now,
    )


def stop(connection: Connection, *, rollout_id: int, now: datetime) -> None:
    """Let nothing more begin of a roll-out; what is under way ends in its own way."""
    rollouts.end(connection, rollout_id, "stopped", now)


def advance(connection: Connection, *, rollout_id: int, now: datetime) -> None:
    """Begin what the present stage has left, and go on, abort or end when it is decided."""
    row = rollouts.lock(connection, rollout_id)
    if row is None or row.ended_at is not None:
        return
    kind = product_type(row.product)
    rung = kind.rung(row.fault, row.rung)
    if rung is None:
        rollouts.end(connection, rollout_id, "aborted", now)
        return
    for device_id, request_id in rollouts.waiting(connection, rollout_id, row.stage, _AT_ONCE):
        _try(connection, row, rung, device_id, request_id, now)
    told = rollouts.progress(connection, rollout_id)
    present = next(each for each in told if each.stage == row.stage)
    match turn(present.as_stage, row.least_share, is_last=row.stage == told[-1].stage):
        case Turn.WAIT:
            return
        case Turn.GO_ON:
            rollouts.go_to(connection, rollout_id, row.stage + 1)
        case Turn.DONE:
            rollouts.end(connection, rollout_id, "done", now)
        case Turn.ABORT:
            rollouts.end(connection, rollout_id, "aborted", now)
            _tell(connection, rollout_id, now)


def _try(connection: Connection, row: RolloutRow, rung: Rung, device_id: int, request_id: int, now: datetime) -> None:
    request = requests.lock_request(connection, request_id)
    permission = mandates.permit(connection, device_id, request_id, Clause.REMOTE_RESET, now)
    if isinstance(permission, Denied):
        why = "not_allowed"
    elif rung.interrupts_supply and not may_interrupt_supply(supply.answers(connection, device_id)):
        why = "supply_needed"
    elif (
        request is None
        or request.is_safety
        or request.fault != row.fault
        or next_state(State(request.state), Command.TRY_REMEDY) is None
    ):
        why = "went_on"
    else:
        remedying.begin(connection, request, rung, permission, now)
        attempt = remedies.of_request(connection, request_id)[0]
        rollouts.note_device(connection, row.rollout_id, device_id, attempt_id=attempt.attempt_id, passed_over=None)
        return
    rollouts.note_device(connection, row.rollout_id, device_id, attempt_id=None, passed_over=why)


def _tell(connection: Connection, rollout_id: int, now: datetime) -> None:
    """Give a person the request of which the remedy failed: the roll-out's end is his to judge."""
    row = connection.execute(
        """SELECT v.request_id FROM rollout_device v JOIN remedy_attempt a USING (attempt_id)
        WHERE v.rollout_id = %s AND a.state = 'failed' ORDER BY a.ended_at DESC LIMIT 1""",
        [rollout_id],
    ).fetchone()
    if row is not None:
        requests.append_event(connection, row[0], "rollout_aborted", now, detail={"rollout_id": rollout_id})
        give_case(connection, row[0], CaseWanted(Queue.JUDGEMENT, _ABORTED), now)
