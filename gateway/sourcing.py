"""Sourcing: from when on each service centre has all the parts that a request needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.storage import promises
from gateway.storage.connection import Connection


@dataclass(frozen=True, slots=True)
class Sourced:
    """From when on each centre has all the parts; `missing` names those that no centre can have."""

    ready_at: Mapping[int, datetime]
    missing: Sequence[str]


def look(connection: Connection, request_id: int, part_nos: Sequence[str], now: datetime) -> Sourced:
    """Return from when on each centre has the parts; where some are held already, only their centre has them."""
    held_at, held = promises.reserved_parts(connection, request_id)
    needed = [part for part in part_nos if part not in held]
    stocks = promises.free_stock(connection, needed)
    centres = [row[0] for row in connection.execute("SELECT centre_id FROM service_centre ORDER BY centre_id")]
    ready = {
        centre_id: now
        for centre_id in centres
        if held_at in {None, centre_id} and all(stocks.get(centre_id, {}).get(part, 0) > 0 for part in needed)
    }
    if ready:
        return Sourced(ready, [])
    nowhere = [part for part in needed if all(stock.get(part, 0) < 1 for stock in stocks.values())]
    return Sourced({}, nowhere or needed)
