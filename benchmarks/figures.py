"""A figure: what was measured, the machine's own limit beside it, and what is asked of it. A miss is said, not hidden."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

Verdict = Literal["met", "missed", ""]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of one benchmark.

    Attributes
    ----------
    name, value, unit
        What was measured.
    limit, limit_name
        What the machine alone gives, or what the value is compared with, measured in the same run, in the same unit.
    at_least, at_most
        What is asked of the value's ratio to its limit, or of the value where there is no limit; unset: nothing.
    note
        What a reader must know to believe it.
    """

    name: str
    value: float
    unit: str
    limit: float | None = None
    limit_name: str = ""
    at_least: float | None = None
    at_most: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The value against its limit; None where it has none.

        >>> Figure("ingest", 28_000.0, "messages/s", 40_000.0, "broker alone", at_least=0.7).ratio
        0.7
        """
        return self.value / self.limit if self.limit else None

    @property
    def verdict(self) -> Verdict:
        """Whether what is asked was reached; empty where nothing is.

        >>> Figure("recovery", 17.0, "s", at_most=15.0).verdict
        'missed'
        """
        if self.at_least is None and self.at_most is None:
            return ""
        judged = self.value if self.ratio is None else self.ratio
        is_met = (self.at_least is None or judged >= self.at_least) and (self.at_most is None or judged <= self.at_most)
        return "met" if is_met else "missed"

    def as_json(self) -> dict[str, object]:
        """Return all of it for a machine to read."""
        return {**asdict(self), "ratio": self.ratio, "verdict": self.verdict}


def table(figures: Sequence[Figure]) -> list[dict[str, object]]:
    """Return figures as rows for people.

    >>> table([Figure("ingest", 28_000.0, "messages/s", 40_000.0, "broker alone", at_least=0.7)])[0]["verdict"]
    'met'
    """
    return [
        {
            "figure": figure.name,
            "value": f"{_short(figure.value)} {figure.unit}".strip(),
            "beside": f"{_short(figure.limit)} {figure.limit_name}" if figure.limit is not None else "",
            "ratio": "" if figure.ratio is None else f"{figure.ratio:.2f}",
            "asked": _asked(figure),
            "verdict": figure.verdict,
        }
        for figure in figures
    ]


def _asked(figure: Figure) -> str:
    least = f"at least {_short(figure.at_least)}" if figure.at_least is not None else ""
    most = f"at most {_short(figure.at_most)}" if figure.at_most is not None else ""
    return " and ".join(word for word in (least, most) if word)


def _short(number: float) -> str:
    """Return a number with as many digits as it deserves.

    >>> [_short(number) for number in (146_873.2, 17.04, 0.7, 2.0)]
    ['146,873', '17.0', '0.70', '2.0']
    """
    if abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if abs(number) >= 2 else f"{number:.2f}"
