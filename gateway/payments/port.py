"""What the desk needs of a payment provider, whoever it is. Each call may be made again with the same key."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from gateway.errors import CalloutError
from workflows.money import Money


class PaymentError(CalloutError):
    """The provider does not answer, or refuses; the message holds no secret."""


class Standing(StrEnum):
    """What has become of a payment, as the provider says."""

    WAITING = "waiting"  # nobody has paid yet
    RESERVED = "reserved"  # the owner has paid; the money can be taken
    TAKEN = "taken"
    GONE = "gone"  # it was called off or ran out; nothing can be taken


@dataclass(frozen=True, slots=True)
class Checkout:
    """A page on which the owner pays: the provider's name of it, and its address."""

    session: str
    pay_at: str


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment as the provider knows it; `intent` is its name there, empty before the owner has begun to pay."""

    standing: Standing
    intent: str
    amount: Money


class PaymentPort(Protocol):
    """A payment provider."""

    def create(self, amount: Money, *, reference: str, title: str, return_to: str, key: str) -> Checkout:
        """Ask for an amount that is reserved first and taken later."""
        ...

    def look(self, session: str) -> Payment:
        """Say what has become of a payment."""
        ...

    def capture(self, intent: str, *, key: str) -> None:
        """Take what was reserved."""
        ...

    def call_off(self, session: str, payment: Payment, *, key: str) -> None:
        """Let nothing be taken any more."""
        ...

    def refund(self, intent: str, amount: Money, *, key: str) -> bool:
        """Give back what was taken; say whether it is on its way for good."""
        ...
