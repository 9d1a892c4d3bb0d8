"""Hourly roll-ups: a plot of months opens as fast as a day's. Made from the readings of hours that are due."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from psycopg import sql
from psycopg.rows import class_row

from devices.product import ProductType
from devices.signals import Kind, Signal
from gateway.storage.connection import Connection

# While hours are made anew, ingest waits to mark the same ones as due again: so it is done in short pieces.
_MOST_HOURS: Final = 100


def hour_columns(signal: Signal) -> list[str]:
    """Return the columns that a signal has in its product's hourly table.

    >>> hour_columns(Signal("soc_pct", "Charge", "%", Kind.SCALAR, (0, 100)))
    ['soc_pct_min', 'soc_pct_avg', 'soc_pct_max']
    """
    match signal.kind:
        case Kind.SCALAR | Kind.LEVEL:
            return [f"{signal.name}_{what}" for what in ("min", "avg", "max")]
        case Kind.COUNTER:
            return [f"{signal.name}_max"]
        case Kind.VECTOR:
            return [f"{signal.name}_avg"]
        case Kind.FLAG | Kind.CODES:
            return []


@dataclass(frozen=True, slots=True, order=True)
class DeviceHour:
    """An hour of a device, from `hour_at` on."""

    device_id: int
    hour_at: datetime


# Before all of them.
_BEGINNING: Final = DeviceHour(0, datetime(1, 1, 1, tzinfo=UTC))


def roll_up(connection: Connection, product: ProductType, after: DeviceHour | None = None) -> list[DeviceHour]:
    """Make the next hours that are due anew, in the caller's transaction.

    Hours whose readings are being written at the moment are left for the next time. An hour whose readings have been
    forgotten stays as it was, whatever comes late: it is never made of fewer samples than before.

    Parameters
    ----------
    connection : Connection
        In the role of work.
    product : ProductType
        Whose devices.
    after : DeviceHour or None
        The last hour that a round has come to, so that what was marked behind it waits for the next round and what was
        removed before it is not read again; None: a round begins.

    Returns
    -------
    list of DeviceHour
        What was made anew, in order; empty at the end of a round.
    """
    begin = after or _BEGINNING
    with connection.cursor(row_factory=class_row(DeviceHour)) as cursor:
        due = sorted(
            cursor.execute(
                """DELETE FROM rollup_due WHERE ctid = ANY (ARRAY(
                    SELECT ctid FROM rollup_due
                    WHERE product = %(product)s AND (device_id, hour_at) > (%(device_id)s, %(hour_at)s)
                    ORDER BY device_id, hour_at LIMIT %(most)s FOR UPDATE SKIP LOCKED))
                RETURNING device_id, hour_at""",
                {
                    "product": product.name,
                    "device_id": begin.device_id,
                    "hour_at": begin.hour_at,
                    "most": _MOST_HOURS,
                },
            )
        )
    if due:
        connection.execute(
            _statement(product), {"devices": [each.device_id for each in due], "hours": [each.hour_at for each in due]}
        )
    return due


def _statement(product: ProductType) -> sql.Composed:
    signals = [signal for signal in product.signals.values() if hour_columns(signal)]
    columns = [column for signal in signals for column in hour_columns(signal)]
    return sql.SQL(
        """INSERT INTO {hours} AS hours (device_id, hour_at, samples, {columns})
        SELECT due.device_id, due.hour_at, count(*), {values}
        FROM unnest(%(devices)s::int[], %(hours)s::timestamptz[]) AS due (device_id, hour_at)
        JOIN {readings} r ON r.device_id = due.device_id AND r.claimed_at >= due.hour_at
            AND r.claimed_at < due.hour_at + interval '1 hour'
        GROUP BY due.device_id, due.hour_at
        ON CONFLICT (device_id, hour_at) DO UPDATE SET samples = EXCLUDED.samples, {updates}
        WHERE EXCLUDED.samples >= hours.samples"""
    ).format(
        hours=sql.Identifier(f"{product.name}_hour"),
        readings=sql.Identifier(f"{product.name}_reading"),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        values=sql.SQL(", ").join(value for signal in signals for value in _values(product, signal)),
        updates=sql.SQL(", ").join(sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(column)) for column in columns),
    )


def _values(product: ProductType, signal: Signal) -> list[sql.Composed]:
    column = sql.Identifier("r", signal.name)
    match signal.kind:
        case Kind.SCALAR | Kind.LEVEL:
            return [sql.SQL("{}({})").format(sql.SQL(what), column) for what in ("min", "avg", "max")]
        case Kind.COUNTER:
            return [sql.SQL("max({})").format(column)]
        case _:
            # The mean of each element over the hour, in the elements' order.
            return [
                sql.SQL(
                    """(SELECT array_agg(mean ORDER BY place) FROM (
                        SELECT place, avg(element)::real AS mean FROM {readings} v,
                            unnest(v.{name}) WITH ORDINALITY AS part (element, place)
                        WHERE v.device_id = due.device_id AND v.claimed_at >= due.hour_at
                            AND v.claimed_at < due.hour_at + interval '1 hour'
                        GROUP BY place) AS elements)"""
                ).format(readings=sql.Identifier(f"{product.name}_reading"), name=sql.Identifier(signal.name))
            ]
