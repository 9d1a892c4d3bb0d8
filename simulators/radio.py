"""The air between many devices and their broker: all links in one thread, one selector for all sockets."""

import selectors
import time

from simulators.enrolment import Identity
from simulators.link import Link


class Radio:
    """Many links in one thread, one selector for all sockets."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self.links: list[Link] = []

    def link(self, identity: Identity, window: int = 50) -> Link:
        """Add a device.

        Parameters
        ----------
        identity
            What it was given at its enrolment.
        window
            Most messages under way unacknowledged.
        """
        link = Link(identity, self._selector, window)
        self.links.append(link)
        return link

    @property
    def backlog(self) -> int:
        """Messages of all devices that are not acknowledged yet."""
        return sum(link.backlog for link in self.links)

    @property
    def acknowledged(self) -> int:
        """Messages of all devices that the broker has acknowledged."""
        return sum(link.acknowledged for link in self.links)

    @property
    def refused(self) -> int:
        """Messages of all devices that the broker has refused."""
        return sum(link.refused for link in self.links)

    def run(self, duration_s: float) -> None:
        """Let all devices send and receive for a while.

        Parameters
        ----------
        duration_s
            Seconds; 0 does what is due and returns.
        """
        ends_s = time.monotonic() + duration_s
        while True:
            now_s = time.monotonic()
            for link in self.links:
                link.turn(now_s)
            rest_s = max(0.0, ends_s - time.monotonic())
            for key, events in self._selector.select(min(rest_s, 0.05)):
                link: Link = key.data
                if events & selectors.EVENT_READ:
                    link.readable()
                if events & selectors.EVENT_WRITE:
                    link.writable()
            if rest_s <= 0:
                return

    def drain(self, timeout_s: float) -> bool:
        """Wait until every message is acknowledged; False when time is up before."""
        ends_s = time.monotonic() + timeout_s
        while self.backlog and time.monotonic() < ends_s:
            self.run(0.02)
        return not self.backlog

    def close(self) -> None:
        """Hang up on all lines and wait until they are closed, two seconds at most."""
        for link in self.links:
            link.hang_up()
        ends_s = time.monotonic() + 2.0
        while any(link.is_up for link in self.links) and time.monotonic() < ends_s:
            self.run(0.02)
        self._selector.close()

    def troubles(self) -> list[str]:
        """Say what keeps devices from sending, each thing once."""
        return sorted({link.trouble for link in self.links if link.trouble})
