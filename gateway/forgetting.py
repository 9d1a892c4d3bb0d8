"""Forgetting: readings that are older than they are kept go, a few pieces of their tables with each sweep.

A reading's age counts from the later of its claimed time and its receipt, so that a recording of years ago, replayed
today, is kept as long as any other. What a request, a symptom or a detector still needs stays; why something else
stays is noted, and `callout doctor` tells it. Hours are kept for longer, and go device by device.
"""

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from devices.products import product_types
from gateway.storage import retention
from gateway.storage.connection import Connection
from gateway.storage.lacking import lacking
from gateway.storage.retention import Forgotten, Stretch

_log = logging.getLogger(__name__)

# A sweep has other clocks to read: a few pieces with each are hundreds a day.
_MOST: Final = 4
_LOOK_EVERY: Final = timedelta(hours=1)
# A device has a day's hours more to forget after a day, not before.
_HOURS_EVERY: Final = timedelta(days=1)


@dataclass(slots=True)
class Forgetting:
    """What one work process knows of its own forgetting; the database knows the rest.

    Parameters
    ----------
    keep_days : int
        For how many days readings are kept; 0: for ever.
    keep_hours_days : int
        The same for hours, which stay as long as readings at least; 0: for ever.
    """

    keep_days: int
    keep_hours_days: int = 0
    _rest_until: datetime | None = None
    _hours: dict[str, "_Round"] = field(default_factory=dict[str, "_Round"])

    def go_on(self, connection: Connection, now: datetime) -> int:
        """Forget a few pieces, unless there was nothing to forget within the last hour; return how many readings went.

        Parameters
        ----------
        connection : Connection
            In the role of work, in autocommit mode, by one process at a time.
        now : datetime
            Aware.
        """
        if self.keep_days == 0 or (self._rest_until is not None and now < self._rest_until):
            return 0
        before = (now - timedelta(days=self.keep_days)).astimezone(UTC)
        looked = [
            (product, stretch, retention.forget(connection, product, stretch, received_before=before, now=now))
            for product in _laid(connection)
            for stretch in _due(connection, product, before, now)
        ]
        for product, stretch, found in looked:
            _tell(product, stretch, found)
        if not looked:
            self._rest_until = now + _LOOK_EVERY
        return sum(found.forgotten for _, _, found in looked)

    def hours_go_on(self, connection: Connection, now: datetime) -> int:
        """Forget the old hours of some devices of each product, unless all were looked at within a day; return how many.

        Parameters
        ----------
        connection : Connection
            In the role of work, in autocommit mode, by one process at a time.
        now : datetime
            Aware.
        """
        if self.keep_days == 0 or self.keep_hours_days == 0:
            return 0
        before = now - timedelta(days=max(self.keep_days, self.keep_hours_days))
        rounds = {product: self._hours.setdefault(product, _Round()) for product in _laid(connection)}
        return sum(each.go_on(connection, product, before, now) for product, each in rounds.items())


@dataclass(slots=True)
class _Round:
    """How far a round through all devices of a product is."""

    after: int = 0
    forgotten: int = 0
    rest_until: datetime | None = None

    def go_on(self, connection: Connection, product: str, before: datetime, now: datetime) -> int:
        if self.rest_until is not None and now < self.rest_until:
            return 0
        forgotten, up_to = retention.forget_hours(connection, product, self.after, before)
        self.forgotten += forgotten
        if up_to is not None:
            self.after = up_to
            return forgotten
        if self.forgotten:
            _log.info("hours of %s before %s: %d forgotten", product, f"{before:%F}", self.forgotten)
        self.after, self.forgotten, self.rest_until = 0, 0, now + _HOURS_EVERY
        return forgotten


def _laid(connection: Connection) -> list[str]:
    """Return the product types that have their tables: one without them must not keep the others' readings for ever."""
    without = lacking(connection)
    return [product for product in product_types() if product not in without]


def _due(connection: Connection, product: str, before: datetime, now: datetime) -> list[Stretch]:
    due = retention.overdue(connection, product, before, now, _MOST)
    if due:
        return due
    month = retention.scattered(connection, product, before)
    return [] if month is None else [month]


def _tell(product: str, stretch: Stretch, found: Forgotten) -> None:
    level = logging.INFO if found.forgotten else logging.DEBUG
    _log.log(
        level,
        "readings of %s from %s to %s: %d forgotten, %d kept because they are needed (%s)",
        product,
        f"{stretch.begins_at:%F}",
        f"{stretch.ends_at:%F}",
        found.forgotten,
        found.kept,
        found.outcome,
    )
