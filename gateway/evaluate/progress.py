"""A line that says how far an evaluation is: rewritten in place on a terminal, now and then a new one in a log."""

import time
from typing import Final, TextIO

_TERMINAL_EVERY_S: Final = 0.2
_LOG_EVERY_S: Final = 5.0
_WIDTH: Final = 100


class ProgressLine:
    """One line of progress; call it with what is done, how much, and of how much.

    Parameters
    ----------
    stream : TextIO
        Where it is written.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._in_place = stream.isatty()
        self._next_s = 0.0 if self._in_place else time.monotonic() + _LOG_EVERY_S

    def __call__(self, what: str, done: float, of: float) -> None:
        """Show how far the work is, if it is time to."""
        if time.monotonic() < self._next_s:
            return
        self._next_s = time.monotonic() + (_TERMINAL_EVERY_S if self._in_place else _LOG_EVERY_S)
        text = f"{what}: {done / of:4.0%}" if of else what
        self._stream.write(f"\r{text[:_WIDTH]:<{_WIDTH}}" if self._in_place else f"{text}\n")
        self._stream.flush()

    def clear(self) -> None:
        """Leave a clean line behind."""
        if self._in_place:
            self._stream.write(f"\r{'':<{_WIDTH}}\r")
            self._stream.flush()
