"""What a client library says in the log, without its repetitions: it tells the same of each server and attempt."""

import logging
import time
from collections.abc import Callable
from typing import Final

_SAID_AGAIN_S: Final = 60.0


class OnceAMinute(logging.Filter):
    """Lets one line of a kind pass a minute; a kind is what stands before the first bracket, as librdkafka writes it.

    Parameters
    ----------
    clock : callable
        Seconds of a clock that only goes forward.

    Examples
    --------
    >>> lines = OnceAMinute(iter([0.0, 1.0, 2.0, 61.0]).__next__)
    >>> said = ("FAIL [one] away", "FAIL [two] away", "CONFWARN [one] old", "FAIL [one] away")
    >>> [lines.filter(logging.makeLogRecord({"msg": text})) for text in said]
    [True, False, True, True]
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said_s: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a line passes."""
        kind, now_s = record.getMessage().partition("[")[0], self._clock()
        if now_s - self._said_s.get(kind, -_SAID_AGAIN_S) < _SAID_AGAIN_S:
            return False
        self._said_s[kind] = now_s
        return True


def quiet_logger(name: str) -> logging.Logger:
    """Return a logger for a client library below that of the module that uses it."""
    logger = logging.getLogger(f"{name}.client")
    if not logger.filters:
        logger.addFilter(OnceAMinute())
    return logger
