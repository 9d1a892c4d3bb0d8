"""In which state a device is, in a word, by what it and its last will have said; and the words for people."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Protocol

from gateway.texts import msgid

LIVENESS: Final[Mapping[str, str]] = {
    "online": msgid("Online"),
    "silent": msgid("Offline"),
    "retired": msgid("Retired"),
    "never_heard": msgid("Never heard from"),
}


class Present(Protocol):
    """A row that says what was heard of a device."""

    @property
    def retired_at(self) -> datetime | None:
        """When it was retired."""
        ...

    @property
    def is_online(self) -> bool | None:
        """What it, or its last will, said last; None where it never said anything."""
        ...

    @property
    def presence_changed_at(self) -> datetime | None:
        """Since when."""
        ...


def state_of(row: Present) -> str:
    """Return the state of a device: one of `LIVENESS`."""
    if row.retired_at is not None:
        return "retired"
    if row.is_online is None:
        return "never_heard"
    return "online" if row.is_online else "silent"


def state_since(row: Present) -> datetime | None:
    """Return since when a device is in its state, None where nobody knows."""
    return row.retired_at or row.presence_changed_at
