"""The service request: one transition table, and nothing happens to a request that is not in it.

The state is a projection of the appended events; `next_state` is the only place that says what follows what.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a request stands."""

    OPEN = "open"  # opened, its dates are about to be looked for
    HELD = "held"  # a named human has to say that it may go on
    REMEDYING = "remedying"  # the device is being healed from afar, or its readings have to prove that it was
    ASKING = "asking"  # the owner was asked for one look or one deed of his own
    QUOTED = "quoted"  # the owner was told what he would pay, and has not said yes yet
    WAITING = "waiting"  # no part or no free time in sight; looked for again by the sweep
    OFFERED = "offered"  # part and times are held for the dates that the owner was shown
    CONFIRMED = "confirmed"  # the owner chose; part and time are his
    SOLVED = "solved"  # it is well again, and its readings or a person say so
    CANCELLED = "cancelled"


class Command(StrEnum):
    """What may be done to a request."""

    OFFER = "offer"
    FIND_NOTHING = "find_nothing"
    EXPIRE = "expire"
    CONFIRM = "confirm"
    ESCALATE = "escalate"
    HOLD = "hold"
    APPROVE = "approve"
    CANCEL = "cancel"
    TRY_REMEDY = "try_remedy"
    GIVE_UP_REMEDY = "give_up_remedy"
    ASK_OWNER = "ask_owner"
    ANSWER = "answer"
    QUOTE = "quote"
    ACCEPT = "accept"
    SOLVE = "solve"
    RESCHEDULE = "reschedule"
    LOSE_DATE = "lose_date"
    LOSE_PART = "lose_part"


TRANSITIONS: Final[Mapping[tuple[State, Command], State]] = {
    (State.OPEN, Command.OFFER): State.OFFERED,
    (State.OPEN, Command.FIND_NOTHING): State.WAITING,
    (State.OPEN, Command.ESCALATE): State.HELD,
    (State.OPEN, Command.HOLD): State.HELD,
    (State.OPEN, Command.CANCEL): State.CANCELLED,
    (State.OPEN, Command.TRY_REMEDY): State.REMEDYING,
    (State.OPEN, Command.ASK_OWNER): State.ASKING,
    (State.OPEN, Command.QUOTE): State.QUOTED,
    (State.OPEN, Command.SOLVE): State.SOLVED,
    # A person's roll-out reaches what waits, too.
    (State.WAITING, Command.TRY_REMEDY): State.REMEDYING,
    (State.HELD, Command.TRY_REMEDY): State.REMEDYING,
    # A person asks the owner before he decides, also where no date was found yet.
    (State.WAITING, Command.ASK_OWNER): State.ASKING,
    (State.HELD, Command.ASK_OWNER): State.ASKING,
    (State.HELD, Command.APPROVE): State.OPEN,
    (State.HELD, Command.SOLVE): State.SOLVED,
    (State.HELD, Command.ESCALATE): State.HELD,
    (State.HELD, Command.CANCEL): State.CANCELLED,
    (State.REMEDYING, Command.GIVE_UP_REMEDY): State.OPEN,
    (State.REMEDYING, Command.SOLVE): State.SOLVED,
    (State.REMEDYING, Command.ESCALATE): State.HELD,
    (State.REMEDYING, Command.HOLD): State.HELD,
    (State.REMEDYING, Command.CANCEL): State.CANCELLED,
    (State.ASKING, Command.ANSWER): State.OPEN,
    (State.ASKING, Command.SOLVE): State.SOLVED,
    (State.ASKING, Command.ESCALATE): State.HELD,
    (State.ASKING, Command.HOLD): State.HELD,
    (State.ASKING, Command.CANCEL): State.CANCELLED,
    (State.QUOTED, Command.ACCEPT): State.OPEN,
    (State.QUOTED, Command.ESCALATE): State.HELD,
    (State.QUOTED, Command.HOLD): State.HELD,
    (State.QUOTED, Command.CANCEL): State.CANCELLED,
    (State.WAITING, Command.QUOTE): State.QUOTED,
    (State.WAITING, Command.SOLVE): State.SOLVED,
    (State.WAITING, Command.OFFER): State.OFFERED,
    (State.WAITING, Command.FIND_NOTHING): State.WAITING,
    (State.WAITING, Command.ESCALATE): State.HELD,
    (State.WAITING, Command.HOLD): State.HELD,
    (State.WAITING, Command.CANCEL): State.CANCELLED,
    # Dates that an owner was shown are never unsent by a later reading: a human joins, the offer stands.
    (State.OFFERED, Command.ESCALATE): State.OFFERED,
    (State.OFFERED, Command.OFFER): State.OFFERED,
    (State.OFFERED, Command.FIND_NOTHING): State.WAITING,
    (State.OFFERED, Command.EXPIRE): State.OPEN,
    (State.OFFERED, Command.CONFIRM): State.CONFIRMED,
    (State.OFFERED, Command.HOLD): State.HELD,
    (State.OFFERED, Command.CANCEL): State.CANCELLED,
    # The old date stands while others are looked at; one that is missed or called off leads on to new ones.
    (State.CONFIRMED, Command.RESCHEDULE): State.CONFIRMED,
    (State.CONFIRMED, Command.LOSE_DATE): State.OPEN,
    # What was promised cannot be kept: other dates are offered, and a person knows.
    (State.OFFERED, Command.LOSE_PART): State.OPEN,
    (State.CONFIRMED, Command.LOSE_PART): State.OPEN,
    (State.CONFIRMED, Command.ESCALATE): State.CONFIRMED,
    (State.CONFIRMED, Command.HOLD): State.HELD,
    (State.CONFIRMED, Command.SOLVE): State.SOLVED,
    (State.CONFIRMED, Command.CANCEL): State.CANCELLED,
    # A later diagnosis may need money first for what was offered without.
    (State.OFFERED, Command.QUOTE): State.QUOTED,
    (State.QUOTED, Command.QUOTE): State.QUOTED,
}

CLOSED: Final = frozenset({State.SOLVED, State.CANCELLED})


def next_state(state: State, command: Command) -> State | None:
    """Return the state that follows, or None when the command is not possible in this state.

    >>> next_state(State.OFFERED, Command.CONFIRM)
    <State.CONFIRMED: 'confirmed'>
    >>> next_state(State.CANCELLED, Command.CONFIRM) is None
    True
    """
    return TRANSITIONS.get((state, command))
