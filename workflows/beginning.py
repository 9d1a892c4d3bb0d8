"""Beginning: what follows when an owner reports a trouble himself, or asks for a date or a price.

His word is evidence, but no measurement: it lets a case go on that the readings had left between several causes, and it
opens nothing by itself that costs money. Where the readings say nothing, a person decides.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from workflows.request import State

_TROUBLE: Final = (
    "The owner reports a trouble that the readings do not show by themselves: look at it with the device's data."
)
_DATE: Final = "The owner asks for a date: see what has to be done, then approve."
_QUOTE: Final = "The owner asks what it would cost: approve the cause, and he is told the price."
_OTHER: Final = "The owner reports something else about what is in hand: see whether it changes anything."


class Wish(StrEnum):
    """What an owner asks for."""

    TROUBLE = "trouble"
    DATE = "date"
    QUOTE = "quote"


@dataclass(frozen=True, slots=True)
class Said:
    """What an owner says: the fault that he chose, empty where none fits, and his own words."""

    wish: Wish
    fault: str
    has_words: bool


@dataclass(frozen=True, slots=True)
class Known:
    """What is in hand for the component already: its leading fault, and whether it waits for a judgement alone."""

    state: State
    fault: str
    waits_for_judgement: bool


@dataclass(frozen=True, slots=True)
class Hold:
    """Open a request that is held, with a case for a person."""

    reason: str


@dataclass(frozen=True, slots=True)
class GoOn:
    """His word decides between the causes that the readings left: the request that is open goes on by itself."""


@dataclass(frozen=True, slots=True)
class Note:
    """What he says is written to the request that is open; with a reason a person reads it, too."""

    reason: str


Beginning = Hold | GoOn | Note


def begin(said: Said, known: Known | None) -> Beginning:
    """Decide what follows from an owner's word.

    Parameters
    ----------
    said : Said
        What he says.
    known : Known or None
        The request that is open for the same device and component.
    """
    if known is None:
        return Hold({Wish.TROUBLE: _TROUBLE, Wish.DATE: _DATE, Wish.QUOTE: _QUOTE}[said.wish])
    agrees = said.fault != "" and said.fault == known.fault
    if agrees and known.state is State.HELD and known.waits_for_judgement:
        return GoOn()
    return Note("" if agrees and not said.has_words else _OTHER)
