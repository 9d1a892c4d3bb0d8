"""What a supplier says about an order, as JSON carries it."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from workflows.ordering import Answer, Said


def _as_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("it is beyond all calendars") from error


class OrderMessage(BaseModel):
    """One message about one order; `order` is the number that we gave it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    order: str = Field(min_length=1, max_length=64)
    status: Literal["taken", "confirmed", "rejected", "shipped", "delayed", "delivered", "cancelled"]
    part: str = Field(max_length=64)
    quantity: int = Field(ge=0, le=1_000_000)
    arrives_at: Annotated[AwareDatetime, AfterValidator(_as_utc)] | None = Field(default=None, alias="arrivesAt")
    reason: str = Field(default="", max_length=500)


def answer_of(message: OrderMessage) -> Answer | None:
    """Return what a message says; None when it says only that the order is there."""
    if message.status == "taken":
        return None
    return Answer(Said(message.status), message.part, message.quantity, message.arrives_at)


def order_no_of(inbound_id: int) -> str:
    """Return our number of an order, as the supplier knows it.

    >>> order_no_of(17)
    'co-17'
    """
    return f"co-{inbound_id}"


def inbound_of(order_no: str) -> int | None:
    """Return the delivery that an order's number is of, or None for what is no number of ours.

    >>> inbound_of("co-17"), inbound_of("17"), inbound_of("co-x")
    (17, None, None)
    """
    prefix, _, number = order_no.partition("-")
    is_ours = prefix == "co" and number.isdecimal() and number.isascii() and len(number) < 19
    return int(number) if is_ours else None
