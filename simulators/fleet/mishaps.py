"""What goes wrong on the way, not in the device: lost messages, wrong clocks, devices and whole districts that fall silent."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from simulators.durations import parse_duration
from simulators.enrolment import DeviceRequest
from simulators.errors import SimulatorError
from simulators.fleet.manners import Manners

_CLOCK = re.compile(r"(?P<device>[^=]+)=(?P<sign>[+-]?)(?P<off>[\d.]+[smhd]?)")
_SILENT = re.compile(r"(?P<where>[^@]+)@(?P<sign>[+-]?)(?P<ago>[\d.]+[smhd]?)(?::(?P<lasts>[\d.]+[smhd]?))?")


@dataclass(frozen=True, slots=True)
class Silence:
    """A device, or all of a place, says nothing from an instant on, for good or until another."""

    where: str
    begins_at: datetime
    ends_at: datetime | None

    def holds(self, request: DeviceRequest, at: datetime) -> bool:
        """Whether a device is silent at an instant."""
        is_meant = self.where == request.device or self.where.lower() in request.place.name.lower()
        return is_meant and self.begins_at <= at and (self.ends_at is None or at < self.ends_at)


@dataclass(frozen=True, slots=True)
class Mishaps:
    """All mishaps of a fleet.

    Attributes
    ----------
    lost_share
        Share of the messages that never reach the broker, 0 to 1.
    clocks_off
        How far the clocks of devices are ahead, by name.
    silences
        As typed, see :func:`parse_silence`.
    manners
        How devices take commands.
    """

    lost_share: float = 0.0
    clocks_off: dict[str, timedelta] = field(default_factory=dict[str, timedelta])
    silences: tuple[str, ...] = ()
    manners: Manners = field(default_factory=Manners)


def parse_clock(text: str) -> tuple[str, timedelta]:
    """Read a wrong clock as it is typed.

    Raises
    ------
    SimulatorError
        When it cannot be read.

    Examples
    --------
    >>> parse_clock("ev-0004=-90s")
    ('ev-0004', datetime.timedelta(days=-1, seconds=86310))
    """
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        raise SimulatorError(f"--clock-off {text!r} cannot be read: write device=+90s, or device=-2h for one behind")
    off = parse_duration(match["off"])
    return match["device"], -off if match["sign"] == "-" else off


def parse_silence(text: str, requests: Sequence[DeviceRequest], now: datetime) -> Silence:
    """Read a silence as it is typed: ``device@-2h`` or ``place@-2h:30m``.

    Parameters
    ----------
    text
        A device's name or part of a place's, the onset as seen from now, and how long it lasts if not for good.
    requests
        The fleet's enrolments.
    now
        What the onset is counted from, aware UTC.

    Raises
    ------
    SimulatorError
        When it cannot be read, or no device is meant.
    """
    match = _SILENT.fullmatch(text.strip())
    if match is None:
        raise SimulatorError(
            f"--silent {text!r} cannot be read: write device@-2h, or a place with an end such as Gangnam@-2h:30m"
        )
    ago = parse_duration(match["ago"])
    begins_at = now - ago if match["sign"] == "-" else now + ago
    silence = Silence(match["where"], begins_at, begins_at + parse_duration(match["lasts"]) if match["lasts"] else None)
    if not any(silence.holds(request, begins_at) for request in requests):
        places = sorted({request.place.name for request in requests})
        raise SimulatorError(
            f"--silent {text!r}: no device is called {match['where']!r} or stands there; places: {', '.join(places)}"
        )
    return silence
