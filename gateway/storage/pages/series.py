"""Readings for a plot: a few hundred points of one signal, from the samples or from their hourly roll-up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, LiteralString

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from devices.product import Plot, ProductType
from devices.signals import Kind
from gateway.storage.connection import Connection

POINTS: Final = 150
# Two days of one a second: where the hours are not rolled up yet, the newest of a longer span.
_SAMPLES_AT_MOST: Final = 172_800
# Below this span the samples themselves are drawn; above it the hours, so that months open as fast as a day.
_SAMPLES_UP_TO: Final = timedelta(hours=48)
_HOUR: Final = timedelta(hours=1)
_SECOND: Final = timedelta(seconds=1)
_CLOCK_ERROR: Final = timedelta(minutes=5)
_BUCKETS_FROM: Final = datetime(2001, 1, 1, tzinfo=UTC)

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Span:
    """What a plot covers."""

    begins_at: datetime
    ends_at: datetime

    @property
    def length(self) -> timedelta:
        """From its beginning to its end."""
        return self.ends_at - self.begins_at


@dataclass(frozen=True, slots=True)
class Series:
    """Points of a plot, in the plot's unit.

    Parameters
    ----------
    at : sequence of datetime
        n instants, ascending.
    lines : dict of int to array [n]
        By element, counted from 1; 0 is the only line of a signal without elements. NaN where there is no value.
    low, high : array [n]
        The band around the lines: the other elements, or the lowest and highest value of each bucket.
    """

    at: Sequence[datetime]
    lines: dict[int, FloatArray]
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, slots=True)
class _Source:
    """A view of readings, the column with their time, and how wide a bucket of it is."""

    view: sql.Identifier
    at: sql.Identifier
    is_hourly: bool
    arguments: dict[str, object]


def last_reading_at(conn: Connection, product: str, device_id: int, *, since_at: datetime, now: datetime) -> datetime:
    """Return when the device's last reading was taken, `now` where it has none since `since_at`."""
    query = sql.SQL(
        """SELECT claimed_at FROM {view} WHERE device_id = %s AND claimed_at BETWEEN %s AND %s
           ORDER BY claimed_at DESC LIMIT 1"""
    ).format(view=sql.Identifier(f"{product}_reading_seen"))
    found = conn.execute(query, [device_id, since_at, now + _CLOCK_ERROR]).fetchone()
    return found[0] if found else now


def load(
    conn: Connection, product: ProductType, plot: Plot, *, device_id: int, elements: Sequence[int], span: Span
) -> Series | None:
    """Return the points of a plot, None where there are fewer than two.

    The samples are read for a span of up to two days, their hourly roll-up for a longer one; and the samples again
    where the roll-up does not know the hours yet, of these the newest `_SAMPLES_AT_MOST`.
    """
    hourly = [True, False] if span.length > _SAMPLES_UP_TO else [False]
    for is_hourly in hourly:
        source = _source(product.name, device_id, span, is_hourly=is_hourly)
        kind = product.signals[plot.signal].kind
        if kind is Kind.VECTOR:
            series = _vector_series(conn, source, plot, elements)
        else:
            series = _scalar_series(conn, source, plot, kind)
        if len(series.at) > 1:
            return series
    return None


def _source(product: str, device_id: int, span: Span, *, is_hourly: bool) -> _Source:
    return _Source(
        view=sql.Identifier(f"{product}_{'hour' if is_hourly else 'reading'}_seen"),
        at=sql.Identifier("hour_at" if is_hourly else "claimed_at"),
        is_hourly=is_hourly,
        arguments={
            "device_id": device_id,
            "begins_at": span.begins_at,
            "ends_at": span.ends_at,
            "origin": _BUCKETS_FROM,
            "most": _SAMPLES_AT_MOST,
            "step": max(_HOUR if is_hourly else _SECOND, span.length / POINTS),
        },
    )


def _newest(source: _Source, columns: Mapping[LiteralString, str]) -> sql.Composed:
    """Return the newest rows of a span as a table: their times as `at`, and these columns by new names."""
    named = [sql.SQL("{} AS {}").format(sql.Identifier(column), sql.SQL(name)) for name, column in columns.items()]
    return sql.SQL(
        """(SELECT {at} AS at, {named} FROM {view}
            WHERE device_id = %(device_id)s AND {at} BETWEEN %(begins_at)s AND %(ends_at)s
            ORDER BY {at} DESC LIMIT %(most)s) AS newest"""
    ).format(at=source.at, named=sql.SQL(", ").join(named), view=source.view)


def _scalar_series(conn: Connection, source: _Source, plot: Plot, kind: Kind) -> Series:
    suffixes = ("_max", "_max", "_max") if kind is Kind.COUNTER else ("_min", "_avg", "_max")
    low, mean, high = (plot.signal + (suffix if source.is_hourly else "") for suffix in suffixes)
    query = sql.SQL(
        """SELECT date_bin(%(step)s, at, %(origin)s), min(low)::float8, avg(mean)::float8, max(high)::float8
           FROM {} GROUP BY 1 HAVING avg(mean) IS NOT NULL ORDER BY 1"""
    ).format(_newest(source, {"low": low, "mean": mean, "high": high}))
    rows: list[tuple[datetime, float, float, float]] = conn.execute(query, source.arguments).fetchall()
    values = np.array([row[1:] for row in rows], dtype=np.float64).reshape(len(rows), 3) * plot.scale
    return Series([row[0] for row in rows], {0: values[:, 1]}, values[:, 0], values[:, 2])


def _vector_series(conn: Connection, source: _Source, plot: Plot, elements: Sequence[int]) -> Series:
    # One row per bucket is drawn as it was reported: an average over many would hide the moment that matters.
    query = sql.SQL(
        """SELECT DISTINCT ON (date_bin(%(step)s, at, %(origin)s)) at, value
           FROM {} WHERE value IS NOT NULL ORDER BY date_bin(%(step)s, at, %(origin)s), at"""
    ).format(_newest(source, {"value": plot.signal + ("_avg" if source.is_hourly else "")}))
    rows: list[tuple[datetime, list[float | None]]] = conn.execute(query, source.arguments).fetchall()
    values = _matrix([row[1] for row in rows])
    if plot.against_median:
        values -= _median_of_rows(values)[:, None]
    values *= plot.scale
    named = [element for element in elements if 1 <= element <= values.shape[1]]
    others = np.delete(values, [element - 1 for element in named], axis=1)
    lines = {element: values[:, element - 1] for element in named}
    return Series([row[0] for row in rows], lines, np.fmin.reduce(others, axis=1), np.fmax.reduce(others, axis=1))


def _matrix(rows: Sequence[Sequence[float | None]]) -> FloatArray:
    """Return rows of unlike length as float64 [n, widest], at least one column wide, NaN where there is no value."""
    values = np.full((len(rows), max((len(row) for row in rows), default=0) + 1), np.nan)
    for index, row in enumerate(rows):
        values[index, : len(row)] = [np.nan if value is None else value for value in row]
    return values


def _median_of_rows(values: FloatArray) -> FloatArray:
    medians = np.full(len(values), np.nan)
    has_some = np.isfinite(values).any(axis=1)
    medians[has_some] = np.nanmedian(values[has_some], axis=1)
    return medians
