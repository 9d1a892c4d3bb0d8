"""A line that says how far long work is: rewritten in place on a terminal, now and then a new one in a log."""

import sys
import time
from typing import TextIO

_TERMINAL_EVERY_S = 0.2
_LOG_EVERY_S = 5.0
_WIDTH = 118


class ProgressLine:
    """One line of progress.

    Parameters
    ----------
    stream
        Where it is written, standard error if not said.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._in_place = self._stream.isatty()
        self._next_s = 0.0 if self._in_place else time.monotonic() + _LOG_EVERY_S

    @property
    def is_due(self) -> bool:
        """Whether it is time to show something new."""
        return time.monotonic() >= self._next_s

    def show(self, text: str) -> None:
        """Show how far the work is, if it is time to."""
        if not self.is_due:
            return
        self._next_s = time.monotonic() + (_TERMINAL_EVERY_S if self._in_place else _LOG_EVERY_S)
        if self._in_place:
            self._stream.write(f"\r{text[:_WIDTH]:<{_WIDTH}}")
        else:
            self._stream.write(text + "\n")
        self._stream.flush()

    def say(self, text: str) -> None:
        """Say something that stays, on a line of its own."""
        self._stream.write(f"\r{text:<{_WIDTH}}\n" if self._in_place else text + "\n")
        self._stream.flush()
