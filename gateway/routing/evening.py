"""In the evening each centre's next day is asked to be planned anew, once, where something is promised on it."""

from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from gateway.storage import replans
from gateway.storage.connection import Connection, tenant_transaction
from gateway.telling import defer_replan

# From then on little changes any more until people set out.
_EVENING: Final = time(18)


def ask_in_the_evening(connection: Connection, now: datetime) -> int:
    """Ask for what is due and not asked for yet, and return how many days that were.

    Parameters
    ----------
    connection : Connection
        In the role of work, in autocommit mode.
    now : datetime
        Aware; evening is what a centre's clocks say.
    """
    count = 0
    for (tenant_id,) in connection.execute("SELECT tenant_id FROM tenant ORDER BY tenant_id").fetchall():
        with tenant_transaction(connection, tenant_id):
            for centre_id, time_zone in sorted(replans.time_zones(connection).items()):
                local = now.astimezone(ZoneInfo(time_zone))
                tomorrow = local.date() + timedelta(days=1)
                if local.time() < _EVENING or not replans.has_visits(connection, centre_id, tomorrow, time_zone):
                    continue
                plan_id = replans.begin_plan(connection, centre_id, tomorrow, "desk", now)
                if plan_id is not None:
                    defer_replan(connection, plan_id)
                    count += 1
    return count
