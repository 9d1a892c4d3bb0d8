"""The evidence as figures: which signal of the device shows the fault, what it says in one sentence, and its table."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from dashboards.plots import Drawing, draw
from devices.product import Plot, ProductType
from devices.products import product_type
from devices.signals import Kind
from gateway.storage.connection import Connection
from gateway.storage.pages.evidence import Evidence, Hypothesis
from gateway.storage.pages.latest import Last, last_value, numbers
from gateway.storage.pages.request import RequestRow
from gateway.storage.pages.series import FloatArray, Series, Span, last_reading_at, load
from gateway.texts import Translator

_NAMED_AT_MOST: Final = 4
_TABLE_ROWS: Final = 12
_BEFORE_AT_LEAST: Final = timedelta(hours=6)
_BEFORE_SHARE: Final = 0.35
_NEWEST_WITHIN: Final = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Figure:
    """One plot with its words; `rows` are (time, values...) under `columns`."""

    title: str
    unit: str
    sentence: str
    drawing: Drawing
    band_label: str
    threshold_label: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class _Topic:
    """A plot and the evidence that it shows."""

    plot: Plot
    evidence: tuple[Evidence, ...]


def figures(
    conn: Connection, request: RequestRow, t: Translator, *, zone_name: str, now: datetime, at_most: int
) -> tuple[Figure, ...]:
    """Return the figures that show the request's best hypothesis, the strongest evidence first."""
    ranked = request.ranked()
    if not ranked:
        return ()
    product = product_type(request.product)
    drawn: list[Figure] = []
    for topic in _topics(product, ranked[0]):
        figure = _figure(conn, request, product, topic, t, zone_name, now)
        if figure is not None:
            drawn.append(figure)
        if len(drawn) == at_most:
            break
    return tuple(drawn)


def element_label(name: str, element: int, t: Translator) -> str:
    """Return what people call one element of a vector: "Cell 81"."""
    return f"{t.gettext(name)} {element}" if element else t.gettext(name)


def _topics(product: ProductType, hypothesis: Hypothesis) -> list[_Topic]:
    by_signal: dict[str, _Topic] = {}
    for evidence in hypothesis.evidence_for:
        plot = product.plots.get(evidence.monitor)
        if plot is not None:
            known = by_signal.get(plot.signal, _Topic(plot, ()))
            by_signal[plot.signal] = _Topic(known.plot, (*known.evidence, evidence))
    return list(by_signal.values())


def _figure(
    conn: Connection,
    request: RequestRow,
    product: ProductType,
    topic: _Topic,
    t: Translator,
    zone_name: str,
    now: datetime,
) -> Figure | None:
    since_at = min((e.since_at for e in topic.evidence if e.since_at), default=request.since_at)
    span = _span(conn, request, since_at, now)
    elements = list(dict.fromkeys(e.element for e in topic.evidence if e.element))[:_NAMED_AT_MOST]
    series = load(conn, product, topic.plot, device_id=request.device_id, elements=elements, span=span)
    if series is None:
        return None
    labels = _labels(series, topic, product, t)
    threshold = _threshold(topic)
    last = None
    if not topic.plot.against_median:
        newest = Span(max(span.begins_at, span.ends_at - _NEWEST_WITHIN), span.ends_at)
        last = last_value(conn, product, topic.plot.signal, request.device_id, newest)
    # A register only ever grows: within a stretch of time there is no lowest and highest to see.
    band = "" if product.signals[topic.plot.signal].kind is Kind.COUNTER else _band_label(series, t)
    markers = [(t.gettext("since"), since_at)]
    if request.confirmed_at is not None:
        markers.append((t.gettext("confirmed"), request.confirmed_at))
    return Figure(
        title=t.gettext(topic.plot.title),
        unit=topic.plot.unit,
        sentence=_sentence(series, labels, topic, since_at, last, t, zone_name),
        drawing=draw(
            series,
            labels,
            span=span,
            markers=markers,
            threshold=threshold,
            has_zero=topic.plot.against_median,
            t=t,
            zone_name=zone_name,
        ),
        band_label=band,
        threshold_label=t.gettext("Limit") if threshold is not None else "",
        columns=(t.gettext("Time"), *labels.values(), *([band] if band else [])),
        rows=_rows(series, labels, t, zone_name, has_band=bool(band)),
    )


def _span(conn: Connection, request: RequestRow, since_at: datetime, now: datetime) -> Span:
    ends_at = last_reading_at(conn, request.product, request.device_id, since_at=since_at, now=now)
    before = max(_BEFORE_AT_LEAST, (ends_at - since_at) * _BEFORE_SHARE)
    return Span(since_at - before, max(ends_at, since_at + timedelta(minutes=1)))


def _labels(series: Series, topic: _Topic, product: ProductType, t: Translator) -> dict[int, str]:
    name = product.signals[topic.plot.signal].element or topic.plot.title
    return {element: element_label(name if element else topic.plot.title, element, t) for element in series.lines}


def _threshold(topic: _Topic) -> float | None:
    """Return the limit where it is one of the plotted quantity, not of something derived from it."""
    if topic.plot.against_median:
        return None
    return next((e.threshold for e in topic.evidence if e.threshold is not None and e.unit == topic.plot.unit), None)


def _band_label(series: Series, t: Translator) -> str:
    return t.gettext("Lowest to highest") if 0 in series.lines else t.gettext("The others")


def _sentence(
    series: Series,
    labels: dict[int, str],
    topic: _Topic,
    since_at: datetime,
    last: Last | None,
    t: Translator,
    zone_name: str,
) -> str:
    """Say in one sentence what the plot shows, for people who do not see it and for those who do."""
    since = np.array([at >= since_at for at in series.at])
    day = t.date(since_at, zone_name)
    told = {
        label: value
        for element, label in labels.items()
        if (value := _most_telling(series.lines[element][since], against_median=topic.plot.against_median)) is not None
    }
    if told and topic.plot.against_median:
        value = max(told.values(), key=abs)
        words = {"what": ", ".join(told), "value": f"{t.number(abs(value))} {topic.plot.unit}".strip(), "day": day}
        if value < 0:
            return t.gettext("%(what)s: up to %(value)s below the middle of the others since %(day)s") % words
        return t.gettext("%(what)s: up to %(value)s above the middle of the others since %(day)s") % words
    if told:
        what, value = next(iter(told.items()))
        element = next(number for number, label in labels.items() if label == what)
        value = _read_value(last, element, topic.plot.scale, since_at, value)
        words = {"what": what, "value": f"{t.number(value)} {topic.plot.unit}".strip(), "day": day}
        return t.gettext("%(what)s last read %(value)s; it began on %(day)s") % words
    return t.gettext("%(what)s: it began on %(day)s") % {"what": t.gettext(topic.plot.title), "day": day}


def _read_value(last: Last | None, element: int, scale: float, since_at: datetime, drawn: float) -> float:
    """Return the newest reading as it came; a drawn point is a mean over its stretch of time."""
    if last is None or last.at < since_at:
        return drawn
    elements = numbers(last.value) if element else [last.value]
    value = elements[element - 1] if 0 < element <= len(elements) else elements[0] if not element else None
    return float(value) * scale if isinstance(value, int | float) else drawn


def _most_telling(values: FloatArray, *, against_median: bool) -> float | None:
    known = values[np.isfinite(values)]
    if not len(known):
        return None
    return float(known[np.argmax(np.abs(known))]) if against_median else float(known[-1])


def _rows(
    series: Series, labels: dict[int, str], t: Translator, zone_name: str, *, has_band: bool
) -> tuple[tuple[str, ...], ...]:
    chosen = sorted({round(share * (len(series.at) - 1) / (_TABLE_ROWS - 1)) for share in range(_TABLE_ROWS)})
    return tuple(
        (
            t.moment(series.at[index], zone_name),
            *(_cell(series.lines[element][index], t) for element in labels),
            *([f"{_cell(series.low[index], t)} … {_cell(series.high[index], t)}"] if has_band else []),
        )
        for index in chosen
    )


def _cell(value: float, t: Translator) -> str:
    return t.number(float(value), 2) if np.isfinite(value) else "–"
