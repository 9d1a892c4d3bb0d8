"""The appointment: TMF646's states, and one transition table for what owner, planner, technician and desk may do to it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where an appointment stands, as TMF646 names it."""

    INITIALIZED = "initialized"  # offered; no row is kept before the owner has chosen
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    FAILED = "failed"  # one of the two was not there, or the work could not be done


class Act(StrEnum):
    """What may be done to an appointment."""

    CONFIRM = "confirm"
    RESCHEDULE = "reschedule"  # the owner has confirmed another date: the same appointment, moved
    REASSIGN = "reassign"  # somebody else keeps the same promise
    CALL_OFF = "call_off"  # we cannot keep it
    CANCEL = "cancel"
    MISS = "miss"
    COMPLETE = "complete"
    FAIL = "fail"  # both were there, and the work could not be done


TRANSITIONS: Final[Mapping[tuple[State, Act], State]] = {
    (State.INITIALIZED, Act.CONFIRM): State.CONFIRMED,
    (State.INITIALIZED, Act.CANCEL): State.CANCELLED,
    (State.CONFIRMED, Act.RESCHEDULE): State.CONFIRMED,
    (State.CONFIRMED, Act.REASSIGN): State.CONFIRMED,
    (State.CONFIRMED, Act.CALL_OFF): State.CANCELLED,
    (State.CONFIRMED, Act.CANCEL): State.CANCELLED,
    (State.CONFIRMED, Act.MISS): State.FAILED,
    (State.CONFIRMED, Act.COMPLETE): State.COMPLETED,
    (State.CONFIRMED, Act.FAIL): State.FAILED,
}

# Those that the owner's calendar must learn of: its SEQUENCE grows.
TOLD: Final = frozenset({Act.RESCHEDULE, Act.CALL_OFF, Act.CANCEL})


def next_state(state: State, act: Act) -> State | None:
    """Return the state that follows, or None when this cannot be done to it.

    >>> next_state(State.CONFIRMED, Act.MISS)
    <State.FAILED: 'failed'>
    >>> next_state(State.CANCELLED, Act.RESCHEDULE) is None
    True
    """
    return TRANSITIONS.get((state, act))
