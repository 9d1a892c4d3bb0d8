"""Ports on the loopback address: is one free, and which is the next free one.

All are below 32768: higher ones may be taken at any moment by the near end of an outgoing connection.
"""

import socket
from typing import Final

from gateway.errors import EmbeddedError

LOOPBACK: Final = "127.0.0.1"
_FIRST_EPHEMERAL_PORT: Final = 32768


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Tell whether a server could listen on the port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do it: connections of the last one that still linger do not occupy the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def next_free_port(first: int, host: str = LOOPBACK, taken: frozenset[int] = frozenset()) -> int:
    """Return the first free port from `first` on, leaving out those in `taken`.

    Raises
    ------
    EmbeddedError
        None is free below 32768.
    """
    for port in range(first, _FIRST_EPHEMERAL_PORT):
        if port not in taken and is_free(port, host):
            return port
    message = f"no port from {first} to {_FIRST_EPHEMERAL_PORT - 1} is free on {host}. End a server that holds one."
    raise EmbeddedError(message)
