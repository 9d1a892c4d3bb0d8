"""One signal as a figure: a line with its band, bars for what a counter counted, and the same as rows of a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from dashboards.figures import Figure, element_label
from dashboards.plots import draw, draw_bars
from devices.signals import Kind, Signal
from gateway.storage.pages.series import FloatArray, Series, Span
from gateway.storage.pages.signal import Points
from gateway.texts import Translator

# Large amounts are told in the larger unit that people use for them.
_LARGER: Final = {"Wh": "kWh", "l": "m³", "m": "km", "W": "kW"}
_THOUSAND: Final = 1000.0


@dataclass(frozen=True, slots=True)
class Curve:
    """A signal's points with all that is needed to draw and tell them."""

    signal: Signal
    points: Points
    span: Span
    step: timedelta
    element: int
    zone_name: str


def figures_of(curve: Curve, t: Translator) -> tuple[Figure, ...]:
    """Return the figures of a signal: of a counter what was used and the register, of any other the signal itself."""
    if len(curve.points.at) < 1:
        return ()
    if curve.signal.kind is Kind.COUNTER:
        return (_used(curve, t), _line(curve, t))
    return (_line(curve, t),)


def scaled(signal: Signal, values: FloatArray) -> tuple[float, str]:
    """Return the factor and the unit in which values are told.

    >>> scaled(Signal("import_wh", "Used", "Wh", Kind.COUNTER, (0, 1e9)), np.array([np.nan, 2500.0]))
    (0.001, 'kWh')
    """
    known = np.abs(values[np.isfinite(values)])
    if signal.unit in _LARGER and len(known) and known.max() >= _THOUSAND:
        return 1 / _THOUSAND, _LARGER[signal.unit]
    return 1.0, signal.unit


def table(curve: Curve, t: Translator) -> tuple[tuple[str, ...], list[tuple[datetime, tuple[float, ...]]]]:
    """Return the numbers of a signal: the columns after the time, and each bucket with its numbers in the signal's unit."""
    points = curve.points
    match curve.signal.kind:
        case Kind.COUNTER:
            columns = (t.gettext("Used"), t.gettext("Register"))
            numbers = (points.used, points.high)
        case Kind.VECTOR:
            columns = (t.gettext("Lowest"), t.gettext("Middle"), t.gettext("Highest"))
            numbers = (points.low, points.middle, points.high)
            if curve.element:
                columns = (element_label(curve.signal.element, curve.element, t), *columns)
                numbers = (points.element, *numbers)
        case _:
            columns = (t.gettext("Lowest"), t.gettext("Mean"), t.gettext("Highest"))
            numbers = (points.low, points.middle, points.high)
    return columns, [(at, tuple(float(column[index]) for column in numbers)) for index, at in enumerate(points.at)]


def _used(curve: Curve, t: Translator) -> Figure:
    points = curve.points
    factor, unit = scaled(curve.signal, points.used)
    values = points.used * factor
    whole = float(np.nansum(values)) if np.isfinite(values).any() else None
    title = t.gettext(curve.signal.title)
    sentence = (
        t.gettext("%(what)s: %(value)s in all") % {"what": title, "value": f"{t.number(whole, 3)} {unit}".strip()}
        if whole is not None
        else title
    )
    return Figure(
        title=title,
        unit=unit,
        sentence=sentence,
        drawing=draw_bars(points.at, values, step=curve.step, span=curve.span, t=t, zone_name=curve.zone_name),
        band_label=t.gettext("Used in each stretch of time"),
        threshold_label="",
        columns=(),
        rows=(),
    )


def _line(curve: Curve, t: Translator) -> Figure:
    points = curve.points
    factor, unit = scaled(curve.signal, points.high)
    title = t.gettext(curve.signal.title)
    is_counter = curve.signal.kind is Kind.COUNTER
    lines = {0: points.middle * factor}
    labels = {0: _line_label(curve, t)}
    if curve.element and np.isfinite(points.element).any():
        # The element that was asked for stands before the middle of all.
        lines = {curve.element: points.element * factor, 0: points.middle * factor}
        labels = {curve.element: element_label(curve.signal.element, curve.element, t), **labels}
    return Figure(
        title=t.gettext("Register") if is_counter else title,
        unit=unit,
        sentence=_sentence(title, unit, points.low * factor, points.high * factor, t),
        drawing=draw(
            Series(points.at, lines, points.low * factor, points.high * factor),
            labels,
            span=curve.span,
            markers=(),
            threshold=None,
            has_zero=False,
            t=t,
            zone_name=curve.zone_name,
        ),
        band_label="" if is_counter else t.gettext("Lowest to highest"),
        threshold_label="",
        columns=(),
        rows=(),
    )


def _line_label(curve: Curve, t: Translator) -> str:
    match curve.signal.kind:
        case Kind.COUNTER:
            return t.gettext("Register")
        case Kind.VECTOR:
            return t.gettext("Middle")
        case _:
            return t.gettext("Mean")


def _sentence(title: str, unit: str, low: FloatArray, high: FloatArray, t: Translator) -> str:
    words = {
        "what": title,
        "low": f"{t.number(float(np.nanmin(low)), 3)} {unit}".strip(),
        "high": f"{t.number(float(np.nanmax(high)), 3)} {unit}".strip(),
    }
    return t.gettext("%(what)s: from %(low)s to %(high)s") % words


def told_rows(
    rows: Sequence[tuple[datetime, tuple[float, ...]]], t: Translator, zone_name: str
) -> list[tuple[str, ...]]:
    """Return rows of numbers as people read them."""
    return [
        (t.moment(at, zone_name), *(t.number(value, 3) if np.isfinite(value) else "–" for value in numbers))
        for at, numbers in rows
    ]
