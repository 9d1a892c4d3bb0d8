"""What a supplier can be asked, whoever he is and however he is reached."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from workflows.ordering import Answer


@dataclass(frozen=True, slots=True)
class PartOrder:
    """An order as it is sent: our own number for it, what, how many, where to, and until when it is wanted."""

    order_no: str
    part_no: str
    quantity: int
    deliver_to: str
    wanted_at: datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """The supplier has it; `reference` is his own name for it."""

    reference: str


@dataclass(frozen=True, slots=True)
class Refused:
    """He has understood and will not; asking again is of no use."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Nobody knows whether he has it: it is asked again, under the same key."""

    reason: str


class Supplier(Protocol):
    """A supplier. Each question may be asked twice: he knows an order by its number."""

    def order(self, order: PartOrder, now: datetime) -> Taken | Refused | Unreachable:
        """Order a part."""
        ...

    def cancel(self, order_no: str, now: datetime) -> Taken | Refused | Unreachable:
        """Ask for an order to be taken back; whether it is comes as a message."""
        ...

    def status(self, order_no: str, now: datetime) -> Answer | Unreachable | None:
        """Ask how an order stands; None when nothing has been decided, or he does not know it."""
        ...
