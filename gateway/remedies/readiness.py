"""Readiness: what has to hold before a remedy may go to a device, and what its own newest words say of each of it.

Used before anything is sent, and by the pages, so that a planner reads exactly what the remedy waits for.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from devices.product import ProductType
from devices.remote import Condition, Rung
from gateway.storage import supply
from gateway.storage.connection import Connection
from gateway.storage.pages.latest import last_value
from gateway.storage.pages.series import Span
from workflows.remedying import may_interrupt_supply

NOBODY_DEPENDS: Final = "Every owner has said that nobody there depends on powered medical equipment"


class Standing(StrEnum):
    """How a condition stands by what was said last."""

    MET = "met"
    NOT_SO = "not_so"  # the newest value says otherwise
    NOT_SAID = "not_said"  # no value, or none that is fresh enough


@dataclass(frozen=True, slots=True)
class Need:
    """One condition, its title to be translated, and how it stands; `fresh_s` is how old a value may be, None for an answer."""

    title: str
    standing: Standing
    fresh_s: float | None = None


def needs(connection: Connection, product: ProductType, device_id: int, rung: Rung, now: datetime) -> list[Need]:
    """Return how all conditions of a rung stand; what is not said does not hold.

    Parameters
    ----------
    connection : Connection
        In a transaction of the tenant.
    product : ProductType
        Of the device.
    device_id : int
        Which device.
    rung : Rung
        What is to be tried.
    now : datetime
        Aware.
    """
    found = [
        Need(each.title, _standing(connection, product, device_id, each, now), each.fresh_s) for each in rung.needs
    ]
    if not rung.interrupts_supply:
        return found
    answers = supply.answers(connection, device_id)
    told = Standing.NOT_SO if answers else Standing.NOT_SAID
    return [*found, Need(NOBODY_DEPENDS, Standing.MET if may_interrupt_supply(answers) else told)]


def _standing(connection: Connection, product: ProductType, device_id: int, need: Condition, now: datetime) -> Standing:
    fresh = timedelta(seconds=need.fresh_s)
    last = last_value(connection, product, need.signal, device_id, Span(now - fresh, now + fresh))
    if last is None:
        return Standing.NOT_SAID
    return Standing.MET if need.is_met(last.value, (now - last.at).total_seconds()) else Standing.NOT_SO
