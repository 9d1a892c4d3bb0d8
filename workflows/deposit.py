"""A deposit: one transition table for money that is asked for, taken, counted towards the bill, or given back.

The owner's card is only reserved when he pays; the money is taken when the request still wants it. So who pays late,
for what was cancelled meanwhile, gets his money back without it ever having been taken.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Stage(StrEnum):
    """Where a deposit stands."""

    WANTED = "wanted"  # the owner has said yes; the provider does not know of it yet
    ASKED = "asked"  # the owner has a page to pay on
    AUTHORISED = "authorised"  # he has paid; the money is reserved for us
    CAPTURED = "captured"  # it is taken
    UNWANTED = "unwanted"  # its request has ended, or has another price: nothing may be taken any more
    REFUNDING = "refunding"  # it was taken and goes back
    SETTLED = "settled"  # it counts towards the bill, or is back
    VOID = "void"  # nothing was taken, and nothing will be


class Fact(StrEnum):
    """What happens to a deposit."""

    CREATED = "created"
    PAID = "paid"
    TAKEN = "taken"
    REQUEST_ENDED = "request_ended"
    WORK_DONE = "work_done"
    GIVEN_BACK = "given_back"
    CANCELLED = "cancelled"


TRANSITIONS: Final[Mapping[tuple[Stage, Fact], Stage]] = {
    (Stage.WANTED, Fact.CREATED): Stage.ASKED,
    (Stage.WANTED, Fact.REQUEST_ENDED): Stage.UNWANTED,
    (Stage.WANTED, Fact.PAID): Stage.AUTHORISED,
    (Stage.ASKED, Fact.CREATED): Stage.ASKED,
    (Stage.ASKED, Fact.PAID): Stage.AUTHORISED,
    (Stage.ASKED, Fact.TAKEN): Stage.CAPTURED,
    (Stage.ASKED, Fact.REQUEST_ENDED): Stage.UNWANTED,
    (Stage.ASKED, Fact.CANCELLED): Stage.VOID,
    (Stage.AUTHORISED, Fact.TAKEN): Stage.CAPTURED,
    (Stage.AUTHORISED, Fact.REQUEST_ENDED): Stage.UNWANTED,
    (Stage.AUTHORISED, Fact.CANCELLED): Stage.VOID,
    (Stage.CAPTURED, Fact.REQUEST_ENDED): Stage.REFUNDING,
    (Stage.CAPTURED, Fact.WORK_DONE): Stage.SETTLED,
    (Stage.UNWANTED, Fact.CANCELLED): Stage.VOID,
    # Taken a moment before it was called off: it goes back.
    (Stage.UNWANTED, Fact.TAKEN): Stage.REFUNDING,
    (Stage.VOID, Fact.TAKEN): Stage.REFUNDING,
    (Stage.VOID, Fact.PAID): Stage.UNWANTED,
    (Stage.REFUNDING, Fact.GIVEN_BACK): Stage.SETTLED,
}


def next_stage(stage: Stage, fact: Fact) -> Stage | None:
    """Return the stage that follows, or None for a fact that is known already or comes too late to matter.

    >>> next_stage(Stage.CAPTURED, Fact.TAKEN) is None
    True
    """
    return TRANSITIONS.get((stage, fact))
