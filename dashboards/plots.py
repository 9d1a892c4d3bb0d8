"""Geometry of a plot: where points, ticks and markers go on a small SVG. Draws nothing itself; a template does."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil, floor, log10
from typing import Final

import numpy as np

from gateway.storage.pages.series import FloatArray, Series, Span
from gateway.texts import Translator
from gateway.texts.voice import zone

WIDTH: Final = 360
HEIGHT: Final = 176
_LEFT, _RIGHT, _TOP, _BOTTOM = 38.0, 350.0, 14.0, 154.0
# A letter of a label on the upright axis is about this wide.
_LETTER: Final = 6.0
_ROW: Final = 11.0
_BAR_SHARE: Final = 0.86
_YEARS: Final = timedelta(days=300)
_DAY: Final = timedelta(days=1)
_TICKS_WANTED: Final = 4
# A pause of this many usual steps is drawn as a gap, not bridged by a line that nobody measured.
_GAP_STEPS: Final = 4
_TICK_STEPS: Final = tuple(
    timedelta(hours=hours) for hours in (1, 2, 3, 6, 12, 24, 48, 96, 168, 336, 720, 1440, 2880, 8760, 17520, 43800)
)


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled place on an axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One drawn line: its pieces between gaps, as SVG points; `style` is 1 to 4."""

    label: str
    style: int
    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Marker:
    """An instant with a name, which stands in a `row` above the plot, to the left or to the right of its line."""

    label: str
    at: float
    is_left: bool
    row: int


@dataclass(frozen=True, slots=True)
class Drawing:
    """Everything that a template needs to draw a plot; positions are in the units of the view box."""

    lines: tuple[Line, ...]
    band: tuple[str, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    markers: tuple[Marker, ...]
    threshold: float | None
    zero: float | None
    is_bars: bool = False
    width: int = WIDTH
    height: int = HEIGHT
    left: float = _LEFT
    right: float = _RIGHT
    top: float = _TOP
    bottom: float = _BOTTOM


@dataclass(frozen=True, slots=True)
class _Scale:
    span: Span
    low: float
    high: float
    left: float
    top: float = _TOP

    def x(self, at: datetime) -> float:
        share = (at - self.span.begins_at) / self.span.length
        return self.left + (_RIGHT - self.left) * min(max(share, 0.0), 1.0)

    def y(self, value: float) -> float:
        return _BOTTOM - (_BOTTOM - self.top) * (value - self.low) / (self.high - self.low)


def draw(
    series: Series,
    labels: dict[int, str],
    *,
    span: Span,
    markers: Sequence[tuple[str, datetime]],
    threshold: float | None,
    has_zero: bool,
    t: Translator,
    zone_name: str,
) -> Drawing:
    """Lay a series out.

    Parameters
    ----------
    labels : dict of int to str
        What each line of the series is called, in the order in which they are styled; one for each line.
    markers : sequence of (label, instant)
        Instants to mark; those outside of the span are left out.
    threshold : float or None
        A limit in the plot's unit.
    has_zero : bool
        Whether zero is the middle that lines are drawn against.
    """
    low, high = _range(series, threshold, has_zero=has_zero)
    shown = [(label, at) for label, at in markers if span.begins_at <= at <= span.ends_at]
    # Names stand above the plot, a row each, so that no line runs through them.
    scale = _Scale(span, low, high, _left(low, high, t), _TOP + _ROW * len(shown))
    places = [scale.x(at) for at in series.at]
    runs = _runs(series)
    return Drawing(
        lines=tuple(
            Line(label, style, _pieces(places, series.lines[element], runs, scale))
            for style, (element, label) in enumerate(labels.items(), start=1)
        ),
        band=_band(places, series, runs, scale),
        x_ticks=_time_ticks(span, scale, t, zone_name),
        y_ticks=_value_ticks(scale, t),
        markers=_markers(shown, scale),
        threshold=scale.y(threshold) if threshold is not None else None,
        zero=scale.y(0.0) if has_zero else None,
        left=scale.left,
        top=scale.top,
    )


def draw_bars(
    at: Sequence[datetime], values: FloatArray, *, step: timedelta, span: Span, t: Translator, zone_name: str
) -> Drawing:
    """Lay amounts out that each belong to a stretch of time: bars from zero, none where an amount is not known.

    Parameters
    ----------
    at : sequence of datetime
        n beginnings.
    values : array [n]
        Not negative, or NaN.
    step : timedelta
        How long each stretch is.
    """
    known = values[np.isfinite(values)]
    high = float(known.max()) * 1.08 if len(known) and known.max() > 0 else 1.0
    scale = _Scale(span, 0.0, high, _left(0.0, high, t))
    bars: list[str] = []
    for begins_at, value in zip(at, values, strict=True):
        begin, end, top = scale.x(begins_at), scale.x(begins_at + step * _BAR_SHARE), scale.y(float(value))
        if np.isfinite(value) and end > begin:
            bars.append(f"{begin:.1f},{_BOTTOM:.1f} {begin:.1f},{top:.1f} {end:.1f},{top:.1f} {end:.1f},{_BOTTOM:.1f}")
    return Drawing(
        lines=(),
        band=tuple(bars),
        x_ticks=_time_ticks(span, scale, t, zone_name),
        y_ticks=_value_ticks(scale, t),
        markers=(),
        threshold=None,
        zero=scale.y(0.0),
        left=scale.left,
        is_bars=True,
    )


def _value_ticks(scale: _Scale, t: Translator) -> tuple[Tick, ...]:
    return tuple(Tick(scale.y(value), t.number(value, 2)) for value in _round_values(scale.low, scale.high))


def _left(low: float, high: float, t: Translator) -> float:
    """Return where the plot begins, so that the longest label has room before it."""
    longest = max((len(t.number(value, 2)) for value in _round_values(low, high)), default=0)
    return max(_LEFT, longest * _LETTER + 8)


def _markers(markers: Sequence[tuple[str, datetime]], scale: _Scale) -> tuple[Marker, ...]:
    """Place the names of markers so that none is cut off at the edge and no marker's line runs through another's name.

    A name stands to the right of its line where it fits, each further one a row lower; where one has to stand to the
    left, so does a name that it would reach, and the order of their rows is the other way round.
    """
    found: list[Marker] = []
    next_begins = _RIGHT
    for label, at in sorted(markers, key=lambda marker: marker[1], reverse=True):
        x, width = scale.x(at), len(label) * _LETTER + _LETTER
        is_left = x + width > _RIGHT or (x > next_begins and x - width > 0)
        next_begins = min(next_begins, x - width) if is_left else next_begins
        found.append(Marker(label, x, is_left, 0))
    ordered = [*(m for m in found[::-1] if not m.is_left), *(m for m in found if m.is_left)]
    return tuple(replace(marker, row=row) for row, marker in enumerate(ordered))


def _range(series: Series, threshold: float | None, *, has_zero: bool) -> tuple[float, float]:
    extra = [value for value in (threshold, 0.0 if has_zero else None) if value is not None]
    values = np.concatenate([*series.lines.values(), series.low, series.high, np.array(extra, dtype=np.float64)])
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    margin = (high - low) * 0.08 or max(abs(high) * 0.05, 0.5)
    return low - margin, high + margin


def _runs(series: Series) -> list[tuple[int, int]]:
    """Return [first, last) of the stretches without a pause."""
    steps = np.diff(np.array([at.timestamp() for at in series.at]))
    usual = float(np.median(steps)) if len(steps) else 0.0
    breaks = [int(index) + 1 for index in np.flatnonzero(steps > usual * _GAP_STEPS)]
    return list(zip([0, *breaks], [*breaks, len(series.at)], strict=True))


def _pieces(places: list[float], values: FloatArray, runs: list[tuple[int, int]], scale: _Scale) -> tuple[str, ...]:
    pieces: list[str] = []
    for first, last in runs:
        points = [
            f"{places[index]:.1f},{scale.y(float(values[index])):.1f}"
            for index in range(first, last)
            if np.isfinite(values[index])
        ]
        # A single reading between two pauses is still a reading: a line of no length shows as a dot.
        pieces.append(" ".join(points if len(points) != 1 else points * 2))
    return tuple(piece for piece in pieces if piece)


def _band(places: list[float], series: Series, runs: list[tuple[int, int]], scale: _Scale) -> tuple[str, ...]:
    shapes: list[str] = []
    for first, last in runs:
        known = [i for i in range(first, last) if np.isfinite(series.low[i]) and np.isfinite(series.high[i])]
        upper = [f"{places[i]:.1f},{scale.y(float(series.high[i])):.1f}" for i in known]
        lower = [f"{places[i]:.1f},{scale.y(float(series.low[i])):.1f}" for i in reversed(known)]
        shapes.append(" ".join(upper + lower))
    return tuple(shape for shape in shapes if shape)


def _round_values(low: float, high: float) -> list[float]:
    """Return round numbers between two values, about as many as there is room for."""
    rough = (high - low) / _TICKS_WANTED
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [index * step for index in range(ceil(low / step), floor(high / step) + 1)]


def _time_ticks(span: Span, scale: _Scale, t: Translator, zone_name: str) -> tuple[Tick, ...]:
    step = next((step for step in _TICK_STEPS if span.length / step <= _TICKS_WANTED), _TICK_STEPS[-1])
    where = zone(zone_name)
    midnight = span.begins_at.astimezone(where).replace(hour=0, minute=0, second=0, microsecond=0)
    ticks: list[Tick] = []
    for count in range(1 + ceil((span.ends_at - midnight) / step)):
        at = midnight + count * step
        if span.begins_at < at < span.ends_at:
            # Midnight is told by its day: hours alone would not say which.
            is_midnight = at.hour == at.minute == 0
            day = t.month_tick(at, zone_name) if span.length > _YEARS else t.day_tick(at, zone_name)
            text = day if is_midnight or step >= _DAY else t.clock(at, zone_name)
            # A label that would be cut off at the right edge is left out.
            if scale.x(at) + len(text) * _LETTER / 2 <= WIDTH:
                ticks.append(Tick(scale.x(at), text))
    return tuple(ticks)
