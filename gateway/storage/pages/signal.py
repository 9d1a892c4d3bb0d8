"""One signal of one device over hours to years: a few hundred buckets, from the samples or from their hourly roll-up.

The work is bounded whatever the span: samples are read for two days at most, or where there are few; beyond that the
hours are, and of these ten years at most.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from psycopg import sql

from devices.product import ProductType
from devices.signals import Kind, Signal
from gateway.storage.connection import Connection
from gateway.storage.hours import hour_columns
from gateway.storage.pages.series import FloatArray, Span

SAMPLES_UP_TO: Final = timedelta(hours=48)
SAMPLES_AT_MOST: Final = 50_000
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Points:
    """A signal in buckets of equal length, those without a value left out.

    Parameters
    ----------
    at : sequence of datetime
        n beginnings, ascending, aware.
    low, middle, high : array [n]
        Lowest, mean and highest value of a bucket; of a vector its elements' lowest, median and highest in one sample
        of the bucket; of a counter the register at its end, three times.
    used : array [n]
        Of a counter: by how much it grew since the bucket before, NaN for the first and where it fell. Else NaN.
    element : array [n]
        Of a vector: the element that was asked for, NaN where none was.
    """

    at: Sequence[datetime]
    low: FloatArray
    middle: FloatArray
    high: FloatArray
    used: FloatArray
    element: FloatArray


@dataclass(frozen=True, slots=True)
class TooMany:
    """The signal is not rolled up and the span holds too many samples to read them; a shorter one can be drawn."""

    samples: int


@dataclass(frozen=True, slots=True)
class _Source:
    view: sql.Identifier
    at: sql.Identifier
    bucket: sql.Composed
    suffixes: tuple[str, str, str]
    arguments: dict[str, object]


def points(
    conn: Connection,
    product: ProductType,
    signal: Signal,
    *,
    device_id: int,
    span: Span,
    step: timedelta,
    zone: ZoneInfo,
    element: int = 0,
) -> Points | TooMany:
    """Return a signal in buckets.

    Parameters
    ----------
    span : Span
        From its beginning up to, and without, its end.
    step : timedelta
        Length of a bucket; whole days begin at midnight in `zone`, on days of 23 and 25 hours too.
    element : int
        Of a vector: the element to return as well, counted from 1.
    """
    is_hourly = span.length > SAMPLES_UP_TO and bool(hour_columns(signal))
    if span.length > SAMPLES_UP_TO and not is_hourly:
        count = samples_in(conn, product.name, device_id, span)
        if count > SAMPLES_AT_MOST:
            return TooMany(count)
    source = _source(product.name, signal, device_id, span, step, zone, is_hourly=is_hourly)
    if signal.kind is Kind.VECTOR:
        return _of_vector(conn, source, signal, element)
    return _of_number(conn, source, signal)


def from_instant(given: Points, after_at: datetime) -> Points:
    """Return the points after an instant: without what was read only to tell the first amount from."""
    first = next((index for index, at in enumerate(given.at) if at > after_at), len(given.at))
    return Points(
        given.at[first:],
        given.low[first:],
        given.middle[first:],
        given.high[first:],
        given.used[first:],
        given.element[first:],
    )


def samples_in(conn: Connection, product: str, device_id: int, span: Span) -> int:
    """Return how many samples a span holds, as far as its hours are rolled up."""
    query = sql.SQL(
        "SELECT coalesce(sum(samples), 0) FROM {} WHERE device_id = %s AND hour_at >= %s AND hour_at < %s"
    ).format(sql.Identifier(f"{product}_hour_seen"))
    found = conn.execute(query, [device_id, span.begins_at, span.ends_at]).fetchone()
    return int(found[0]) if found else 0


def first_hour_at(conn: Connection, product: str, device_id: int, *, since_at: datetime) -> datetime | None:
    """Return the first hour of a device that is rolled up, None where there is none from an instant on."""
    query = sql.SQL("SELECT min(hour_at) FROM {} WHERE device_id = %s AND hour_at >= %s").format(
        sql.Identifier(f"{product}_hour_seen")
    )
    found = conn.execute(query, [device_id, since_at]).fetchone()
    return found[0] if found else None


def _source(
    product: str, signal: Signal, device_id: int, span: Span, step: timedelta, zone: ZoneInfo, *, is_hourly: bool
) -> _Source:
    at = sql.Identifier("hour_at" if is_hourly else "claimed_at")
    midnight = span.begins_at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if step >= _DAY:
        bucket = sql.SQL("date_bin(%(step)s, {at} AT TIME ZONE %(zone)s, %(local)s) AT TIME ZONE %(zone)s")
    else:
        bucket = sql.SQL("date_bin(%(step)s, {at}, %(midnight)s)")
    by_hour = ("_max", "_max", "_max") if signal.kind is Kind.COUNTER else ("_min", "_avg", "_max")
    return _Source(
        view=sql.Identifier(f"{product}_{'hour' if is_hourly else 'reading'}_seen"),
        at=at,
        bucket=bucket.format(at=at),
        suffixes=by_hour if is_hourly else ("", "", ""),
        arguments={
            "device_id": device_id,
            "begins_at": span.begins_at,
            "ends_at": span.ends_at,
            "step": step,
            "zone": zone.key,
            "midnight": midnight,
            "local": midnight.replace(tzinfo=None),
        },
    )


def _of_number(conn: Connection, source: _Source, signal: Signal) -> Points:
    low, mean, high = (sql.Identifier(signal.name + suffix) for suffix in source.suffixes)
    if signal.kind is Kind.FLAG:
        value = sql.SQL("{}::int").format(mean)
        columns = (value, value, value)
    else:
        columns = (low, mean, high)
    query = sql.SQL(
        """SELECT {bucket}, min({low})::float8, avg({mean})::float8, max({high})::float8
           FROM {view} WHERE device_id = %(device_id)s AND {at} >= %(begins_at)s AND {at} < %(ends_at)s
           GROUP BY 1 HAVING avg({mean}) IS NOT NULL ORDER BY 1"""
    ).format(bucket=source.bucket, low=columns[0], mean=columns[1], high=columns[2], view=source.view, at=source.at)
    rows: list[tuple[datetime, float, float, float]] = conn.execute(query, source.arguments).fetchall()
    values = np.array([row[1:] for row in rows], dtype=np.float64).reshape(len(rows), 3)
    low_, middle, high_ = values[:, 0], values[:, 1], values[:, 2]
    nothing = np.full(len(rows), np.nan)
    if signal.kind is not Kind.COUNTER:
        return Points([row[0] for row in rows], low_, middle, high_, nothing, nothing)
    return Points([row[0] for row in rows], high_, high_, high_, used(high_), nothing)


def used(register: FloatArray) -> FloatArray:
    """Return by how much a register grew from one bucket to the next; NaN for the first, and where it fell.

    >>> used(np.array([10.0, 12.0, 3.0, 4.0]))
    array([nan,  2., nan,  1.])
    """
    grown = np.diff(register, prepend=np.nan)
    return np.where(grown < 0, np.nan, grown)


def _of_vector(conn: Connection, source: _Source, signal: Signal, element: int) -> Points:
    # One sample of each bucket as it came: a mean over many would hide which element left the others.
    query = sql.SQL(
        """SELECT DISTINCT ON ({bucket}) {bucket}, {value}
           FROM {view} WHERE device_id = %(device_id)s AND {at} >= %(begins_at)s AND {at} < %(ends_at)s
             AND {value} IS NOT NULL
           ORDER BY {bucket}, {at} DESC"""
    ).format(
        bucket=source.bucket,
        value=sql.Identifier(signal.name + source.suffixes[1]),
        view=source.view,
        at=source.at,
    )
    rows: list[tuple[datetime, list[float | None]]] = conn.execute(query, source.arguments, binary=True).fetchall()
    rows = [row for row in rows if any(value is not None for value in row[1])]
    width = max((len(row[1]) for row in rows), default=0)
    values = np.full((len(rows), width + 1), np.nan)
    for index, (_, elements) in enumerate(rows):
        values[index, : len(elements)] = [np.nan if value is None else value for value in elements]
    nothing = np.full(len(rows), np.nan)
    return Points(
        [row[0] for row in rows],
        np.nanmin(values, axis=1, initial=np.inf, where=np.isfinite(values)) if rows else nothing,
        np.nanmedian(values, axis=1) if rows else nothing,
        np.nanmax(values, axis=1, initial=-np.inf, where=np.isfinite(values)) if rows else nothing,
        nothing,
        values[:, element - 1] if 1 <= element <= width else nothing,
    )
