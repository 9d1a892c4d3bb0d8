"""Suppliers: they take orders or refuse them, are away, and say later what becomes of them: in time, late, twice, wrongly, never."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from gateway.rehearsal.life import Life
from gateway.storage.connection import tenant_transaction
from gateway.storage.orders import OrderRow
from gateway.suppliers.answers import hear
from gateway.suppliers.message import OrderMessage
from gateway.suppliers.port import PartOrder, Refused, Supplier, Taken, Unreachable
from workflows.ordering import Answer

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
Status = Literal["confirmed", "rejected", "shipped", "delayed", "delivered", "cancelled"]
# What is said about an order one after the other, and how often it goes that way.
_WAYS: Final[Sequence[tuple[float, Sequence[Status]]]] = (
    (0.45, ("confirmed", "shipped", "delivered")),
    (0.15, ("confirmed", "delayed", "shipped", "delivered")),
    (0.10, ("confirmed", "rejected")),
    (0.05, ("delivered",)),
    (0.05, ("shipped", "cancelled", "delivered")),
    (0.20, ()),
)


class Player:
    """A supplier of the world, as the desk reaches him."""

    def __init__(self, life: Life, order: OrderRow) -> None:
        self._life = life
        self._row = order

    def order(self, order: PartOrder, now: datetime) -> Taken | Refused | Unreachable:
        """Take an order, refuse it, or be away; who was away may have it all the same."""
        del now
        temper = self._life.chance.random()
        if temper < 0.1:
            return Refused("we do not make it any more")
        if temper < 0.2:
            return Unreachable("nobody answers")
        self._go_on(order)
        return Unreachable("the line broke") if temper < 0.25 else Taken("ref")

    def cancel(self, order_no: str, now: datetime) -> Taken | Refused | Unreachable:
        """Take an order back, or not."""
        del now
        if self._life.chance.random() < 0.2:
            return Unreachable("nobody answers")
        order = PartOrder(order_no, self._row.part_no, self._row.quantity, self._row.centre, self._row.expected_at)
        self._plan(order, "cancelled", self._life.draw(_HOUR, _DAY))
        return Taken("ref")

    def status(self, order_no: str, now: datetime) -> Answer | Unreachable | None:
        """Know nothing new, or be away."""
        del order_no, now
        return Unreachable("nobody answers") if self._life.chance.random() < 0.2 else None

    def _go_on(self, order: PartOrder) -> None:
        weights, ways = zip(*_WAYS, strict=True)
        after = timedelta()
        for status in self._life.chance.choices(ways, weights)[0]:
            after += self._life.draw(_HOUR / 6, 40 * _HOUR)
            self._plan(order, status, after)

    def _plan(self, order: PartOrder, status: Status, after: timedelta) -> None:
        life, name = self._life, f"supplier-{self._row.supplier}"
        is_wrong = life.chance.random() < 0.05
        arrives_at = order.wanted_at + (life.draw(_HOUR, 4 * _DAY) if status == "delayed" else timedelta())
        word = OrderMessage(
            order=order.order_no,
            status=status,
            part=order.part_no,
            quantity=order.quantity + is_wrong,
            arrivesAt=max(arrives_at, life.now + after + _HOUR)
            if status in {"confirmed", "delayed", "shipped"}
            else None,
        )
        number = str(next(life.numbers))
        life.plan(after, name, lambda: _say(life, self._row, word, number))
        if life.chance.random() < 0.15:
            life.plan(after + life.draw(timedelta(seconds=1), _DAY), name, lambda: _say(life, self._row, word, number))


def _say(life: Life, order: OrderRow, word: OrderMessage, number: str) -> str:
    with tenant_transaction(life.desk.serve, life.world.tenant_id):
        outcome, _ = hear(life.desk.serve, order.supplier_id, number, word, life.now)
    return f"says that {word.part} is {word.status}: {outcome}"


def found(life: Life, tenant: str, order: OrderRow) -> Supplier:
    """Return who is behind an order."""
    del tenant
    return Player(life, order)
