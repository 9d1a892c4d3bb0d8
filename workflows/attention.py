"""Attention: the seven states of a symptom towards people, after ISA-18.2, as one transition table.

The latch says whether a symptom is there; this says whether somebody has seen it, and whether anybody is to hear of it.
What is not in the table cannot happen. It knows no clock: when a shelf ends is told to it as a command.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final

# A shelf is for what somebody is about to mend: longer than a week it is out of service, and says so.
LONGEST_SHELF: Final = timedelta(days=7)


class Attention(StrEnum):
    """What a symptom is to people. The letters are those of ISA-18.2."""

    NORMAL = "normal"  # A: it is not there
    UNACKNOWLEDGED = "unacknowledged"  # B: it is there, and nobody has said that he has seen it
    ACKNOWLEDGED = "acknowledged"  # C: it is there, and somebody has seen it
    RETURNED = "returned"  # D: it has gone before anybody saw it
    SHELVED = "shelved"  # F: a planner has put it aside for a while
    SUPPRESSED = "suppressed"  # G: it came in a mode of the device in which it says nothing
    OUT_OF_SERVICE = "out_of_service"  # H: a planner has taken the monitor out of service at this device


class Act(StrEnum):
    """What may happen to it; what ends quiet has two forms, for the symptom is there by then, or is not."""

    COME = "come"
    GO = "go"
    ACKNOWLEDGE = "acknowledge"
    SHELVE = "shelve"
    SUPPRESS = "suppress"
    TAKE_OUT = "take_out"
    END_WITH_IT = "end_with_it"
    END_WITHOUT_IT = "end_without_it"


QUIET: Final = frozenset({Attention.SHELVED, Attention.SUPPRESSED, Attention.OUT_OF_SERVICE})
# Quiet that a person has made: a mode of the device does not take its place.
BY_HAND: Final = frozenset({Attention.SHELVED, Attention.OUT_OF_SERVICE})

_LOUD: Final = (Attention.NORMAL, Attention.UNACKNOWLEDGED, Attention.ACKNOWLEDGED, Attention.RETURNED)

TRANSITIONS: Final[Mapping[tuple[Attention, Act], Attention]] = {
    (Attention.NORMAL, Act.COME): Attention.UNACKNOWLEDGED,
    (Attention.UNACKNOWLEDGED, Act.ACKNOWLEDGE): Attention.ACKNOWLEDGED,
    (Attention.UNACKNOWLEDGED, Act.GO): Attention.RETURNED,
    (Attention.ACKNOWLEDGED, Act.GO): Attention.NORMAL,
    (Attention.RETURNED, Act.ACKNOWLEDGE): Attention.NORMAL,
    (Attention.RETURNED, Act.COME): Attention.UNACKNOWLEDGED,
    **{(state, Act.SHELVE): Attention.SHELVED for state in (*_LOUD, Attention.SUPPRESSED)},
    **{(state, Act.SUPPRESS): Attention.SUPPRESSED for state in _LOUD},
    **{(state, Act.TAKE_OUT): Attention.OUT_OF_SERVICE for state in (*_LOUD, Attention.SHELVED, Attention.SUPPRESSED)},
    # A shelf may be made anew before it ends, with a reason and an end of its own.
    (Attention.SHELVED, Act.SHELVE): Attention.SHELVED,
    **{(state, act): state for state in QUIET for act in (Act.COME, Act.GO)},
    **{(state, Act.END_WITH_IT): Attention.UNACKNOWLEDGED for state in QUIET},
    **{(state, Act.END_WITHOUT_IT): Attention.NORMAL for state in QUIET},
}


def next_state(state: Attention, act: Act) -> Attention | None:
    """Return the state that follows, or None when the act is not possible in this state.

    >>> next_state(Attention.UNACKNOWLEDGED, Act.GO)
    <Attention.RETURNED: 'returned'>
    >>> next_state(Attention.NORMAL, Act.ACKNOWLEDGE) is None
    True
    """
    return TRANSITIONS.get((state, act))


def ending(is_there: bool) -> Act:
    """Return the act that ends quiet, by whether the symptom is there."""
    return Act.END_WITH_IT if is_there else Act.END_WITHOUT_IT


def acts(state: Attention, *, is_there: bool, is_fresh: bool, is_suppressed: bool, is_quiet_over: bool) -> list[Act]:
    """Return what has happened to a symptom, by what it is to people and what is known of it now.

    Parameters
    ----------
    state : Attention
        What it was until now.
    is_there : bool
        Whether the latch holds it confirmed.
    is_fresh : bool
        Whether it has gone and come again meanwhile.
    is_suppressed : bool
        Whether it is there and came in a mode in which it says nothing.
    is_quiet_over : bool
        Whether the time of its shelf has come, or it has become a matter of safety, which is never quiet.
    """
    suppress = [Act.SUPPRESS] if is_suppressed else []
    if state in QUIET:
        stays = is_suppressed if state is Attention.SUPPRESSED else not is_quiet_over
        return [] if stays else [ending(is_there), *suppress]
    was_there = state in {Attention.UNACKNOWLEDGED, Attention.ACKNOWLEDGED}
    if not is_there:
        return [Act.GO] if was_there else []
    if is_suppressed:
        return suppress
    if was_there:
        return [Act.GO, Act.COME] if is_fresh else []
    return [Act.COME]
