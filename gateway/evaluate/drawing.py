"""Plain drawings as SVG, without a library: panels over one axis below, each with lines, bands and marks.

Long series are thinned to the lowest and highest value of each of some hundreds of steps, so that a spike is never lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from devices.readings import FloatArray
from gateway.evaluate.report import Plot

_WIDTH: Final = 960
_LEFT: Final = 70
_RIGHT: Final = 20
_TOP: Final = 46
_PANEL: Final = 170
_GAP: Final = 44
_STEPS: Final = 500
# Told apart by people with any colour vision (Okabe and Ito).
_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#333333")


@dataclass(frozen=True, slots=True)
class Line:
    """A line: `x` as of its panel, `y` float64 [n], NaN where it is broken; with `is_dots` as single dots."""

    name: str
    x: ArrayLike
    y: ArrayLike
    is_dots: bool = False


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of the axis below that is shaded, as a labelled anomaly."""

    begin: float
    end: float
    name: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """An instant, drawn as a line from top to bottom with its name."""

    at: float
    name: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One drawing among several that stand below each other; `limits` are drawn across, as thresholds."""

    title: str
    unit: str
    lines: Sequence[Line]
    bands: Sequence[Band] = ()
    marks: Sequence[Mark] = ()
    limits: Sequence[float] = ()


def draw(name: str, title: str, panels: Sequence[Panel], below: str) -> Plot:
    """Draw panels below each other.

    Parameters
    ----------
    name : str
        File name without ending.
    title, below : str
        Heading; what the axis below is, with its unit.
    panels : sequence of Panel
        From top to bottom; all share the axis below.
    """
    xs = [np.asarray(line.x, np.float64) for panel in panels for line in panel.lines]
    low, high = _range(np.concatenate(xs) if xs else np.zeros(0))
    height = _TOP + len(panels) * (_PANEL + _GAP) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="20" font-size="16" font-weight="bold">{escape(title)}</text>',
    ]
    for place, panel in enumerate(panels):
        parts += _panel(panel, _TOP + place * (_PANEL + _GAP), low, high)
    parts.append(f'<text x="{_WIDTH / 2}" y="{height - 6}" text-anchor="middle">{escape(below)}</text></svg>')
    return Plot(name, "\n".join(parts) + "\n")


def _panel(panel: Panel, top: float, low: float, high: float) -> list[str]:
    ys = [np.asarray(line.y, np.float64) for line in panel.lines]
    floor, ceiling = _range(np.concatenate([*ys, np.asarray(panel.limits, np.float64)]))
    wide = _WIDTH - _LEFT - _RIGHT
    bottom = top + _PANEL

    def across(x: FloatArray | float) -> FloatArray:
        return _LEFT + (np.clip(x, low, high) - low) / (high - low) * wide

    def up(y: FloatArray | float) -> FloatArray:
        return bottom - (np.asarray(y) - floor) / (ceiling - floor) * _PANEL

    parts = [
        f'<rect x="{across(band.begin):.1f}" y="{top}" width="{max(1.0, across(band.end) - across(band.begin)):.1f}" '
        f'height="{_PANEL}" fill="#f6d5d5"><title>{escape(band.name)}</title></rect>'
        for band in panel.bands
    ]
    parts += _axes(panel, top, (low, high, floor, ceiling))
    parts += [
        f'<path d="M{_LEFT} {up(limit):.1f}h{wide}" stroke="#a00" stroke-dasharray="5 4" fill="none"/>'
        for limit in panel.limits
    ]
    for place, (line, y) in enumerate(zip(panel.lines, ys, strict=True)):
        colour = _COLOURS[place % len(_COLOURS)]
        parts += _drawn(line, across(np.asarray(line.x, np.float64)), up(y), colour)
        parts.append(f'<text x="{_LEFT + 8 + 150 * place}" y="{top + 14}" fill="{colour}">{escape(line.name)}</text>')
    for mark in panel.marks:
        at = float(across(mark.at))
        is_left = at > _LEFT + 0.6 * wide
        parts.append(f'<path d="M{at:.1f} {top}v{_PANEL}" stroke="#000" stroke-width="1.2"/>')
        parts.append(
            f'<text x="{at - 4 if is_left else at + 4:.1f}" y="{bottom - 6}" '
            f'text-anchor="{"end" if is_left else "start"}">{escape(mark.name)}</text>'
        )
    return parts


def _axes(panel: Panel, top: float, span: tuple[float, float, float, float]) -> list[str]:
    low, high, floor, ceiling = span
    wide, bottom = _WIDTH - _LEFT - _RIGHT, top + _PANEL
    unit = f" [{panel.unit}]" if panel.unit else ""
    parts = [
        f'<text x="{_LEFT}" y="{top - 6}" font-weight="bold">{escape(panel.title + unit)}</text>',
        f'<rect x="{_LEFT}" y="{top}" width="{wide}" height="{_PANEL}" fill="none" stroke="#888"/>',
    ]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = _LEFT + share * wide, bottom - share * _PANEL
        parts.append(
            f'<text x="{x:.0f}" y="{bottom + 15}" text-anchor="middle">{low + share * (high - low):.4g}</text>'
        )
        parts.append(
            f'<text x="{_LEFT - 6}" y="{y + 4:.0f}" text-anchor="end">{floor + share * (ceiling - floor):.4g}</text>'
        )
    return parts


def _drawn(line: Line, x: FloatArray, y: FloatArray, colour: str) -> list[str]:
    known = ~(np.isnan(x) | np.isnan(y))
    if line.is_dots:
        return [
            f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>'
            for a, b in zip(x[known], y[known], strict=True)
        ]
    x, y = _thinned(x, y)
    moves = ["M" if begins else "L" for begins in np.r_[True, np.isnan(y[:-1])]]
    path = "".join(f"{move}{a:.1f} {b:.1f}" for move, a, b in zip(moves, x, y, strict=True) if not np.isnan(b))
    return [f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.2"/>'] if path else []


def _thinned(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Keep of each of some hundreds of steps the lowest and the highest value, in their order."""
    if len(y) <= 2 * _STEPS:
        return x, y
    keep: list[int] = []
    for rows in np.array_split(np.arange(len(y)), _STEPS):
        some = y[rows]
        known = rows[~np.isnan(some)]
        if len(known):
            keep += sorted({int(known[np.argmin(y[known])]), int(known[np.argmax(y[known])])})
        else:
            keep.append(int(rows[0]))
    return x[keep], y[keep]


def _range(values: FloatArray) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)
