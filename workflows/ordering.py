"""Ordering: what a supplier's answer means for an order, by one transition table; what does not fit is a person's.

It knows neither how an answer came nor who waits for the part.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

# A supplier who has said nothing for so long is asked how the order stands; after the second one he is given up.
ASK_AFTER: Final = timedelta(hours=4)
SILENT_AFTER: Final = timedelta(hours=24)
# Clocks of two companies differ, and a van may be unloaded before anybody types it in.
_PAST_ALLOWED: Final = timedelta(hours=1)
# A longer lead time than a year cannot be configured; what is much farther away is a slip of the pen.
_FUTURE_ALLOWED: Final = timedelta(days=2 * 365)


class OrderState(StrEnum):
    """Where an order stands."""

    PLANNED = "planned"
    ASKED = "asked"
    CONFIRMED = "confirmed"
    SHIPPED = "shipped"
    ARRIVED = "arrived"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    LOST = "lost"


class Said(StrEnum):
    """What a supplier may say about an order."""

    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    SHIPPED = "shipped"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


TRANSITIONS: Final[Mapping[tuple[OrderState, Said], OrderState]] = {
    (OrderState.ASKED, Said.CONFIRMED): OrderState.CONFIRMED,
    (OrderState.ASKED, Said.REJECTED): OrderState.REJECTED,
    (OrderState.ASKED, Said.DELAYED): OrderState.CONFIRMED,
    (OrderState.ASKED, Said.SHIPPED): OrderState.SHIPPED,
    (OrderState.ASKED, Said.DELIVERED): OrderState.ARRIVED,
    (OrderState.ASKED, Said.CANCELLED): OrderState.CANCELLED,
    (OrderState.CONFIRMED, Said.CONFIRMED): OrderState.CONFIRMED,
    (OrderState.CONFIRMED, Said.REJECTED): OrderState.REJECTED,
    (OrderState.CONFIRMED, Said.DELAYED): OrderState.CONFIRMED,
    (OrderState.CONFIRMED, Said.SHIPPED): OrderState.SHIPPED,
    (OrderState.CONFIRMED, Said.DELIVERED): OrderState.ARRIVED,
    (OrderState.CONFIRMED, Said.CANCELLED): OrderState.CANCELLED,
    (OrderState.SHIPPED, Said.SHIPPED): OrderState.SHIPPED,
    (OrderState.SHIPPED, Said.DELAYED): OrderState.SHIPPED,
    (OrderState.SHIPPED, Said.DELIVERED): OrderState.ARRIVED,
}

_ENDS: Final = {
    Said.REJECTED: OrderState.REJECTED,
    Said.DELIVERED: OrderState.ARRIVED,
    Said.CANCELLED: OrderState.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Order:
    """An order as we know it."""

    part_no: str
    quantity: int
    state: OrderState
    expected_at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """What the supplier says; without `arrives_at` the day that was known holds."""

    said: Said
    part_no: str
    quantity: int
    arrives_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Take:
    """The order stands so from now on."""

    state: OrderState
    expected_at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """It says nothing new."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """It cannot be true: `why` is 'other_part', 'other_quantity', 'arrival_in_the_past', 'arrival_too_far' or 'out_of_order'."""

    why: str


def judge(order: Order, answer: Answer, now: datetime) -> Take | Known | Refuse:
    """Say what an answer means for an order.

    >>> now = datetime(2026, 3, 2)
    >>> order = Order("PUMP", 1, OrderState.ASKED, now)
    >>> judge(order, Answer(Said.CONFIRMED, "PUMP", 2), now)
    Refuse(why='other_quantity')
    """
    if answer.part_no != order.part_no:
        return Refuse("other_part")
    if answer.quantity != order.quantity:
        return Refuse("other_quantity")
    speaks_of_the_future = answer.said in {Said.CONFIRMED, Said.SHIPPED, Said.DELAYED}
    if speaks_of_the_future and answer.arrives_at is not None and answer.arrives_at < now - _PAST_ALLOWED:
        return Refuse("arrival_in_the_past")
    if answer.arrives_at is not None and answer.arrives_at > now + _FUTURE_ALLOWED:
        return Refuse("arrival_too_far")
    after = TRANSITIONS.get((order.state, answer.said))
    if after is None:
        return Known() if _ENDS.get(answer.said) is order.state else Refuse("out_of_order")
    expected_at = answer.arrives_at or order.expected_at
    if (after, expected_at) == (order.state, order.expected_at):
        return Known()
    return Take(after, expected_at)
