"""The picture of a reporting cycle: how high scores were, and how high they would be if nothing were wrong.

Across lie shares of the devices, rarer to the right on a logarithmic axis; upright the score that they were beyond. Where
the devices leave the line of the null, more is wrong than chance explains. It has as many points for any fleet.
"""

from collections.abc import Sequence
from math import log10
from typing import Final

from dashboards.figures import Figure
from dashboards.plots import HEIGHT, WIDTH, Drawing, Line, Tick
from diagnostics.calibration.cycle import SHARES
from diagnostics.calibration.null import Null
from gateway.storage.pages.cycles import CycleRow
from gateway.texts import Translator

_LEFT, _RIGHT, _TOP, _BOTTOM = 38.0, 340.0, 14.0, 154.0
_STEPS: Final = (1, 2, 5, 10, 20, 50)
_MOST_TICKS: Final = 5
# Beyond the last share of the fleet's own, the null is drawn a little further.
_FURTHER: Final = 2


def picture(row: CycleRow, null: Null, t: Translator) -> Figure | None:
    """Return the picture of a cycle that was held against a null; None where it has too few devices to be drawn."""
    seen = list(row.exceeded or ())
    if len(seen) < 2:
        return None
    shares = SHARES[: min(len(seen) + _FURTHER, len(SHARES))]
    usual = [_usual(null, share) for share in shares]
    high = max([*seen, *usual, row.score or 0.0]) * 1.08 or 1.0
    named = (t.gettext("Scores of this cycle"), t.gettext("If nothing were wrong"))
    sentence = t.gettext("%(scored)s devices were looked at, %(passed)s passed") % {
        "scored": t.number(row.scored),
        "passed": t.number(row.passed),
    }
    return Figure(
        title=t.gettext("How high the scores were"),
        unit=t.gettext("nats"),
        sentence=sentence,
        drawing=Drawing(
            lines=tuple(
                Line(label, style, (_points(values, shares, high),))
                for style, (label, values) in enumerate(zip(named, (seen, usual), strict=True), start=1)
            ),
            band=(),
            x_ticks=tuple(
                Tick(_x(share, shares), share_text(share, t)) for share in shares if round(log10(share), 6).is_integer()
            ),
            y_ticks=tuple(Tick(_y(value, high), t.number(value)) for value in _round(high)),
            markers=(),
            threshold=None if row.score is None else _y(row.score, high),
            zero=None,
            width=WIDTH,
            height=HEIGHT,
            left=_LEFT,
            right=_RIGHT,
        ),
        band_label="",
        threshold_label=t.gettext("What this cycle asked"),
        columns=(t.gettext("Share of devices"), *named),
        rows=tuple(
            (share_text(share, t), t.number(mine), t.number(theirs))
            for share, mine, theirs in zip(shares, seen, usual, strict=False)
        ),
    )


def share_text(share: float, t: Translator) -> str:
    """Return a share with two figures, however small it is: "0.0056 %"."""
    percent = share * 100
    if percent <= 0:
        return f"{t.number(0, 0)} %"
    return f"{t.number(percent, max(0, 1 - int(log10(percent) // 1)))} %"


def _usual(null: Null, share: float) -> float:
    if share <= null.tail.share:
        return null.tail.score_of(share)
    return null.body[min(round((1.0 - share) * len(null.body)), len(null.body) - 1)]


def _points(values: Sequence[float], shares: Sequence[float], high: float) -> str:
    return " ".join(
        f"{_x(share, shares):.1f},{_y(value, high):.1f}" for share, value in zip(shares, values, strict=False)
    )


def _x(share: float, shares: Sequence[float]) -> float:
    along = log10(share / shares[0]) / log10(shares[-1] / shares[0])
    return _LEFT + (_RIGHT - _LEFT) * along


def _y(value: float, high: float) -> float:
    return _BOTTOM - (_BOTTOM - _TOP) * min(max(value, 0.0), high) / high


def _round(high: float) -> list[float]:
    step = next((step for step in _STEPS if high / step <= _MOST_TICKS), _STEPS[-1])
    return [float(value) for value in range(0, int(high) + 1, step)]
