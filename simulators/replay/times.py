"""When rows were measured: texts to instants, in files of many devices and of local clocks that are set back in autumn."""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from simulators.errors import SimulatorError


class Clocks:
    """Reads times, device by device: which of the two hours that are called alike in autumn, follows from the row before.

    Parameters
    ----------
    form
        iso8601, unix_s, unix_ms, or one as in strptime.
    zone
        Name of the zone of times that name none.

    Raises
    ------
    SimulatorError
        When the format is none.
    """

    def __init__(self, form: str, zone: str) -> None:
        self._read = _time_reader(form)
        self._zone = ZoneInfo(zone)
        self._before: dict[str, tuple[datetime, int]] = {}

    def at(self, text: str, device: str) -> datetime:
        """Read a time.

        Parameters
        ----------
        text
            As it stands in the row.
        device
            Which device the row is of.

        Returns
        -------
        The instant, aware UTC.

        Raises
        ------
        ValueError, OverflowError, OSError
            When it cannot be read.

        Examples
        --------
        >>> clocks = Clocks("iso8601", "Europe/Madrid")
        >>> [clocks.at(f"2016-10-30 {time}", "m").hour for time in ("02:30", "02:30", "03:30")]
        [0, 1, 2]
        """
        told = self._read(text)
        if told.tzinfo is None:
            told = told.replace(tzinfo=self._zone, fold=self._fold(told, device))
        return told.astimezone(UTC)

    def _fold(self, told: datetime, device: str) -> int:
        """Return 1 when a local time is the second one of its name: clocks do not stand still, so what repeats is later."""
        before, fold = self._before.get(device, (datetime.min, 0))  # noqa: DTZ901 (a local clock's time)
        first, second = (told.replace(tzinfo=self._zone, fold=each).utcoffset() for each in (0, 1))
        if first == second:
            fold = 0
        elif told <= before or (fold == 1 and (told - before).total_seconds() < _HOUR_S):
            fold = 1
        else:
            fold = 0
        self._before[device] = (told, fold)
        return fold


_HOUR_S = 3600.0


def _time_reader(form: str) -> Callable[[str], datetime]:
    if form == "iso8601":
        return datetime.fromisoformat
    if form in ("unix_s", "unix_ms"):
        divisor = 1.0 if form == "unix_s" else 1000.0
        return lambda text: datetime.fromtimestamp(float(text) / divisor, UTC)
    if "%" not in form:
        raise SimulatorError(f"The time format {form!r} is none: use iso8601, unix_s, unix_ms or one as in strptime")
    if form == "%Y-%m-%d %H:%M:%S":
        return _exact_to_the_second
    return lambda text: datetime.strptime(text, form)  # noqa: DTZ007 (the zone is the mapping's)


def _exact_to_the_second(text: str) -> datetime:
    """Read the commonest format, ten times as fast as strptime does."""
    if len(text) != len("2026-01-31 12:00:00"):
        raise ValueError(text)
    return datetime.fromisoformat(text)
