"""Forgetting: readings that are older than they are kept go, a few pieces of their tables with each sweep.

A reading's age counts from the later of its claimed time and its receipt, so that a recording of years ago, replayed
today, is kept as long as any other. What a request, a symptom or a detector still needs stays; why something else
stays is noted, and `callout doctor` tells it.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from devices.products import product_types
from gateway.storage import retention
from gateway.storage.connection import Connection
from gateway.storage.retention import Forgotten, Stretch

_log = logging.getLogger(__name__)

# A sweep has other clocks to read: a few pieces with each are hundreds a day.
_MOST: Final = 4
_LOOK_EVERY: Final = timedelta(hours=1)


@dataclass(slots=True)
class Forgetting:
    """What one work process knows of its own forgetting; the database knows the rest.

    Parameters
    ----------
    keep_days : int
        For how many days readings are kept; 0: for ever.
    """

    keep_days: int
    _rest_until: datetime | None = None

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
            for product in product_types()
            for stretch in _due(connection, product, before, now)
        ]
        for product, stretch, found in looked:
            _tell(product, stretch, found)
        if not looked:
            self._rest_until = now + _LOOK_EVERY
        return sum(found.forgotten for _, _, found in looked)


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
