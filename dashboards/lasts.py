"""A signal's newest value in words: flags as yes and no, vectors as their lowest, middle and highest element."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from dashboards.curves import scaled
from dashboards.figures import element_label
from devices.signals import Kind, Signal
from gateway.storage.pages.latest import Last, numbers
from gateway.texts import Translator

_DIGITS: Final = 3


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a vector; `number` counts from 1."""

    number: int
    label: str
    value: str
    is_outside: bool


@dataclass(frozen=True, slots=True)
class ToldLast:
    """A newest value as it is shown."""

    signal: Signal
    value: str
    detail: str
    at: datetime
    outside: int
    elements: tuple[Element, ...]
    plausible: str


def told(last: Last, t: Translator) -> ToldLast:
    """Put a newest value into words."""
    signal, value = last.signal, last.value
    elements: tuple[Element, ...] = ()
    detail = ""
    match signal.kind:
        case Kind.FLAG:
            text = t.gettext("yes") if value else t.gettext("no")
        case Kind.CODES:
            codes = [str(code) for code in value] if isinstance(value, list | tuple) else []
            text = ", ".join(codes) or t.gettext("none")
        case Kind.VECTOR:
            elements = _elements(last, t)
            text, detail = _summary(last, t)
        case Kind.SCALAR | Kind.COUNTER | Kind.LEVEL:
            text = _amount(signal, float(value), t) if isinstance(value, int | float) else "–"
    low, high = (t.number(end, _DIGITS) for end in signal.plausible)
    return ToldLast(signal, text, detail, last.at, last.outside, elements, f"{low} … {high} {signal.unit}".strip())


def _amount(signal: Signal, value: float, t: Translator) -> str:
    factor, unit = scaled(signal, np.array([value]))
    return f"{t.number(value * factor, _DIGITS)} {unit}".strip()


def _elements(last: Last, t: Translator) -> tuple[Element, ...]:
    low, high = last.signal.plausible
    return tuple(
        Element(
            number,
            element_label(last.signal.element or last.signal.title, number, t),
            "–" if value is None else t.number(value, _DIGITS),
            value is not None and not low <= value <= high,
        )
        for number, value in enumerate(numbers(last.value), start=1)
    )


def _summary(last: Last, t: Translator) -> tuple[str, str]:
    """Return the middle of a vector, and in one line its ends with the elements that have them."""
    values = np.array([np.nan if value is None else value for value in numbers(last.value)], dtype=np.float64)
    if not np.isfinite(values).any():
        return "–", ""
    name = last.signal.element or last.signal.title
    ends = (int(np.nanargmin(values)), int(np.nanargmax(values)))
    low, high = (f"{t.number(float(values[end]), _DIGITS)} ({element_label(name, end + 1, t)})" for end in ends)
    middle = f"{t.number(float(np.nanmedian(values)), _DIGITS)} {last.signal.unit}".strip()
    return middle, t.gettext("lowest %(low)s, highest %(high)s") % {"low": low, "high": high}
