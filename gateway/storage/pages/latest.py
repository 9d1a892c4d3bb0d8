"""The last readings of one device: the newest value of each signal with its own time, and what was not declared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg import sql

from devices.product import ProductType
from devices.readings import Value
from devices.signals import Kind, Signal
from gateway.storage.connection import Connection
from gateway.storage.pages.series import Span

_CLOCK_ERROR: Final = timedelta(minutes=5)
_RECENT: Final = timedelta(days=2)
_HOUR: Final = timedelta(hours=1)
# Signals come at paces of their own: the newest samples are read until there are enough to hold a slow one.
_LOOK_BACK: Final = (timedelta(hours=1), timedelta(days=1), timedelta(days=8))
_SAMPLES: Final = 300
_ENOUGH: Final = 100
_OTHERS_AT_MOST: Final = 40


@dataclass(frozen=True, slots=True)
class Last:
    """The newest value of a signal; `outside` counts the numbers of it that no sound sensor gives."""

    signal: Signal
    value: Value
    at: datetime
    outside: int


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest values of a device.

    Parameters
    ----------
    at : datetime
        Claimed time of its newest reading.
    lasts : mapping of str to Last
        By signal, in the declared order; those that the newest samples do not hold are missing.
    others : sequence of (name, value, time)
        Signals that its product type does not declare, with the JSON that came.
    """

    at: datetime
    lasts: Mapping[str, Last]
    others: Sequence[tuple[str, object, datetime]]


def newest_at(conn: Connection, product: str, device_id: int, now: datetime) -> datetime | None:
    """Return when a device's newest reading was taken, None where it has none.

    Of a device that has been quiet for two days it is told by the end of its newest hour.
    """
    query = sql.SQL("SELECT max(claimed_at) FROM {} WHERE device_id = %s AND claimed_at BETWEEN %s AND %s").format(
        sql.Identifier(f"{product}_reading_seen")
    )
    for back in (_HOUR, _RECENT):
        found = conn.execute(query, [device_id, now - back, now + _CLOCK_ERROR]).fetchone()
        if found is not None and found[0] is not None:
            return found[0]
    hours = sql.SQL("SELECT max(hour_at) FROM {} WHERE device_id = %s AND hour_at <= %s").format(
        sql.Identifier(f"{product}_hour_seen")
    )
    found = conn.execute(hours, [device_id, now]).fetchone()
    return found[0] + _HOUR if found is not None and found[0] is not None else None


def latest(conn: Connection, product: ProductType, device_id: int, now: datetime) -> Latest | None:
    """Return the newest values of a device, None where it has sent none."""
    ends_at = newest_at(conn, product.name, device_id, now)
    if ends_at is None:
        return None
    samples: list[_Sample] = []
    for back in _LOOK_BACK:
        samples = _samples(conn, product, device_id, Span(ends_at - back, ends_at))
        if len(samples) >= _ENOUGH:
            break
    if not samples:
        return None
    lasts: dict[str, Last] = {}
    others: dict[str, tuple[object, datetime]] = {}
    for sample in samples:
        for signal, value in zip(product.signals.values(), sample.values, strict=True):
            if value is not None and signal.name not in lasts:
                lasts[signal.name] = Last(signal, value, sample.at, outside(signal, value))
        for name, value in (sample.other or {}).items():
            if len(others) < _OTHERS_AT_MOST:
                others.setdefault(name, (value, sample.at))
    ordered = {name: lasts[name] for name in product.signals if name in lasts}
    return Latest(samples[0].at, ordered, [(name, value, at) for name, (value, at) in sorted(others.items())])


def last_value(conn: Connection, product: ProductType, signal: str, device_id: int, span: Span) -> Last | None:
    """Return the newest value of one signal within a span, None where it has none there."""
    query = sql.SQL(
        """SELECT {signal}, claimed_at FROM {view}
           WHERE device_id = %s AND claimed_at BETWEEN %s AND %s AND {signal} IS NOT NULL
           ORDER BY claimed_at DESC, boot DESC, seq DESC, sample DESC LIMIT 1"""
    ).format(signal=sql.Identifier(signal), view=sql.Identifier(f"{product.name}_reading_seen"))
    found: tuple[Value, datetime] | None = conn.execute(query, [device_id, span.begins_at, span.ends_at]).fetchone()
    if found is None:
        return None
    return Last(product.signals[signal], found[0], found[1], outside(product.signals[signal], found[0]))


def outside(signal: Signal, value: Value) -> int:
    """Return how many numbers of a value lie outside of what a sound sensor can give.

    >>> outside(Signal("soc_pct", "Charge", "%", Kind.SCALAR, (0, 100)), 140.0)
    1
    """
    low, high = signal.plausible
    match signal.kind:
        case Kind.FLAG | Kind.CODES:
            return 0
        case Kind.VECTOR:
            return sum(not low <= number <= high for number in numbers(value) if number is not None)
        case _:
            return int(isinstance(value, int | float) and not low <= value <= high)


def numbers(value: Value) -> list[float | None]:
    """Return the elements of a vector; none for anything else."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return [element if isinstance(element, int | float) else None for element in value]


@dataclass(frozen=True, slots=True)
class _Sample:
    at: datetime
    other: Mapping[str, object] | None
    values: Sequence[Value]


def _samples(conn: Connection, product: ProductType, device_id: int, span: Span) -> list[_Sample]:
    query = sql.SQL(
        """SELECT claimed_at, other, {signals} FROM {view}
           WHERE device_id = %s AND claimed_at BETWEEN %s AND %s
           ORDER BY claimed_at DESC, boot DESC, seq DESC, sample DESC LIMIT %s"""
    ).format(
        signals=sql.SQL(", ").join(map(sql.Identifier, product.signals)),
        view=sql.Identifier(f"{product.name}_reading_seen"),
    )
    rows = conn.execute(query, [device_id, span.begins_at, span.ends_at, _SAMPLES], binary=True)
    return [_Sample(at, other, values) for at, other, *values in rows]
