"""Overheard: what the desk has failed at and gone on after, out of its log; a person would find it there the next morning.

The sweep lets no single thing that fails stop the others. For those a rehearsal would be blind without this.
"""

import logging
from collections.abc import Generator
from contextlib import contextmanager


class _Listener(logging.Handler):
    """Collects the exceptions that are logged as errors."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.failures: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what the record was about, if it was about an exception."""
        if record.exc_info is not None and record.exc_info[1] is not None:
            self.failures.append(record.exc_info[1])


@contextmanager
def overheard() -> Generator[list[BaseException]]:
    """Listen to the desk's log for a while; what it fails at is in the list by then."""
    desk, listener = logging.getLogger("gateway"), _Listener()
    desk.addHandler(listener)
    try:
        yield listener.failures
    finally:
        desk.removeHandler(listener)
