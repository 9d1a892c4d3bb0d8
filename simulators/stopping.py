"""Ctrl-C and SIGTERM as a wish to stop that a loop can look at."""

import signal
from types import FrameType


class Stopping:
    """Whether somebody wants the process to stop.

    The first signal is a wish; a second one of the same kind ends the process at once, as usual.
    """

    def __init__(self) -> None:
        self.is_wanted = False

    def listen(self) -> "Stopping":
        """Take SIGINT and SIGTERM from now on; only the main thread may do that."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._heard)
        return self

    def _heard(self, number: int, _frame: FrameType | None) -> None:
        self.is_wanted = True
        signal.signal(number, signal.SIG_DFL)
