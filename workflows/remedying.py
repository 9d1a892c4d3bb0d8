"""Healing from afar: one attempt of one rung as a transition table, and which rung comes next.

What a device answers moves an attempt on, but never proves it: only readings do, by monitors that are well again and stay
so. A cure that did not last speaks against the diagnosis; it is not tried a second time, and a person or a date follows.
Knows nothing of how commands travel, and of clocks only what it is told.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from devices.remote import Rung

HAS_TO_LAST: Final = timedelta(days=30)
"""A fault that is back within this time was not cured by what was done about it."""

BUDGET: Final = 3
"""Attempts on one device against one fault within that time, all rungs together."""

_ASK_AGAIN: Final = timedelta(minutes=1)
_ASK_SOON: Final = timedelta(seconds=10)
_FRESH: Final = timedelta(minutes=5)


class State(StrEnum):
    """Where an attempt stands."""

    PLANNED = "planned"  # it is to be sent as soon as the device's conditions hold
    SENT = "sent"  # the device has the word
    VERIFYING = "verifying"  # it says that it has done so; its readings have to show it
    HOLDING = "holding"  # its readings are well, and have to stay so for a while
    PROVEN = "proven"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"  # somebody or something else has the request now


class Happening(StrEnum):
    """What can happen to an attempt; written in the past tense into its request's history."""

    SENT = "sent"
    NEVER_READY = "never_ready"
    DONE = "done"
    PARTLY = "partly"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    HEALED = "healed"
    RELAPSED = "relapsed"
    HELD = "held"
    NOT_PROVEN = "not_proven"
    WITHDRAWN = "withdrawn"


TRANSITIONS: Final[Mapping[tuple[State, Happening], State]] = {
    (State.PLANNED, Happening.SENT): State.SENT,
    (State.PLANNED, Happening.NEVER_READY): State.FAILED,
    (State.PLANNED, Happening.WITHDRAWN): State.WITHDRAWN,
    (State.SENT, Happening.DONE): State.VERIFYING,
    (State.SENT, Happening.PARTLY): State.VERIFYING,
    (State.SENT, Happening.REFUSED): State.FAILED,
    (State.SENT, Happening.UNANSWERED): State.FAILED,
    # Readings that are well say more than a device that has not answered yet.
    (State.SENT, Happening.HEALED): State.HOLDING,
    (State.SENT, Happening.WITHDRAWN): State.WITHDRAWN,
    (State.VERIFYING, Happening.HEALED): State.HOLDING,
    (State.VERIFYING, Happening.NOT_PROVEN): State.FAILED,
    (State.VERIFYING, Happening.WITHDRAWN): State.WITHDRAWN,
    (State.HOLDING, Happening.RELAPSED): State.VERIFYING,
    (State.HOLDING, Happening.HELD): State.PROVEN,
    (State.HOLDING, Happening.WITHDRAWN): State.WITHDRAWN,
}

ENDED: Final = frozenset({State.PROVEN, State.FAILED, State.WITHDRAWN})


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: its state and clocks. `prove_by_at` is None until it is sent."""

    state: State
    planned_at: datetime
    due_at: datetime
    prove_by_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known just now.

    Parameters
    ----------
    is_wanted : bool
        Whether the request still waits for it, its owner's mandate stands, and nothing dangerous is open on the device.
    is_ready : bool
        Whether all conditions of the rung hold, by values that are fresh.
    answer : str
        What the device answered first: done, partly, refused; empty as long as it has not.
    is_well : bool
        Whether none of the rung's monitors has an open symptom.
    """

    is_wanted: bool
    is_ready: bool
    answer: str
    is_well: bool


def happening(attempt: Attempt, seen: Seen, now: datetime) -> Happening | None:
    """Return what happens to an attempt now, None when it goes on waiting.

    Examples
    --------
    >>> from datetime import UTC
    >>> at = datetime(2026, 3, 1, tzinfo=UTC)
    >>> waiting = Attempt(State.SENT, at, at + timedelta(minutes=2), at + timedelta(hours=1))
    >>> happening(waiting, Seen(True, True, "", False), at + timedelta(minutes=3))
    <Happening.UNANSWERED: 'unanswered'>
    """
    if attempt.state in ENDED:
        return None
    if not seen.is_wanted:
        return Happening.WITHDRAWN
    is_due = attempt.due_at <= now
    match attempt.state:
        case State.PLANNED:
            if seen.is_ready:
                return Happening.SENT
            return Happening.NEVER_READY if is_due else None
        case State.SENT:
            if seen.is_well:
                return Happening.HEALED
            return _answered(seen.answer) or (Happening.UNANSWERED if is_due else None)
        case State.VERIFYING:
            if seen.is_well:
                return Happening.HEALED
            return Happening.NOT_PROVEN if is_due else None
        case State.HOLDING:
            if not seen.is_well:
                return Happening.RELAPSED
            return Happening.HELD if is_due else None
        case _:
            return None


def _answered(answer: str) -> Happening | None:
    return {"done": Happening.DONE, "partly": Happening.PARTLY, "refused": Happening.REFUSED}.get(answer)


def moved(attempt: Attempt, what: Happening, rung: Rung, now: datetime) -> Attempt:
    """Return an attempt after something happened to it, with its next clock.

    Raises
    ------
    ValueError
        When it cannot happen in this state.
    """
    state = TRANSITIONS.get((attempt.state, what))
    if state is None:
        raise ValueError(f"an attempt that is {attempt.state} cannot be {what}: see TRANSITIONS")
    match state:
        case State.SENT:
            prove_by_at = now + timedelta(seconds=rung.answer_within_s + rung.prove_within_s)
            return replace(
                attempt, state=state, due_at=now + timedelta(seconds=rung.answer_within_s), prove_by_at=prove_by_at
            )
        case State.VERIFYING:
            return replace(attempt, state=state, due_at=attempt.prove_by_at or now)
        case State.HOLDING:
            return replace(attempt, state=state, due_at=now + timedelta(seconds=rung.hold_s))
        case _:
            return replace(attempt, state=state, due_at=now)


def steps(attempt: Attempt, seen: Seen, rung: Rung, now: datetime) -> Iterator[tuple[Happening, Attempt]]:
    """Give what happens to an attempt now, one after the other, until it waits again; not beyond the sending of it.

    A rung that went out is looked at again when something comes of it: what is known now was known before.
    """
    while (what := happening(attempt, seen, now)) is not None:
        attempt = moved(attempt, what, rung, now)
        yield what, attempt
        if what in {Happening.SENT, Happening.RELAPSED}:
            return


def planned(rung: Rung, now: datetime) -> Attempt:
    """Return a new attempt, which gives up when the device's conditions do not come true in time."""
    return Attempt(State.PLANNED, now, now + timedelta(seconds=rung.ready_within_s))


def look_again_at(attempt: Attempt, now: datetime) -> datetime:
    """Return when an attempt is to be looked at although nobody says anything: at its clock, or for its conditions."""
    if attempt.state is not State.PLANNED:
        return attempt.due_at
    # A device that has just been heard again tells the rest within seconds; one that is on its way takes its time.
    is_fresh = now - attempt.planned_at < _FRESH
    return min(attempt.due_at, now + (_ASK_SOON if is_fresh else _ASK_AGAIN))


@dataclass(frozen=True, slots=True)
class Past:
    """An attempt that has ended, of the same device against the same fault; `why` is what happened to it last."""

    rung: str
    state: State
    why: str
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class Spent:
    """Nothing more is to be tried from afar: `why` is came_back, budget or no_rung; `since_at` when it was proven."""

    why: str
    since_at: datetime | None = None


def may_interrupt_supply(depends: Sequence[bool]) -> bool:
    """Whether a home may be without power for a while, by what each of its owners has said of whoever lives there.

    Parameters
    ----------
    depends : sequence of bool
        Whether somebody there depends on powered medical equipment, by each owner who has answered. One yes is enough to
        forbid it, and so is it when nobody has answered.

    Examples
    --------
    >>> may_interrupt_supply([False]), may_interrupt_supply([False, True]), may_interrupt_supply([])
    (True, False, False)
    """
    return bool(depends) and not any(depends)


def next_rung(ladder: Sequence[Rung], past: Sequence[Past], now: datetime) -> Rung | Spent:
    """Return the rung that may be tried next on a device against a fault.

    Parameters
    ----------
    ladder : sequence of Rung
        In the order in which they are tried.
    past : sequence of Past
        What was tried before, in any order; what was withdrawn was not tried.
    now : datetime
        Aware.
    """
    recent = [each for each in past if each.ended_at > now - HAS_TO_LAST and each.state is not State.WITHDRAWN]
    proven_at = max((each.ended_at for each in recent if each.state is State.PROVEN), default=None)
    if proven_at is not None:
        return Spent("came_back", proven_at)
    if len(recent) >= BUDGET:
        return Spent("budget")
    for rung in ladder:
        tried = [each for each in recent if each.rung == rung.name]
        # A device that refuses, or says that it did what did not help, would do so again.
        is_hopeless = any(each.why in {Happening.REFUSED, Happening.NOT_PROVEN} for each in tried)
        if len(tried) < rung.attempts and not is_hopeless and not rung.is_staged:
            return rung
    return Spent("no_rung")
