"""Dropping: a job that fails again and again, and holds back those behind it, is taken out by a member of staff.

A job is never given up by itself. Whoever drops one answers for it by name: what it was about is a person's case from
then on, so that nobody waits for a step that never comes.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway import jobs
from gateway.audit import auditing
from gateway.following import give_case
from gateway.storage import requests
from gateway.storage.connection import Connection
from gateway.storage.failing import Failing, find_job
from gateway.storage.requests import Request
from workflows.request import CLOSED, Command, State, next_state
from workflows.triage import CaseWanted, Queue

DROPPED: Final = "A step that failed again and again was dropped: see how it goes on."


@dataclass(frozen=True, slots=True)
class Dropped:
    """The job is out; `request_id` is the request that is a person's case now, None where it was about none that is open."""

    request_id: int | None


@dataclass(frozen=True, slots=True)
class NotWaiting:
    """There is no such job, it is being tried just now, or it has ended."""


def drop(connection: Connection, *, job_id: int, staff_id: int, reason: str, now: datetime) -> Dropped | NotWaiting:
    """Take a job out that waits to be tried, and give what it was about to a person.

    Parameters
    ----------
    connection : Connection
        In the role of work, in a transaction of the job's tenant.
    job_id : int
        As the list of failing jobs names it.
    staff_id : int
        Who answers for it.
    reason : str
        In his own words.
    now : datetime
        Aware.
    """
    job = find_job(connection, job_id)
    # The request before its job: a step holds its request while it runs, and its job is nobody's then.
    request = None if job is None else _request_of(connection, job)
    if job is None or not jobs.call_off(connection, job_id):
        return NotWaiting()
    is_open = request is not None and request.state not in CLOSED
    if request is not None and is_open:
        if next_state(State(request.state), Command.ESCALATE) is not None:
            requests.transition(connection, request, Command.ESCALATE, now)
        detail: dict[str, object] = {"task": job.task, "reason": reason}
        requests.append_event(connection, request.request_id, "job_dropped", now, actor=_actor(staff_id), detail=detail)
        give_case(connection, request.request_id, CaseWanted(Queue.JUDGEMENT, DROPPED), now)
    _write_down(connection, job, request, staff_id, reason, now)
    return Dropped(request.request_id if request is not None and is_open else None)


def _request_of(connection: Connection, job: Failing) -> Request | None:
    """Return the request that a job is about, locked: the one that it names, or the open one of its component."""
    if job.task in {jobs.SEND_NOTICES, jobs.ORDER_PARTS, jobs.REPLAN}:
        # The sweep does the same by itself: nothing of the request's is lost.
        return None
    if job.arguments.get("request_id"):
        return requests.lock_request(connection, job.arguments["request_id"])
    return requests.lock_open_request(connection, job.arguments["device_id"], job.arguments["component"])


def _write_down(
    connection: Connection, job: Failing, request: Request | None, staff_id: int, reason: str, now: datetime
) -> None:
    device_id = job.arguments.get("device_id") if request is None else request.device_id
    if device_id is None:
        return
    auditing.record(
        connection,
        "job_dropped",
        device_id=device_id,
        request_id=None if request is None else request.request_id,
        permission=None,
        inputs={
            "job_id": job.job_id,
            "task": job.task,
            "arguments": dict(job.arguments),
            "attempts": job.attempts,
            "reason": reason,
        },
        now=now,
        actor=_actor(staff_id),
    )


def _actor(staff_id: int) -> str:
    return f"staff-{staff_id}"
