"""What a device still has of what it said: its last messages, to be sent again when the desk asks for them."""

from collections import OrderedDict
from collections.abc import Iterable

from simulators.link import Outgoing

MOST_MESSAGES = 500
MOST_BYTES = 1_000_000


class Ring:
    """The last messages by boot and seq; the oldest make room for new ones.

    Parameters
    ----------
    most_messages, most_bytes
        What it holds at most.
    """

    def __init__(self, most_messages: int = MOST_MESSAGES, most_bytes: int = MOST_BYTES) -> None:
        self._most_messages = most_messages
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[tuple[int, int], Outgoing] = OrderedDict()

    def keep(self, boot: int, seq: int, message: Outgoing) -> None:
        """Remember a message."""
        self._kept[boot, seq] = message
        self._bytes += len(message.payload)
        while len(self._kept) > self._most_messages or self._bytes > self._most_bytes:
            _, gone = self._kept.popitem(last=False)
            self._bytes -= len(gone.payload)

    def find(self, boot: int, spans: Iterable[tuple[int, int]]) -> tuple[list[Outgoing], list[tuple[int, int]]]:
        """Look messages up.

        Parameters
        ----------
        boot
            Of which start of the device.
        spans
            First and last seq of each span, inclusive.

        Returns
        -------
        The messages that are still here, in order, and the spans of those that are not.

        Examples
        --------
        >>> ring = Ring(most_messages=2)
        >>> for seq in (1, 2, 3):
        ...     ring.keep(1, seq, Outgoing("t", b"x"))
        >>> found, missing = ring.find(1, [(1, 3), (9, 10)])
        >>> len(found), missing
        (2, [(1, 1), (9, 10)])
        """
        found: list[Outgoing] = []
        missing: list[tuple[int, int]] = []
        here = sorted(seq for kept_boot, seq in self._kept if kept_boot == boot)
        for first, last in spans:
            begin = first
            # By what is here, not by what is asked for: a span may be absurdly long.
            for seq in (seq for seq in here if first <= seq <= last):
                if seq > begin:
                    missing.append((begin, seq - 1))
                found.append(self._kept[boot, seq])
                begin = seq + 1
            if begin <= last:
                missing.append((begin, last))
        return found, missing
