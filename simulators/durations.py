"""Spans of time as people type them: 90s, 15m, 24h, 2d."""

import re
from datetime import timedelta

from simulators.errors import SimulatorError

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PATTERN = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")


def parse_duration(text: str) -> timedelta:
    """Read a span of time.

    Parameters
    ----------
    text
        A number and a unit, s, m, h or d; without a unit, seconds.

    Raises
    ------
    SimulatorError
        When it is anything else.

    Examples
    --------
    >>> parse_duration("24h")
    datetime.timedelta(days=1)
    """
    match = _PATTERN.fullmatch(text.strip())
    if match is None:
        raise SimulatorError(f"{text!r} is not a span of time: write a number and s, m, h or d, for example 90s or 24h")
    return timedelta(seconds=float(match[1]) * _UNITS[match[2] or "s"])
