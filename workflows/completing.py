"""Completing: what a person found at a date that took place, and where that leads its appointment and its request."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from workflows.appointment import Act
from workflows.request import Command


class Found(StrEnum):
    """What was found at the date."""

    REPAIRED = "repaired"
    NO_FAULT = "no_fault"  # it was looked at, and nothing is wrong
    NOT_DONE = "not_done"  # it could not be done this time


class Next(StrEnum):
    """What follows work that could not be done."""

    DATES = "dates"  # other dates are looked for at once
    PERSON = "person"  # a named person finds out how to go on


@dataclass(frozen=True, slots=True)
class Ending:
    """What becomes of the appointment and of its request."""

    act: Act
    command: Command


ENDINGS: Final[Mapping[Found, Ending]] = {
    Found.REPAIRED: Ending(Act.COMPLETE, Command.SOLVE),
    Found.NO_FAULT: Ending(Act.COMPLETE, Command.SOLVE),
    Found.NOT_DONE: Ending(Act.FAIL, Command.LOSE_DATE),
}
